"""Which worker runs which file, and when: what takes long begins first, so that all workers end at about the same time.

``--shuffle SEED`` puts the files, and the tests of each file, into an order drawn from a seed instead.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

# The longest first. It is a hint only: tests pass in any order.
LONG = (
    "tests/live/",
    "tests/browser/",
    "tests/docs/test_tutorial.py",
    "tests/anonymize/spark/",
    "tests/api/test_schema.py",
    "tests/access/test_api_cells.py",
    "tests/access/test_page_cells.py",
)
# These share one running platform (the fixture ``site``), so one worker has them all.
ONE_PLATFORM = ("tests/browser/", "tests/docs/test_tutorial.py")
# And these one Spark, which takes seconds to start.
ONE_SPARK = "tests/anonymize/spark/"


def place(item: pytest.Item) -> int:
    """Where the item's file stands among the long ones; behind them all when it is none."""
    return next((at for at, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """The same tests, those of a file still together, in an order that the seed alone decides."""
    chance = random.Random(seed)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = sorted(files)
    chance.shuffle(order)
    return [item for path in order for item in chance.sample(files[path], len(files[path]))]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", help="run the tests in an order drawn from this seed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("shuffle")
    items[:] = sorted(items, key=place) if seed is None else shuffled(items, seed)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return LongFirst(config, log) if config.getvalue("dist") == "loadfile" else None


class LongFirst(LoadFileScheduling):
    """A file is never split; files that share a platform stay together; the order is that of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ONE_SPARK):
            return "one Spark"
        return "one platform" if nodeid.startswith(ONE_PLATFORM) else super()._split_scope(nodeid)
