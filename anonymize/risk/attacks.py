"""Singling out, linkability and inference: three attacks, each also on people who are not in the release.

An attacker sees the release and knows columns of a target from elsewhere. What works equally well on held-out people,
the control group, is statistics that hold for everybody; only what works better on people in the release is a risk.
After Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023, which follows
WP29 Opinion 05/2014. Generalised labels are read as what they cover: see :mod:`anonymize.risk.coding`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anonymize.risk.coding import Booleans, Coded, CodedColumn, Integers, distinct_rows
from anonymize.risk.rates import Rate, beyond, generator, wilson

Bits = npt.NDArray[np.uint8]
CHUNK = 4_000_000
"""Cells (target × distinct row) that are held at once."""
TIE = 1e-6
"""Distances closer than this are equal: sums of 32-bit floats; a difference between two values is at least 1e-4."""


@dataclass(frozen=True, slots=True)
class Attack:
    """How an attack fared. ``baseline``: the same by guessing; ``control``: on people who are not in the release, if any."""

    name: str
    attack: Rate
    baseline: Rate
    control: Rate | None

    def as_dict(self) -> dict[str, Any]:
        """Rates in [0, 1]; ``risk``: what the release adds, beyond the control group where there is one, else beyond guessing."""
        against = self.control if self.control is not None else self.baseline
        return {
            "attack": self.attack.as_dict(),
            "baseline": self.baseline.as_dict(),
            "control": None if self.control is None else self.control.as_dict(),
            "risk": {**beyond(self.attack, against), "beyond": "control" if self.control is not None else "baseline"},
        }


# --- singling out ------------------------------------------------------------------------------------------------

Test = tuple[int, str, int]
"""(column, one of "=", "<=", ">=", label)."""


class _Rows:
    """Which rows of one table pass a test, as bits; each test is looked at once."""

    def __init__(self, columns: Sequence[CodedColumn], codes: Integers, *, released: bool) -> None:
        self.columns, self.codes, self.released = columns, codes, released
        self.known: dict[Test, Bits] = {}

    def passing(self, test: Test) -> Bits:
        if test not in self.known:
            if len(self.known) * len(self.codes) > 8 * 200_000_000:  # 200 MB of bits
                self.known.clear()
            self.known[test] = np.packbits(self._passes(test)[self.codes[:, test[0]]])
        return self.known[test]

    def _passes(self, test: Test) -> Booleans:
        """(code,) of the test's column: labels for the release, leaves for people."""
        place, sign, label = test
        column = self.columns[place]
        passes = np.zeros(column.labels if self.released else column.leaves, dtype=bool)
        if sign == "=":
            passes[label if self.released else column.covered(label)] = True
            return passes
        numbers = column.numbers if column.numbers is not None else np.zeros(column.leaves)
        numbers = numbers[column.members] if self.released else numbers  # such a column's labels are single leaves
        bound = (column.numbers if column.numbers is not None else numbers)[column.covered(label)[0]]
        return np.asarray(numbers <= bound if sign == "<=" else numbers >= bound)

    def matches(self, query: tuple[Test, ...]) -> int:
        rows = self.passing(query[0])
        for test in query[1:]:
            rows = rows & self.passing(test)
        return int(np.bitwise_count(rows).sum())


