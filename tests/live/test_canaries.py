"""Nobody's values outside the vault: a platform of processes takes in files full of canaries, good and damaged, and is led
through every path that touches them, failing ones too; then everything that was written and answered is searched.

Three kinds of canary. Values stand in rows, or where names should be: they are nowhere but in the vault. Words (a file's
name) are shown until the version is destroyed, and then in no table any more. Questions are what a visitor types: they are
answered to whoever asks, and written nowhere.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opendata.embedded import Embedded
from tests.canaries import search
from tests.canaries.search import Finding, Search
from tests.live.platform import PASSWORD, PATIENCE_S, Client, platform

pytestmark = [pytest.mark.live, pytest.mark.thorough]
CSV, XLSX, PARQUET = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.apache.parquet"
PEOPLE = 240  # from 200 on, a column of numbers should be numbers throughout
LARGEST = 3_000_000

VALUES = {
    "person": search.word(), "name": search.name(), "card": search.card(), "resident number": search.resident_number(), "note": search.word(),
    "town": search.word(), "header": search.word(), "header name": search.name(), "sheet": search.word(), "metadata": search.word(),
    "refused": search.word(), "refused file name": search.word(), "declared": search.word(), "recipe value": search.word(),
}  # fmt: skip
WORDS = {"file name": search.name(), "rejected file name": search.word()}
QUESTIONS = {"question": search.word()}


# --- files -------------------------------------------------------------------------------------------------------

HEADER = ["person", "name", "card", "rrn", "note", "town", "age", "fare"]


def people() -> list[list[str]]:
    """Persons whose key, name, numbers and remarks are canaries; one lives in a town of that name, alone."""
    v = VALUES
    rows = []
    for i in range(PEOPLE):
        town = v["town"] if i == 7 else ("north", "south")[i % 2]
        rows.append([f"{v['person']}{i:04}", v["name"], v["card"], v["resident number"], f"{v['note']} remark {i}", town, str(20 + i % 4), str(i % 7)])
    return rows


def text(rows: list[list[str]], header: list[str] | None = HEADER) -> str:
    return "".join(",".join(row) + "\n" for row in ([header] if header else []) + rows)


def workbook(rows: list[list[Any]], title: str = "Sheet") -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def parquet(rows: list[list[str]], header: list[str] = HEADER) -> bytes:
    out = io.BytesIO()
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(header)})
    pq.write_table(table.replace_schema_metadata({"source": VALUES["metadata"]}), out)
    return out.getvalue()


def bomb() -> bytes:
    """A workbook with a part that unpacks to far more than it should."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["a"], [VALUES["note"]]]))) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad:
        for part in good.infolist():
            bad.writestr(part, good.read(part))
        bad.writestr("xl/worksheets/sheet2.xml", VALUES["note"].encode() + b" " * 4_000_000)
    return out.getvalue()


