"""Combinatorial refinement: what the way of a local recoding gives away, with no knowledge from elsewhere.

A method that keeps detail wherever it can publishes a row in the finest class that can hold it. So where the region of a
class A lies within that of a class B, no row of B can be one that A would have taken: B stands for less than its labels
say. That is downcoding (Cohen, "Attacks on deidentification's defenses", USENIX Security 2022) and, as an attack on sensitive
values, combinatorial refinement (Chhillar et al., arXiv 2509.03350, shown on ARX). The attack here draws the conclusions that
follow from pairs of nested classes; a linear program over all classes can draw more, so it is a lower bound.
Classes of a full-domain or a fixed scheme do not overlap: nothing follows, and every share is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.coding import Booleans, Coded, CodedColumn, Integers, distinct_rows
from anonymize.risk.rates import generator, wilson

STEP = 128
"""Classes looked at together."""


@dataclass(frozen=True)
class _Classes:
    """``labels``: (class, column); ``of``: (row of the release,) its class; ``sizes``: (class,) rows."""

    columns: tuple[CodedColumn, ...]
    labels: Integers
    of: Integers
    sizes: Integers

    def inside(self, whole: Integers) -> Booleans:
        """(len(whole), class): does the class's region lie within that of class ``whole[i]`` without being equal?"""
        within = np.ones((len(whole), len(self.labels)), dtype=bool)
        smaller = np.zeros_like(within)
        for j, column in enumerate(self.columns):
            used, place = np.unique(self.labels[whole, j], return_inverse=True)
            shared = _shared(column, used)  # (used label, label) → leaves in both
            own, other = self.labels[:, j], self.labels[whole, j]
            within &= (shared == column.sizes[None, :])[place][:, own] & (column.sizes > 0)[own]
            smaller |= column.sizes[own][None, :] < column.sizes[other][:, None]
        return within & smaller


def _shared(column: CodedColumn, used: Integers) -> Integers:
    marked = np.zeros((len(used), column.leaves + 1), dtype=np.int32)
    for i, label in enumerate(used):
        marked[i, column.covered(int(label))] = 1
    sums = np.zeros((len(used), len(column.members) + 1), dtype=np.int32)
    np.cumsum(marked[:, column.members], axis=1, out=sums[:, 1:])
    return np.asarray(sums[:, column.starts[1:]] - sums[:, column.starts[:-1]], dtype=np.int64)


