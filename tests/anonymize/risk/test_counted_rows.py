"""Equal rows given once with how often they occur say the same as all of them one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from anonymize.risk.attacks import inference, linkability
from anonymize.risk.coded import Coded, blocks
from anonymize.risk.coding import code_tables
from anonymize.risk.columns import standing_out
from anonymize.risk.homogeneity import homogeneity
from anonymize.risk.linkage import linkage
from anonymize.risk.minimality import node_of
from anonymize.risk.singling_out import singling_out
from tests.anonymize.risk.worlds import QUASI, coarse, people

EVERYBODY = 10_000


def once(table: pa.Table) -> pa.Table:
    """Each different row, and how often it occurs."""
    frame = table.to_pandas()
    return pa.Table.from_pandas(frame.groupby(list(frame.columns), dropna=False).size().rename("often").reset_index(), preserve_index=False)


def both(release=coarse) -> tuple[Coded, Coded]:
    original, held = people(np.random.default_rng(8), 300), people(np.random.default_rng(9), 200)
    described = {"quasi_identifiers": QUASI, "others": ["illness"]}
    one_by_one = code_tables(original, release(original), holdout=held, **described)
    counted = code_tables(once(original), once(release(original)), holdout=once(held), times="often", **described)
    return one_by_one, counted


@pytest.fixture(scope="module", params=[coarse, lambda table: table], ids=["coarse", "copy"])
def worlds(request):
    return both(request.param)


def test_they_are_as_many(worlds):
    rows, counted = worlds
    assert len(counted.original) < len(rows.original) == len(counted.people) == counted.people.rows
    assert counted.release_rows == rows.release_rows == 300
    assert len(counted.control) == len(rows.control) == 200
    assert sorted(counted.people.distinct.counts) == sorted(rows.people.distinct.counts)
    assert sorted(counted.released.counts) == sorted(rows.released.counts)
    assert (counted.people.sole >= 0).sum() == (rows.people.sole >= 0).sum() > 0


def test_everybody_can_be_drawn_and_has_the_row_that_is_theirs(worlds):
    _, counted = worlds
    chosen, rows = counted.people.sample(EVERYBODY, np.random.default_rng(1))
    assert sorted(chosen) == list(range(300))
    assert (np.bincount(rows) == counted.times).all()
    assert all(counted.people.rows_of(int(person)).tolist() == [row] for person, row in zip(chosen, rows, strict=True))
    alone = np.flatnonzero(counted.people.sole >= 0)
    assert (counted.people.codes[[counted.people.rows_of(int(counted.people.sole[i]))[0] for i in alone]] == counted.people.distinct.codes[alone]).all()
    drawn = counted.some_released(EVERYBODY, np.random.default_rng(2), again=False)
    assert (np.bincount(drawn) == counted.released.counts).all()


def test_attacks_on_everybody_end_the_same(worlds):
    rows, counted = worlds

    def fared(tables):
        rng = np.random.default_rng(3)
        return [
            linkage(tables, 3, targets=EVERYBODY, rng=rng).as_dict(), linkage(tables, 2, columns=[0, 1], targets=EVERYBODY, rng=rng).as_dict(),
            linkability(tables, [0], [1, 2], targets=EVERYBODY, rng=rng).as_dict(), inference(tables, [0, 1], 2, targets=EVERYBODY, rng=rng).as_dict(),
        ]  # fmt: skip

    for one, other in zip(fared(rows), fared(counted), strict=True):
        assert other["attack"]["successes"] == pytest.approx(one["attack"]["successes"], abs=2e-3)
        assert other["control"]["successes"] == pytest.approx(one["control"]["successes"], abs=2e-3)
        assert other["baseline"] == one["baseline"]
    assert node_of(rows) == node_of(counted)


def test_a_row_that_stands_for_many_is_nobody_alone():
    """Every row twice: whoever forgets the counts singles people out, whoever heeds them nobody."""
    table = once(people(np.random.default_rng(8), 100))
    twins = table.set_column(table.column_names.index("often"), "often", pa.array([2] * table.num_rows))
    doubled = code_tables(twins, twins, quasi_identifiers=QUASI, others=["illness"], times="often")
    assert singling_out(doubled, queries=50, rng=np.random.default_rng(5)).attack.trials == 0
    forgotten = code_tables(twins, twins, quasi_identifiers=QUASI, others=["illness"])
    assert singling_out(forgotten, queries=50, rng=np.random.default_rng(5)).attack.value == 1
    assert linkage(doubled, 3, targets=EVERYBODY).attack.value == pytest.approx(0.5)


def test_what_shares_and_stands_out_is_the_same(worlds):
    rows, counted = worlds
    names = [column.name for column in rows.columns]
    assert standing_out(counted.original, names, times=counted.times) == standing_out(rows.original, names)
    classes = [tables.only([0, 1]).people.distinct.of for tables in (rows, counted)]
    assert homogeneity(classes[1], counted.original[:, 2], times=counted.times) == pytest.approx(homogeneity(classes[0], rows.original[:, 2]))
    for i in range(3):
        few = [sorted(np.bincount(blocks(t.columns[i], t.original[:, i], most=4, times=t.times)[t.original[:, i]], t.times)) for t in (rows, counted)]
        assert few[0] == few[1]
