"""Writing the trail, and finding out whether anybody has tampered with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from catalog.audit import chain, checkpoints, witnesses
from catalog.audit.models import TrailEntry, TrailHead

ACTION: Final = re.compile(r"[a-z_]+\.[a-z_]+")
SYSTEM: Final = "system"
CHECKPOINTS: Final = ("trail", "checkpoints")
BEGUN: Final = "trail.checkpoints_begun"
MOST_DISCREPANCIES: Final = 100


class OutsideTransaction(RuntimeError):
    """The trail is written in the transaction of the change it tells of, or not at all."""


class TrailBroken(RuntimeError):
    """The trail does not verify, so nothing may be vouched for."""


class RecordsDisagree(TrailBroken):
    """The trail is whole, and the tables do not say what it says. ``verification`` has what differs."""

    def __init__(self, message: str, verification: Verification) -> None:
        super().__init__(message)
        self.verification = verification


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found. ``first_bad_seq`` is the first entry that is not what it was, or is missing.

    ``ok``: the chain is whole, the checkpoints agree, and the tables say what the trail says.
    """

    ok: bool
    entries: int
    checkpoints: int
    first_bad_seq: int | None = None
    reason: str = ""
    discrepancies: tuple[witnesses.Discrepancy, ...] = ()
    """What trail and tables do not say alike, at most :data:`MOST_DISCREPANCIES` of ``differences`` in all. Of a trail that
    is broken they are shown too, and worth as much as the trail."""
    differences: int = 0
    unsaid: int = 0
    """Rows of which the trail, written by earlier code, does not tell all that is compared."""
    torn_checkpoint: bool = False
    """The checkpoint file ends in a line that was cut off while it was written: no tampering, and mended with the next."""


