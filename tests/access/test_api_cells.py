"""The cells over the API: every address × role × scope × state is answered as the policies say."""

from __future__ import annotations

import pytest

from tests.access.asking import wrong_cells
from tests.access.routes import API

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", sorted({route.on for route in API}))
def test_every_cell_is_answered_as_the_policies_say(city, kind):
    wrong = wrong_cells(city, API, kind)
    assert wrong == [], "\n".join([f"{len(wrong)} cells are wrong:", *wrong[:40]])
