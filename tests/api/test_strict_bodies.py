"""What fresh eyes found: bodies that say two things, parameters that nobody knows, ladders that are none."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories
from tests.api.client import Api

pytestmark = pytest.mark.django_db


def test_a_member_that_is_named_twice_is_refused():
    answer = Client().post("/api/v1/session", '{"username": "a", "username": "b", "password": "c"}', content_type="application/json")
    assert (answer.status_code, "twice" in answer.json()["detail"]) == (400, True)


def test_an_unknown_parameter_is_named():
    answer = Client().get("/api/v1/datasets?colour=red").json()
    assert "'colour'" in answer["detail"]
    assert answer["errors"][0]["pointer"] == "colour"


@pytest.mark.parametrize("content", [b"a;b;*\nc;*\n", b"a;*\na;*\n", b"a;x;y;*\nb;x;z;*\n"], ids=["ragged", "twice", "not nested"])
def test_a_ladder_that_is_none_is_refused_when_it_is_uploaded(content):
    published = factories.publication("survey")
    steward = Api(published.dataset.steward)
    answer = Client().put("/api/v1/datasets/survey/hierarchies/x.csv", content, content_type="text/csv", headers=steward.headers)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"]