def singling_out(
    tables: Coded, *, queries: int = 2000, columns: int | None = None, attempts: int = 20, rng: np.random.Generator | None = None
) -> Attack:
    """Queries "column a is A and column b is B and …" that match exactly one person.

    The attacker takes ``columns`` values (default: a random number of them) of a random row of the release (for numbers
    published as they are: at least, or at most, by the side of the median), and keeps the different queries that match
    one row of the release, until there are ``queries`` or ``attempts`` times as many were tried. Success: one person of
    the original matches. Control: one of the held-out people does; a control group smaller than the original matches
    less by coincidence, which overstates the risk. Baseline: random labels, kept without looking at the release.
    """
    draw = rng or generator()
    people = _Rows(tables.columns, tables.original, released=False)
    if not len(tables.release) or not tables.columns:
        nothing = wilson(0, 0)
        return Attack("singling_out", nothing, nothing, None if tables.holdout is None else nothing)
    kept = _alone_in_release(tables, queries, columns, attempts * queries, draw)
    random = [_random_query(tables, len(query), draw) for query in kept]
    control = None
    if tables.holdout is not None:
        held = _Rows(tables.columns, tables.holdout, released=False)
        control = wilson(sum(held.matches(query) == 1 for query in kept), len(kept))
    return Attack(
        "singling_out",
        wilson(sum(people.matches(query) == 1 for query in kept), len(kept)),
        wilson(sum(people.matches(query) == 1 for query in random), len(random)),
        control,
    )


def _alone_in_release(tables: Coded, queries: int, columns: int | None, attempts: int, draw: np.random.Generator) -> list[tuple[Test, ...]]:
    rows = _Rows(tables.columns, tables.release, released=True)
    medians = [_median(column, tables.release[:, i]) for i, column in enumerate(tables.columns)]
    kept: dict[tuple[Test, ...], None] = {}
    tried: set[tuple[Test, ...]] = set()
    for _ in range(attempts):
        if len(kept) >= queries:
            break
        row = tables.release[draw.integers(len(tables.release))]
        width = draw.integers(1, len(row) + 1) if columns is None else min(columns, len(row))
        places = np.sort(draw.choice(len(row), width, replace=False))
        query = tuple((int(i), _sign(tables.columns[i], int(row[i]), medians[i]), int(row[i])) for i in places)
        if query not in tried:
            tried.add(query)
            if rows.matches(query) == 1:
                kept[query] = None
    return list(kept)


def _random_query(tables: Coded, width: int, draw: np.random.Generator) -> tuple[Test, ...]:
    places = np.sort(draw.choice(len(tables.columns), width, replace=False))
    return tuple((int(i), "=", int(draw.integers(tables.columns[i].labels))) for i in places)


def _median(column: CodedColumn, labels: Integers) -> float | None:
    """The middle of a column of numbers that are published as they are; ``None`` for every other column."""
    if column.numbers is None or not (column.sizes == 1).all() or not np.isfinite(column.numbers[column.members]).any():
        return None
    return float(np.nanmedian(column.numbers[column.members][labels]))


def _sign(column: CodedColumn, label: int, median: float | None) -> str:
    if median is None or column.numbers is None or np.isnan(column.numbers[column.covered(label)[0]]):
        return "="
    return ">=" if column.numbers[column.covered(label)[0]] > median else "<="


# --- nearest rows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Near:
    """The rows of a release nearest to one person, all equally near.

    ``codes``: which distinct rows of the release they are; ``of``: (row of the release,) its distinct row, the same array
    for all persons; ``rows``: how many rows of the release that makes; ``distance``: 0 where they cover the person.
    """

    codes: Integers
    of: Integers
    rows: int
    distance: float


def nearest(tables: Coded, people: Integers, known: Sequence[int]) -> Iterator[Near]:
    """The nearest rows of the release for each person, a row of leaf codes, in order.

    Nearest by the sum over the ``known`` columns of :meth:`CodedColumn.distance` (Gower, Biometrics 27, 1971).
    """
    places = list(known)
    distinct, of, sizes = distinct_rows(tables.release[:, places])
    step = max(CHUNK // max(len(distinct), 1), 1)
    for start in range(0, len(people), step):
        part = people[start : start + step]
        apart = np.zeros((len(part), len(distinct)), dtype=np.float32)
        for j, place in enumerate(places):
            apart += tables.columns[place].distance(part[:, place])[:, distinct[:, j]]
        least = apart.min(axis=1)
        near = apart <= least[:, None] + TIE
        for i in range(len(part)):
            codes = np.flatnonzero(near[i])
            yield Near(codes, of, int(sizes[codes].sum()), float(least[i]))


class _Members:
    """The rows of the release that have one of some codes."""

    def __init__(self, of: Integers) -> None:
        self.order = np.argsort(of, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(of))])

    def rows(self, codes: Integers) -> Integers:
        return np.concatenate([self.order[self.starts[c] : self.starts[c + 1]] for c in codes])


