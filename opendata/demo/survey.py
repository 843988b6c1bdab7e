"""A household survey: one row a person, with a sensitive answer, and the ladders of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from opendata.demo import places
from opendata.demo.chance import Floats, Ints, pick_by_row, stream
from opendata.demo.files import write_csv, write_ladder
from opendata.demo.population import People

FILE = "survey.csv"
HEADER = (
    "respondent_id", "name", "phone", "resident_number", "sex", "age", "dong_code", "education", "occupation",
    "household_type", "income", "health_status",
)  # fmt: skip
SHARE, ADULT = 0.4, 19

EDUCATION = (
    ("Elementary school", "Below upper secondary"),
    ("Middle school", "Below upper secondary"),
    ("High school", "Upper secondary"),
    ("Junior college", "Tertiary"),
    ("Bachelor", "Tertiary"),
    ("Master or doctor", "Tertiary"),
)
OCCUPATION = (
    ("Manager", "Office and professions"),
    ("Professional", "Office and professions"),
    ("Clerk", "Office and professions"),
    ("Service worker", "Service and sales"),
    ("Sales worker", "Service and sales"),
    ("Craft worker", "Manual"),
    ("Machine operator", "Manual"),
    ("Elementary worker", "Manual"),
    ("Student", "Not employed"),
    ("Homemaker", "Not employed"),
    ("Retired or seeking work", "Not employed"),
)
HOUSEHOLD = (
    ("Single person", "No children"),
    ("Couple", "No children"),
    ("Couple with children", "With children"),
    ("One parent with children", "With children"),
    ("Three generations", "With children"),
    ("Shared with others", "No children"),
)
HEALTH = ("Good", "Chronic illness", "Disability", "Depression or anxiety", "Cancer", "Prefers not to say")

_EMPLOYED = 8  # the first occupations of the list are those of people at work
# relative weights by cohort: under 30, under 50, under 66, older
_EDUCATION_BY_COHORT = np.array(
    [[0, 1, 30, 25, 38, 6], [1, 3, 34, 19, 34, 9], [9, 14, 45, 8, 19, 5], [38, 24, 26, 3, 8, 1]]
)
_OCCUPATION_BY_EDUCATION = np.array(
    [
        [1, 0, 2, 16, 12, 18, 17, 34],
        [1, 1, 5, 20, 15, 20, 18, 20],
        [2, 5, 18, 20, 18, 15, 14, 8],
        [3, 17, 27, 17, 14, 10, 9, 3],
        [6, 33, 32, 10, 10, 4, 4, 1],
        [12, 66, 15, 3, 3, 0.5, 0.3, 0.2],
    ]
)
_HOUSEHOLD_BY_COHORT = np.array(
    [[38, 10, 30, 8, 4, 10], [24, 14, 48, 8, 4, 2], [22, 26, 36, 7, 8, 1], [34, 42, 6, 4, 13, 1]]
)
_HEALTH_BY_COHORT = np.array([[84, 4, 1, 8, 0.4, 2], [78, 9, 2, 7, 1, 3], [62, 23, 4, 5, 3, 3], [38, 44, 7, 4, 5, 2]])
_MONTHLY_PAY = np.array([4_300, 3_900, 3_200, 2_200, 2_400, 2_900, 2_800, 1_800, 300, 200, 900]) * 1_000  # KRW


@dataclass(frozen=True)
class Answers:
    """One entry a respondent; ``who`` is the person, the others index the lists above; income in KRW a month."""

    who: Ints
    education: Ints
    occupation: Ints
    household: Ints
    income: Ints
    health: Ints

    def __len__(self) -> int:
        return len(self.who)


def simulate(people: People, seed: int) -> Answers:
    """Ask two in five of the city, grown up, each once (fewer where there are not so many adults)."""
    rng = stream(seed, "survey")
    adults = np.flatnonzero(people.ages >= ADULT)
    size = min(round(SHARE * len(people)), len(adults))
    who = rng.choice(adults, size=size, replace=False)
    cohort = np.searchsorted([30, 50, 66], people.ages[who], side="right")
    education = pick_by_row(rng, _EDUCATION_BY_COHORT, cohort)
    occupation = _occupations(rng, people, who, education)
    return Answers(
        who=who,
        education=education,
        occupation=occupation,
        household=pick_by_row(rng, _HOUSEHOLD_BY_COHORT, cohort),
        income=_incomes(rng, occupation, people.means[who]),
        health=pick_by_row(rng, _HEALTH_BY_COHORT, cohort),
    )


def write(folder: Path, people: People, seed: int) -> int:
    """Write the survey and its ladders below ``folder``; answers the number of rows."""
    for name, rungs in ladders().items():
        write_ladder(folder / name, rungs)
    answers = simulate(people, seed)
    return write_csv(folder / FILE, HEADER, [_table(people, answers)])


def ladders() -> dict[str, list[tuple[str, ...]]]:
    """Hierarchy files by name: each line a value and its coarser values, up to ``*``."""
    return {
        "dong.csv": places.hierarchy(),
        "education.csv": [(*rung, "*") for rung in EDUCATION],
        "occupation.csv": [(*rung, "*") for rung in OCCUPATION],
        "household_type.csv": [(*rung, "*") for rung in HOUSEHOLD],
    }


def _occupations(rng: np.random.Generator, people: People, who: Ints, education: Ints) -> Ints:
    employed = pick_by_row(rng, _OCCUPATION_BY_EDUCATION, education)
    ages = people.ages[who]
    at_home = np.where(rng.random(len(who)) < 0.45, _EMPLOYED + 1, _EMPLOYED + 2)
    idle = np.where(ages < 26, _EMPLOYED, np.where(ages >= 66, _EMPLOYED + 2, at_home))
    return np.where(people.working[who], employed, idle)


def _incomes(rng: np.random.Generator, occupation: Ints, means: Floats) -> Ints:
    """KRW a month, in steps of 10,000."""
    drawn = _MONTHLY_PAY[occupation] * means * rng.lognormal(0, 0.3, len(occupation))
    return np.rint(drawn / 10_000).astype(np.int64) * 10_000


def _table(people: People, answers: Answers) -> pa.Table:
    who = pa.array(answers.who)
    columns = [
        pa.array([f"R{number:07d}" for number in range(1, len(answers) + 1)]),
        *(pa.array(texts).take(who) for texts in (people.names, people.phones, people.resident_numbers)),
        pa.array(np.where(people.female[answers.who], "Female", "Male").tolist()),
        pa.array(people.ages[answers.who]),
        pa.array(places.codes()).take(pa.array(people.homes[answers.who])),
        _labels([rung[0] for rung in EDUCATION], answers.education),
        _labels([rung[0] for rung in OCCUPATION], answers.occupation),
        _labels([rung[0] for rung in HOUSEHOLD], answers.household),
        pa.array(answers.income),
        _labels(HEALTH, answers.health),
    ]
    return pa.table(columns, names=list(HEADER))


def _labels(labels: list[str] | tuple[str, ...], chosen: Ints) -> pa.Array:
    return pa.array(labels).take(pa.array(chosen))
