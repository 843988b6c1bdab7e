"""The end of a run in a few lines: how many tests were skipped for want of what, and what it takes to run them all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.needs import ALL

_PREFIX = "Skipped: "
_ELSEWHERE = "the same on PostgreSQL and Redis (set DATABASE_URL and BROKER_URL)"


def counted(reasons: Iterable[str]) -> Counter[str]:
    """How often each thing was needed; a reason of another kind stands as it is."""
    things = {need.reason: need.what for need in ALL}
    return Counter(things.get(reason, reason) for reason in reasons)


def lines(reasons: Iterable[str], *, whole: bool, on_servers: bool) -> list[str]:
    """What is said of a run. ``whole``: all tests were asked for; ``on_servers``: it ran on PostgreSQL and a broker."""
    needed = counted(reasons)
    said = []
    if needed:
        told = [f"{number} for want of {what}" if any(what == need.what for need in ALL) else f"{number} because: {what}" for what, number in needed.most_common()]
        said.append(f"{needed.total()} skipped: {', '.join(told)}.")
    without = [f"what needs {need.what} ({need.how})" for need in ALL if need.what in needed]
    if whole and not on_servers:
        without.append(_ELSEWHERE)
    if without:
        said.append(f"Not run here, and what it takes: {'; '.join(without)}.")
    return said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = [report.longrepr[2].removeprefix(_PREFIX) for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (config.option.markexpr or config.option.keyword)
    on_servers = os.environ.get("DATABASE_URL", "").startswith("postgres") and bool(os.environ.get("BROKER_URL"))
    for line in lines(skipped, whole=whole, on_servers=on_servers):
        terminalreporter.write_line(line)
