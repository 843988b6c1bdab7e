"""What is served is what was approved: half a file, a changed file, a full disk and a killed process are no publication."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from catalog.audit.alarms import open_alarms
from catalog.audit.errors import StoreFull
from catalog.audit.models import Alarm, TrailEntry
from catalog.core import stores, whole_files
from catalog.core.stores import ReadOnlyStore
from catalog.datasets import vault
from catalog.display import pictures
from catalog.publishing import services, store, verifying
from catalog.publishing.models import Copy, Publication
from catalog.releases.models import Run
from tests import factories

BYTES = b"approved " * 40_000
SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(autouse=True)
def public(settings, tmp_path):
    """A public store of this test's own."""
    options = {"location": str(tmp_path / "public"), "allow_overwrite": True, "file_permissions_mode": 0o444}
    settings.STORAGES = {**settings.STORAGES, "public": {"BACKEND": "catalog.core.stores.WholeFiles", "OPTIONS": options}}
    return tmp_path / "public"


@pytest.fixture
def approved(tmp_path) -> Path:
    path = tmp_path / "approved"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def release(db) -> Publication:
    """A published release, made by the publisher from its sealed artefact."""
    return factories.publication("survey")


def stored(publication: Publication) -> Path:
    return Path(store.store("public").path(publication.store_name))


def changed(path: Path, content: bytes) -> None:
    """What an intruder or a bad disk does: other bytes under the same name and inode."""
    path.chmod(0o644)
    path.write_bytes(content)


# --- keeping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [b"", BYTES[:262_144], BYTES[:-1], b"other bytes altogether", BYTES + b"x"], ids=["empty", "half", "less one", "other", "more"])
def test_what_lies_under_the_name_is_hashed_before_it_is_trusted_and_replaced_where_it_differs(public, approved, there):
    path = public / store.name_of(SHA256)
    path.parent.mkdir(parents=True)
    path.write_bytes(there)
    assert store.keep(approved, SHA256) == store.name_of(SHA256)
    assert path.read_bytes() == BYTES