def refinement(
    tables: Coded,
    quasi_identifiers: Sequence[int],
    secrets: Sequence[int] = (),
    *,
    rows: int = 1000,
    targets: int = 1000,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """Run the attack on a release; every share with its Wilson 95 % interval, over sampled rows or persons.

    Over rows: ``overlapping``: a finer class lies within the row's; ``downcoded``: the plausible leaves of some column are
    fewer than its label says; ``pinned``: they are one; ``refuted``: what was concluded cannot be true of the original
    (fewer persons are left in the region than the class has rows): then the release was not made in that way.
    Over persons whose quasi-identifiers the attacker knows: ``secrets`` has for each sensitive column ``narrowed``: the
    sensitive values that the person may have are fewer after refinement; ``pinned_before``, ``pinned_after``: they are one
    before and after it, and ``pinned_right``: of those pinned after it, how often it is the person's own value.
    """
    draw = rng or generator()
    places = list(quasi_identifiers)
    quasi = tables.only(places)
    labels, of, sizes = distinct_rows(quasi.release)
    classes = _Classes(quasi.columns, labels, of, sizes)
    sampled = draw.choice(len(classes.of), min(rows, len(classes.of)), replace=False)
    people = draw.choice(len(tables.original), min(targets, len(tables.original)), replace=False)
    found = _secrets(tables, classes, places, list(secrets), people) if len(labels) else {}
    return {"classes": len(labels), **_rows(quasi, classes, classes.of[sampled]), "secrets": found}


def _rows(quasi: Coded, classes: _Classes, sampled: Integers) -> dict[str, Any]:
    seen, times = np.unique(sampled, return_counts=True)
    counted = dict.fromkeys(("overlapping", "downcoded", "pinned", "refuted"), 0)
    for start in range(0, len(seen), STEP):
        part = seen[start : start + STEP]
        for whole, nested, rows in zip(part, classes.inside(part), times[start : start + STEP], strict=True):
            inner = np.flatnonzero(nested)
            if len(inner):
                outcome = _narrowed(quasi, classes, int(whole), inner)
                for name in counted:
                    counted[name] += int(rows) if outcome[name] else 0
    return {name: wilson(count, len(sampled)).as_dict() for name, count in counted.items()}


def _narrowed(quasi: Coded, classes: _Classes, whole: int, inner: Integers) -> dict[str, bool]:
    """What follows for the class ``whole`` from the classes ``inner`` within it."""
    sizes = np.column_stack([c.sizes[classes.labels[inner, j]] for j, c in enumerate(classes.columns)])
    full = np.array([c.sizes[classes.labels[whole, j]] for j, c in enumerate(classes.columns)])
    finer = sizes < full  # (inner class, column)
    downcoded = pinned = False
    for j, column in enumerate(classes.columns):
        slabs = inner[finer[:, j] & (finer.sum(axis=1) == 1)]  # equal in every other column: whole leaves fall away
        gone = {int(leaf) for a in slabs for leaf in column.covered(int(classes.labels[a, j]))}
        downcoded |= bool(gone)
        pinned |= bool(gone) and full[j] - len(gone) == 1
    left = _covers(classes, quasi.original, whole)
    for a in inner:
        left &= ~_covers(classes, quasi.original, int(a))
    return {"overlapping": True, "downcoded": downcoded, "pinned": pinned, "refuted": int(left.sum()) < int(classes.sizes[whole])}


def _covers(classes: _Classes, people: Integers, which: int) -> Booleans:
    """(person,): is the person in the region of a class?"""
    inside = np.ones(len(people), dtype=bool)
    for j, column in enumerate(classes.columns):
        leaves = np.zeros(column.leaves, dtype=bool)
        leaves[column.covered(int(classes.labels[which, j]))] = True
        inside &= leaves[people[:, j]]
    return inside


# --- sensitive values of persons ---------------------------------------------------------------------------------


def _secrets(tables: Coded, classes: _Classes, places: list[int], secrets: list[int], people: Integers) -> dict[str, Any]:
    values = {s: _values(classes, tables.release[:, s], tables.columns[s].labels) for s in secrets}
    counted = {s: dict.fromkeys(("narrowed", "pinned_before", "pinned_after", "right"), 0) for s in secrets}
    there = 0
    for start in range(0, len(people), STEP):
        part = tables.original[people[start : start + STEP]]
        able = np.ones((len(part), len(classes.labels)), dtype=bool)
        for j, place in enumerate(places):
            able &= classes.columns[j].cover(part[:, place])[:, classes.labels[:, j]]
        for person, candidates in zip(part, able, strict=True):
            before = np.flatnonzero(candidates)
            there += len(before) > 0
            after = _finest(classes, before)
            for s in secrets if len(before) else ():
                _score(counted[s], values[s], tables.columns[s], before, after, int(person[s]))
    return {tables.columns[s].name: _shares(counted[s], there) for s in secrets}


def _finest(classes: _Classes, candidates: Integers) -> Integers:
    """The candidates within which no other candidate lies."""
    if len(candidates) < 2:
        return candidates
    among = _Classes(classes.columns, classes.labels[candidates], candidates, classes.sizes[candidates])
    return candidates[~among.inside(np.arange(len(candidates))).any(axis=1)]


def _values(classes: _Classes, labels: Integers, count: int) -> Booleans:
    """(class, label): does the class hold the sensitive label?"""
    held = np.zeros((len(classes.labels), count), dtype=bool)
    held[classes.of, labels] = True
    return held


def _score(counted: dict[str, int], held: Booleans, column: CodedColumn, before: Integers, after: Integers, truth: int) -> None:
    wide, narrow = held[before].any(axis=0), held[after].any(axis=0)
    counted["narrowed"] += int(narrow.sum()) < int(wide.sum())
    counted["pinned_before"] += int(wide.sum()) == 1
    if int(narrow.sum()) == 1:
        counted["pinned_after"] += 1
        counted["right"] += truth in column.covered(int(np.flatnonzero(narrow)[0]))


def _shares(counted: dict[str, int], there: int) -> dict[str, Any]:
    shares = {name: wilson(counted[name], there).as_dict() for name in ("narrowed", "pinned_before", "pinned_after")}
    return {**shares, "pinned_right": wilson(counted["right"], counted["pinned_after"]).as_dict()}
