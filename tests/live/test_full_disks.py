"""File systems that fill up, for real: small ones in memory, under the stores of a running platform.

Whatever fills up, nothing half-written stays, the answer says who must act, and once there is room it goes on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.audit import checkpoints
from opendata.embedded import Embedded
from tests.live.platform import Client, platform
from tests.needs import ROOT_RIGHTS

pytestmark = [pytest.mark.live, pytest.mark.thorough]
SMALL, LARGE = "256k", "64m"
ROWS = 60_000  # about 480 kB of Parquet: two columns of numbers that do not compress
PLAIN = {
    "recipe": 1, "title": "Readings", "columns": {"meter": {"role": "plain"}, "reading": {"role": "plain"}},
    "stages": [{"stage": "scan"}],
}  # fmt: skip
REASON = "Looked at the sample; nobody is in these data."


def mount(folder: Path, size: str, *options: str) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def may_mount(folder: Path) -> bool:
    probe = folder / "probe"
    if os.geteuid() != 0 or not mount(probe, SMALL):
        return False
    unmount(probe)
    return True


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("full")
    if not may_mount(folder):
        ROOT_RIGHTS.missing()
    with platform(folder, RING_AGAIN_SECONDS="1") as made:
        made.start()
        yield made


@contextmanager
def small(folder: Path, size: str = SMALL) -> Iterator[None]:
    """``folder`` is a small file system until the block ends."""
    assert mount(folder, size)
    try:
        yield
    finally:
        unmount(folder)


def make_room(folder: Path) -> None:
    assert mount(folder, LARGE, "remount")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def csv(rows: int = ROWS) -> bytes:
    draw = random.Random(0)  # not about people: numbers that do not compress
    return ("meter,reading\n" + "".join(f"{draw.getrandbits(31)},{draw.getrandbits(31)}\n" for _ in range(rows))).encode()


def dataset(steward: Client, slug: str) -> str:
    steward.must("POST", "/datasets", json={"slug": slug, "title": slug, "organisation": "mobility", "source": "government"})
    return slug


def upload(steward: Client, slug: str, content: bytes) -> httpx.Response:
    return steward.call("POST", f"/datasets/{slug}/versions?file_name=readings.csv", content=content, headers={"Content-Type": "text/csv"})


def checked(steward: Client, slug: str) -> dict[str, Any]:
    address = upload(steward, slug, csv()).headers["Location"].removeprefix("/api/v1")
    return steward.until(address, lambda version: version["state"] in ("ready", "rejected"))


def ready(steward: Client, slug: str) -> None:
    version = checked(steward, dataset(steward, slug))
    assert version["state"] == "ready", version
    roles = {name: {"role": "plain"} for name in ("meter", "reading")}
    steward.must("PATCH", f"/datasets/{slug}/versions/{version['id']}/columns", json={"columns": roles})


def ended_run(steward: Client, slug: str) -> dict[str, Any]:
    run = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": PLAIN})
    return steward.until(f"/runs/{run['id']}", lambda seen: seen["state"] in ("assessed", "failed"))


def test_a_full_vault_takes_no_upload_keeps_nothing_and_says_who_must_act(running):
    steward, vault = Client(running.url, "stella"), running.folder / "vault"
    slug = dataset(steward, "full-vault")
    with small(vault):
        for answer in (
            upload(steward, slug, csv()),
            steward.call("POST", f"/datasets/{slug}/versions", files={"file": ("readings.csv", csv(), "text/csv")}),
        ):
            assert (answer.status_code, answer.json()["code"], answer.json()["who"]) == (507, "store_full", "us")
        assert files(vault) == []
        assert files(running.folder / "incoming") == []
        make_room(vault)
        assert upload(steward, slug, csv()).status_code == 202


def test_a_full_scratch_folder_rejects_the_file_and_keeps_nothing_plain(running):
    steward, scratch = Client(running.url, "stella"), running.folder / "scratch"
    with small(scratch):
        seen = checked(steward, dataset(steward, "full-scratch"))
        assert (seen["state"], seen["error"]["who"]) == ("rejected", "us")
        assert seen["error"]["code"] in ("store_full", "no_room"), seen["error"]
        assert files(scratch) == []


def test_a_full_artefact_store_fails_the_run_and_keeps_nothing(running):
    steward, artefacts = Client(running.url, "stella"), running.folder / "artefacts"
    ready(steward, "full-artefacts")
    with small(artefacts):
        run = ended_run(steward, "full-artefacts")
        assert (run["state"], run["error"]["code"], run["error"]["who"]) == ("failed", "store_full", "us")
        assert files(artefacts) == []


def test_a_full_public_store_publishes_nothing_until_there_is_room_and_then_the_approved_bytes(running):
    steward, officer, public = Client(running.url, "stella"), Client(running.url, "oscar"), running.folder / "public"
    ready(steward, "full-public")
    run = ended_run(steward, "full-public")
    review = steward.must("POST", f"/runs/{run['id']}/submission", json={"context": ""})
    verdict = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": REASON, "artefact_sha256": review["artefact_sha256"]}
    copy = f"/reviews/{review['id']}/copy"
    with small(public):
        officer.must("POST", f"/reviews/{review['id']}/decisions", json=verdict)
        refused = officer.until(copy, lambda seen: seen["state"] in ("refused", "done"))
        assert (refused["state"], refused["error"]["code"], refused["attempt"]) == ("refused", "store_full", 3)
        assert files(public) == []
        assert steward.call("GET", "/datasets/full-public/records").status_code == 404
        make_room(public)
        assert officer.call("POST", copy).status_code == 202
        assert officer.until(copy, lambda seen: seen["state"] in ("refused", "done"))["state"] == "done"
        served = steward.call("GET", "/datasets/full-public/exports/parquet")
        assert served.status_code == 200
        assert hashlib.sha256(served.content).hexdigest() == review["artefact_sha256"]


def test_a_full_disk_under_the_checkpoints_leaves_the_file_as_it_was(tmp_path, settings):
    if not may_mount(tmp_path):
        ROOT_RIGHTS.missing()
    file = tmp_path / "elsewhere" / "trail.jsonl"
    settings.TRAIL_CHECKPOINT_FILE, settings.TRAIL_CHECKPOINT_KEY = file, "a key for tests"
    with small(file.parent, "32k"):
        before = until_full(file)
        assert file.read_bytes() == before
        signed = checkpoints.read()
        assert (len(signed.vouched), signed.torn) == (before.count(b"\n"), False)
        make_room(file.parent)
        assert not checkpoints.append(seq=10_000, entry_hash="1" * 64).torn
        assert len(checkpoints.read().vouched) == before.count(b"\n") + 1


def until_full(file: Path) -> bytes:
    """Append checkpoints until the disk is full; what the file held before the one that did not fit."""
    seq, before = 0, b""
    while appended(seq := seq + 1):
        before = file.read_bytes()
        assert seq < 10_000, "the disk never became full"
    return before


def appended(seq: int) -> bool:
    try:
        checkpoints.append(seq=seq, entry_hash="0" * 64)
    except OSError as error:
        return error.errno != errno.ENOSPC
    return True
