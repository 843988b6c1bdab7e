"""``python -m tests.access``: write docs/reference/access.md from the table, with a database of its own."""

from __future__ import annotations

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["WRITE_ACCESS_PAGE"] = "1"
    sys.exit(pytest.main(["-q", "tests/access/test_access.py", "-k", "page_says"]))
