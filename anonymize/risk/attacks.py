"""Linkability and inference: two attacks, each also on people who are not in the release.

An attacker sees the release and knows columns of a target from elsewhere. What works equally well on held-out people,
the control group, is statistics that hold for everybody; only what works better on people in the release is a risk.
After Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023, which follows
WP29 Opinion 05/2014. Generalised labels are read as what they cover: see :mod:`anonymize.risk.coded`. Where people have many
rows, persons are drawn, not rows, and one row of each is what the attacker knows: every trial is another person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.arrays import Integers
from anonymize.risk.coded import Coded, People
from anonymize.risk.nearest import Known
from anonymize.risk.rates import Rate, beyond, generator, wilson
from anonymize.risk.secrets import Secret, guesses


@dataclass(frozen=True, slots=True)
class Attack:
    """How an attack fared. ``baseline``: the same by guessing; ``control``: on people who are not in the release, if any.

    ``unit``: what a trial is about, ``row`` (of a person of its own), ``person`` or ``query``.
    """

    name: str
    attack: Rate
    baseline: Rate
    control: Rate | None
    unit: str = "row"

    def as_dict(self) -> dict[str, Any]:
        """Rates in [0, 1]; ``risk``: what the release adds, beyond the control group where there is one, else beyond guessing."""
        against = self.control if self.control is not None else self.baseline
        return {
            "unit": self.unit,
            "attack": self.attack.as_dict(),
            "baseline": self.baseline.as_dict(),
            "control": None if self.control is None else self.control.as_dict(),
            "risk": {**beyond(self.attack, against), "beyond": "control" if self.control is not None else "baseline"},
        }

    @staticmethod
    def on_nothing(name: str, tables: Coded, unit: str | None = None) -> Attack:
        """Against a release without rows."""
        none = wilson(0, 0)
        return Attack(name, none, none, None if tables.control is None else none, unit or tables.unit)


def linkability(
    tables: Coded, left: Sequence[int], right: Sequence[int], *, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Does the release tie two files together, one with the columns ``left``, one with ``right``, about the same people?

    The attacker picks one of the rows nearest to a target by ``left``, and one by ``right``, each at random among the
    equally near; success: the same row. Scored by its chance |L∩R| / (|L|·|R|), in [0, 1], which has no noise of its own.
    Baseline: 1 / rows. Control: held-out people.
    """
    draw = rng or generator()
    if not len(tables.release):
        return Attack.on_nothing("linkability", tables)
    by_left, by_right, weights = Known(tables, left), Known(tables, right), tables.released.counts
    count = min(by_left.affordable(targets), by_right.affordable(targets))

    def rate(people: People) -> Rate:
        chosen = people.codes[people.sample(count, draw)[1]]
        won = 0.0
        for one, other in zip(by_left.nearest(chosen), by_right.nearest(chosen), strict=True):
            both = _marked(len(by_left.codes), one.codes)[by_left.of] & _marked(len(by_right.codes), other.codes)[by_right.of]
            won += int(weights[both].sum()) / (one.rows * other.rows)
        return wilson(won, len(chosen))

    attack = rate(tables.people)
    guess = wilson(attack.trials / tables.release_rows, attack.trials)
    return Attack("linkability", attack, guess, None if tables.control is None else rate(tables.control), tables.unit)


def _marked(length: int, places: Integers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    marks = np.zeros(length, dtype=bool)
    marks[places] = True
    return marks


def inference(
    tables: Coded, known: Sequence[int], secret: int, *, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Does the release tell a column of a target that the attacker did not know?

    The attacker guesses the commonest label of the column ``secret`` among the rows nearest by the ``known`` columns (at
    random among equally common ones); a label that stands for n leaves counts 1/n when the truth is among them. Scored by
    its chance, in [0, 1]. Baseline: the commonest label of the whole release. Control: held-out people.
    """
    draw = rng or generator()
    if not len(tables.release):
        return Attack.on_nothing("inference", tables)
    seen = Known(tables, known)
    asked, count = Secret(tables, seen, secret), seen.affordable(targets)
    commonest = asked.commonest()

    def rate(people: People) -> tuple[Rate, Rate]:
        chosen = people.codes[people.sample(count, draw)[1]]
        won = guesses(asked, [near.codes for near in seen.nearest(chosen)], chosen)
        by_guess = sum((asked.worth(commonest, int(leaf)) for leaf in chosen[:, secret]), 0.0)
        return wilson(min(won, len(chosen)), len(chosen)), wilson(by_guess, len(chosen))

    attack, guess = rate(tables.people)
    return Attack("inference", attack, guess, None if tables.control is None else rate(tables.control)[0], tables.unit)
