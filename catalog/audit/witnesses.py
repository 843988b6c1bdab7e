"""The trail as the witness: what its entries tell, held against what the tables say now.

The chain shows that nobody has touched the trail; only a comparison shows that nobody has touched what it tells of. Each
room registers its own (imports run downwards, so this one knows none of their tables): a plain function that is given the
entries of its actions, oldest first and once, and yields what differs. What moves from state to state is compared alike for
every room, from its table of transitions.

Entries written before they told of something cannot witness it. That is no discrepancy, but it is counted (:class:`Unsaid`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import Model

from catalog.audit import chain
from catalog.audit.models import TrailEntry

if TYPE_CHECKING:
    from catalog.audit.transitions import StateTable

log = logging.getLogger(__name__)

MISSING: Final = "missing"
UNRECORDED: Final = "unrecorded"
NOTHING: Final = "nothing"
LONGEST: Final = 200


class Said(NamedTuple):
    """An entry of the trail, as far as it is a witness."""

    seq: int
    at: datetime
    actor_id: int | None
    action: str
    subject_type: str
    subject_id: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Trail and table do not say the same of ``subject`` (its type and its id, as in the trail).

    ``what``: the member that differs; ``missing`` for a row that the trail tells of and that is gone, ``unrecorded`` for
    one that it never told of. ``trail`` and ``table``: what each says, at most 200 characters.
    """

    subject: tuple[str, str]
    what: str
    trail: str
    table: str

    def __str__(self) -> str:
        return f"{self.subject[0]} {self.subject[1]}: {self.what}: the trail says {self.trail}, the table says {self.table}"


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Members of a row that its entry, written by earlier code, does not tell of: they are not witnessed."""

    subject: tuple[str, str]
    members: tuple[str, ...]


Finding: TypeAlias = Discrepancy | Unsaid
Comparison: TypeAlias = Callable[[Iterable[Said]], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Stateful:
    """A kind of thing that moves through a table of states, each move an entry of the trail with ``from`` and ``to``.

    ``claimed``: the one step that no entry tells of, a worker that takes it up. ``born``: the action that tells of a new
    one; None where that is told of something else, and compared by the room itself.
    """

    table: StateTable
    model: type[Model]
    claimed: tuple[str, str] | None = None
    born: str | None = None

    @property
    def subject_type(self) -> str:
        return str(self.model._meta.model_name)

    def may_be(self, told: str) -> tuple[str, ...]:
        """The states that a row may have whose last entry tells of ``told``."""
        return (told, self.claimed[1]) if self.claimed and self.claimed[0] == told else (told,)


_comparisons: dict[Comparison, tuple[str, ...]] = {}
_stateful: dict[str, Stateful] = {}


def register(actions: Collection[str], comparison: Comparison) -> None:
    """Have ``comparison`` called at every verification, with the entries of these actions."""
    _comparisons[comparison] = tuple(actions)


def register_states(*kinds: Stateful) -> None:
    """Have the states of these kinds of things compared at every verification."""
    _stateful.update({kind.subject_type: kind for kind in kinds})


def compare() -> Iterator[Finding]:
    """What every registered comparison finds, in a view of the database that no writer changes meanwhile."""
    yield from _heard("states", _states, said(subject_type__in=sorted(_stateful)))
    for comparison, actions in list(_comparisons.items()):
        yield from _heard(comparison.__module__, comparison, said(action__in=actions))


def said(**chosen: Any) -> Iterator[Said]:
    """The entries that are chosen by fields, oldest first, streamed."""
    rows = TrailEntry.objects.filter(**chosen).order_by("seq").values_list(*Said._fields)
    return map(Said._make, rows.iterator(chunk_size=2000))


def _heard(name: str, comparison: Comparison, entries: Iterable[Said]) -> Iterator[Finding]:
    """A trail or a table so broken that it cannot be compared is a finding, and keeps no other comparison from being made."""
    try:
        yield from comparison(entries)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        log.exception("the comparison %s stopped", name)
        yield Discrepancy(("comparison", name), "stopped", NOTHING, f"cannot be compared: {type(error).__name__}")


@contextmanager
def one_view() -> Iterator[None]:
    """All that the block reads is of one moment, and nobody has to wait for it; within a transaction it is that one's view."""
    if connection.in_atomic_block:
        yield
        return
    with _read_only_begin(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def _read_only_begin() -> Iterator[None]:
    """On SQLite a transaction begins as a writer's, which all others wait for (opendata/env.py); this one as a reader's."""
    own = vars(connections[DEFAULT_DB_ALIAS])
    usual = own.get("transaction_mode")
    if usual is not None:
        own["transaction_mode"] = "DEFERRED"
    try:
        yield
    finally:
        if usual is not None:
            own["transaction_mode"] = usual


# --- what comparisons are made of ------------------------------------------------------------------------------------


def differing(subject: tuple[str, str], told: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[Finding]:
    """Each member of ``row`` that the trail tells otherwise; those that it does not tell at all are one finding together."""
    unsaid = tuple(name for name in row if name not in told)
    for name, value in row.items():
        if name in told and told[name] != chain.plain(value):
            yield Discrepancy(subject, name, shown(told[name]), shown(value))
    if unsaid:
        yield Unsaid(subject, unsaid)


def missing(subject: tuple[str, str], told: Any) -> Discrepancy:
    """The trail tells of a row that is not there."""
    return Discrepancy(subject, MISSING, shown(told), NOTHING)


def unrecorded(subject: tuple[str, str], there: Any) -> Discrepancy:
    """A row is there that the trail does not tell of."""
    return Discrepancy(subject, UNRECORDED, NOTHING, shown(there))


def shown(value: Any) -> str:
    """A value for a reader, at most 200 characters."""
    known = chain.plain(value)
    text = known if isinstance(known, str) else chain.canonical(known).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


# --- states ----------------------------------------------------------------------------------------------------------


def _states(entries: Iterable[Said]) -> Iterator[Finding]:
    """Every step that the trail tells is one that there is, follows on the one before, and ends where the row is."""
    last: dict[str, dict[str, str]] = {name: {} for name in _stateful}
    born: dict[str, set[str]] = {name: set() for name in _stateful}
    for entry in entries:
        kind = _stateful[entry.subject_type]
        if entry.action == kind.born:
            born[entry.subject_type].add(entry.subject_id)
        old, new = entry.detail.get("from"), entry.detail.get("to")
        if not (isinstance(old, str) and isinstance(new, str)):
            continue
        seen = last[entry.subject_type]
        before = seen.get(entry.subject_id, kind.table.initial)
        subject = (entry.subject_type, entry.subject_id)
        if old not in kind.may_be(before):
            yield Discrepancy(subject, "state", f"entry {entry.seq} goes on from {old}, the one before ended in {before}", new)
        elif not kind.table.leads(old, new):
            yield Discrepancy(subject, "state", f"entry {entry.seq} goes from {old} to {new}", "there is no such step")
        seen[entry.subject_id] = new
    for name, kind in _stateful.items():
        yield from _rows_of(kind, last[name], born[name])


def _rows_of(kind: Stateful, last: dict[str, str], born: set[str]) -> Iterator[Finding]:
    for pk, state in kind.model._default_manager.order_by("pk").values_list("pk", "state").iterator(chunk_size=2000):
        subject = (kind.subject_type, str(pk))
        told = last.pop(subject[1], kind.table.initial)
        if kind.born and subject[1] not in born:
            yield unrecorded(subject, state)
        elif state not in kind.may_be(told):
            yield Discrepancy(subject, "state", told, shown(state))
        born.discard(subject[1])
    for gone in sorted({*last, *born} if kind.born else ()):
        yield missing((kind.subject_type, gone), last.get(gone, kind.table.initial))
