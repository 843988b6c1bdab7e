"""Usefulness, against sums written out over every row and every cell of a table."""

from __future__ import annotations

from collections import Counter
from math import log2

import numpy as np
import pytest

from anonymize import utility
from anonymize.risk.coded import blocks
from tests.anonymize.risk.worlds import coarse, coded, people


@pytest.fixture(scope="module")
def world():
    original = people(np.random.default_rng(2), 300)
    return original, coarse(original)


def test_non_uniform_entropy_is_the_sum_over_rows(world):
    original, release = world
    before, after = original["age"].to_pylist(), release["age"].to_pylist()
    n, of_leaf, of_label = len(before), Counter(before), Counter(after)
    lost = sum(-log2(of_leaf[a] / of_label[b]) for a, b in zip(before, after, strict=True))
    everything = sum(-log2(of_leaf[a] / n) for a in before)
    codes = [np.unique(column, return_inverse=True)[1] for column in (before, after)]
    assert utility.non_uniform_entropy(*codes) == pytest.approx(lost / everything, abs=1e-8)
    assert utility.non_uniform_entropy(codes[0], codes[0]) == 0
    assert utility.non_uniform_entropy(codes[0], np.zeros(n, dtype=int)) == 1


def test_entropy_without_matched_rows_is_the_same_where_equal_leaves_get_equal_labels(world):
    tables = coded(*world)
    for i, column in enumerate(tables.columns):
        leaves, labels = tables.original[:, i], tables.release[:, i]
        counts = np.bincount(leaves, minlength=column.leaves)
        rows = np.bincount(labels, minlength=column.labels)
        alone = utility.entropy_loss(counts, column.starts, column.members, rows, len(leaves))
        assert alone == pytest.approx(utility.non_uniform_entropy(leaves, labels), abs=1e-8)
        half = utility.entropy_loss(counts, column.starts, column.members, 0 * rows, len(leaves))
        assert half == 1


def test_a_suppressed_row_loses_everything():
    assert utility.column_loss(np.array([0.0, 0.5]), np.array([1, 1]), rows=4) == (0 + 0.5 + 1 + 1) / 4
    with pytest.raises(ValueError, match="no more rows"):
        utility.column_loss(np.array([0.0]), np.array([2]), rows=1)


def slow_spread(table, tables, names):
    """Rows of a release shared out evenly over what each label covers."""
    shares: Counter[tuple[int, ...]] = Counter()
    places = [tables.place(name) for name in names]
    for row in tables.release:
        covers = [tables.columns[i].covered(row[i]).tolist() for i in places]
        for a in covers[0]:
            for b in covers[-1]:
                shares[(a, b) if len(names) == 2 else (a,)] += 1 / (len(covers[0]) * (len(covers[1]) if len(names) == 2 else len(covers[0])))
    return shares


def slow_distance(tables, names):
    places = [tables.place(name) for name in names]
    before = Counter(tuple(row[i] for i in places) for row in tables.original.tolist())
    after = slow_spread(None, tables, names)
    n, m = sum(before.values()), sum(after.values())
    return sum(abs(before[cell] / n - after[cell] / m) for cell in set(before) | set(after)) / 2


def shared(tables):
    return [
        utility.shared(column.starts, column.members, blocks(column, tables.original[:, i])) for i, column in enumerate(tables.columns)
    ]


def rows(codes):
    return utility.Rows(codes, np.ones(len(codes), dtype=int))


def test_distances_of_tables_are_those_of_every_cell(world):
    tables = coded(*world)
    parts = shared(tables)
    for i, name in enumerate(("age", "area", "illness")):
        leaf_rows = np.bincount(tables.original[:, i], minlength=tables.columns[i].leaves)
        label_rows = np.bincount(tables.release[:, i], minlength=tables.columns[i].labels)
        assert utility.marginal_distance(leaf_rows, label_rows, parts[i]) == pytest.approx(slow_distance(tables, [name]), abs=1e-8)
    two = utility.two_way_distances(rows(tables.original), rows(tables.release), parts)
    for (i, j), found in two.items():
        assert found == pytest.approx(slow_distance(tables, [tables.columns[i].name, tables.columns[j].name]), abs=1e-8)


