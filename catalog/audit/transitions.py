"""Legal transitions as data, and the one way to make one: compare-and-set, with its trail entry, in one transaction.

Learnt from opensafely-core/airlock (business_logic.py) and healthchecks (sendalerts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone

from catalog.audit import services
from catalog.audit.errors import Conflict

if TYPE_CHECKING:
    from catalog.people.models import User


@dataclass(frozen=True, slots=True)
class State:
    """A state: its word in the interface, the one room of the code that owns it, and where it may go."""

    name: str
    owner: str
    to: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return not self.to


@dataclass(frozen=True, slots=True)
class StateTable:
    """All states of one kind of thing; the first is where it begins."""

    subject: str
    states: tuple[State, ...]

    def __post_init__(self) -> None:
        names = [state.name for state in self.states]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.subject}: a state is named twice")
        unknown = {target for state in self.states for target in state.to} - set(names)
        if unknown:
            raise ValueError(f"{self.subject}: unknown target states {sorted(unknown)}")

    @property
    def initial(self) -> str:
        return self.states[0].name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(state.name for state in self.states)

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(name, name) for name in self.names]

    @property
    def open_states(self) -> tuple[str, ...]:
        return tuple(state.name for state in self.states if not state.final)

    def by_name(self) -> Mapping[str, State]:
        return {state.name: state for state in self.states}

    def check(self, old: str, new: str) -> None:
        """Raise :class:`Conflict` unless old → new is in the table."""
        if new not in self.by_name()[old].to:
            raise Conflict(f"A {self.subject} that is {old.replace('_', ' ')} cannot become {new.replace('_', ' ')}.")

    def leads(self, old: str, new: str) -> bool:
        """Whether there is a way of one step or more from ``old`` to ``new``; False for states that are none of it."""
        states = self.by_name()
        if old not in states:
            return False
        reached, ahead = set[str](), [*states[old].to]
        while ahead:
            state = ahead.pop()
            if state not in reached:
                reached.add(state)
                ahead += states[state].to
        return new in reached

    def mermaid(self) -> str:
        """The state diagram for the docs, generated so that it cannot differ from the code."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state in self.states:
            lines += [f"    {state.name} --> {target}" for target in state.to]
            lines += [f"    {state.name} --> [*]"] if state.final else []
        return "\n".join(lines)


def _touched(thing: models.Model) -> dict[str, Any]:
    """An update past the model does not touch ``changed_at`` by itself."""
    return {"changed_at": timezone.now()} if any(field.name == "changed_at" for field in thing._meta.fields) else {}


def move(
    table: StateTable,
    thing: models.Model,
    *,
    to: str | Iterable[str],
    by: User | None,
    action: str,
    detail: Mapping[str, Any] | None = None,
    require: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Move ``thing`` (a row with a ``state``) to a state, or along a path of states, if it still is where we saw it.

    The update is filtered on the old state and on ``require`` (say, the attempt that a worker holds) and must touch
    exactly one row; the trail entry is written in the same transaction. ``thing`` is refreshed afterwards.

    Raises:
        Conflict: the step is not in the table, or another process was faster.
    """
    path = [to] if isinstance(to, str) else list(to)
    old: str = thing.state  # type: ignore[attr-defined]
    step = old
    for target in path:
        table.check(step, target)
        step = target
    values = {"state": step, **_touched(thing), **(changes or {})}
    with transaction.atomic():
        rows = type(thing)._default_manager.filter(pk=thing.pk, state=old, **(require or {}))
        if rows.update(**values) != 1:
            raise Conflict(f"This {table.subject} has changed since you looked at it. Reload it and decide again.")
        services.record(by=by, action=action, subject=thing, detail={"from": old, "to": step, **(detail or {})})
    thing.refresh_from_db()
