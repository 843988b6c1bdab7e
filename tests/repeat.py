"""``--repeat N``: each test marked ``draws`` is run N times, each time with other draws."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repeat", type=int, default=1, help="how often each test that draws noise is run")


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> int:
    """Which of the times it is, from 0; a test does not ask for it, ``--repeat`` does."""
    return int(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    times = metafunc.config.getoption("repeat")
    if times > 1 and metafunc.definition.get_closest_marker("draws"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times), indirect=True, ids=[f"time {time + 1}" for time in range(times)])