def record(
    *,
    by: AbstractBaseUser | None,
    action: str,
    subject: tuple[str, str] | Model,
    detail: Mapping[str, Any] | None = None,
) -> TrailEntry:
    """Append one entry, in the caller's transaction; ``by=None`` is the system itself.

    Writers queue for the trail's head from here to their commit, so call this last: take other locks (a population's
    ledger, a row under review) first. ``detail`` holds ids, states and hashes, never a value of a person.

    Raises:
        OutsideTransaction: there is no transaction to share.
        ValueError: the action is not written like ``release.submitted``, or the detail cannot be kept.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction("record() shares the transaction of the change: open transaction.atomic() for both.")
    if not ACTION.fullmatch(action):
        raise ValueError("An action is written like release.submitted.")
    subject_type, subject_id = _subject(subject)
    head = _locked_head()
    said: dict[str, Any] = {
        "seq": head.seq + 1,
        "at": timezone.now(),
        "actor_id": by.pk if by is not None else None,
        "actor_name": by.get_username() if by is not None else SYSTEM,
        "action": action,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "detail": chain.checked_detail(detail),
        "previous_hash": head.entry_hash,
    }
    entry = TrailEntry.objects.create(**said, entry_hash=chain.entry_hash(**said))
    head.seq, head.entry_hash = entry.seq, entry.entry_hash
    head.save(update_fields=["seq", "entry_hash"], force_update=True)
    return entry


def _subject(subject: tuple[str, str] | Model) -> tuple[str, str]:
    if isinstance(subject, Model):
        if subject.pk is None:
            raise ValueError("The trail cannot point at something that was not saved.")
        return str(subject._meta.model_name), str(subject.pk)
    return str(subject[0]), str(subject[1])


def _locked_head() -> TrailHead:
    """The head, locked until the transaction ends (on SQLite, immediate transactions are the lock)."""
    return TrailHead.objects.select_for_update().get(pk=1)


def verify() -> Verification:
    """Recompute the whole chain, compare it with its head and with the signed checkpoints, and the tables with what it tells.

    Sees changed, removed and inserted entries by their hashes and gaps; a tail that was cut off by the head, and, if
    the head was set back too, by the checkpoints; a chain that was replaced as a whole by the checkpoints. Then the trail
    is the witness of everything else: see catalog/audit/witnesses.py and the rooms' own. Writers need not wait.
    """
    with witnesses.one_view():
        return _compared(_chain())


def _chain() -> Verification:
    try:
        signed = checkpoints.read()
    except checkpoints.BadCheckpoint as error:
        return Verification(False, TrailEntry.objects.count(), 0, None, str(error))
    vouched = signed.vouched
    head = TrailHead.objects.filter(pk=1).first()
    if head is None:
        return Verification(False, TrailEntry.objects.count(), len(vouched), 1, "the head of the trail is missing")
    verification = _follow(TrailEntry.objects.order_by("seq").iterator(chunk_size=2000), head, vouched)
    return replace(verification, torn_checkpoint=signed.torn)


def _compared(verification: Verification) -> Verification:
    """With what differs between trail and tables, counted whole and kept up to a bound."""
    kept: list[witnesses.Discrepancy] = []
    differences = unsaid = 0
    for finding in witnesses.compare():
        if isinstance(finding, witnesses.Unsaid):
            unsaid += 1
            continue
        differences += 1
        if len(kept) < MOST_DISCREPANCIES:
            kept.append(finding)
    ok = verification.ok and not differences
    return replace(verification, ok=ok, discrepancies=tuple(kept), differences=differences, unsaid=unsaid)


def _follow(entries: Iterable[TrailEntry], head: TrailHead, vouched: Mapping[int, str]) -> Verification:
    previous, seq = chain.GENESIS, 0
    for entry in entries:
        fault = _fault(entry, seq + 1, previous, vouched)
        if fault:
            return Verification(False, seq, len(vouched), min(entry.seq, seq + 1), fault)
        previous, seq = entry.entry_hash, entry.seq
    fault = _fault_at_the_end(seq, previous, head, vouched)
    return Verification(not fault, seq, len(vouched), seq + 1 if fault else None, fault)


def _fault(entry: TrailEntry, expected: int, previous: str, vouched: Mapping[int, str]) -> str:
    if entry.seq != expected:
        return f"entry {expected} is missing" if entry.seq > expected else f"entry {entry.seq} was inserted"
    if entry.previous_hash != previous:
        return "it does not follow the entry before it: one of the two was inserted, removed or replaced"
    if entry.entry_hash != _recomputed(entry):
        return "its content was changed"
    if vouched.get(entry.seq, entry.entry_hash) != entry.entry_hash:
        return "it differs from a signed checkpoint: the trail was replaced"
    return ""


def _fault_at_the_end(seq: int, last_hash: str, head: TrailHead, vouched: Mapping[int, str]) -> str:
    if max(vouched, default=0) > seq:
        return "entries that a signed checkpoint vouches for are missing: the end was cut off"
    if (head.seq, head.entry_hash) != (seq, last_hash):
        return "the head of the trail does not point at its last entry: entries were removed or added"
    return ""


def _recomputed(entry: TrailEntry) -> str:
    return chain.entry_hash(
        seq=entry.seq,
        at=entry.at,
        actor_id=entry.actor_id,
        actor_name=entry.actor_name,
        action=entry.action,
        subject_type=entry.subject_type,
        subject_id=entry.subject_id,
        detail=entry.detail,
        previous_hash=entry.previous_hash,
    )


def checkpoint() -> int:
    """Verify the trail, then sign where it stands, in the file outside the database. Returns the seq vouched for.

    What is not so is not signed: a checkpoint says that trail and tables agreed.

    Raises:
        TrailBroken: the trail does not verify; nothing was signed.
        RecordsDisagree: it does, and the tables say something else; nothing was signed.
        checkpoints.NoKey: no key is set to sign with.
    """
    found = verify()
    if found.reason:
        raise TrailBroken(f"Not signed: at entry {found.first_bad_seq}, {found.reason}.")
    if not found.ok:
        raise RecordsDisagree(f"Not signed: {found.differences} records are not what the trail says: {found.discrepancies[0]}.", found)
    last = TrailEntry.objects.filter(seq=found.entries).values_list("entry_hash", flat=True).first()
    appended = checkpoints.append(seq=found.entries, entry_hash=last or chain.GENESIS)
    with transaction.atomic():
        if appended.torn:
            record(by=None, action="trail.checkpoint_mended", subject=CHECKPOINTS)
        if appended.begun:
            record(by=None, action=BEGUN, subject=CHECKPOINTS)
    return found.entries


def begun_anew() -> bool:
    """Whether a file of checkpoints was begun more than once: the one before is gone, and what it vouched for with it."""
    return TrailEntry.objects.filter(action=BEGUN).count() > 1
