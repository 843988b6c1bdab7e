"""Downcoding: an attacker writes the release again with finer labels, from the release and from how it was made.

Cohen, "Attacks on deidentification's defenses", USENIX Security 2022: generalisation along hierarchies that is minimal, so that no
finer release would have kept the promise, lets an attacker undo part of it. A downcoding is a table that is finer than
the release and still covers the original. What "minimal" tells is for our methods:

* *local recoding*: parts closed by other classes (:mod:`anonymize.risk.separation`); a class has rows in two parts or more of every
  label; and where k alone decided, every part has fewer than k of its rows or one has all but 1 … k-1
  (:func:`anonymize.risk.chances.shares_when_uncut`);
* *full domain*: one level lower in any column, some class has a part of 1 … k-1 rows (:mod:`anonymize.risk.minimality`);
* *fixed*: nothing. The attacker is left with what anybody guesses from the release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.arrays import Booleans, Floats, Integers
from anonymize.risk.attacks import Attack
from anonymize.risk.chances import shares_when_uncut, shares_without_small
from anonymize.risk.coded import Coded
from anonymize.risk.method import Method
from anonymize.risk.minimality import SURE, Suspects, suspects
from anonymize.risk.rates import generator, wilson
from anonymize.risk.refinement import Refined


def downcoding(
    tables: Coded,
    quasi_identifiers: Sequence[int],
    *,
    method: Method,
    refined: Refined | None = None,
    targets: int = 1000,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """How well a generalised cell of a sampled person is written finer, one level down; each person once, a random cell.

    ``guess``: the attacker writes the likeliest part of the label; baseline: the likeliest one by how often the release
    shows its leaves, a label counting evenly for those it covers, with no thought of the method. ``claims``: cells of which
    the attacker is at least 95 % sure, and how often rightly; ``claims_before``: the same for the baseline; ``learnt``: claims that only
    the method allows, ``learnt_right`` how many of them are right. Rates in [0, 1] with Wilson 95 % intervals. Persons without a generalised
    cell, suppressed ones, and those who may still be in several classes (``several``) are not counted.
    """
    draw = rng or generator()
    seen = refined or Refined(tables, quasi_identifiers, method)
    people = tables.original[tables.people.sample(targets, draw)[1]]
    person, which, possible = seen.candidates(people)
    options = np.bincount(person[possible], minlength=len(people))
    of = np.full(len(people), -1)
    of[person[possible]] = which[possible]
    guesser = _Guesser(tables, seen, method)
    cells = [guesser.cell(int(of[i]), people[i], draw) for i in np.flatnonzero(options == 1)]
    return {**_scored([cell for cell in cells if cell is not None], tables.unit), "several": int((options > 1).sum())}


@dataclass(frozen=True)
class _Cell:
    """``truth``: the part that the person is in; ``before``, ``after``: (part,) chances without and with the method."""

    truth: int
    before: Floats
    after: Floats

    def hit(self, chances: Floats) -> float:
        """Chance that the likeliest part, at random among equally likely ones, is the right one."""
        best = chances >= chances.max() - 1e-12
        return float(best[self.truth]) / int(best.sum())


def _scored(cells: list[_Cell], unit: str) -> dict[str, Any]:
    sure = [cell for cell in cells if cell.after.max() >= SURE]
    sure_before = [cell for cell in cells if cell.before.max() >= SURE]
    learnt = [cell for cell in sure if not cell.before.max() >= SURE]
    attack = wilson(_hits([(cell, cell.after) for cell in cells]), len(cells))
    baseline = wilson(_hits([(cell, cell.before) for cell in cells]), len(cells))
    return {
        "guess": Attack("downcoding", attack, baseline, None, unit).as_dict(),
        "claims": wilson(_hits([(cell, cell.after) for cell in sure]), len(sure)).as_dict(),
        "claims_before": wilson(_hits([(cell, cell.before) for cell in sure_before]), len(sure_before)).as_dict(),
        "learnt": len(learnt),
        "learnt_right": wilson(_hits([(cell, cell.after) for cell in learnt]), len(learnt)).as_dict(),
    }


def _hits(guesses: list[tuple[_Cell, Floats]]) -> float:
    return sum((cell.hit(chances) for cell, chances in guesses), 0.0)


class _Guesser:
    """Chances of the parts of a class's labels, without and with what the method tells."""

    def __init__(self, tables: Coded, seen: Refined, method: Method) -> None:
        self.places, self.apart, self.sizes, self.method = seen.places, seen.apart, seen.seen.counts, method
        self.shares = [parts.shares(_often(tables, place)) for parts, place in zip(self.apart.parts, seen.places, strict=True)]
        minimal = suspects(tables.only(seen.places), method) if method.name == "full_domain" else ()
        self.suspects = {column.column: column for column in minimal}

    def cell(self, which: int, person: Integers, draw: np.random.Generator) -> _Cell | None:
        """A random generalised cell of a person in a class; ``None``: there is none. ``person``: leaves of all columns."""
        apart = self.apart
        general = np.flatnonzero(apart.counts[which] > 1)
        if not len(general):
            return None
        j = int(draw.choice(general))
        label, first = int(apart.labels[which, j]), int(apart.first[which, j])
        truth = int(apart.slots(np.array([which]), person[None, self.places])[0, j]) - first
        starts = apart.parts[j].starts
        before = self.shares[j][starts[label] : starts[label + 1]]
        return _Cell(truth, before, self._after(which, j, before, apart.open[first : first + len(before)]))

    def _after(self, which: int, j: int, before: Floats, open_: Booleans) -> Floats:
        n = int(self.sizes[which])
        if self.method.name == "full_domain":
            return _not_all_whole(self.suspects.get(j), which, n, before, self.method.k)
        if self.method.name == "fixed":
            return before
        weights = np.where(open_, before, 0)
        weights = weights / weights.sum() if weights.sum() > 0 else np.where(open_, 1 / max(int(open_.sum()), 1), 0)
        decided = self.method.k if self.method.only_k and self.apart.parts[j].ladder.all() else None
        found = shares_when_uncut(n, weights, decided) if self.method.fitted else None
        return weights if found is None else found


def _often(tables: Coded, place: int) -> Floats:
    """(leaf,) how often the release shows it, a label counting evenly for the leaves it covers."""
    column = tables.columns[place]
    labels = np.bincount(tables.released.codes[:, place], weights=tables.released.counts, minlength=column.labels)
    owner = np.repeat(np.arange(column.labels), column.sizes)
    return np.bincount(column.members, weights=(labels / np.maximum(column.sizes, 1))[owner], minlength=column.leaves).astype(np.float64)


def _not_all_whole(known: Suspects | None, which: int, n: int, before: Floats, k: int) -> Floats:
    """Shares of the parts given that some class has a small part: (w - e·Π_{others}(1 - prior)) / (1 - Π(1 - prior)).

    e: the shares where this class has none, by chance; see :func:`anonymize.risk.chances.shares_without_small`.
    """
    whole = None if known is None or not 0 < known.nobody < 1 else shares_without_small(n, before, k)
    if known is None or whole is None or not known.prior[which] < 1:
        return before
    others = known.nobody / (1 - known.prior[which])
    return np.asarray((before - whole * others) / (1 - known.nobody))
