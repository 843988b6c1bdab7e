"""Processes killed with -9 wherever it happens to fall: in publications, uploads, and destructions, 40 times each.

What is counted is what must never be seen: other bytes than the approved ones served, a version of half a file, a file
that is said to be gone and is there. On SQLite and the file broker, or what DATABASE_URL and BROKER_URL name.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from opendata.embedded import ROOT, Embedded
from tests.bench.measure import say
from tests.live.platform import Client, platform

TIMES = int(os.environ.get("BENCH_KILLS", 40))
ROWS = 400_000
RECIPE = {"recipe": 1, "title": "Readings", "columns": {"meter": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
REASON = "Looked at the sample; nobody is in these data."
draw = random.Random(8)


def content(rows: int) -> bytes:
    return ("meter\n" + "".join(f"{draw.getrandbits(31)}\n" for _ in range(rows))).encode()


def ready(steward: Client, slug: str, body: bytes) -> None:
    steward.must("POST", "/datasets", json={"slug": slug, "title": slug, "organisation": "mobility", "source": "government"})
    version = steward.must("POST", f"/datasets/{slug}/versions?file_name=readings.csv", content=body, headers={"Content-Type": "text/csv"})
    address = f"/datasets/{slug}/versions/{version['id']}"
    steward.until(address, lambda seen: seen["state"] == "ready")
    steward.must("PATCH", f"{address}/columns", json={"columns": {"meter": {"role": "plain"}}})


def published(made: Embedded) -> tuple[int, int]:
    """(publications made, wrong answers seen)."""
    steward, officer = Client(made.url, "stella"), Client(made.url, "oscar")
    ready(steward, "killed", content(ROWS))
    wrong = 0
    for _ in range(TIMES):
        run = steward.must("POST", "/datasets/killed/runs", json={"recipe": RECIPE})
        steward.until(f"/runs/{run['id']}", lambda seen: seen["state"] == "assessed")
        review = steward.must("POST", f"/runs/{run['id']}/submission", json={"context": ""})
        verdict = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": REASON, "artefact_sha256": review["artefact_sha256"]}
        officer.must("POST", f"/reviews/{review['id']}/decisions", json=verdict)
        time.sleep(draw.uniform(0, 0.8))
        made.kill("worker")
        wrong += served_wrongly(steward, made)
        made.start("worker")
        copy = officer.until(f"/reviews/{review['id']}/copy", lambda seen: seen["state"] in ("done", "refused"))
        served = steward.call("GET", "/datasets/killed/exports/parquet")
        wrong += copy["state"] != "done" or hashlib.sha256(served.content).hexdigest() != review["artefact_sha256"]
    return len(steward.must("GET", "/datasets/killed/releases?limit=100")["results"]), wrong


def served_wrongly(steward: Client, made: Embedded) -> int:
    """Of all that is served at this moment: how many releases are not the bytes that were approved."""
    listed = steward.call("GET", "/datasets/killed/releases?limit=100")
    if listed.status_code != 200:
        return 0
    wrong = 0
    for release in listed.json()["results"][:3]:
        answer = steward.call("GET", f"/datasets/killed/releases/{release['number']}/exports/parquet")
        approved = steward.must("GET", f"/datasets/killed/releases/{release['number']}")["artefact_sha256"]
        wrong += answer.status_code == 200 and hashlib.sha256(answer.content).hexdigest() != approved
    return wrong


def uploaded(made: Embedded) -> tuple[int, int]:
    """(versions there, versions of something else than the whole file)."""
    steward, body = Client(made.url, "stella"), content(ROWS)
    steward.must("POST", "/datasets", json={"slug": "cut", "title": "cut", "organisation": "mobility", "source": "government"})
    for _ in range(TIMES):
        send_until_killed(made, steward, body, share=draw.uniform(0, 1.3))
        made.start("web")
    versions = Client(made.url, "stella").must("GET", "/datasets/cut/versions?limit=100")["results"]
    wanted = hashlib.sha256(body).hexdigest()
    return len(versions), sum(version["sha256"] != wanted for version in versions)


def send_until_killed(made: Embedded, steward: Client, body: bytes, *, share: float) -> None:
    """Send so much of the body, then kill the web process; beyond 1 all of it, and a moment later."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in steward.http.cookies.jar)
    head = (
        f"POST /api/v1/datasets/cut/versions?file_name=readings.csv HTTP/1.1\r\nHost: 127.0.0.1:{made.port}\r\nContent-Type: text/csv\r\n"
        f"Content-Length: {len(body)}\r\nCookie: {cookies}\r\nX-CSRFToken: {steward.http.cookies['csrftoken']}\r\nReferer: {made.url}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", made.port)) as wire, suppress(OSError):
        wire.sendall(head.encode() + body[: int(min(share, 1) * len(body))])
        time.sleep(max(0.0, share - 1) / 3)
    made.kill("web")


def destroyed(made: Embedded) -> tuple[int, int]:
    """(versions said to be gone, files of theirs that are there once the sweeper has been)."""
    steward, small = Client(made.url, "stella"), content(10)
    steward.must("POST", "/datasets", json={"slug": "gone", "title": "gone", "organisation": "mobility", "source": "government"})
    numbers = []
    for _ in range(TIMES):
        version = steward.must("POST", "/datasets/gone/versions?file_name=readings.csv", content=small, headers={"Content-Type": "text/csv"})
        steward.until(f"/datasets/gone/versions/{version['id']}", lambda seen: seen["state"] == "ready")
        numbers.append(version["id"])
    for number in numbers:
        with suppress(httpx.HTTPError):
            client = httpx.Client(base_url=made.url, timeout=0.02 + draw.random() / 20, cookies=steward.http.cookies, trust_env=False)
            client.delete(
                f"/api/v1/datasets/gone/versions/{number}?reason=No+longer+needed", headers={"X-CSRFToken": steward.http.cookies["csrftoken"], "Referer": made.url}
            )
        made.kill("web")
        made.start("web")
    sweep = [sys.executable, str(ROOT / "manage.py"), "sweep_stores"]
    subprocess.run(sweep, env=made.env(worker=True), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    steward = Client(made.url, "stella")
    gone = [number for number in numbers if steward.must("GET", f"/datasets/gone/versions/{number}")["state"] == "destroyed"]
    vault = sum(1 for path in (made.folder / "vault" / "typed").iterdir())
    return len(gone), vault - typed_there(steward)


def typed_there(steward: Client) -> int:
    """How many typed tables the vault should hold: one for each version that is ready."""
    datasets: list[dict[str, Any]] = [steward.must("GET", f"/datasets/{slug}/versions?limit=100") for slug in ("killed", "cut", "gone")]
    return sum(version["state"] == "ready" for page in datasets for version in page["results"])


def main() -> None:
    with tempfile.TemporaryDirectory() as name, platform(Path(name), RING_AGAIN_SECONDS="1") as made:
        made.start()
        made.restarts = dict.fromkeys(made.commands(), -10_000)
        for what, kill in (("publications", published), ("uploads", uploaded), ("destructions", destroyed)):
            there, wrong = kill(made)
            say(f"{TIMES} kills in the middle of {what}", f"{there} ended well, {wrong} wrong")


if __name__ == "__main__":
    main()
