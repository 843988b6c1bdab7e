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
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.arrays import Booleans, Integers
from anonymize.risk.attacks import Attack
from anonymize.risk.coded import Coded
from anonymize.risk.covering import by_question
from anonymize.risk.method import Method
from anonymize.risk.nearest import Known
from anonymize.risk.rates import Rate, generator, wilson
from anonymize.risk.secrets import Secret, guesses
from anonymize.risk.separation import LEAST, PAIRS, Separation

PROGRAMS = 1000
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
    refinement; ``pinned_before``, ``pinned_after``: they are one before and after it; ``pinned_right``: of those pinned after it, how
    often it is the person's own value, ``pinned_control`` the same for held-out people; ``guess``: how often the commonest value of the
    classes left is the person's, baseline: of all classes that cover them, control: held-out people after refinement.
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
    asked = _Asked.of_people(refined, people)
    there, after = len(asked.codes), [len(classes) for classes in asked.after]
    held = None if tables.control is None else _Asked.of_people(refined, tables.control.codes[tables.control.sample(targets, draw)[1]])
    return {
        "classes": len(apart.labels),
        "overlapping_pairs": apart.pairs,
        "bounded": {"pairs": apart.bounded, "programs": apart.programs, "programs_used_up": apart.programs >= programs > 0},
        **_rows(apart, sampled),
        "one_class_before": wilson(sum(len(classes) == 1 for classes in asked.before), there).as_dict(),
        "one_class_after": wilson(sum(classes == 1 for classes in after), there).as_dict(),
        "refuted": {"pairs": apart.contradictions, "persons": wilson(sum(classes == 0 for classes in after), there).as_dict()},
        "secrets": {tables.columns[i].name: _secret(Secret(tables, refined.seen, i), asked, held, tables.unit) for i in secrets},
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


@dataclass(frozen=True)
class _Asked:
    """Covered people, ``codes``: (person, column) leaves, and the classes that may be theirs, before and after."""

    codes: Integers
    before: list[Integers]
    after: list[Integers]

    @staticmethod
    def of_people(refined: Refined, people: Integers) -> _Asked:
        person, which, possible = refined.candidates(people)
        wide = list(by_question(person, which, len(people)))
        narrow = list(by_question(person[possible], which[possible], len(people)))
        there = [i for i, classes in enumerate(wide) if len(classes)]
        return _Asked(people[there], [wide[i] for i in there], [narrow[i] for i in there])


def _secret(secret: Secret, people: _Asked, held: _Asked | None, unit: str) -> dict[str, Any]:
    there = len(people.codes)
    wide, narrow = ([secret.among(classes)[0] for classes in options] for options in (people.before, people.after))
    pinned = [i for i, labels in enumerate(narrow) if len(labels) == 1]
    attack, before = (wilson(min(guesses(secret, options, people.codes), there), there) for options in (people.after, people.before))
    control = None if held is None else wilson(min(guesses(secret, held.after, held.codes), len(held.codes)), len(held.codes))
    return {
        "narrowed": wilson(sum(len(after) < len(before) for after, before in zip(narrow, wide, strict=True)), there).as_dict(),
        "pinned_before": wilson(sum(len(labels) == 1 for labels in wide), there).as_dict(),
        "pinned_after": wilson(len(pinned), there).as_dict(),
        "pinned_right": wilson(_right(secret, people, pinned), len(pinned)).as_dict(),
        "pinned_control": None if held is None else _pinned(secret, held).as_dict(),
        "guess": Attack("refinement", attack, before, control, unit).as_dict(),
    }


def _right(secret: Secret, people: _Asked, which: Sequence[int]) -> float:
    return sum((float(secret.worth(secret.among(people.after[i])[0], int(people.codes[i, secret.place])) > 0) for i in which), 0.0)


def _pinned(secret: Secret, people: _Asked) -> Rate:
    """Of those whose value is one after the attack, how often it is their own."""
    which = [i for i, classes in enumerate(people.after) if secret.pinned(classes)]
    return wilson(_right(secret, people, which), len(which))
