"""How long property tests search: few examples, the same in every run; by hand more, and others each time (``make long``)."""

from __future__ import annotations

import os

import pytest
from hypothesis import is_hypothesis_test, settings

TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))


def search_longer(items: list[pytest.Item], times: int = TIMES) -> None:
    """Give every property test ``times`` as many examples, drawn anew; as it is, with 1."""
    if times == 1:
        return
    for test in {getattr(item, "obj", None) for item in items}:
        if is_hypothesis_test(test):
            known = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(known, max_examples=times * known.max_examples, derandomize=False)
