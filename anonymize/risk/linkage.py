"""Nearest-neighbour linkage: an attacker who knows q columns of a person looks for that person's row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from anonymize.risk.arrays import Floats, Integers
from anonymize.risk.attacks import Attack
from anonymize.risk.coded import Coded, People
from anonymize.risk.nearest import Known
from anonymize.risk.rates import Rate, generator, wilson

SUBSETS = 10
"""Sets of q known columns that targets are shared among."""
OWN = 1000
"""Rows of one person that are looked at, the same for everybody: beyond it, a random part counts for the whole."""


def linkage(
    tables: Coded, q: int, *, columns: Sequence[int] | None = None, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Linking sampled people to rows of the release through ``q`` of the ``columns`` (default: all), drawn at random.

    The attacker picks one of the n rows nearest to one row of the person at random. Rows carry no name: a row of the
    person counts as there when some row of the release agrees with it in *every* column of both tables. Where m rows of the
    person are there and agree with the n in the known columns, the link is right with chance m/n (at most 1; m is 1 or 0 where everybody has one row).
    Scored by that chance, in [0, 1]; a trial is a person. Control: the same on held-out people, with whom a row agrees by
    coincidence. Baseline: a random row.
    After Domingo-Ferrer & Torra, "Disclosure risk assessment in statistical data protection" (2004).
    """
    draw = rng or generator()
    able = list(columns) if columns is not None else list(range(len(tables.columns)))
    if not 1 <= q <= len(able):
        raise ValueError("the attacker knows at least one of the columns and at most all")
    if not len(tables.release):
        return Attack.on_nothing("linkage", tables)
    everything = Known(tables, range(len(tables.columns)))
    known = [Known(tables, subset) for subset in _subsets(able, q, draw)]
    attack = _rate(tables.people, everything, known, targets, draw)
    control = None if tables.control is None else _rate(tables.control, everything, known, targets, draw)
    guess = wilson(attack.trials / tables.release_rows, attack.trials)
    return Attack("linkage", attack, guess, control, tables.unit)


def _subsets(able: list[int], q: int, draw: np.random.Generator) -> list[tuple[int, ...]]:
    if comb(len(able), q) <= SUBSETS:
        return list(combinations(able, q))
    return [tuple(int(i) for i in np.sort(draw.choice(able, q, replace=False))) for _ in range(SUBSETS)]


def _rate(people: People, everything: Known, known: list[Known], targets: int, draw: np.random.Generator) -> Rate:
    persons, rows = people.sample(targets, draw)
    parts = [slice(turn, None, len(known)) for turn in range(len(known))]
    won = sum(_won(people, persons[part], rows[part], everything, seen, draw) for part, seen in zip(parts, known, strict=True))
    return wilson(min(won, len(persons)), len(persons))


def _won(people: People, persons: Integers, rows: Integers, everything: Known, seen: Known, draw: np.random.Generator) -> float:
    """Expected right links. ``rows``: (person,) the one that the attacker knows.

    A row that agrees in every column is at distance 0 in the known ones too, so it is among the nearest: only rows that
    cover matter, and where there is none the person is not there.
    """
    target, near = seen.pairs(people.codes[rows])
    n = np.bincount(target, weights=seen.counts[near], minlength=len(persons))
    owner, own, share = _own(people, persons, draw)
    there = np.bincount(everything.pairs(people.codes[own])[0], minlength=len(own)) > 0
    one, covering = seen.pairs(people.codes[own])
    alike = np.isin(owner[one] * len(seen.codes) + covering, target * len(seen.codes) + near)
    agrees = np.bincount(one[alike], minlength=len(own)) > 0
    m = np.bincount(owner[there & agrees], minlength=len(persons)) * share
    return float(np.minimum(m[n > 0] / n[n > 0], 1).sum())


def _own(people: People, persons: Integers, draw: np.random.Generator) -> tuple[Integers, Integers, Floats]:
    """The rows of some persons: (row looked at,) its place in ``persons``, and which it is; (person,) how many each counts for."""
    lists = [people.rows_of(int(person)) for person in persons]
    looked = [own if len(own) <= OWN else draw.choice(own, OWN, replace=False) for own in lists]
    share = np.array([len(own) / max(len(seen), 1) for own, seen in zip(lists, looked, strict=True)])
    owner = np.repeat(np.arange(len(persons)), [len(own) for own in looked])
    return owner, np.concatenate(looked) if looked else np.zeros(0, dtype=np.int64), share
