"""Reads a page as a strict browser would, and says what is wrong with it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
UNLABELLED = {"hidden", "submit", "radio", "checkbox"}


class Page(HTMLParser):
    """Tags, ids, labels, links and text of a page; ``faults`` lists what breaks the rules."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str]] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.language = ""
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self._conclude()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._note(tag, given)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:] or 'nothing'}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "script" not in self._open:
            self.text += data

    def _note(self, tag: str, given: dict[str, str]) -> None:
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "html":
            self.language = given.get("lang", "")
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag == "label":
            self.labels.add(given.get("for", ""))
        if tag in ("input", "select", "textarea") and given.get("type") not in UNLABELLED:
            self.fields.append(given)
        if (tag == "script" and "src" not in given) or tag == "style":
            self.faults.append(f"<{tag}> in the page: the content security policy refuses it")
        self.faults += [f"{name} on <{tag}>" for name in given if name.startswith("on")]
        self.links += [given[name] for name in ("src", "href", "action", "hx-get") if name in given]

    def _conclude(self) -> None:
        self.faults += [f"<{tag}> is never closed" for tag in self._open]
        self.faults += sorted({f"id {name} is there twice" for name in self.ids if self.ids.count(name) > 1})
        if self.headings.count("h1") != 1:
            self.faults.append("a page has one h1")
        if not self.language:
            self.faults.append("no language")
        for field in self.fields:
            if "aria-label" not in field and field.get("id") not in self.labels:
                self.faults.append(f"no label for {field.get('name')}")
        for link in self.links:
            if link.startswith(("http:", "https:", "//")):
                self.faults.append(f"asks another host: {link}")
