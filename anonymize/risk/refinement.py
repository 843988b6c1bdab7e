"""Combinatorial refinement: what the way of a local recoding gives away, with no knowledge from elsewhere.

A method that keeps detail wherever it can publishes a row in the finest class that can hold it, so a class at a coarser
level stands for less than its labels say. That is a downcoding (Cohen, "Attacks on deidentification's defenses", USENIX
Security 2022) and, as an attack on sensitive values, combinatorial refinement (Chhillar et al., arXiv 2509.03350, shown on ARX).
What is concluded here, and how: :mod:`anonymize.risk.separation`. It uses our own local recoding, step by step: who attacks a release
knows the code. A stronger attack may draw more, so the figures are lower bounds. Classes of a full-domain or a fixed
scheme do not overlap: nothing follows, and every share is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anonymize.risk.coded import Booleans, Coded, CodedColumn, Integers
from anonymize.risk.covering import by_question
from anonymize.risk.method import Method
from anonymize.risk.nearest import Known
from anonymize.risk.rates import generator, wilson
from anonymize.risk.separation import LEAST, PAIRS, Separation

PROGRAMS = 100
"""Linear programs that one attack may solve."""


class Refined:
    """The classes of a release, and what is left of each after the attack.

    ``seen``: the classes as known rows; ``apart``: what is open to each; ``method``: what the attacker knows.
    """

    def __init__(self, tables: Coded, quasi_identifiers: Sequence[int], method: Method, *, pairs: int = PAIRS) -> None:
        self.places, self.method = list(quasi_identifiers), method
        self.seen = Known(tables, self.places)
        self.apart = Separation(self.seen.columns, self.seen.codes, least=LEAST if method.fitted else 1, most_pairs=pairs)

    def candidates(self, people: Integers) -> tuple[Integers, Integers, Booleans]:
        """(pair,) a person, a class whose labels cover them, and whether it is still possible; ``people``: leaves of all columns."""
        person, which = self.seen.pairs(people)
        return person, which, self.apart.may_hold(which, people[:, self.places][person])


def refinement(
    tables: Coded,
    quasi_identifiers: Sequence[int],
    secrets: Sequence[int] = (),
    *,
    method: Method,
    rows: int = 1000,
    targets: int = 1000,
    refined: Refined | None = None,
    programs: int = PROGRAMS,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """Run the attack on a release; every share in [0, 1] with its Wilson 95 % interval, over sampled rows or persons.

    Over rows of the release: ``overlapping``: another class overlaps the row's; ``downcoded``: some part of a label of it
    is closed. ``closed``: mean share of the parts of its generalised labels that are, in [0, 1]; ``bits``: mean of Σ log₂(parts / open parts).
    Over persons whose quasi-identifiers the attacker knows, and who are covered: ``one_class_before``, ``one_class_after``: a single class
    can be theirs. ``secrets`` has for each sensitive column ``narrowed``: the values that the person may have are fewer after
    refinement; ``pinned_before``, ``pinned_after``: they are one before and after it, and ``pinned_right``: of those pinned after it, how
    often it is the person's own value.
    ``refuted``: conclusions that cannot be true: ``pairs`` of classes that the method could not have told apart, and ``persons`` who are
    covered, but by no class that is left; then the release was not made in that way. ``bounded``: what limits of work left out.
    """
    draw = rng or generator()
    refined = refined or Refined(tables, quasi_identifiers, method)
    apart = refined.apart
    sampled = refined.seen.of[tables.some_released(rows, draw, again=False)]
    people = tables.original[tables.people.sample(targets, draw)[1]]
    covering = refined.seen.pairs(people)[1]
    apart.solve(dict.fromkeys([*np.unique(sampled).tolist(), *np.unique(covering).tolist()]), programs)
    person, which, possible = refined.candidates(people)
    before, after = (np.bincount(p, minlength=len(people)) for p in (person, person[possible]))
    there = int((before > 0).sum())
    return {
        "classes": len(apart.labels),
        "overlapping_pairs": apart.pairs,
        "bounded": {"pairs": apart.bounded, "programs": apart.programs, "programs_used_up": apart.programs >= programs > 0},
        **_rows(apart, sampled),
        "one_class_before": wilson(int((before == 1).sum()), there).as_dict(),
        "one_class_after": wilson(int((after == 1).sum()), there).as_dict(),
        "refuted": {"pairs": apart.contradictions, "persons": wilson(int(((before > 0) & (after == 0)).sum()), there).as_dict()},
        "secrets": _secrets(tables, refined, secrets, people, (person, which, possible)),
    }


def _rows(apart: Separation, sampled: Integers) -> dict[str, Any]:
    parts, left = apart.counts[sampled], apart.left[sampled]
    general = parts > 1
    cells = int(general.sum())
    shares = 1 - left[general] / parts[general]
    bits = np.log2(np.maximum(parts, 1) / np.maximum(left, 1)).sum(axis=1)
    return {
        "overlapping": wilson(int(apart.overlaps[sampled].sum()), len(sampled)).as_dict(),
        "downcoded": wilson(int((left < parts).any(axis=1).sum()), len(sampled)).as_dict(),
        "closed": round(float(shares.sum()) / cells, 6) if cells else 0.0,
        "bits": round(float(bits.mean()), 6) if len(bits) else 0.0,
    }


# --- sensitive values of persons ---------------------------------------------------------------------------------


def _secrets(
    tables: Coded, refined: Refined, secrets: Sequence[int], people: Integers, candidates: tuple[Integers, Integers, Booleans]
) -> dict[str, Any]:
    person, which, possible = candidates
    wide = list(by_question(person, which, len(people)))
    narrow = list(by_question(person[possible], which[possible], len(people)))
    found = {}
    for secret in secrets:
        column = tables.columns[secret]
        held = _values(refined.seen, tables.released.codes[:, secret], column.labels)
        counted = dict.fromkeys(("narrowed", "pinned_before", "pinned_after", "right"), 0)
        for i, before in enumerate(wide):
            if len(before):
                _score(counted, held, column, before, narrow[i], int(people[i, secret]))
        found[column.name] = _shares(counted, sum(len(before) > 0 for before in wide))
    return found


def _values(seen: Known, labels: Integers, count: int) -> Booleans:
    """(class, label): does the class hold the sensitive label?"""
    held = np.zeros((len(seen.codes), count), dtype=bool)
    held[seen.of, labels] = True
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