def damaged() -> dict[str, tuple[str, str, bytes]]:
    """What is wrong → media type, file name, bytes. Each must be rejected."""
    rows, v = people(), VALUES
    headed, first = text(rows), ",".join(rows[0])
    long_header = [*HEADER[:-1], v["header"] * 9]
    return {
        "a ragged row": (CSV, "p.csv", (headed + first + ",more\n").encode()),
        "a quote never closed": (CSV, "p.csv", (headed + f'"{first}\n').encode()),
        "a quote inside a field": (CSV, "p.csv", (headed + first.replace("remark", 're"mark') + "\n").encode()),
        "a NUL byte": (CSV, "p.csv", (headed + first + "\0\n").encode()),
        "types that do not fit": (CSV, "p.csv", (headed + text([[*rows[0][:6], v["note"], "1"]], None)).encode()),
        "CP949 that breaks": (CSV, "p.csv", headed.encode("cp949") + b"\xff\xff\n"),
        "UTF-16 that breaks": (CSV, "p.csv", headed.encode("utf-16") + b"\x00\xd8a"),
        "no header": (CSV, "p.csv", text(rows, None).encode()),
        "no header, UTF-16": (CSV, "p.csv", text(rows, None).encode("utf-16")),
        "no header, XLSX": (XLSX, "p.xlsx", workbook(rows)),
        "no header, Parquet": (PARQUET, "p.parquet", parquet(rows[1:], rows[0])),
        "two names alike": (CSV, "p.csv", text(rows, [v["header"], v["header"].upper(), *HEADER[2:]]).encode()),
        "a name too long": (CSV, "p.csv", text(rows, long_header).encode()),
        "an invisible sign in a name": (CSV, "p.csv", text(rows, [f"{v['header']}\u200b", *HEADER[1:]]).encode()),
        "a name that is a person's number": (CSV, "p.csv", text(rows, [v["header name"], v["card"], *HEADER[2:]]).encode()),
        "a ragged row below names that are canaries": (CSV, "p.csv", (text(rows, [v["header"], *HEADER[1:]]) + first + ",more\n").encode()),
        "XLSX cut short": (XLSX, "p.xlsx", workbook([HEADER, *rows], v["sheet"])[:-200]),
        "XLSX with a ragged row": (XLSX, "p.xlsx", workbook([HEADER, *rows, [*rows[0], v["note"]]], v["sheet"])),
        "XLSX that is a bomb": (XLSX, "p.xlsx", bomb()),
        "Parquet cut short": (PARQUET, "p.parquet", parquet(rows)[:-20]),
        "Parquet with a hole": (PARQUET, "p.parquet", b"PAR1" + b"\xff" * 200 + parquet(rows)[204:]),
        "Parquet with a nested column": (PARQUET, "p.parquet", _nested(rows)),
        "gzip under another name": (CSV, "p.csv", gzip.compress(headed.encode())),
        "another kind of file": ("application/octet-stream", f"{WORDS['rejected file name']}.exe", headed.encode()),
    }  # fmt: skip


def _nested(rows: list[list[str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"person": [row[0] for row in rows], "all": rows}), out)
    return out.getvalue()


# --- recipes -----------------------------------------------------------------------------------------------------

ROLES = {
    "person": {"role": "person_key"}, "name": {"role": "direct_identifier"}, "card": {"role": "direct_identifier"}, "rrn": {"role": "direct_identifier"},
    "note": {"role": "sensitive"}, "town": {"role": "quasi_identifier"}, "age": {"role": "quasi_identifier"}, "fare": {"role": "plain"},
}  # fmt: skip


def recipe(stage: dict[str, Any], *columns: str, **more: Any) -> dict[str, Any]:
    return {"recipe": 1, "title": "People", "person_key": "person", "columns": {name: ROLES[name] for name in ("person", *columns)}, "stages": [stage], **more}