def test_distinct_rows_with_their_counts_say_the_same_as_the_rows(world):
    tables = coded(*world)
    before, after = tables.people.distinct, tables.released
    assert len(before) < len(tables.original)
    counted = utility.two_way_distances(
        utility.Rows(before.codes, before.counts), utility.Rows(after.codes, after.counts), shared(tables)
    )
    assert counted == utility.two_way_distances(rows(tables.original), rows(tables.release), shared(tables))


def test_a_copy_is_at_distance_0_and_an_empty_release_at_1(world):
    original, _ = world
    tables = coded(original, original)
    assert set(utility.two_way_distances(rows(tables.original), rows(tables.release), shared(tables)).values()) == {0.0}
    assert utility.total_variation(np.array([1.0, 2.0]), np.zeros(2)) == 1
    assert utility.total_variation(np.array([1.0, 0]), np.array([0, 5.0])) == 1


def test_labels_that_say_the_same_of_few_blocks_are_one_group_and_the_rest_is_shared_out_evenly():
    starts, members = np.array([0, 1, 2, 5, 7, 7]), np.array([0, 1, 0, 1, 2, 2, 3])
    found = utility.shared(starts, members, np.array([0, 0, 1, 1]))
    assert found.groups[0] == found.groups[1] == 0
    assert found.groups[3] == 1
    assert found.shares[found.groups[2]].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found.shares[found.groups[4]].tolist() == [0, 0]  # covers nothing that is known
    many = 30_000  # values of their own: no matrix of labels by blocks
    alone = utility.shared(np.arange(many + 1), np.arange(many), np.arange(many) // 1000)
    assert alone.shares.shape == (30, 30)


def test_blocks_are_few_keep_order_and_hold_every_leaf():
    original = people(np.random.default_rng(3), 500)
    tables = coded(original, original)
    age = tables.columns[0]
    found = blocks(age, tables.original[:, 0], most=5)
    assert set(found.tolist()) == set(range(5))
    order = np.argsort(age.numbers)
    assert (np.diff(found[order]) >= 0).all()
    area = blocks(tables.columns[1], tables.original[:, 1], most=3)
    assert set(area.tolist()) == {0, 1, 2}


def test_a_model_learns_what_is_there_to_learn_and_no_more():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 4, 800)
    y = ((code >= 2) ^ (rng.random(800) < 0.05)).astype(int)
    x = np.eye(4)[code]
    good = utility.model_accuracy(x[:400], y[:400], x[400:], y[400:])
    noise = utility.model_accuracy(rng.permutation(x[:400]), y[:400], x[400:], y[400:])
    coarse = np.repeat(x.reshape(-1, 2, 2).sum(axis=2), 2, axis=1) / 2  # codes 0, 1 and 2, 3 as one label each
    blurred = utility.model_accuracy(coarse[:400], y[:400], x[400:], y[400:])
    assert good["accuracy"] > 0.9
    assert noise["accuracy"] < 0.8
    assert blurred["accuracy"] == good["accuracy"]  # the labels keep what matters here
    assert 0.4 < good["commonest"] < 0.6
    one_value = utility.model_accuracy(x[:400], np.zeros(400, dtype=int), x[400:], y[400:])
    assert one_value["balanced"] == 0.5
    assert utility.model_accuracy(x[:0], y[:0], x, y)["accuracy"] == 0


def test_the_model_is_the_naive_bayes_that_others_use():
    from sklearn.naive_bayes import MultinomialNB

    rng = np.random.default_rng(4)
    features, target = rng.dirichlet(np.ones(6), 300), rng.choice([2, 5, 9], 300, p=[0.6, 0.3, 0.1])
    features[target == 5, 0] += 0.5
    asked, truth = rng.dirichlet(np.ones(6), 200), rng.choice([2, 5, 9, 11], 200)
    found = utility.model_accuracy(features, target, asked, truth)
    theirs = MultinomialNB().fit(features, target).predict(asked) == truth
    assert found["accuracy"] == pytest.approx(theirs.mean())
    assert found["balanced"] == pytest.approx(np.mean([theirs[truth == value].mean() for value in np.unique(truth)]), abs=1e-6)