def _targets(people: Integers, count: int, draw: np.random.Generator) -> Integers:
    return people[draw.choice(len(people), min(count, len(people)), replace=False)]


# --- linkability -------------------------------------------------------------------------------------------------


def linkability(
    tables: Coded, left: Sequence[int], right: Sequence[int], *, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Does the release tie two files together, one with the columns ``left``, one with ``right``, about the same people?

    The attacker picks one of the rows nearest to a target by ``left``, and one by ``right``, each at random among the
    equally near; success: the same row. Scored by its chance |L∩R| / (|L|·|R|), which has no noise of its own.
    Baseline: 1 / rows. Control: held-out people.
    """
    draw = rng or generator()
    if not len(tables.release):
        nothing = wilson(0, 0)
        return Attack("linkability", nothing, nothing, None if tables.holdout is None else nothing)

    def rate(people: Integers) -> Rate:
        chosen = _targets(people, targets, draw)
        by_left, by_right = _near_rows(nearest(tables, chosen, left)), _near_rows(nearest(tables, chosen, right))
        return wilson(sum(_same(a, b) for a, b in zip(by_left, by_right, strict=True)), len(chosen))

    attack = rate(tables.original)
    guess = wilson(attack.trials / len(tables.release), attack.trials)
    return Attack("linkability", attack, guess, None if tables.holdout is None else rate(tables.holdout))


def _near_rows(found: Iterator[Near]) -> Iterator[Integers]:
    members: _Members | None = None
    for near in found:
        members = members or _Members(near.of)
        yield members.rows(near.codes)


def _same(left: Integers, right: Integers) -> float:
    return len(np.intersect1d(left, right, assume_unique=True)) / (len(left) * len(right))


# --- inference ---------------------------------------------------------------------------------------------------


def inference(
    tables: Coded, known: Sequence[int], secret: int, *, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Does the release tell a column of a target that the attacker did not know?

    The attacker guesses the label of the column ``secret`` of one of the rows nearest by the ``known`` columns, at random
    among the equally near; a label that stands for n leaves counts 1/n when the truth is among them. Scored by its
    chance. Baseline: the most frequent label of the release. Control: held-out people.
    """
    draw = rng or generator()
    if not len(tables.release):
        nothing = wilson(0, 0)
        return Attack("inference", nothing, nothing, None if tables.holdout is None else nothing)
    column, labels = tables.columns[secret], tables.release[:, secret]
    worth = 1 / np.maximum(column.sizes, 1)
    commonest = int(np.bincount(labels, minlength=column.labels).argmax())

    def rate(people: Integers) -> tuple[Rate, Rate]:
        chosen = _targets(people, targets, draw)
        right = column.cover(chosen[:, secret]) * worth  # (target, label) → chance to be right
        won = 0.0
        histograms: npt.NDArray[np.float64] | None = None
        for i, near in enumerate(nearest(tables, chosen, known)):
            if histograms is None:
                histograms = _histograms(near.of, labels, column.labels)
            shares = histograms[near.codes].sum(axis=0)
            won += float(right[i] @ shares / shares.sum())
        return wilson(min(won, len(chosen)), len(chosen)), wilson(float(right[:, commonest].sum()), len(chosen))

    attack, guess = rate(tables.original)
    return Attack("inference", attack, guess, None if tables.holdout is None else rate(tables.holdout)[0])


def _histograms(of: Integers, labels: Integers, count: int) -> npt.NDArray[np.float64]:
    """(distinct row, label) → rows."""
    flat = np.bincount(of * count + labels, minlength=(int(of.max(initial=-1)) + 1) * count)
    return flat.reshape(-1, count).astype(np.float64)
