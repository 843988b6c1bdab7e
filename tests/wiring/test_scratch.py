"""Plain rows of a killed worker: gone before any other work starts, on a timer of their own, on the disk that was demanded."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from celery.signals import celeryd_init, worker_ready, worker_shutdown
from django.core.exceptions import ImproperlyConfigured

from catalog.datasets import vault
from opendata import celery, checks, scratch_disk


@pytest.fixture
def left(settings, tmp_path) -> Path:
    """What a killed worker left: a folder with a name, a plain table, and a lock that nobody holds."""
    settings.SCRATCH_DIR = tmp_path / "scratch"
    folder = settings.SCRATCH_DIR / "run-7-abc"
    folder.mkdir(parents=True)
    (folder / vault.LOCK).touch()
    (folder / "typed.parquet").write_bytes(b"somebody's rows")
    return folder


def test_it_is_gone_before_the_next_work_has_a_folder(left):
    with vault.scratch("run-8") as folder:
        assert not left.exists()
        assert folder.is_dir()


def test_it_is_gone_before_a_worker_that_starts_does_anything(left):
    celeryd_init.send(sender="worker@test", instance=None, conf=celery.app.conf, options={})
    assert not left.exists()


def test_a_thread_of_the_worker_removes_it_with_no_scheduler_broker_or_free_child(left, settings):
    settings.SWEEP_SECONDS = 0.05
    worker_ready.send(sender=None)
    sweeper = next(thread for thread in threading.enumerate() if thread.name == "scratch")
    gone = threading.Event()
    while left.exists() and sweeper.is_alive():
        gone.wait(0.01)
    assert not left.exists()
    worker_shutdown.send(sender=None)
    sweeper.join(timeout=60)
    assert not sweeper.is_alive()


def test_a_folder_in_use_stays_whoever_sweeps(settings, tmp_path):
    settings.SCRATCH_DIR = tmp_path
    with vault.scratch("run-1") as folder:
        (folder / "typed.parquet").write_bytes(b"rows")
        assert vault.sweep_scratch() == 0
        with vault.scratch("run-2"):
            assert (folder / "typed.parquet").exists()


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:25 / /dev/shm rw - tmpfs tmpfs rw
31 22 253:0 / /secret rw - ext4 /dev/mapper/secret rw
32 22 253:1 / /volume rw - xfs /dev/mapper/volume rw
33 22 253:2 / /mixed rw - xfs /dev/mapper/mixed rw
34 22 0:40 / /with\\040blank rw - tmpfs tmpfs rw
35 31 8:2 / /secret/open rw - ext4 /dev/sda2 rw
"""


@pytest.fixture
def machine(tmp_path) -> dict[str, Path]:
    """A machine as Linux tells of it: a plain disk, memory, an encrypted disk, a volume on it, and one that is half on it."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS)
    block = tmp_path / "sys/dev/block"
    for device, uuid in (("253:0", "CRYPT-LUKS2-abc"), ("253:1", "LVM-abc"), ("253:2", "LVM-def"), ("8:1", None), ("8:2", None)):
        (block / device / "dm").mkdir(parents=True)
        if uuid:
            (block / device / "dm/uuid").write_text(uuid)
    for device, below in (("253:1", ["253:0"]), ("253:2", ["253:0", "8:1"])):
        (block / device / "slaves").mkdir()
        for other in below:
            (block / device / "slaves" / other).symlink_to(block / other)
    return {"proc": tmp_path / "proc", "sys": tmp_path / "sys"}


@pytest.mark.parametrize(
    ("folder", "memory", "encrypted"),
    [
        ("/scratch", False, False), ("/dev/shm/scratch", True, False), ("/secret/scratch", False, True), ("/volume/a", False, True),
        ("/mixed/a", False, False), ("/with blank/a", True, False), ("/secret/open/a", False, False), ("/secretly", False, False),
    ],
)  # fmt: skip
def test_the_kind_of_file_system_is_read_from_linux(machine, folder, memory, encrypted):
    assert scratch_disk.is_on(Path(folder), "any", **machine)
    assert scratch_disk.is_on(Path(folder), "memory", **machine) is memory
    assert scratch_disk.is_on(Path(folder), "encrypted", **machine) is encrypted


def test_what_cannot_be_found_out_is_no(tmp_path):
    for kind in ("memory", "encrypted"):
        assert not scratch_disk.is_on(tmp_path, kind, proc=tmp_path / "nothing", sys=tmp_path / "nothing")


@pytest.mark.parametrize("demanded", ["encrypted", "memori"])
def test_a_worker_whose_scratch_is_not_where_it_must_be_does_not_start(settings, monkeypatch, demanded):
    monkeypatch.setattr(scratch_disk, "is_on", lambda folder, kind: kind == "any")
    settings.SCRATCH_ON = demanded
    with pytest.raises(ImproperlyConfigured, match="SCRATCH_ON"):
        checks.stop_if_unsafe()


def test_a_web_process_that_can_write_what_is_published_does_not_start_in_production(settings, tmp_path):
    public = {"BACKEND": "catalog.core.stores.ReadOnlyFiles", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "public": public}
    checks.stop_if_it_may_write_what_is_published()  # embedded: one user runs everything
    settings.OPENDATA_MODE = "production"
    with pytest.raises(ImproperlyConfigured, match="public store"):
        checks.stop_if_it_may_write_what_is_published()
    public["OPTIONS"]["location"] = str(tmp_path / "not-there")
    checks.stop_if_it_may_write_what_is_published()
    assert os.access(tmp_path, os.W_OK)
