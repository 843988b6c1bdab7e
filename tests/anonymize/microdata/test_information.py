"""Guesses of where the best node lies: they are what they say, and they never stand in for counting."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from anonymize.microdata.bounds import Bounds
from anonymize.microdata.classes import Combinations, Grouping, of_single_rows
from anonymize.microdata.full_domain import search
from anonymize.microdata.information import UNIT, Information, Witnesses, near
from anonymize.microdata.lattice import CodedLadder
from anonymize.microdata.losses import granularity


def skewed(columns: int, rows: int) -> tuple[Combinations, list[CodedLadder]]:
    """Eight leaves, pairs, halves and ``*`` a column; small values are commoner."""
    rng = np.random.default_rng(11)
    codes = np.minimum(rng.geometric(0.3, (rows, columns)) - 1, 7)
    leaf = np.arange(8)
    groups, sizes = (leaf, leaf // 2, leaf // 4, leaf * 0), (8, 4, 2, 1)
    penalties = (np.zeros(8), np.full(4, 1 / 7), np.full(2, 3 / 7), np.ones(1))
    ladders = [CodedLadder(f"c{i}", groups, sizes, penalties) for i in range(columns)]
    distinct, counts = np.unique(codes, axis=0, return_counts=True)
    return of_single_rows([ladder.column for ladder in ladders], distinct, counts), ladders


@pytest.fixture
def information() -> Information:
    return Information(Grouping(*skewed(3, 500)))


def test_the_bits_of_a_column_are_the_entropy_of_its_labels(information: Information) -> None:
    table, _ = skewed(3, 500)
    labels = np.repeat(table.codes[:, 0], table.rows) // 2
    share = np.bincount(labels) / 500
    assert information.bits[0][1] == pytest.approx(-sum(p * np.log2(p) for p in share if p))
    assert information.bits[0][3] == 0


@pytest.mark.parametrize("bits", [0.0, 1.0, 2.5, 4.0, 6.0])
def test_the_guess_is_the_least_penalised_node_of_so_many_bits(information: Information, bits: float) -> None:
    nodes = list(product(range(4), repeat=3))
    penalty = {node: sum(information.penalty[c][level] for c, level in enumerate(node)) for node in nodes}
    used = {node: sum(int(np.ceil(information.bits[c][level] * UNIT)) for c, level in enumerate(node)) for node in nodes}
    least = min(penalty[node] for node in nodes if used[node] <= int(bits * UNIT))
    guess = information.cheapest(bits)
    assert used[guess] <= int(bits * UNIT)
    assert penalty[guess] == pytest.approx(least)


def test_without_bits_everything_is_generalised_and_with_all_of_them_nothing(information: Information) -> None:
    assert information.cheapest(0) == (3, 3, 3)
    assert information.cheapest(information.most + 1) == (0, 0, 0)


def test_neighbours_stay_within_the_lattice_and_are_never_the_node_itself() -> None:
    found = list(near((0, 2, 1), (3, 2, 1)))
    assert (0, 2, 1) not in found and len(found) == len(set(found))
    assert all(0 <= level <= top for node in found for level, top in zip(node, (3, 2, 1), strict=True))
    assert {(1, 1, 1), (0, 0, 1), (2, 1, 1), (1, 2, 0)} <= set(found)


def test_witnesses_are_the_open_node_or_coarser_and_the_node_itself_comes_last() -> None:
    table, ladders = skewed(4, 300)
    grouping = Grouping(table, ladders)
    bounds = Bounds(granularity(grouping), (4,) * 4)
    witnesses = list(Witnesses(Information(grouping), bounds, None).of((0, 1, 0, 0), None))
    assert witnesses[-1] == (0, 1, 0, 0) and len(witnesses) > 1
    assert all(w >= n for witness in witnesses for w, n in zip(witness, (0, 1, 0, 0), strict=True))


def test_an_optimum_is_proven_by_counting_few_of_the_nodes() -> None:
    table, ladders = skewed(6, 3000)
    found = search(table, ladders, 5, 150)
    assert found.proven_optimal and found.nodes == 4**6
    assert found.evaluated < found.nodes / 20
