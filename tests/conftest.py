"""What all tests share: where the real data are, people with roles, and a harness that fails loudly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.needs import REAL_DATA

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data beside the project; tests that need it say so where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        REAL_DATA.missing()
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from tests.examples import search_longer

    search_longer(items)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A platform of real processes, for all tests that only visit it. Its people: ``tests.live.platform``."""
    from tests.live.platform import platform

    with platform(tmp_path_factory.mktemp("site")) as made:
        made.start()
        yield made


@pytest.fixture(autouse=True)
def silent_bell(monkeypatch, request):
    """No test talks to a broker by accident: the bell only notes who was rung for (``rung``)."""
    from catalog.audit import doorbell

    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(doorbell.current_app, "send_task", lambda name, args, **kw: rung.append((name, args[0])), raising=False)
    return rung


@pytest.fixture
def rung(silent_bell):
    return silent_bell
