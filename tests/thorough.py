"""``--thorough``: also the tests that take long; in CI they always run. Left out, they are counted as not run."""

from __future__ import annotations

import os

import pytest

from tests.needs import THOROUGH


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", default=bool(os.environ.get("CI")), help="also run what takes long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("thorough"):
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason=THOROUGH.reason))
