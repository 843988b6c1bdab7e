"""The vault: sealed for workers, nothing plain left behind, whoever dies."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog.audit.errors import TooLarge
from catalog.datasets import vault


def unsealed(sealed: vault.Sealed) -> bytes:
    sink = io.BytesIO()
    assert vault.unseal(sealed.name, sink) == sealed.sha256
    return sink.getvalue()


def test_what_is_sealed_comes_out_the_same_and_lies_in_the_store_unreadable():
    sealed = vault.seal(io.BytesIO(b"Kim Min-ji,010-0000-1234\n" * 5000), prefix="uploads")
    kept = Path(vault.store("vault").path(sealed.name)).read_bytes()
    assert b"Min-ji,010-0000-1234" not in kept
    assert kept.startswith(b"age-encryption.org/v1")
    assert unsealed(sealed) == b"Kim Min-ji,010-0000-1234\n" * 5000


def test_a_process_without_the_identity_cannot_open_it(settings):
    sealed = vault.seal(io.BytesIO(b"x"), prefix="uploads")
    settings.VAULT_IDENTITY_FILE = ""
    with pytest.raises(vault.VaultLocked):
        vault.unseal(sealed.name, io.BytesIO())


def test_what_grows_too_large_or_breaks_off_leaves_nothing(settings):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("the client went away")

    folders = [Path(settings.INCOMING_DIR), Path(vault.store("vault").path("uploads"))]
    before = [sorted(folder.iterdir()) if folder.is_dir() else [] for folder in folders]
    with pytest.raises(TooLarge):
        vault.seal(io.BytesIO(b"x" * 100), prefix="uploads", limit=99)
    with pytest.raises(Exception, match=r".+"):
        vault.seal(Broken(), prefix="uploads")
    assert [sorted(folder.iterdir()) if folder.is_dir() else [] for folder in folders] == before


def test_scratch_of_a_killed_process_is_swept_and_that_of_a_living_one_stays(settings, tmp_path):
    settings.SCRATCH_DIR = tmp_path
    code = (
        "import sys, os, time, fcntl; folder = sys.argv[1]; os.mkdir(folder); lock = open(folder + '/.lock', 'w');"
        "fcntl.flock(lock, fcntl.LOCK_EX); open(folder + '/plain.csv', 'w').write('raw'); print('ready', flush=True); time.sleep(3600)"
    )
    dead = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run-1")], stdout=subprocess.PIPE)
    assert dead.stdout is not None
    dead.stdout.readline()
    with vault.scratch("run-2") as living:
        for folder in tmp_path.iterdir():
            os.utime(folder, (time.time() - 10, time.time() - 10))
        assert vault.sweep_scratch() == 0
        dead.kill()
        dead.wait()
        assert vault.sweep_scratch() == 1
        assert living.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_upload_left_is_removed_a_day_later(settings, tmp_path):
    settings.INCOMING_DIR = tmp_path
    for name, age in (("old.age", 2 * vault.DAY), ("new.age", 0)):
        (tmp_path / name).write_bytes(b"sealed")
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    assert vault.sweep_incoming() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new.age"]
