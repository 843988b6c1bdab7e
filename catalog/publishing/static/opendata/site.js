// What a page can do without, done a little smoother: sortable tables, upload with progress, copy to the clipboard.
"use strict";

function valueOf(row, index) {
  const cell = row.cells[index];
  return cell.dataset.value ?? cell.textContent.trim();
}

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b, document.documentElement.lang);
}

function sortBy(table, header, index) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].sort((p, q) => compare(valueOf(p, index), valueOf(q, index)));
  table.tBodies[0].append(...(descending ? rows.reverse() : rows));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const label = header.textContent.trim();
    if (!label) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, header, index));
    header.append(button);
  });
}

for (const form of document.querySelectorAll("form[data-progress]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = form.querySelector("progress");
    const words = form.querySelector("[data-progress-words]");
    const button = form.querySelector("button");
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total ? (100 * loaded) / total : 0;
      words.textContent = `${Math.floor(bar.value)} %`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(request.responseURL.split("#")[0]);
        return;
      }
      const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
      if (answer) document.querySelector("main").replaceWith(answer);
    });
    request.addEventListener("error", () => {
      button.disabled = false;
      words.textContent = form.dataset.failed;
    });
    bar.hidden = false;
    request.open("POST", form.action);
    const body = new FormData(form);
    button.disabled = true;
    request.send(body);
  });
}

for (const select of document.querySelectorAll("select[data-go]")) {
  select.addEventListener("change", () => select.form.submit());
}

// The reasons that go with the verdict that is chosen.
for (const form of document.querySelectorAll("form[data-decision]")) {
  const select = form.querySelector("select[name=reason_code]");
  const groups = [...select.querySelectorAll("optgroup")];
  const show = () => {
    const chosen = form.querySelector("input[name=verdict]:checked")?.value;
    if (!chosen) return;
    for (const group of groups) group.disabled = group.hidden = group.dataset.verdict !== chosen;
    if (select.selectedOptions[0]?.parentElement.disabled) select.value = "";
  };
  form.addEventListener("change", show);
  show();
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.done;
  });
}
