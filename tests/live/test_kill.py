"""A worker is killed with -9 in the middle of a run: the run ends right, is never lost and never done twice.

On the broker that the suite runs on: the file broker, or the server that BROKER_URL names.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opendata.embedded import Embedded
from tests.live.platform import PATIENCE_S, Client, platform

pytestmark = [pytest.mark.live]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with platform(tmp_path_factory.mktemp("killed"), DJANGO_SETTINGS_MODULE="tests.live.slow_settings") as made:
        made.start()
        yield made


def csv_of(people: int) -> bytes:
    rows = [f"person{i % people},{'north' if i % 2 else 'south'},{20 + i % 5}" for i in range(people * 4)]
    return ("person,town,age\n" + "\n".join(rows) + "\n").encode()


DP = {
    "recipe": 1, "title": "People per town", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "town": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "town", "values": ["north", "south"]}], "measures": [{"name": "persons", "kind": "persons"}],
            "epsilon": "1", "max_cells_per_person": 2, "cells": "public",
        }
    ],
}  # fmt: skip
K = {
    "recipe": 1, "title": "Ages", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "town": {"role": "plain"}},
    "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
}  # fmt: skip


def prepared(made: Embedded) -> tuple[Client, str]:
    """A dataset with a checked version and its roles set."""
    steward = Client(made.url, "stella")
    slug = f"trips-{uuid.uuid4().hex[:8]}"
    steward.must(
        "POST", "/datasets",
        json={"slug": slug, "title": "Trips", "organisation": "mobility", "source": "government", "population": "residents"},
    )  # fmt: skip
    version = steward.must("POST", f"/datasets/{slug}/versions?file_name=trips.csv", content=csv_of(2000), headers={"Content-Type": "text/csv"})
    seen = steward.until(f"/datasets/{slug}/versions/{version['id']}", lambda v: v["state"] in ("ready", "rejected"))
    assert seen["state"] == "ready", (seen, (made.folder / "log" / "worker.log").read_text()[-3000:])
    roles = {"person": {"role": "person_key"}, "town": {"role": "plain"}, "age": {"role": "quasi_identifier"}}
    steward.must("PATCH", f"/datasets/{slug}/versions/{version['id']}/columns", json={"columns": roles})
    return steward, slug


def spent(steward: Client) -> Decimal:
    return Decimal(steward.must("GET", "/populations/residents/ledger")["population"]["balance"]["spent"]["epsilon"])


def has_ended(run: dict[str, Any]) -> bool:
    return run["state"] not in ("queued", "running")


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def leftovers(made: Embedded) -> list[Path]:
    scratch = made.folder / "scratch"
    return list(scratch.iterdir()) if scratch.is_dir() else []


def waiting_at(recipe: dict[str, Any], stage: str) -> dict[str, Any]:
    """The recipe under the title at which a worker stops at this stage (tests/live/slow.py)."""
    return {**recipe, "title": f"wait at {stage}"}


def killed_while(steward: Client, made: Embedded, run_id: int, *, stage: str) -> None:
    """Kill every process of the worker with -9 once the run waits at a stage, and start another worker."""
    steward.until(f"/runs/{run_id}", lambda r: r["state"] == "running" and r["stage"] == stage)
    made.kill("worker")
    made.start("worker")


def test_a_run_killed_before_anything_was_spent_is_taken_up_again_and_ends_once(running: Embedded):
    steward, slug = prepared(running)
    before = spent(steward)
    run = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": waiting_at(K, "reading")})
    killed_while(steward, running, run["id"], stage="reading")
    ended = steward.until(f"/runs/{run['id']}", has_ended)
    assert ended["state"] == "assessed", ended
    assert ended["attempt"] == 2
    assert spent(steward) == before
    # what the killed worker left of the raw table goes
    until(lambda: leftovers(running) == [])


def test_a_run_killed_after_the_charge_fails_with_the_reason_and_is_charged_exactly_once(running: Embedded):
    steward, slug = prepared(running)
    before = spent(steward)
    run = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": waiting_at(DP, "noise")})
    killed_while(steward, running, run["id"], stage="noise")
    ended = steward.until(f"/runs/{run['id']}", has_ended)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "worker_lost_after_charge")
    assert spent(steward) == before + 1
    again = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": DP})
    assert steward.until(f"/runs/{again['id']}", has_ended)["state"] == "assessed"
    assert spent(steward) == before + 2


def test_a_web_process_has_no_key_to_the_vault(running: Embedded):
    pid = running.running["web"].pid
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"VAULT_IDENTITY_FILE" not in environment
    worker = Path(f"/proc/{running.running['worker'].pid}/environ").read_bytes()
    assert b"VAULT_IDENTITY_FILE" in worker


def test_a_process_that_dies_by_itself_is_started_again(running: Embedded):
    before = running.running["worker"]
    os.killpg(before.pid, signal.SIGKILL)
    until(lambda: running.running["worker"] is not before)
    assert running.running["worker"].poll() is None
    assert running.restarts["worker"] == 1


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_is_left_running_after_stop(running: Embedded):
    groups = [process.pid for process in running.running.values()]
    running.stop()
    try:
        assert not [group for group in groups if alive(group)]
    finally:
        running.start()  # tests run in any order
