"""What all tests share: where the real data are, people with roles, and a harness that fails loudly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data beside the project; tests that need it say so where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the real data (../shared/data) must be there in CI")
        pytest.skip("needs the real data in ../shared/data, which is not on this machine")
    return folder


@pytest.fixture(autouse=True)
def plain_static_files(settings):
    """Pages render in tests without a collectstatic run before them."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


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
