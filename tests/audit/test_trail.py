"""The trail: one entry after the other, each bound to the one before it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, models, transaction

from catalog.audit import chain, guards, services
from catalog.audit.models import TrailEntry, TrailHead


def slow_hash(entry: TrailEntry) -> str:
    """The hash as the docs describe it, written a second time."""
    said = {
        "action": entry.action,
        "actor_id": entry.actor_id,
        "actor_name": entry.actor_name,
        "at": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"),
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
        "seq": entry.seq,
        "subject_id": entry.subject_id,
        "subject_type": entry.subject_type,
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_entries_have_no_gaps_and_each_names_the_one_before(trail):
    trail(5)
    entries = list(TrailEntry.objects.order_by("seq"))
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous_hash == "0" * 64
    assert [entry.previous_hash for entry in entries[1:]] == [entry.entry_hash for entry in entries[:-1]]


def test_the_hash_is_what_a_second_hand_computes_from_the_stored_row(trail):
    trail(3)
    assert all(entry.entry_hash == slow_hash(entry) for entry in TrailEntry.objects.all())


def test_the_head_points_at_the_last_entry(trail):
    last = trail(3)[-1]
    head = TrailHead.objects.get()
    assert (head.seq, head.entry_hash) == (3, last.entry_hash)


def test_an_entry_keeps_who_and_what(db):
    user = get_user_model().objects.create(username="kim")
    with transaction.atomic():
        entry = services.record(by=user, action="release.submitted", subject=user, detail={"epsilon": Decimal("1E-7")})
    entry.refresh_from_db()
    assert (entry.actor, entry.actor_name, entry.subject_type, entry.subject_id) == (user, "kim", "user", str(user.pk))
    assert entry.detail == {"epsilon": "0.0000001"}


def test_outside_a_transaction_nothing_is_recorded():
    with pytest.raises(services.OutsideTransaction):
        services.record(by=None, action="thing.done", subject=("thing", "1"))


def test_what_is_rolled_back_leaves_no_entry_and_no_gap(trail):
    trail(1)
    outer = transaction.savepoint()
    with transaction.atomic():
        services.record(by=None, action="thing.done", subject=("thing", "lost"))
    transaction.savepoint_rollback(outer)
    trail(1)
    assert list(TrailEntry.objects.values_list("seq", flat=True)) == [1, 2]
    assert services.verify().ok


@pytest.mark.parametrize("action", ["", "done", "Release.Submitted", "release submitted", "a.b.c", "a.b\n"])
def test_an_action_that_is_not_written_like_one_is_refused(db, action):
    with pytest.raises(ValueError, match="action"):
        services.record(by=None, action=action, subject=("thing", "1"))


@pytest.mark.parametrize(
    "detail",
    [
        {"share": 0.5},
        {"nan": float("nan")},
        {"text": "a\x00b"},
        {"half": "\ud800"},
        {1: "a key that is no text"},
        {"deep": [{"set": {1, 2}}]},
        {"long": "x" * 20_000},
    ],
    ids=["float", "nan", "nul", "surrogate", "key", "set", "long"],
)
def test_a_detail_that_databases_do_not_give_back_alike_is_refused(db, detail):
    with pytest.raises(chain.UnfitDetail):
        services.record(by=None, action="thing.done", subject=("thing", "1"), detail=detail)
    assert not TrailEntry.objects.exists()


def test_something_that_was_not_saved_cannot_be_a_subject(db):
    with pytest.raises(ValueError, match="saved"):
        services.record(by=None, action="thing.done", subject=get_user_model()(username="nobody"))


def test_exact_values_and_times_become_text_and_choices_their_value(db):
    class Colour(models.TextChoices):
        RED = "red"

    assert chain.plain((Decimal("2.50"), datetime(2026, 1, 2, tzinfo=UTC), Colour.RED, True, 10**30, None)) == [
        "2.50",
        "2026-01-02T00:00:00+00:00",
        "red",
        True,
        10**30,
        None,
    ]


TOUCH = {
    "update": "UPDATE audit_trailentry SET action = 'x.y' WHERE seq = 1",
    "update of nothing": "UPDATE audit_trailentry SET action = action",
    "delete": "DELETE FROM audit_trailentry WHERE seq = 2",
    "delete all": "DELETE FROM audit_trailentry",
    "truncate": "TRUNCATE audit_trailentry",
}


@pytest.mark.parametrize("statement", TOUCH.values(), ids=TOUCH.keys())
def test_the_database_refuses_to_change_or_remove_an_entry(trail, statement):
    trail(2)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert services.verify() == services.Verification(True, 2, 0)


def test_the_orm_cannot_change_or_remove_an_entry_either(trail):
    entry = trail(1)[0]
    for change in (entry.delete, TrailEntry.objects.all().delete, lambda: TrailEntry.objects.update(action="x.y")):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_an_actor_who_left_a_trail_cannot_be_deleted(db):
    user = get_user_model().objects.create(username="kim")
    with transaction.atomic():
        services.record(by=user, action="thing.done", subject=("thing", "1"))
    with pytest.raises(models.ProtectedError):
        user.delete()


@pytest.mark.parametrize("table", ["", "Trail", "a b", "a;drop", 'a"b', "a\n"])
def test_the_guard_takes_plain_table_names_only(table):
    with pytest.raises(ValueError, match="plain name"):
        guards.append_only(table)


def test_a_database_that_cannot_keep_the_promise_is_refused():
    with pytest.raises(guards.UnsupportedDatabase):
        guards._install("mysql", "audit_trailentry")
    elsewhere = SimpleNamespace(connection=SimpleNamespace(vendor="mysql"))
    refusal = guards.refusing(event="UPDATE", table="thing", condition="TRUE", message="no", name="thing_stays", function="refuse_thing")
    with pytest.raises(guards.UnsupportedDatabase, match="thing_stays"):
        refusal.code(None, elsewhere)
