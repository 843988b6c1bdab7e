"""What a key may read where anybody may read something: without the scope no more than everybody."""

from __future__ import annotations

import pytest

from catalog.people.roles import SCOPES, Role
from tests import factories
from tests.api.client import Api

PUBLIC = (
    "datasets", "datasets/published", "datasets/published/releases", "datasets/published/releases/1", "datasets/published/records",
    "datasets/published/releases/1/records", "datasets/published/exports/csv", "datasets/published/releases/1/exports/csv", "register", "openapi.json",
)  # fmt: skip
UNPUBLISHED = (
    "datasets/hidden", "datasets/hidden/releases", "datasets/hidden/releases/1", "datasets/hidden/records", "datasets/hidden/exports/csv",
    "datasets/hidden/releases/1/records", "datasets/hidden/releases/1/exports/csv",
)  # fmt: skip


@pytest.fixture
def insider(db):
    """In every role, of the organisation whose dataset is not published yet."""
    home = factories.organisation()
    factories.publication("published", recipe=factories.DP_TABLE)
    made = factories.user("insider", *Role, organisation=home, mandates=[home])
    factories.version(factories.dataset(made, "hidden"))
    return made


def test_an_unpublished_dataset_is_shown_to_a_key_that_may_read_and_to_no_other(insider):
    answers = {scope: Api(insider, scope).get("datasets/hidden").status_code for scope in SCOPES}
    assert answers == {scope: 200 if scope == "read" else 404 for scope in SCOPES}


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != "read"])
def test_a_key_without_the_scope_gets_what_nobody_gets(insider, scope):
    for path in (*PUBLIC, *UNPUBLISHED):
        nobody, key = Api().get(path), Api(insider, scope).get(path)
        assert (key.status_code, key.getvalue()) == (nobody.status_code, nobody.getvalue()), path


def test_such_a_key_is_still_counted_as_its_owners(insider):
    answer = Api(insider, "trail:read").get("datasets/published")
    assert int(answer["RateLimit-Limit"]) > int(Api().get("datasets/published")["RateLimit-Limit"])


def test_head_tells_a_key_no_more_than_get(insider):
    assert Api(insider, "ledger:read").call("head", "datasets/hidden").status_code == 404
    assert Api(insider, "read").call("head", "datasets/hidden").status_code == 200
