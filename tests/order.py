"""Which worker runs which file, and when: what takes long begins first, so that all workers end at about the same time."""

from __future__ import annotations

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


class LongFirst(LoadFileScheduling):
    """A file is never split; files that share a platform stay together; the order is that of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ONE_SPARK):
            return "one Spark"
        return "one platform" if nodeid.startswith(ONE_PLATFORM) else super()._split_scope(nodeid)
