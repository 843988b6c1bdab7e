"""Whoever tampers with the trail is seen, even one who owns the database."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from catalog.audit import alarms, chain, checkpoints, services, tasks
from catalog.audit.models import TrailEntry, TrailHead


def rebuild_from(seq: int) -> None:
    """What a clever intruder does: recompute every hash from ``seq`` on, and the head."""
    previous = TrailEntry.objects.filter(seq=seq - 1).values_list("entry_hash", flat=True).first() or chain.GENESIS
    last = seq - 1
    for entry in TrailEntry.objects.filter(seq__gte=seq).order_by("seq"):
        entry.previous_hash = previous
        previous = services._recomputed(entry)
        TrailEntry.objects.filter(seq=entry.seq).update(previous_hash=entry.previous_hash, entry_hash=previous)
        last = entry.seq
    TrailHead.objects.update(seq=last, entry_hash=previous)


def test_an_untouched_trail_is_whole(trail):
    trail(4)
    assert services.verify() == services.Verification(ok=True, entries=4, checkpoints=0)


def test_an_empty_trail_is_whole(db):
    assert services.verify().ok


CHANGES = {
    "at": lambda entry: entry.at + timedelta(microseconds=1),
    "actor_name": lambda entry: "someone else",
    "action": lambda entry: "thing.undone",
    "subject_type": lambda entry: "other",
    "subject_id": lambda entry: "other",
    "detail": lambda entry: {**entry.detail, "n": 99},
    "previous_hash": lambda entry: "f" * 64,
    "entry_hash": lambda entry: "e" * 64,
}


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_changed_entry_is_found_at_its_place(trail, intruder, field, seq):
    trail(5)
    entry = TrailEntry.objects.get(seq=seq)
    TrailEntry.objects.filter(seq=seq).update(**{field: CHANGES[field](entry)})
    found = services.verify()
    assert (found.ok, found.first_bad_seq) == (False, seq)


def test_every_member_of_an_entry_is_covered_by_a_change_above():
    assert {field.attname for field in TrailEntry._meta.fields} - {"seq", "actor_id"} == set(CHANGES)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_removed_entry_is_found_at_its_place(trail, intruder, seq):
    trail(5)
    TrailEntry.objects.filter(seq=seq).delete()
    found = services.verify()
    assert (found.ok, found.first_bad_seq) == (False, seq)


@pytest.mark.parametrize("seq", [6, 7])
def test_an_entry_added_behind_the_head_is_found(trail, intruder, seq):
    last = trail(5)[-1]
    last.seq, last.previous_hash = seq, last.entry_hash
    last.entry_hash = services._recomputed(last)
    last.save(force_insert=True)
    assert not services.verify().ok


def test_two_entries_that_changed_places_are_found(trail, intruder):
    trail(4)
    second, third = TrailEntry.objects.get(seq=2), TrailEntry.objects.get(seq=3)
    TrailEntry.objects.filter(seq__in=(2, 3)).delete()
    for entry, seq in ((second, 3), (third, 2)):
        entry.seq = seq
        entry.save(force_insert=True)
    assert services.verify().first_bad_seq == 2


def test_a_change_with_all_hashes_after_it_recomputed_is_found_by_the_checkpoint(trail, intruder):
    trail(5)
    services.checkpoint()
    TrailEntry.objects.filter(seq=2).update(subject_id="forged")
    rebuild_from(2)
    found = services.verify()
    assert (found.ok, found.first_bad_seq) == (False, 5)
    assert "checkpoint" in found.reason


def test_a_tail_cut_off_with_the_head_set_back_is_found_by_the_checkpoint(trail, intruder):
    trail(5)
    services.checkpoint()
    TrailEntry.objects.filter(seq__gte=4).delete()
    rebuild_from(4)
    found = services.verify()
    assert (found.ok, found.first_bad_seq) == (False, 4)


def test_without_checkpoints_these_two_would_not_be_seen(trail, intruder, checkpoint_place):
    """Shows that the two tests above pass because of the checkpoints, and why they are kept elsewhere."""
    trail(5)
    services.checkpoint()
    TrailEntry.objects.filter(seq__gte=4).delete()
    rebuild_from(4)
    checkpoint_place.unlink()
    assert services.verify().ok


def test_a_chain_replaced_as_a_whole_is_found_by_the_checkpoint(trail, intruder):
    trail(3)
    services.checkpoint()
    TrailEntry.objects.all().delete()
    TrailHead.objects.update(seq=0, entry_hash=chain.GENESIS)
    trail(6)
    TrailEntry.objects.filter(seq=1).update(detail={})
    rebuild_from(1)
    assert services.verify().first_bad_seq == 3


def test_a_missing_head_is_found(trail, intruder):
    trail(2)
    TrailHead.objects.all().delete()
    assert not services.verify().ok


def test_a_checker_that_trusts_the_stored_hash_would_miss_a_change(trail, intruder, monkeypatch):
    trail(3)
    TrailEntry.objects.filter(seq=2).update(subject_id="forged")
    assert not services.verify().ok
    monkeypatch.setattr(services, "_recomputed", lambda entry: entry.entry_hash)
    assert services.verify().ok


def test_a_broken_trail_is_never_signed(trail, intruder, checkpoint_place):
    trail(3)
    TrailEntry.objects.filter(seq=2).update(subject_id="forged")
    with pytest.raises(services.TrailBroken):
        services.checkpoint()
    assert not checkpoint_place.exists()


def test_checkpoints_follow_each_other_and_one_place_is_signed_once(trail, checkpoint_place):
    for _ in range(3):
        trail(2)
        tasks.checkpoint()
        tasks.checkpoint()
    assert sorted(checkpoints.read().vouched) == [2, 3, 5, 7]  # 3: that the file was begun
    assert services.verify().checkpoints == 4


TAMPERED = {
    "another hash": lambda lines: [lines[0].replace(json.loads(lines[0])["entry_hash"], "a" * 64), *lines[1:]],
    "another seq": lambda lines: [lines[0].replace('"seq": 2', '"seq": 1'), *lines[1:]],
    "a line removed": lambda lines: [lines[0], lines[2]],
    "the first line removed": lambda lines: lines[1:],
    "two lines swapped": lambda lines: [lines[1], lines[0], lines[2]],
    "no JSON": lambda lines: ["seq 2", *lines],
    "JSON, but no checkpoint": lambda lines: ["[]", *lines],
    "a seal of nothing": lambda lines: [json.dumps({**json.loads(lines[0]), "seal": None}), *lines[1:]],
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_checkpoint_file_that_was_touched_is_found(trail, checkpoint_place, tamper):
    for _ in range(3):
        trail(2)
        services.checkpoint()
    lines = checkpoint_place.read_text().splitlines()
    checkpoint_place.write_text("\n".join(tamper(lines)) + "\n")
    assert not services.verify().ok
    with pytest.raises(checkpoints.BadCheckpoint):
        checkpoints.read()


def test_checkpoints_of_another_key_are_worth_nothing(trail, settings):
    trail(2)
    services.checkpoint()
    settings.TRAIL_CHECKPOINT_KEY = "another key"
    assert not services.verify().ok


def test_without_a_key_nothing_is_signed_and_nothing_counts_as_checked(trail, settings):
    trail(2)
    services.checkpoint()
    settings.TRAIL_CHECKPOINT_KEY = ""
    with pytest.raises(checkpoints.NoKey):
        services.checkpoint()
    with pytest.raises(checkpoints.NoKey):
        services.verify()


def test_the_command_says_that_a_trail_is_whole(trail, capsys):
    trail(2)
    call_command("checkpoint_trail")
    call_command("verify_trail", "--require-checkpoint")
    assert "3 entries, 1 signed checkpoints" in capsys.readouterr().out


def test_the_command_fails_and_says_where(trail, intruder, capsys):
    trail(3)
    TrailEntry.objects.filter(seq=2).update(subject_id="forged")
    with pytest.raises(SystemExit) as exit:
        call_command("verify_trail")
    assert exit.value.code == 1
    assert "entry 2" in capsys.readouterr().err
    with pytest.raises(CommandError, match="entry 2"):
        call_command("checkpoint_trail")


def test_the_command_can_insist_on_a_checkpoint(trail):
    trail(1)
    with pytest.raises(SystemExit):
        call_command("verify_trail", "--require-checkpoint")


def test_entries_of_one_transaction_are_whole_when_it_commits(db):
    with transaction.atomic():
        for n in range(3):
            services.record(by=None, action="thing.done", subject=("thing", str(n)))
    assert services.verify().entries == 3


def test_an_entry_put_down_to_somebody_else_is_found(trail, intruder, django_user_model):
    trail(2)
    TrailEntry.objects.filter(seq=2).update(actor=django_user_model.objects.create(username="scapegoat"))
    assert services.verify().first_bad_seq == 2


# --- a line that was cut off while it was written ------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 20, -1], ids=["a sign", "some", "all but its end"])
def test_a_torn_last_line_is_named_as_such_and_mended_by_the_next_checkpoint(trail, checkpoint_place, left, capsys):
    for _ in range(3):
        trail(2)
        services.checkpoint()
    lines = checkpoint_place.read_bytes().splitlines(keepends=True)
    checkpoint_place.write_bytes(b"".join(lines[:2]) + lines[2][:left])
    verification = services.verify()
    assert (verification.ok, verification.torn_checkpoint, verification.checkpoints) == (True, True, 2)
    call_command("verify_trail")
    assert "was cut off while it was written" in capsys.readouterr().out
    trail(1)
    services.checkpoint()
    verification = services.verify()
    assert (verification.ok, verification.torn_checkpoint, verification.checkpoints) == (True, False, 3)
    assert TrailEntry.objects.filter(action="trail.checkpoint_mended").count() == 1


def test_a_line_that_was_cut_in_the_middle_of_the_file_is_tampering(trail, checkpoint_place):
    for _ in range(3):
        trail(2)
        services.checkpoint()
    lines = checkpoint_place.read_bytes().splitlines(keepends=True)
    checkpoint_place.write_bytes(lines[0] + lines[1][:20] + lines[2])
    assert not services.verify().ok


def test_a_checkpoint_that_meets_a_full_disk_is_taken_back_whole(trail, checkpoint_place, monkeypatch):
    trail(2)
    services.checkpoint()
    before = checkpoint_place.read_bytes()
    trail(2)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        services.checkpoint()
    monkeypatch.undo()
    assert checkpoint_place.read_bytes() == before
    services.checkpoint()
    assert services.verify().checkpoints == 2


def test_a_trail_that_is_not_whole_raises_an_alarm_which_goes_when_it_is_whole_again(trail, intruder):
    trail(3)
    kept = TrailEntry.objects.get(seq=2).subject_id
    TrailEntry.objects.filter(seq=2).update(subject_id="forged")
    tasks.checkpoint()
    tasks.checkpoint()
    assert [alarm.code for alarm in alarms.open_alarms()] == ["trail_broken"]
    TrailEntry.objects.filter(seq=2).update(subject_id=kept)
    tasks.checkpoint()
    assert not alarms.open_alarms().exists()