def test_a_copy_that_meets_a_full_disk_leaves_nothing_and_says_who_must_act(public, approved, monkeypatch):
    fill_up_after(monkeypatch, 262_144)
    with pytest.raises(StoreFull) as refused:
        store.keep(approved, SHA256)
    assert (refused.value.status, refused.value.who) == (507, "us")
    assert [path for path in public.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    store.keep(approved, SHA256)
    assert (public / store.name_of(SHA256)).read_bytes() == BYTES


def fill_up_after(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """From now on a whole file takes so many bytes, and then the disk is full."""
    class Filling:
        def __init__(self, file):
            self.file, self.left = file, size

        def __enter__(self):
            return self

        def __exit__(self, *why):
            self.file.close()

        def write(self, chunk: bytes) -> int:
            self.left -= len(chunk)
            if self.left < 0:
                self.file.write(chunk[: self.left])
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(chunk)

        def flush(self):
            self.file.flush()

        def fileno(self):
            return self.file.fileno()

    monkeypatch.setattr(whole_files, "open", lambda handle, mode: Filling(os.fdopen(handle, mode)), raising=False)


def test_a_process_killed_in_the_middle_of_keeping_never_leaves_half_a_file_under_the_name(public, approved):
    """40 kills, wherever they fall: what is asserted holds for each of them."""
    path = public / store.name_of(SHA256)
    for n in range(40):
        child = os.fork()
        if not child:  # keeps the file over and over until it is killed
            while True:
                path.unlink(missing_ok=True)
                store.keep(approved, SHA256)
        time.sleep(0.002 + 0.0005 * n)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert not path.exists() or path.read_bytes() == BYTES
    store.keep(approved, SHA256)
    assert path.read_bytes() == BYTES


def test_every_file_appears_at_once_and_a_failed_one_not_at_all(tmp_path):
    target = tmp_path / "deep" / "file"
    with whole_files.whole_file(target) as file:
        file.write(b"first")
        assert not target.exists()
    assert target.read_bytes() == b"first"
    with pytest.raises(OSError, match="cut off"):
        cut_off(target)
    assert target.read_bytes() == b"first"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def cut_off(target: Path) -> None:
    with whole_files.whole_file(target) as file:
        file.write(b"second")
        raise OSError("cut off")


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(tmp_path, monkeypatch):
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(whole_files.os, "fsync", lambda handle: (steps.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file"), fsync(handle))[1])
    monkeypatch.setattr(whole_files.os, "replace", lambda *names: (steps.append("rename"), replace(*names))[1])
    with whole_files.whole_file(tmp_path / "a") as file:
        file.write(b"x")
    (tmp_path / "b").write_bytes(b"y")
    whole_files.move_whole(tmp_path / "b", tmp_path / "c")
    assert steps == ["file", "rename", "folder"] * 2


def test_a_file_from_another_disk_is_copied_as_wholly(tmp_path, monkeypatch):
    replace = os.replace

    def elsewhere(source, target):
        if not str(source).endswith(whole_files.PART):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(whole_files.os, "replace", elsewhere)
    (tmp_path / "b").write_bytes(b"y" * 3_000_000)
    whole_files.move_whole(tmp_path / "b", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"y" * 3_000_000
    assert not (tmp_path / "b").exists()


def test_a_process_that_is_no_worker_cannot_write_to_the_public_store_nor_remove_from_it(settings, tmp_path, approved):
    from opendata import env

    for worker, backend in ((True, "catalog.core.stores.WholeFiles"), (False, "catalog.core.stores.ReadOnlyFiles")):
        assert env.stores(worker=worker)["public"]["BACKEND"] == backend
    settings.STORAGES = {**settings.STORAGES, "public": env.stores(worker=False)["public"]}
    for act in (lambda: store.keep(approved, SHA256), lambda: store.keep_outline(b"{}"), lambda: store.remove("x")):
        with pytest.raises(ReadOnlyStore):
            act()


def test_a_bucket_that_a_process_may_only_read_refuses_before_anything_is_sent():
    from catalog.core.s3_stores import ReadOnlyBucket

    bucket = ReadOnlyBucket(bucket_name="nowhere", access_key="x", secret_key="y")
    with pytest.raises(ReadOnlyStore):
        bucket._save("a", ContentFile(b"x"))
    with pytest.raises(ReadOnlyStore):
        bucket.delete("a")


# --- serving -------------------------------------------------------------------------------------------------------

ADDRESSES = ("records", "exports/csv", "exports/parquet", "releases/1/records", "releases/1/exports/parquet")


@pytest.mark.parametrize("address", ADDRESSES)
def test_bytes_changed_after_publication_are_not_served(release, address):
    visitor = Client()
    assert visitor.get(f"/api/v1/datasets/survey/{address}").status_code == 200
    whole = stored(release).read_bytes()
    times = os.stat(stored(release))
    changed(stored(release), whole.replace(whole[100:140], b"\0" * 40, 1))
    os.utime(stored(release), ns=(times.st_atime_ns, times.st_mtime_ns))  # whoever does it does not want to be seen
    answer = visitor.get(f"/api/v1/datasets/survey/{address}")
    assert (answer.status_code, answer.json()["code"], answer.json()["who"]) == (503, "release_damaged", "us")
    assert "Retry-After" in answer


@pytest.mark.parametrize("page", ["/datasets/survey", "/datasets/survey/releases/1"])
def test_the_pages_say_so_too_and_show_no_picture_that_was_kept(release, page):
    assert Client().get(page).status_code == 200
    changed(stored(release), b"other")
    answer = Client().get(page)
    assert answer.status_code == 503
    assert "<svg" not in answer.content.decode()


def test_a_file_that_is_gone_is_an_alarm_and_no_answer(release):
    stored(release).unlink()
    assert Client().get("/api/v1/datasets/survey/records").status_code == 503
    assert Alarm.objects.get().code == "release_damaged"


def test_an_alarm_is_raised_once_told_to_whom_it_concerns_and_kept_in_the_trail(release, settings, mailoutbox, caplog):
    settings.OPERATOR_EMAILS = ["operator@example.org"]
    changed(stored(release), b"other")
    for _ in range(3):
        Client().get("/api/v1/datasets/survey/records")
    assert Alarm.objects.count() == 1
    assert TrailEntry.objects.filter(action="alarm.raised").count() == 1
    assert [mail.body for mail in mailoutbox] == [f"ALARM release_damaged: artefact {release.artefact_sha256}"]
    assert caplog.text.count("ALARM release_damaged") == 1
    for role, told in (("officer", True), ("lead_officer", True), ("auditor", True), ("administrator", True), ("steward", False), ("developer", False)):
        client = Client()
        client.force_login(factories.user(f"a-{role}", role))
        assert ("Alarm." in client.get("/account").content.decode()) is told, role
        assert client.get("/api/v1/alarms").status_code == (200 if told else 403)
    assert "Alarm." not in Client().get("/register").content.decode()


def test_a_sweep_reads_everything_again_and_puts_right_what_it_can(release):
    assert verifying.verify_store() == 0
    whole = stored(release).read_bytes()
    changed(stored(release), whole[:-1])
    assert verifying.verify_store() == 1
    assert stored(release).read_bytes() == whole
    assert not Alarm.objects.filter(cleared_at__isnull=True).exists()
    assert list(TrailEntry.objects.filter(action__startswith="alarm.").order_by("seq").values_list("action", flat=True)) == ["alarm.raised", "alarm.cleared"]
    assert Client().get("/api/v1/datasets/survey/records").status_code == 200


def test_what_no_process_noticed_is_put_right_without_another_file_being_read_from_the_old_one(release):
    """A process that holds a damaged file open goes on with the mended one, not with what it holds."""
    question = "/api/v1/datasets/survey/records"
    before = Client().get(question).json()
    changed(stored(release), b"other")
    verifying.verify_store()
    assert Client().get(question).json() == before


def test_what_cannot_be_mended_stays_an_alarm_and_is_never_served(release):
    Path(vault.store("artefacts").path(release.review.run.artefact_name)).unlink()
    changed(stored(release), b"other")
    for _ in range(2):
        assert verifying.verify_store() == 1
    assert Alarm.objects.get().cleared_at is None
    assert Client().get("/api/v1/datasets/survey/records").status_code == 503


def test_a_forged_artefact_is_not_put_in_the_place_of_a_damaged_file(release, tmp_path):
    forged = tmp_path / "forged"
    forged.write_bytes(b"forged")
    Run.objects.filter(pk=release.review.run_id).update(artefact_name=vault.seal_file(forged, prefix="runs", into="artefacts").name)
    changed(stored(release), b"other")
    verifying.verify_store()
    assert stored(release).read_bytes() == b"other"
    assert Client().get("/api/v1/datasets/survey/records").status_code == 503


def test_a_file_is_hashed_once_as_long_as_it_is_the_same_file(release, monkeypatch):
    hashed: list[Path] = []
    monkeypatch.setattr(store, "sha256_of", lambda path: (hashed.append(path), release.artefact_sha256)[1])
    for _ in range(3):
        store.local_path(release.store_name, release.artefact_sha256)
    os.utime(stored(release))
    store.local_path(release.store_name, release.artefact_sha256)
    assert len(hashed) == 2


# --- copying -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ordered(db) -> Copy:
    """An approved review whose copy waits for a worker."""
    return Copy.objects.get(review=factories.approved("survey"))


def test_a_damaged_artefact_is_refused_at_once_with_its_reason(ordered):
    path = Path(vault.store("artefacts").path(ordered.review.run.artefact_name))
    sealed = bytearray(path.read_bytes())
    sealed[-20] ^= 1
    changed(path, bytes(sealed))
    services.publish(ordered.pk)
    ordered.refresh_from_db()
    assert (ordered.state, ordered.error["code"], ordered.error["who"], ordered.attempt) == ("refused", "seal_damaged", "us", 1)
    assert not Publication.objects.exists()


def test_an_artefact_that_is_gone_is_refused_at_once(ordered):
    Path(vault.store("artefacts").path(ordered.review.run.artefact_name)).unlink()
    services.publish(ordered.pk)
    ordered.refresh_from_db()
    assert (ordered.state, ordered.error["code"]) == ("refused", "seal_damaged")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ConnectionError("the bucket did not answer")], ids=["full", "away"])
def test_what_may_go_better_in_a_moment_is_tried_as_often_as_is_allowed_and_no_more(ordered, settings, monkeypatch, error):
    def fails(*args):
        raise error

    monkeypatch.setattr(stores.WholeFiles, "_save", fails)
    before = TrailEntry.objects.count()
    for _ in range(10):
        services.publish(ordered.pk)
        services.sweep_copies()
    ordered.refresh_from_db()
    assert (ordered.state, ordered.attempt) == ("refused", settings.MAX_ATTEMPTS)
    assert ordered.error["code"] == ("store_full" if error.errno == errno.ENOSPC else "internal_error")
    assert TrailEntry.objects.count() == before + settings.MAX_ATTEMPTS + 1  # and the alarm
    assert [alarm.code for alarm in Alarm.objects.all()] == ["copy_refused"]


def test_a_copy_whose_workers_are_killed_again_and_again_ends_with_a_reason(ordered, settings):
    for _ in range(10):
        services.claim(Copy.objects.filter(pk=ordered.pk), old="waiting", new="copying")
        Copy.objects.filter(pk=ordered.pk, state="copying").update(lease_until="2020-01-01T00:00Z")
        services.sweep_copies()
    ordered.refresh_from_db()
    assert (ordered.state, ordered.attempt, ordered.error["who"]) == ("refused", settings.MAX_ATTEMPTS, "us")


def test_steward_and_officer_are_shown_why_and_can_have_it_tried_again_once_it_is_mended(ordered, monkeypatch, settings):
    whole = Path(vault.store("artefacts").path(ordered.review.run.artefact_name))
    kept = whole.read_bytes()
    changed(whole, b"damaged")
    services.publish(ordered.pk)
    clients = {}
    for name in (ordered.review.submitted_by, ordered.review.decisions.get().decided_by):
        clients[name] = Client()
        clients[name].force_login(name)
        page = clients[name].get(f"/reviews/{ordered.review_id}").content.decode()
        assert "A sealed file is not as it was sealed" in page
        assert clients[name].get(f"/api/v1/reviews/{ordered.review_id}/copy").json()["error"]["code"] == "seal_damaged"
    changed(whole, kept)
    again = clients[ordered.review.submitted_by].post(f"/reviews/{ordered.review_id}/copy")
    assert again.status_code == 302
    services.publish(ordered.pk)
    assert Publication.objects.get().number == 1
    assert clients[ordered.review.submitted_by].post(f"/reviews/{ordered.review_id}/copy").status_code == 409


def test_a_stranger_orders_no_copy(ordered):
    Copy.objects.filter(pk=ordered.pk).update(state="refused", error={"code": "x", "message": "x", "who": "us", "problems": []})
    for stranger in (factories.user("a-developer", "developer"), factories.user("an-auditor", "auditor"), factories.user("an-administrator", "administrator")):
        client = Client()
        client.force_login(stranger)
        assert client.post(f"/reviews/{ordered.review_id}/copy").status_code == 403
        assert client.post(f"/api/v1/reviews/{ordered.review_id}/copy").status_code == 403


# --- withdrawing ---------------------------------------------------------------------------------------------------


def test_a_withdrawn_file_whose_message_was_lost_is_removed_by_the_sweeper_and_the_trail_says_so(release):
    path = stored(release)
    services.withdraw(by=release.review.decisions.get().decided_by, publication=release, reason=factories.REASON)
    assert path.exists()
    services.remove_withdrawn()
    assert not path.exists()
    release.refresh_from_db()
    assert release.store_name == ""
    assert TrailEntry.objects.filter(action="publication.removed").count() == 1
    services.remove_withdrawn()
    assert TrailEntry.objects.filter(action="publication.removed").count() == 1


def test_names_in_a_store_are_all_found(tmp_path):
    folder = stores.WholeFiles(location=tmp_path / "s")
    assert list(stores.names_in(folder)) == []
    for name in ("a", "x/b", "x/y/c"):
        folder.save(name, ContentFile(b"1"))
    assert sorted(stores.names_in(folder)) == ["a", "x/b", "x/y/c"]


# --- what is no file, and what is drawn ----------------------------------------------------------------------------


def test_a_pipe_in_the_place_of_a_published_file_keeps_nobody_waiting(release):
    whole = stored(release).read_bytes()
    stored(release).unlink()
    os.mkfifo(stored(release))
    assert Client().get("/api/v1/datasets/survey/records").status_code == 503
    assert verifying.verify_store() == 1
    assert stored(release).read_bytes() == whole
    assert Client().get("/api/v1/datasets/survey/records").status_code == 200


def test_a_refused_copy_is_an_alarm_until_it_is_ordered_again(ordered):
    path = Path(vault.store("artefacts").path(ordered.review.run.artefact_name))
    kept = path.read_bytes()
    changed(path, b"damaged")
    services.publish(ordered.pk)
    assert [alarm.code for alarm in open_alarms()] == ["copy_refused"]
    changed(path, kept)
    ordered.refresh_from_db()
    services.order_again(by=ordered.review.submitted_by, copy=ordered)
    assert not open_alarms().exists()


@pytest.mark.parametrize("there", ["{}", "[1]", "", "0" * 64 + '\n{"wide": "forged", "narrow": "forged"}', "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_a_picture_that_none_of_our_processes_drew_is_not_shown_but_drawn_again(settings, tmp_path, there):
    path = tmp_path / "charts" / "a.json"
    pictures.keep(path, {"wide": "<svg>ours</svg>"})
    assert pictures.read(path) == {"wide": "<svg>ours</svg>"}
    ours = path.read_bytes()
    path.write_text(there)
    assert pictures.read(path) is None
    path.write_bytes(ours.replace(b"ours", b"four"))
    assert pictures.read(path) is None
    path.with_name("b.json").write_bytes(ours)  # a picture of something else
    assert pictures.read(path.with_name("b.json")) is None
