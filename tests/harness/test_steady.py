"""``make steady`` finds what fails in one order alone, and says how to see it again; draws are repeated."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests import steady
from tests.order import shuffled

PLUGINS = ["-p", "no:django", "-p", "no:cacheprovider", "-p", "tests.order", "-p", "tests.draws", "-p", "tests.repeat"]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``suite(code, …)``: one round of a suite of one file, of its own."""
    monkeypatch.setenv("PYTHONPATH", str(steady.ROOT))

    def run(code: str, seed: str, *more: str) -> steady.Round:
        (tmp_path / "test_own.py").write_text(code)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = draws\n")
        return steady.run(seed, [*PLUGINS, "-p", "cacheprovider", *more], root=tmp_path)

    return run


IN_ONE_ORDER = """
seen = []
def test_first(): seen.append(1)
def test_second(): assert seen
"""


def test_what_fails_in_one_order_alone_is_found_and_fails_again_with_its_seed(suite):
    rounds = {seed: suite(IN_ONE_ORDER, seed) for seed in ("1", "2", "3", "4", "5")}
    failing = [one for one in rounds.values() if one.failed]
    assert 0 < len(failing) < 5, "of five orders drawn by these seeds, some are the one and some the other"
    assert failing[0].failed == ("test_own.py::test_second",) and failing[0].status == 1
    assert suite(IN_ONE_ORDER, failing[0].seed).failed == failing[0].failed
    said = "\n".join(steady.summary(list(rounds.values())))
    assert f"test_own.py::test_second\n    failed in {len(failing)} of 5 rounds; again: make steady ROUNDS=1 SEED={failing[0].seed}" in said


def test_a_round_that_came_to_nothing_is_not_steady(suite):
    nothing = suite("", "1")
    assert (nothing.status, nothing.steady) == (5, False)
    assert "the round itself (status 5)" in steady.summary([nothing])[1]


def test_a_suite_in_which_nothing_fails_is_steady(suite, monkeypatch, capsys):
    whole = suite("def test(): pass", "1")
    assert whole.steady and "1 passed" in whole.last_line
    assert steady.summary([whole, whole]) == ["Steady: nothing failed in any round (2)."]
    monkeypatch.setattr(steady, "run", lambda seed, arguments: whole)
    assert steady.main(["--rounds", "2", "--seed", "77"]) == 0
    assert "round 1 of 2, seed 77" in capsys.readouterr().out


def test_one_round_that_fails_ends_with_an_error_and_its_output(suite, monkeypatch, capsys):
    broken = suite("def test(): assert 0", "1")
    monkeypatch.setattr(steady, "run", lambda seed, arguments: broken)
    assert steady.main(["--rounds", "1"]) == 1
    assert "assert 0" in capsys.readouterr().out


DRAWS = """
import pytest
@pytest.mark.draws
@pytest.mark.parametrize("n", [1, 2])
def test_drawn(n): pass
def test_other(): pass
"""


def test_only_tests_that_draw_are_repeated(suite):
    assert "21 passed" in suite(DRAWS, "1", "--repeat", "10").last_line
    assert "3 passed" in suite(DRAWS, "1").last_line


def test_the_order_is_that_of_the_seed_and_files_stay_together(request):
    items = list(request.session.items)
    one, again, other = shuffled(items, "1"), shuffled(items, "1"), shuffled(items, "2")
    assert one == again and (one != other or len(items) < 5)
    assert sorted(map(id, one)) == sorted(map(id, items))
    paths = [item.path for item in one]
    changes = sum(before != after for before, after in pairwise(paths))
    assert changes == len(set(paths)) - 1
