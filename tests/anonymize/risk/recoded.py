"""Random small tables released by our own local recoding, and which class every original row really went to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from anonymize.columns.hierarchies import build
from anonymize.microdata import local_recoding
from anonymize.microdata.classes import of_single_rows
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import code
from anonymize.recipe import PrefixHierarchy
from anonymize.risk.coded import Coded
from anonymize.risk.coding import code_tables

LADDER = PrefixHierarchy(prefix=(2, 1))
SECRET = ["flu", "cold", "gout"]


@dataclass(frozen=True)
class Recoded:
    """``labels``: (original row,) the labels of the class that the method put it in."""

    tables: Coded
    original: pa.Table
    labels: list[tuple[str, ...]]
    quasi: list[int]


def table(rng: np.random.Generator, rows: int, columns: int) -> pa.Table:
    """Codes of three letters, each letter one of a few, skewed so that classes end at many levels."""
    letters = np.array(list("abcd"))
    shares = np.array([0.55, 0.25, 0.12, 0.08])
    columns_of = {f"q{i}": ["".join(part) for part in rng.choice(letters, (rows, 3), p=shares)] for i in range(columns)}
    return pa.table({**columns_of, "illness": rng.choice(SECRET, rows)})


def recode(original: pa.Table, k: int) -> Recoded:
    names = [name for name in original.column_names if name != "illness"]
    values = [sorted(set(original[name].to_pylist())) for name in names]
    ladders = [build(name, LADDER, found, None) for name, found in zip(names, values, strict=True)]
    rows = list(zip(*(original[name].to_pylist() for name in names), strict=True))
    distinct = sorted(set(rows))
    codes = np.array([[found.index(value) for found, value in zip(values, row, strict=True)] for row in distinct])
    combinations = of_single_rows(names, codes, np.array([rows.count(row) for row in distinct]))
    coded_ladders = [code(ladder, found) for ladder, found in zip(ladders, values, strict=True)]
    levels = local_recoding.search(combinations, coded_ladders, Judge(k, ())).levels
    label_of = {
        row: tuple(str(ladder.labels(int(level), [value])[0]) for ladder, level, value in zip(ladders, levels[i], row, strict=True))
        for i, row in enumerate(distinct)
    }
    labels = [label_of[row] for row in rows]
    release = pa.table({**{name: [label[i] for label in labels] for i, name in enumerate(names)}, "illness": original["illness"]})
    tables = code_tables(original, release, quasi_identifiers=dict.fromkeys(names, LADDER), others=["illness"])
    return Recoded(tables, original, labels, list(range(len(names))))


def random_release(seed: int, *, rows: int = 60, columns: int = 2, k: int = 3) -> Recoded:
    return recode(table(np.random.default_rng(seed), rows, columns), k)
