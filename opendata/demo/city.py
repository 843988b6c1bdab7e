"""Haneul, a simulated city: its register, card payments, signalling events, a survey, and bus stops.

``python -m opendata.demo.city --people 5000 --seed 7 --output DIR``

Nobody in it exists. The same size and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from opendata.demo import buses, movement, places, population, recipes, spending, survey
from opendata.demo.files import write_csv
from opendata.demo.places import dongs
from opendata.demo.population import People

DEFAULT_PEOPLE, DEFAULT_SEED = 5_000, 7
REGISTER = "people.csv"
NOTICE = "SIMULATED.txt"
_REGISTER_HEADER = ("person", "name", "phone", "resident_number", "email", "birth_date", "sex", "dong_code")
_NOTICE_TEXT = (
    "Everything in this folder is simulated: people={people}, seed={seed}. No person, number or place in it is real.\n"
    "이 폴더의 모든 자료는 모의 자료입니다. 실제 인물, 번호, 장소가 아닙니다.\n"
)


@dataclass(frozen=True)
class Written:
    """A file of the city: name, rows, bytes, and what it stands for."""

    file: str
    rows: int
    size: int
    about: str


def build(folder: Path, *, people: int = DEFAULT_PEOPLE, seed: int = DEFAULT_SEED) -> list[Written]:
    """Write the whole city below ``folder``, which is made when absent.

    Raises ValueError for a size the simulation is not made for.
    """
    inhabitants = population.settle(people, seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTICE).write_text(_NOTICE_TEXT.format(people=people, seed=seed), encoding="utf-8")
    writers: tuple[tuple[str, Callable[[], int], str], ...] = (
        (REGISTER, lambda: write_register(folder, inhabitants), "the register all else is built from; stays at home"),
        (spending.FILE, lambda: spending.write(folder, inhabitants, seed), "card payments, three months (purchased)"),
        (movement.FILE, lambda: movement.write(folder, inhabitants, seed), "signalling events, one week (purchased)"),
        (survey.FILE, lambda: survey.write(folder, inhabitants, seed), "household survey, one row a person"),
        (buses.FILE, lambda: buses.write(folder, seed), "bus stops, not about persons"),
    )
    written = [Written(name, write(), (folder / name).stat().st_size, about) for name, write, about in writers]
    _write_json(folder / places.LAYER, places.layer())
    for slug, recipe in recipes.RECIPES.items():
        _write_json(folder / recipes.file_name(slug), recipe)
    return written


def write_register(folder: Path, people: People) -> int:
    """The register, one row a person: what someone who wants to find a neighbour in a release may know."""
    homes = [dongs()[home].code for home in people.homes.tolist()]
    columns = [
        pa.array(np.arange(1, len(people) + 1)),
        pa.array(people.names),
        pa.array(people.phones),
        pa.array(people.resident_numbers),
        pa.array(people.mails),
        pa.array(people.births.astype("datetime64[D]")),
        pa.array(np.where(people.female, "Female", "Male").tolist()),
        pa.array(homes),
    ]
    return write_csv(folder / REGISTER, _REGISTER_HEADER, [pa.table(columns, names=list(_REGISTER_HEADER))])


def _write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def table(written: Sequence[Written]) -> str:
    """What was written, as lines of text."""
    lines = [f"{'file':<24}{'rows':>12}{'MB':>9}  what it is"]
    lines += [f"{item.file:<24}{item.rows:>12,}{item.size / 1e6:>9.1f}  {item.about}" for item in written]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m opendata.demo.city", description="Write a simulated city's data.")
    parser.add_argument("--people", type=int, default=DEFAULT_PEOPLE, help="number of inhabitants (default 5000)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the simulation, never of privacy noise")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        written = build(asked.output, people=asked.people, seed=asked.seed)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Haneul (하늘시), a simulated city of {asked.people:,} people, seed {asked.seed}: nobody in it exists.")
    print(table(written))
    print(f"Written to {asked.output} in {time.monotonic() - started:.1f} s, with a recipe and ladders for each.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