K = {"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}
DP = {
    "stage": "dp_table", "group_by": [{"column": "town", "values": ["north", "south"]}], "measures": [{"name": "persons", "kind": "persons"}],
    "epsilon": "1", "max_cells_per_person": 1, "cells": "public",
}  # fmt: skip
SELECTED = {**DP, "group_by": [{"column": "town"}], "delta": "1e-6", "cells": "private"}
ROWS = recipe(K, "town", "age", "fare")
TABLE = recipe(DP, "town")


def wrong_recipes() -> dict[str, dict[str, Any]]:
    """What is wrong → a recipe that is refused when it is asked for, or whose run fails."""
    return {
        "a column that is not there": recipe({**DP, "group_by": [{"column": "towns", "values": ["north"]}]}, "town"),
        "a sum over text": recipe({**DP, "measures": [{"name": "s", "kind": "sum", "column": "note", "lower": "0", "upper": "9", "unit": "1"}], "max_rows_per_cell": 1}, "town", "note"),
        "numbers that are text": recipe({**DP, "group_by": [{"column": "note", "edges": ["0", "1"]}]}, "note"),
        "too many persons asked for": recipe({**K, "k": 1000, "max_suppressed": "0"}, "town", "age"),
        "a ladder that does not know every value": {**recipe({**K, "max_suppressed": "0"}, "town", "age"), "columns": {**ROWS["columns"], "town": {"role": "quasi_identifier", "hierarchy": {"intervals": ["5"]}}}},
        "persons' numbers published as they are": {"recipe": 1, "title": "All", "columns": {"card": {"role": "plain"}, "name": {"role": "plain"}}, "stages": [{"stage": "scan"}]},
    }  # fmt: skip


# --- what is listened to -----------------------------------------------------------------------------------------


@dataclass
class Heard:
    """All answers that anybody got, and what went through the broker where it is Redis."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)
    broker: bytearray = field(default_factory=bytearray)

    def note(self, response: httpx.Response) -> None:
        response.read()
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.answers.append((f"{response.request.method} {response.request.url.path}", headers.encode("utf-8", "replace") + b"\n\n" + response.content))
        self.answers.append((f"body of {response.request.url.path}", response.content))

    def client(self, url: str, name: str | None = None) -> Client:
        made = Client(url, name) if name else Client.__new__(Client)
        if name is None:
            made.http = httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False)
        made.http.event_hooks["response"].append(self.note)
        return made


@contextmanager
def monitored(url: str, heard: Heard) -> Iterator[None]:
    """Everything that Redis is told meanwhile; nothing where the broker is another."""
    if not url.startswith("redis"):
        yield
        return
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "127.0.0.1", place.port or 6379)) as line:
        line.sendall(b"MONITOR\r\n")
        line.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    heard.broker.extend(line.recv(1 << 20))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield
        finally:
            over.set()
            listener.join()


def redis_keys(url: str) -> bytes:
    """Every key with what it holds."""
    if not url.startswith("redis"):
        return b""
    import redis

    server = redis.Redis.from_url(url)
    return b"\n".join(key + b" " + (server.dump(key) or b"") for key in server.scan_iter())


# --- the way of a canary -----------------------------------------------------------------------------------------


@dataclass
class Story:
    """One platform, its people, and what they do with canaries."""

    made: Embedded
    heard: Heard
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.steward, self.officer, self.auditor, self.developer = (self.heard.client(self.made.url, name) for name in ("stella", "oscar", "arthur", "dora"))
        self.nobody = self.heard.client(self.made.url)
        for slug in ("people", "damaged"):
            self.steward.must("POST", "/datasets", json={"slug": slug, "title": slug, "organisation": "mobility", "source": "government", "population": "residents"})

    def send(self, slug: str, kind: str, name: str, body: bytes, *, form: bool, **said: str) -> int:
        """The id of the version."""
        address = f"/datasets/{slug}/versions"
        if form:
            return int(self.steward.must("POST", address, files={"file": (name, body, kind)}, data=said)["id"])
        query = "".join(f"&{key}={quote(value)}" for key, value in said.items())
        return int(self.steward.must("POST", f"{address}?file_name={quote(name)}{query}", content=body, headers={"Content-Type": kind})["id"])

    def checked(self, slug: str, version: int) -> dict[str, Any]:
        return self.steward.until(f"/datasets/{slug}/versions/{version}", lambda seen: seen["state"] in ("ready", "rejected"))

    def take_in_what_is_damaged(self) -> dict[str, dict[str, Any]]:
        sent = {what: self.send("damaged", *file, form=i % 2 == 0) for i, (what, file) in enumerate(damaged().items())}
        return {what: self.checked("damaged", version) for what, version in sent.items()}

    def take_in_what_is_good(self) -> list[int]:
        rows = people()
        files = [
            (XLSX, f"{WORDS['file name']}.xlsx", workbook([HEADER, *rows], VALUES["sheet"]), {}),
            (PARQUET, "p.parquet", parquet(rows), {}),
            (CSV, "p.csv", text(rows, None).encode("cp949"), {"header": "absent", "names": '["' + '", "'.join(HEADER) + '"]'}),
            (CSV, f"{WORDS['file name']}.csv", text(rows).encode("utf-16"), {}),
        ]  # fmt: skip
        page = {"header": "present", "names": "", "csrfmiddlewaretoken": self.steward.http.cookies["csrftoken"]}
        sent = self.steward.http.post("/steward/datasets/people/upload", files={"file": ("p.csv", text(rows).encode(), CSV)}, data=page, headers={"Referer": self.made.url})
        assert sent.status_code == 302
        versions = [self.send("people", kind, name, body, form=i != 2, **said) for i, (kind, name, body, said) in enumerate(files)]
        for version in versions:
            seen = self.checked("people", version)
            assert seen["state"] == "ready", seen
            assert seen["rows"] == PEOPLE
        return versions

    def be_refused(self) -> None:
        """Uploads that are not taken, and requests that cannot be read."""
        v, address = VALUES, "/datasets/people/versions"
        body = f"a,b\n{v['refused']},1\n".encode()
        name = f"{v['refused file name']}.csv"
        raw = {"Content-Type": CSV}
        assert self.developer.call("POST", f"{address}?file_name={name}", content=body, headers=raw).status_code == 403
        assert self.nobody.http.post(f"/api/v1{address}?file_name={name}", content=body, headers=raw).status_code in (401, 403)
        assert self.steward.call("POST", address, files={"file": (name, body * (LARGEST // len(body) + 2), CSV)}).status_code == 413
        assert self.steward.call("POST", f"{address}?file_name={name}", content=body, headers={"Content-Type": "text/html"}).status_code == 415
        for part, value in (("types", f'{{"{v["declared"]}": "colour"}}'), ("types", f"{{{v['declared']}"), ("names", f'["{v["declared"]}"'), ("header", v["declared"])):
            assert self.steward.call("POST", address, files={"file": (name, body, CSV)}, data={part: value}).status_code == 422
        assert self.steward.call("POST", address, files={v["declared"]: (name, body, CSV)}).status_code == 422
        assert self.steward.call("POST", address, files={"file": (name, body, CSV)}, data={v["declared"]: v["declared"]}).status_code == 422
        assert self.steward.call("POST", address, files={"file": (name, b"", CSV)}).status_code == 422
        self.break_off(address, body)
        assert self.steward.http.post("/steward/datasets/people/upload", files={"file": (name, body, CSV)}).status_code == 403  # no token
        assert self.steward.call("PUT", f"/datasets/people/hierarchies/{v['declared']}.csv", content=b"\xff" + body, headers=raw).status_code == 422
        assert self.steward.call("POST", "/datasets/people/runs", content=f'{{"recipe": {{"{v["declared"]}"'.encode(), headers={"Content-Type": "application/json"}).status_code == 400

    def break_off(self, address: str, body: bytes) -> None:
        """The connection ends before the file does; a file comes in chunks of no size; a request is none."""
        self.raw(address, f"Content-Length: {len(body) + 5000}", body)
        self.raw(address, "Transfer-Encoding: chunked", b"5\r\na,b\n1\r\n" + body)
        self.raw(address, VALUES["refused"], body)

    def raw(self, address: str, header: str, body: bytes) -> None:
        """Send what no client would, and listen until the other side has had enough."""
        place = urlsplit(self.made.url)
        cookies = "; ".join(f"{name}={value}" for name, value in self.steward.http.cookies.items())
        head = [
            f"POST /api/v1{address}?file_name={VALUES['refused file name']}.csv HTTP/1.1", f"Host: {place.netloc}", f"Cookie: {cookies}",
            f"X-CSRFToken: {self.steward.http.cookies['csrftoken']}", f"Referer: {self.made.url}/", f"Content-Type: {CSV}", header,
        ]  # fmt: skip
        with socket.create_connection((place.hostname, place.port)) as line:
            line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            line.shutdown(socket.SHUT_WR)
            line.settimeout(PATIENCE_S)
            with suppress(OSError):
                while line.recv(1 << 16):
                    continue

    def ask_what_fails(self) -> dict[str, str]:
        """What each wrong recipe came to: refused, or the state of its run."""
        asked = {}
        for what, document in wrong_recipes().items():
            self.steward.call("POST", "/datasets/people/runs:preview", json={"recipe": document})
            asked[what] = self.steward.call("POST", "/datasets/people/runs", json={"recipe": document})
        return {what: self.ended(f"/runs/{answer.json()['id']}")["state"] if answer.status_code == 202 else "refused" for what, answer in asked.items()}

    def ended(self, address: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while (seen := self.steward.must("GET", address))["state"] in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        return dict(seen)

    def run(self, *documents: dict[str, Any]) -> list[int]:
        """All at once, for all workers."""
        asked = [int(self.steward.must("POST", "/datasets/people/runs", json={"recipe": document})["id"]) for document in documents]
        for run in asked:
            seen = self.ended(f"/runs/{run}")
            assert seen["state"] == "assessed", seen["error"]
        return asked

    def look_beforehand(self) -> None:
        """Previews, offers, comparisons, forecasts, estimates, and their pictures."""
        must = self.steward.must
        must("GET", "/datasets/people/recipes")
        for document in (ROWS, TABLE):
            must("POST", "/datasets/people/runs:preview", json={"recipe": document})
        asked: list[tuple[str, dict[str, Any]]] = [("comparisons", {"recipe": ROWS, "ks": [5], "methods": ["full_domain"]}), ("comparisons", {"recipe": TABLE, "factors": ["2"]}), ("estimates", {"recipe": TABLE, "epsilon": "0.5"})]
        for kind, body in asked:
            made = must("POST", f"/datasets/people/{kind}", json=body)
            assert self.ended(f"/{kind}/{made['id']}")["state"] == "done"
            self.pages(self.steward, f"/{kind}/{made['id']}", *([f"/comparisons/{made['id']}/picture"] if kind == "comparisons" else []))

    def publish(self, run: int) -> None:
        self.pages(self.steward, f"/runs/{run}", f"/runs/{run}/measured")
        review = self.steward.must("POST", f"/runs/{run}/submission", json={"context": "For the planners."})
        self.officer.must("POST", f"/reviews/{review['id']}/opening")
        seen = self.officer.must("GET", f"/reviews/{review['id']}")
        self.pages(self.officer, "/reviews", f"/reviews/{review['id']}")
        verdict = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": "Looked at in every part, and acceptable.", "conditions": "", "artefact_sha256": seen["artefact_sha256"]}
        self.officer.must("POST", f"/reviews/{review['id']}/decisions", json=verdict)
        deadline = time.monotonic() + PATIENCE_S
        while not any(kept["artefact_sha256"] == seen["artefact_sha256"] for kept in self.nobody.http.get("/api/v1/datasets/people/releases").json().get("results", [])):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def read_what_is_published(self) -> None:
        records = "/api/v1/datasets/people/records"
        for form in ("csv", "json", "jsonl", "parquet"):
            assert self.nobody.http.get(f"/api/v1/datasets/people/exports/{form}").status_code == 200
        assert self.nobody.http.get(records, params={"limit": 1000, "count": "true"}).status_code == 200
        for question in (
            {"where": f"town = '{QUESTIONS['question']}'"}, {"where": f"{QUESTIONS['question']} = 1"}, {"where": f"town = '{QUESTIONS['question']}"}, {"select": QUESTIONS["question"]},
            {"group_by": QUESTIONS["question"]}, {"cursor": QUESTIONS["question"]}, {QUESTIONS["question"]: "1"}, {"order_by": f"{QUESTIONS['question']}(town)"},
        ):  # fmt: skip
            self.nobody.http.get(records, params=question)
            self.nobody.http.get("/api/v1/datasets/people/exports/csv", params=question)
        self.nobody.http.get("/api/v1/datasets", params={"q": QUESTIONS["question"]})
        self.nobody.http.get(f"/{QUESTIONS['question']}")
        self.nobody.http.get("/", headers={"Host": QUESTIONS["question"]})
        self.nobody.http.get("/api/v1/datasets", headers={"Authorization": f"Bearer {QUESTIONS['question']}", "Cookie": f"sessionid={QUESTIONS['question']}"})
        self.nobody.http.post(f"/reviews/{QUESTIONS['question']}", data={QUESTIONS["question"]: "x"})
        self.nobody.http.get(f"/api/v1/datasets/{QUESTIONS['question']}")
        self.nobody.http.post("/api/v1/session", json={"username": QUESTIONS["question"], "password": PASSWORD + "x"})
        self.pages(self.nobody, "/", "/datasets/people", "/datasets/people/releases/1", "/register", "/api/v1/register", "/api/v1/openapi.json", "/api/v1/datasets/people")

    def look_everywhere(self) -> None:
        for who in (self.steward, self.officer, self.auditor):
            self.pages(who, "/", "/steward", "/steward/datasets/people", "/steward/datasets/damaged", "/reviews", "/trail", "/register", "/account")
            for address in ("datasets/people/versions", "datasets/damaged/versions", "datasets/people/runs", "reviews", "populations/residents/ledger", "trail", "trail/export", "trail/verification"):
                who.call("GET", f"/{address}")

    @staticmethod
    def pages(who: Client, *addresses: str) -> None:
        for address in addresses:
            assert who.http.get(address).status_code in (200, 302, 403), address

    def destroy_all(self) -> None:
        for slug in ("people", "damaged"):
            for version in self.steward.must("GET", f"/datasets/{slug}/versions?limit=100")["results"]:
                self.steward.must("DELETE", f"/datasets/{slug}/versions/{version['id']}?reason=no+longer+needed")


@dataclass
class Told:
    """What was left when all was over."""

    story: Story
    rejected: dict[str, dict[str, Any]]
    failed: dict[str, str]
    answers_before_destroying: int
    broker_keys: bytes


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, heard = tmp_path_factory.mktemp("canaries"), Heard()
    (folder / "tmp").mkdir()
    with platform(folder, LOG_LEVEL="DEBUG", TMPDIR=str(folder / "tmp"), MAX_UPLOAD_BYTES=str(LARGEST)) as made:
        broker = made.environment["BROKER_URL"]
        made.start()
        with monitored(broker, heard):
            story = Story(made, heard)
            rejected = story.take_in_what_is_damaged()
            newest = story.take_in_what_is_good()[-1]
            story.be_refused()
            story.steward.must("PATCH", f"/datasets/people/versions/{newest}/columns", json={"columns": ROLES})
            wrong = {"columns": {"towns": {"role": "plain"}, "town": {"role": "colour"}}}
            assert story.steward.call("PATCH", f"/datasets/people/versions/{newest}/columns", json=wrong).status_code == 422
            failed = story.ask_what_fails()
            story.look_beforehand()
            rows, selected, _unpublished = story.run(ROWS, recipe(SELECTED, "town"), TABLE)
            for run in (rows, selected):
                story.publish(run)
            story.read_what_is_published()
            story.look_everywhere()
            before = len(heard.answers)
            story.destroy_all()
            story.look_everywhere()
            until_empty(folder / "scratch")
        yield Told(story, rejected, failed, before, redis_keys(broker))


def until_empty(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while folder.is_dir() and any(folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- what is searched --------------------------------------------------------------------------------------------


def dumped(url: str) -> bytes:
    """A PostgreSQL database as SQL; nothing of another, which is a file of the folder."""
    if not url.startswith("postgres"):
        return b""
    return subprocess.run(["pg_dump", "--inserts", url], capture_output=True, check=True).stdout


def raw_files(url: str, since: float) -> list[tuple[Path, float]]:
    """Folders of heap and write-ahead log, where this process may read them."""
    if not url.startswith("postgres"):
        return []
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        root = Path(connection.execute("SHOW data_directory").fetchone()[0])
        number = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()[0]
    return [(root / "base" / str(number), 0.0), (root / "pg_wal", since)] if os.access(root / "base", os.R_OK) else []


def written_findings(told: Told, wanted: Search) -> list[Finding]:
    """In files, database, broker and logs."""
    made, url = told.story.made, told.story.made.environment["DATABASE_URL"]
    found = [*wanted.files(made.folder), *wanted.within(dumped(url), "dump"), *wanted.within(bytes(told.story.heard.broker), "what Redis was told"), *wanted.within(told.broker_keys, "keys of Redis")]
    for folder, since in raw_files(url, told.story.began):
        found += wanted.files(folder, since=since)
    return found


def test_every_damaged_file_was_rejected_for_what_is_wrong_with_it(told: Told):
    assert {what for what, seen in told.rejected.items() if seen["state"] != "rejected"} == set()
    assert {what for what, seen in told.rejected.items() if seen["error"]["who"] != "you"} == set()
    headers = {what for what, seen in told.rejected.items() if seen["error"]["code"] == "header_looks_like_values"}
    assert headers >= {"no header", "no header, UTF-16", "no header, XLSX", "no header, Parquet", "a name that is a person's number"}


def test_every_wrong_recipe_was_refused_or_failed(told: Told):
    assert set(told.failed.values()) <= {"refused", "failed"}
    assert "failed" in told.failed.values()


def test_no_value_is_anywhere_but_in_the_vault(told: Told):
    assert written_findings(told, Search(VALUES)) == []


def test_no_value_was_answered_to_anybody(told: Told):
    wanted = Search(VALUES)
    assert [finding for place, body in told.story.heard.answers for finding in wanted.within(body, place)] == []
    assert len(told.story.heard.answers) > 300


def test_what_a_visitor_asks_is_written_nowhere(told: Told):
    assert written_findings(told, Search(QUESTIONS)) == []


def test_a_file_name_is_shown_until_its_version_is_destroyed_and_then_in_no_table(told: Told):
    wanted, heard = Search(WORDS), told.story.heard.answers
    shown = [finding.canary for place, body in heard[: told.answers_before_destroying] for finding in wanted.within(body, place)]
    assert set(shown) == set(WORDS)
    last = heard[-40:]  # of pages and lists that were looked at once more
    assert [finding for place, body in last for finding in wanted.within(body, place)] == []
    assert list(tables_findings(told, wanted)) == []


def tables_findings(told: Told, wanted: Search) -> list[Finding]:
    """In what the database would tell, not in pages that it has let go of and may use again."""
    url = told.story.made.environment["DATABASE_URL"]
    if url.startswith("postgres"):
        return list(wanted.within(dumped(url), "dump"))
    import sqlite3

    with sqlite3.connect(told.story.made.folder / "db.sqlite3") as connection:
        return list(wanted.within("\n".join(connection.iterdump()).encode(), "SQL"))


def test_the_search_itself_would_have_found_them(told: Told):
    """The same search, where one is planted; and the vault does hold what was sealed."""
    made = told.story.made
    planted = made.folder / "log" / "planted.log"
    planted.write_bytes(gzip.compress(VALUES["name"].encode("utf-16")))
    try:
        found = written_findings(told, Search(VALUES))
        assert {finding.canary for finding in found} == {"name"}
        assert all(str(planted) in finding.place for finding in found)
    finally:
        planted.unlink()
    assert any((made.folder / "public").rglob("*"))
    logs = (made.folder / "log" / "web.log").read_text() + (made.folder / "log" / "worker.log").read_text()
    assert "DEBUG" in logs
