"""Comparisons of settings over the API."""

from __future__ import annotations

import pytest

from catalog.releases import comparisons
from tests import factories
from tests.api.client import Api

pytestmark = pytest.mark.django_db
ASKED = {"recipe": factories.K_ANONYMOUS, "ks": [3, 5]}


@pytest.fixture
def version():
    return factories.version(factories.dataset(factories.steward(), "survey"))


@pytest.fixture
def steward(version):
    return Api(version.dataset.steward)


def test_one_is_asked_for_read_and_cancelled(steward, version):
    answer = steward.post("datasets/survey/comparisons", ASKED)
    made = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/comparisons/{made['id']}")
    assert made["settings"] == {"ks": [3, 5], "ls": [], "methods": ["full_domain", "local_recoding"]}
    assert (made["state"], made["result"], made["version"]["id"]) == ("queued", None, version.pk)
    assert steward.get(answer["Location"]).json()["id"] == made["id"]
    assert steward.call("delete", answer["Location"]).json()["state"] == "cancelled"
    assert steward.call("delete", answer["Location"]).json()["code"] == "wrong_state"


def test_of_a_table_with_noise_the_errors_are_asked_for(steward, version):
    asked = {"recipe": factories.DP_TABLE}
    type(version.dataset).objects.update(population=factories.population(version.dataset.organisation, "city"))
    made = steward.post("datasets/survey/comparisons", {**asked, "factors": ["0.5", 2]}).json()
    assert made["settings"] == {"factors": ["0.5", "2"]}
    steward.call("delete", f"/api/v1/comparisons/{made['id']}")
    made = steward.post("datasets/survey/comparisons", asked).json()
    assert made["settings"] == {"factors": ["0.25", "0.5", "1", "2", "4"]}
    for wrong in (["0"], ["NaN"], ["1e9"], [None]):
        assert steward.post("datasets/survey/comparisons", {**asked, "factors": wrong}).status_code == 422
    for out_of_place in ({**asked, "ks": [3]}, {**ASKED, "factors": ["2"]}, {"recipe": factories.K_ANONYMOUS}):
        assert steward.post("datasets/survey/comparisons", out_of_place).status_code == 422


def test_the_same_request_sent_twice_asks_once(steward):
    answers = [steward.post("datasets/survey/comparisons", ASKED, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


def test_the_figures_are_in_the_answer_and_not_in_the_list(steward, version):
    made = factories.comparison(version)
    assert len(steward.get(f"comparisons/{made.pk}").json()["result"]["points"]) == 6
    listed = steward.get("datasets/survey/comparisons", count="true").json()
    assert listed["total"] == 1
    assert "result" not in listed["results"][0]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"ks": ["3"]}, "/ks/0"), ({"ks": [1]}, "/ks/0"), ({"ks": [3, 3]}, "/ks"), ({"methods": ["magic"]}, "/methods/0"), ({"ls": [0]}, "/ls/0"), ({"more": 1}, "/more"),
     ({"version": 999}, "/version")],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(steward, changes, pointer):
    answer = steward.post("datasets/survey/comparisons", {**ASKED, **changes})
    assert (answer.status_code, pointer in [error.get("pointer") for error in answer.json()["errors"]]) == (422, True), answer.json()


def test_too_many_a_day_are_answered_with_when_to_come_back(steward, monkeypatch):
    monkeypatch.setattr(comparisons, "MOST_A_DAY", 1)
    first = steward.post("datasets/survey/comparisons", ASKED)
    steward.call("delete", first["Location"])
    answer = steward.post("datasets/survey/comparisons", ASKED)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert int(answer["Retry-After"]) > 0
