"""Files that nothing in the database speaks of go; those that anything speaks of, or that are young, stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from catalog.audit import alarms, sweeping
from catalog.audit.models import TrailEntry
from catalog.core.leftovers import FEW, leftovers
from catalog.core.stores import names_in, store
from catalog.datasets import services as datasets
from tests import factories


@pytest.fixture(autouse=True)
def stores(settings, tmp_path):
    """Stores of this test's own."""
    whole = "catalog.core.stores.WholeFiles"
    own = {name: {"BACKEND": whole, "OPTIONS": {"location": str(tmp_path / name), "allow_overwrite": name == "public"}} for name in sweeping.STORES}
    settings.STORAGES = {**settings.STORAGES, **own}
    return tmp_path


@pytest.fixture
def release(db):
    return factories.publication("survey")


def put(store_name: str, name: str, days: float = 2) -> Path:
    path = Path(store(store_name).path(store(store_name).save(name, ContentFile(b"left"))))
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def aged(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (time.time() - 40 * 86_400,) * 2)


def test_what_a_row_names_stays_however_old_it_is(release, stores):
    before = {name: sorted(names_in(store(name))) for name in sweeping.STORES}
    assert all(before.values())
    aged(stores)
    sweeping.sweep_stores()
    assert {name: sorted(names_in(store(name))) for name in sweeping.STORES} == before


@pytest.mark.parametrize("name", sweeping.STORES)
def test_what_no_row_names_goes_after_a_day_with_an_entry_in_the_trail(release, name):
    old, half, young = put(name, "x/old"), put(name, "x/.file.abc.part"), put(name, "x/young", days=0.9)
    sweeping.sweep_stores()
    assert (old.exists(), half.exists(), young.exists()) == (False, False, True)
    entry = TrailEntry.objects.get(action="store.swept")
    assert (entry.subject_id, entry.detail["unknown"]) == (name, 2)
    sweeping.sweep_stores()
    assert TrailEntry.objects.filter(action="store.swept").count() == 1


def test_what_was_declared_gone_goes_at_once_though_its_process_died_before_it_could_remove_it(release, django_capture_on_commit_callbacks):
    version = release.review.run.version
    path = Path(store("vault").path(version.sealed_name))
    with django_capture_on_commit_callbacks(execute=False):  # killed between the commit and the removal
        datasets.destroy_version(by=version.uploaded_by, version=version, reason="The supplier asked for it.")
    assert path.exists()
    sweeping.sweep_stores()
    assert not path.exists()


def test_of_a_database_that_knows_few_of_the_files_nothing_is_removed_and_the_operator_is_told(db, capsys):
    paths = [put("vault", f"uploads/{n}") for n in range(FEW + 1)]
    sweeping.sweep_stores()
    assert all(path.exists() for path in paths)
    assert [alarm.code for alarm in alarms.open_alarms()] == ["sweep_refused"]
    call_command("sweep_stores", "--dry-run")
    assert all(path.exists() for path in paths)
    call_command("sweep_stores")
    assert "REFUSED" in capsys.readouterr().out
    assert all(path.exists() for path in paths)
    call_command("sweep_stores", "--even-most")
    assert not any(path.exists() for path in paths)
    assert not alarms.open_alarms().exists()


def test_a_store_that_was_never_written_to_has_no_leftovers(db):
    assert leftovers("artefacts").files == 0
