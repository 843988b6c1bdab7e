"""The tree of rows finds what looking at every pair finds."""

from __future__ import annotations

import numpy as np
import pytest

from anonymize.risk import covering
from anonymize.risk.arrays import Lists, distinct_rows, unique
from anonymize.risk.covering import Tree, by_question


def world(seed: int, rows: int, columns: int, codes: int = 4, keys: int = 5):
    """Distinct rows of codes, questions of keys, and for each column which codes agree with each key."""
    draw = np.random.default_rng(seed)
    table = distinct_rows(draw.integers(0, codes, (rows, columns)))[0]
    agrees = draw.random((columns, keys, codes)) < 0.4
    lists = [Lists.grouped(*np.nonzero(one), keys) for one in agrees]
    return table, lists, agrees, draw.integers(0, keys, (30, columns))


def slow(table, agrees, asked) -> set[tuple[int, int]]:
    return {
        (i, r)
        for i, question in enumerate(asked.tolist())
        for r, row in enumerate(table.tolist())
        if all(agrees[j, key, code] for j, (key, code) in enumerate(zip(question, row, strict=True)))
    }


@pytest.mark.parametrize(("rows", "columns"), [(40, 3), (200, 4), (1, 2), (0, 2), (5, 1)])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_tree_finds_every_pair_that_agrees_and_no_other(seed, rows, columns):
    table, lists, agrees, asked = world(seed, rows, columns)
    question, row = Tree(table).match(lists, asked)
    assert question.tolist() == sorted(question.tolist())
    found = list(zip(question.tolist(), row.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == slow(table, agrees, asked)
    grouped = list(by_question(question, row, len(asked)))
    assert {(i, int(r)) for i, rows in enumerate(grouped) for r in rows} == set(found)


def test_a_search_that_goes_down_in_parts_finds_the_same(monkeypatch):
    table, lists, _, asked = world(3, 200, 4)
    whole = [part.tolist() for part in Tree(table).match(lists, asked)]
    monkeypatch.setattr(covering, "FRONT", 7)
    monkeypatch.setattr(covering, "CHUNK", 5)
    assert [part.tolist() for part in Tree(table).match(lists, asked)] == whole
    assert len(list(Tree(table).blocks(lists, asked))) > 10


def test_distinct_rows_are_those_of_counting_each():
    draw = np.random.default_rng(0)
    for codes in (draw.integers(0, 3, (60, 3)), draw.integers(0, 1 << 40, (30, 3)) // (1 << 39), np.zeros((0, 2), dtype=np.int64)):
        weights = draw.integers(1, 5, len(codes))
        found, of, counts = distinct_rows(codes, weights)
        assert [tuple(row) for row in found.tolist()] == sorted({tuple(row) for row in codes.tolist()})
        assert found[of].tolist() == codes.tolist()
        assert counts.tolist() == [int(weights[of == i].sum()) for i in range(len(found))]
    large = draw.integers(0, 1 << 40, (50, 4))  # more combinations than fit into one number
    assert distinct_rows(large)[0][distinct_rows(large)[1]].tolist() == large.tolist()


def test_unique_keys_are_ascending():
    assert unique(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert unique(np.zeros(0, dtype=np.int64)).tolist() == []
