"""The demo as a newcomer starts it: real processes, everything over HTTP, nothing left behind, no person's value told."""

from __future__ import annotations

import csv
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from opendata.demo import accounts
from opendata.demo.chapters import CITY
from opendata.embedded import ROOT
from tests.live.platform import PATIENCE_S, free_port

pytestmark = [pytest.mark.live]
PEOPLE = 1_500
# what a shell has; not the keys and servers of the test suite itself
SHELL = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}


def command(folder: Path, port: int, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "opendata.demo",
        "--folder",
        str(folder),
        "--people",
        str(PEOPLE),
        "--port",
        str(port),
        *more,
    ]


def start(folder: Path, port: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(folder, port, *more), cwd=ROOT, env=SHELL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def processes_of(folder: Path) -> list[int]:
    """Living processes that were told of this folder."""
    wanted = f"DATA_DIR={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


@dataclass(frozen=True)
class Told:
    """A first start that was interrupted in the middle, and the next, which told the rest."""

    folder: Path
    port: int
    first: tuple[int, str]
    left_behind: list[int]
    status: int
    said: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, port = tmp_path_factory.mktemp("demo") / "var", free_port()
    try:
        first = interrupted(folder, port, when="2  Workers check")
        left = processes_of(folder)
        demo = subprocess.run(
            command(folder, port, "--no-serve"),
            cwd=ROOT,
            env=SHELL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * PATIENCE_S,
        )
        yield Told(folder, port, first, left, demo.returncode, demo.stdout)
    finally:
        for pid in processes_of(folder):
            os.kill(pid, signal.SIGKILL)


def interrupted(folder: Path, port: int, *, when: str) -> tuple[int, str]:
    """Status and output of a demo that got a Ctrl-C once it had printed ``when``."""
    demo, lines = start(folder, port, "--no-serve"), []
    try:
        for line in demo.stdout or ():
            lines.append(line)
            if line.startswith(when):
                demo.send_signal(signal.SIGINT)
                demo.send_signal(signal.SIGINT)  # an impatient hand: the second must not cut the ending short
        demo.communicate(timeout=PATIENCE_S)
    finally:
        demo.kill()
    return demo.returncode, "".join(lines)


def test_ctrl_c_in_the_middle_ends_every_process(told: Told) -> None:
    status, said = told.first
    assert status == 130, said[-3000:]
    assert "goes on from here" in said
    assert "approved by" not in said
    assert told.left_behind == []


def test_the_next_start_goes_on_where_it_stopped(told: Told) -> None:
    assert told.first[1].count("sealed in the vault") == len(CITY)
    assert told.said.count("was there already") == len(CITY), "uploads were done again"


def test_the_whole_story_is_told(told: Told) -> None:
    assert told.status == 0, told.said[-3000:]
    for chapter in CITY:
        assert re.search(
            rf"{chapter.slug}: submitted by {chapter.steward.username}, approved by {chapter.officer.username}",
            told.said,
        )
        assert re.search(rf"{chapter.slug}: release 1, [\d,]+ rows", told.said)
    assert re.search(r"k asked 5, measured again on the file: \d+", told.said)
    assert re.search(r"smallest group +before +1 +after +\d+", told.said)
    assert "ε 7 of 12 spent, 5 left" in told.said
    assert re.search(r"customers ±\d+", told.said)
    assert re.search(r"payment_card +direct_identifier", told.said)


def test_real_rows_were_fetched_with_a_key(told: Told) -> None:
    assert re.search(r"made the API key \w+…", told.said)
    assert re.search(r"^ +9\d{7} +8 +\d+ +\d+ +\d+ *$", told.said, re.MULTILINE), "no rows of the living population"
    assert "group_by=행정동코드" in told.said


def test_no_process_is_left_behind(told: Told) -> None:
    assert processes_of(told.folder) == []


def test_accounts_are_printed_and_kept_for_their_owner_alone(told: Told) -> None:
    words = accounts.ways(told.folder).passwords
    for account in accounts.ACCOUNTS:
        assert re.search(rf"{account.username} +{re.escape(words[account.username])} +{account.role}", told.said)
    assert stat.S_IMODE((told.folder / accounts.FILE).stat().st_mode) == 0o600
    assert "SIMULATED DATA" in told.said


def test_officers_signed_in_with_codes(told: Told) -> None:
    assert "With a password these are asked for a code as well: hana, olga, oscar." in told.said
    url = f"http://127.0.0.1:{told.port}"
    again = start(told.folder, told.port)
    try:
        for line in again.stdout or ():
            if "Ctrl-C ends it all" in line:
                break
        given = {"username": "olga", "password": accounts.ways(told.folder).passwords["olga"]}
        answer = httpx.post(f"{url}/api/v1/session", json=given, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")
    finally:
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=PATIENCE_S)


def test_no_value_of_a_person_is_in_output_or_logs(told: Told) -> None:
    with (told.folder / "demo" / f"city-{PEOPLE}" / "people.csv").open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    logs = "".join(path.read_text(errors="replace") for path in sorted((told.folder / "log").iterdir()))
    assert len(people) == PEOPLE
    assert logs
    for person in people:
        for name in ("phone", "resident_number", "email"):
            assert person[name] not in told.said + logs


def test_logs_hold_no_error(told: Told) -> None:
    for path in sorted((told.folder / "log").iterdir()):
        assert "Traceback" not in path.read_text(errors="replace"), path.name


def test_a_second_start_keeps_the_data_serves_and_ends_with_a_signal(told: Told) -> None:
    again = start(told.folder, told.port)
    try:
        lines = []
        for line in again.stdout or ():
            lines.append(line)
            if "Ctrl-C ends it all" in line:
                break
        said = "".join(lines)
        assert "The story was told before in this folder" in said, said
        assert "approved by" not in said
        releases = httpx.get(
            f"http://127.0.0.1:{told.port}/api/v1/datasets/bus-stops/releases", trust_env=False
        ).json()["results"]
        assert [release["number"] for release in releases] == [1]
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=PATIENCE_S)
        assert again.returncode == 0
    finally:
        again.kill()
    assert processes_of(told.folder) == []
