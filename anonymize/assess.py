"""What a release gives away and what it is still good for, measured against its original.

Reads two files and a recipe, trusts nothing that a run said about itself, and reports figures alone: no value of a person
is in them. They are exact figures about the original all the same: for the officer, not for the public.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize import utility
from anonymize.errors import InputError, RecipeError
from anonymize.microdata.unasked import counted
from anonymize.recipe import KAnonymity, Recipe, Role
from anonymize.reports import column_type
from anonymize.risk import attacks, population
from anonymize.risk.classes import class_risk
from anonymize.risk.coded import Integers, blocks, distinct_rows
from anonymize.risk.coding import code_tables
from anonymize.risk.columns import standing_out
from anonymize.risk.homogeneity import homogeneity
from anonymize.risk.linkage import linkage
from anonymize.risk.method_attacks import attack_method
from anonymize.risk.rates import generator
from anonymize.risk.singling_out import singling_out
from anonymize.risk.unicity import unicity_of_release
from anonymize.rows import prepare
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine

BATCH = 100_000
MODEL_ROWS = 20_000


def assess(
    recipe: Recipe,
    original: Path,
    release: Path,
    *,
    folder: Path | None = None,
    holdout: Path | None = None,
    sample_fraction: float = 1.0,
    targets: int = 1000,
    queries: int = 2000,
    engine: TableEngine | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """Measure ``release`` (Parquet) against ``original`` (typed Parquet; the recipe's row stages are applied to it).

    Args:
        folder: where the recipe's hierarchy files are.
        holdout: people like those of the original who are not in it, as the same kind of file: the control group.
        sample_fraction: the original's share of its population, in (0, 1]; 1: it is the population.
        targets, queries: persons attacked a kind of attack, and singling-out queries.
        rng: for tests; the default is seeded by the operating system.

    Raises:
        RecipeError: not a recipe for microdata, or a fraction outside its range.
        InputError: a file or column is missing, the release has a label that the hierarchies do not know, or more rows.
    """
    stage = recipe.final
    if not isinstance(stage, KAnonymity):
        raise RecipeError("only microdata (k_anonymity) can be assessed against an original")
    if not 0 < sample_fraction <= 1:
        raise RecipeError("the sampling fraction lies above 0 and at most at 1")
    tables = engine or DuckEngine()
    try:
        before = _prepared(tables, recipe, original)
        held = None if holdout is None else _prepared(tables, recipe, holdout)
    finally:
        if engine is None:
            tables.close()
    after = _read(release)
    return _Assessment(recipe, stage, before, after, held, folder, sample_fraction, targets, queries, rng or generator()).report()


def _prepared(engine: TableEngine, recipe: Recipe, path: Path) -> pa.Table:
    prepared = prepare(engine, engine.scan_parquet(path), recipe)
    table = pa.Table.from_batches(engine.batches(prepared.frame, BATCH), schema=prepared.schema)
    if not table.num_rows:
        raise InputError("no rows are left of the original, or of the held-out file, after the recipe's row stages")
    return table


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException):
        raise InputError(f"the release {path.name!r} cannot be read as Parquet") from None


class _Assessment:
    """The coded tables and everything that is asked of them, in order."""

    def __init__(
        self, recipe: Recipe, stage: KAnonymity, before: pa.Table, after: pa.Table, held: pa.Table | None, folder: Path | None,
        fraction: float, targets: int, queries: int, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        if not after.num_rows <= before.num_rows:
            raise InputError("the release has more rows than the original: it is not a release of it")
        quasi = counted(recipe.quasi_identifiers, stage, [field.name for field in before.schema if column_type(field.type) == "text"])
        self.averaged = [one.column for one in stage.microaggregate]
        # what stands in the place of an identifier says nothing of the row: an attack that used it would only seem weaker
        apart = {*quasi, *self.averaged, recipe.person_key, *recipe.with_role(Role.DIRECT_IDENTIFIER)}
        others = [name for name in before.column_names if name not in apart and name in after.column_names]
        self.tables = code_tables(
            before, after, quasi_identifiers=quasi, others=others, folder=folder, holdout=held, person_key=recipe.person_key
        )
        self.recipe, self.stage, self.fraction, self.rng = recipe, stage, fraction, rng
        self.targets, self.queries = targets, queries
        self.names = [column.name for column in self.tables.columns]
        self.quasi = list(range(len(quasi)))
        self.secrets = [self.names.index(name) for name in recipe.with_role(Role.SENSITIVE) if name in self.names]
        self.persons = _persons(before, recipe.person_key)
        self.keyed = recipe.person_key is not None and recipe.person_key in after.column_names
        self.before = _groups(self.tables.original[:, self.quasi])
        self.after = _groups(self.tables.release[:, self.quasi])

    def report(self) -> dict[str, Any]:
        original, release = self.tables.original, self.tables.release
        return {
            "rows": {"original": len(original), "release": len(release), "suppressed": len(original) - len(release)},
            "persons": int(self.persons.max(initial=-1)) + 1,
            "columns": {"quasi_identifiers": [self.names[i] for i in self.quasi], "sensitive": [self.names[i] for i in self.secrets],
                        "attacked": self.names},
            "person_key_published": self.keyed,
            "risk": self._risk(),
            "sensitive": self._sensitive(),
            "unicity": self._unicity(),
            "attacks": self._attacks(),
            "method": self._method(),
            "utility": self._utility(),
            "notes": self._notes(),
        }  # fmt: skip

    # --- class sizes -----------------------------------------------------------------------------------------

    def _risk(self) -> dict[str, Any]:
        by_person = np.unique(np.column_stack([self.before, self.persons]), axis=0)[:, 0]
        rows = np.bincount(self.before)
        before, after = np.bincount(by_person), np.bincount(self.after)
        k = self.stage.k
        return {
            "before": {**class_risk(before, rows=rows, k=k), **self._population(before)},
            "after": {**class_risk(after, k=k), **self._population(after)},
            "standing_out": standing_out(self.tables.original[self._first_rows()][:, self.quasi], [self.names[i] for i in self.quasi]),
        }

    def _population(self, sizes: Integers) -> dict[str, Any]:
        return {"attackers": population.attackers(sizes, self.fraction), "population": population.population_uniques(sizes, self.fraction)}

    def _first_rows(self) -> Integers:
        """One row a person."""
        return np.asarray(np.unique(self.persons, return_index=True)[1], dtype=np.int64)

    def _sensitive(self) -> dict[str, Any]:
        return {
            self.names[i]: {
                "before": homogeneity(self.before, self.tables.original[:, i], self.persons),
                "after": homogeneity(self.after, self.tables.release[:, i]),
            }
            for i in self.secrets
        }

    # --- events ----------------------------------------------------------------------------------------------

    def _unicity(self) -> dict[str, Any] | None:
        """For many rows a person: how many are alone with p of their own points, as they were and as coarse as released."""
        return unicity_of_release(self.tables, self.quasi, sample=self.targets, rng=self.rng)

    # --- attacks ---------------------------------------------------------------------------------------------

    def _attacks(self) -> dict[str, Any]:
        known, half = self.quasi, len(self.quasi) // 2
        secret = {
            self.names[i]: attacks.inference(self.tables, known, i, targets=self.targets, rng=self.rng).as_dict() for i in self.secrets
        }
        linked = {
            str(q): linkage(self.tables, q, columns=known, targets=self.targets, rng=self.rng).as_dict()
            for q in sorted({1, min(3, len(known)), len(known)})
        }
        apart = attacks.linkability(self.tables, known[:half], known[half:], targets=self.targets, rng=self.rng).as_dict() if half else None
        singled = singling_out(self.tables, queries=self.queries, rng=self.rng).as_dict()
        return {"singling_out": singled, "linkability": apart, "inference": secret, "linkage": linked}

    def _method(self) -> dict[str, Any]:
        """Attacks on how the release was made."""
        return attack_method(self.tables, self.quasi, self.secrets, self.stage, targets=self.targets, rng=self.rng)

    # --- usefulness ------------------------------------------------------------------------------------------

    def _utility(self) -> dict[str, Any]:
        before, after, rows = self.tables.people.distinct, self.tables.released, len(self.tables.original)
        shared = [self._shared(i) for i in range(len(self.names))]
        columns = [self._column(i, shared[i]) for i in range(len(self.names))]
        two = utility.two_way_distances(utility.Rows(before.codes, before.counts), utility.Rows(after.codes, after.counts), shared)
        sizes = np.bincount(self.after)
        lost = float(np.mean([columns[i]["loss"] for i in self.quasi]))
        return {
            "granularity": utility.granularity(lost),
            "entropy_loss": round(float(np.mean([columns[i]["entropy_loss"] for i in self.quasi])), 9),
            "average_class_size": round(utility.average_class_size(sizes), 4),
            "normalised_class_size": round(utility.normalised_class_size(sizes, self.stage.k), 4),
            "discernibility": utility.discernibility(sizes, rows - len(self.tables.release), rows),
            "columns": columns,
            "two_way": {
                "mean": round(float(np.mean(list(two.values()))), 9) if two else 0.0,
                "pairs": [{"columns": [self.names[i], self.names[j]], "distance": far} for (i, j), far in sorted(two.items(), key=lambda pair: (-pair[1], pair[0]))],
            },
            "models": {self.names[i]: self._model(i, shared) for i in self.secrets},
        }  # fmt: skip

    def _shared(self, i: int) -> utility.Shared:
        column = self.tables.columns[i]
        return utility.shared(column.starts, column.members, blocks(column, self.tables.original[:, i]))

    def _column(self, i: int, part: utility.Shared) -> dict[str, Any]:
        column, rows = self.tables.columns[i], len(self.tables.original)
        leaf_rows = np.bincount(self.tables.original[:, i], minlength=column.leaves)
        label_rows = np.bincount(self.tables.release[:, i], minlength=column.labels)
        return {
            "column": column.name,
            "loss": utility.column_loss(column.loss, label_rows, rows),
            "entropy_loss": utility.entropy_loss(leaf_rows, column.starts, column.members, label_rows, rows),
            "distance": utility.marginal_distance(leaf_rows, label_rows, part),
        }

    def _model(self, target: int, shared: Sequence[utility.Shared]) -> dict[str, Any]:
        """Predict a sensitive column from all others: learnt from the original and from the release, tried on the same people."""
        tables, column = self.tables, self.tables.columns[target]
        shuffled = self.rng.permutation(len(tables.original))
        half = shuffled[: len(shuffled) // 2] if tables.holdout is None else shuffled
        tests = tables.original[shuffled[len(shuffled) // 2 :]] if tables.holdout is None else tables.holdout
        train, tests = tables.original[half[:MODEL_ROWS]], tests[:MODEL_ROWS]
        single = column.sizes == 1
        leaf_of = np.where(single, column.members[np.minimum(column.starts[:-1], max(len(column.members) - 1, 0))], 0)
        usable = np.flatnonzero(single[tables.release[:, target]])
        chosen = tables.release[self.rng.permutation(usable)[: len(train)]]  # as many rows for both
        value = blocks(column, tables.original[:, target], most=20)
        others = [i for i in range(len(tables.columns)) if i != target]
        seen, asked = _features(shared, others, train, released=False), _features(shared, others, tests, released=False)
        truth = value[tests[:, target]]
        return {
            "from_original": utility.model_accuracy(seen, value[train[:, target]], asked, truth),
            "from_release": utility.model_accuracy(
                _features(shared, others, chosen, released=True), value[leaf_of[chosen[:, target]]], asked, truth
            ),
            "rows": {"original": len(train), "release": len(chosen), "tested": len(tests)},
        }

    def _notes(self) -> list[str]:
        notes = ["These are exact figures about the original: for the officer, not for publication."]
        if self.tables.holdout is None:
            notes.append("No held-out people were given: attacks are compared with guessing, which "
                         "overstates what the release adds, and models are tried on people whom the release may have shown them.")  # fmt: skip
        if len(self.persons) != int(self.persons.max(initial=-1)) + 1:
            notes.append("Persons have many rows: classes before are counted in persons, classes after and attacks in rows. "
                         "Unicity after is what it would be if a person's released rows could be told to be one person's.")  # fmt: skip
        if self.averaged:
            notes.append(f"Micro-aggregated columns show means, not values, and are left out of all this: {', '.join(self.averaged)}.")
        if self.keyed:
            notes.append("The release still holds the person key: every row says whose it is.")
        if self.fraction == 1:
            notes.append("The original is taken for the whole population; give the sampling fraction if it is a sample.")
        return notes


def _persons(table: pa.Table, key: str | None) -> Integers:
    """(row,) a number for the person of each row; without a key every row is a person."""
    if key is None:
        return np.arange(table.num_rows)
    coded = table[key].combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(np.unique(coded.indices.to_numpy(zero_copy_only=False), return_inverse=True)[1], dtype=np.int64)


def _groups(codes: Integers) -> Integers:
    """(row,) a number for each distinct combination, from 0."""
    return distinct_rows(codes)[1]


def _features(shared: Sequence[utility.Shared], others: Sequence[int], codes: Integers, *, released: bool) -> Any:
    """(row, feature): of each column the shares of its blocks that a value, or a label of the release, stands for."""
    if not others:
        return np.zeros((len(codes), 1))
    found = [shared[i].shares[(shared[i].groups if released else shared[i].blocks)[codes[:, i]]] for i in others]
    return np.concatenate(found, axis=1)
