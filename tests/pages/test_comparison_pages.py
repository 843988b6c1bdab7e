"""A steward compares settings beside the recipe, watches, looks, and takes one of them into the recipe."""

from __future__ import annotations

import json
import re

import pytest

from catalog.display import pictures
from catalog.releases.models import Comparison
from tests import factories
from tests.pages.html import Page

RECIPE = json.dumps(factories.K_ANONYMOUS)
ASKED = {"recipe": RECIPE, "ks": "3, 5 10", "ls": "", "methods": ["full_domain", "local_recoding"]}
SCANNED = {"recipe": 1, "title": "Districts", "columns": {"district": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
FORM = "/steward/datasets/night-buses/comparisons"


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture(autouse=True)
def own_cache(settings, tmp_path):
    settings.CACHE_DIR = tmp_path


@pytest.fixture
def steward(people, signed_in):
    return signed_in(people.steward)


@pytest.fixture
def version(people):
    return factories.version(factories.dataset(people.steward, "night-buses"))


def test_what_is_being_written_is_what_is_compared_and_a_worker_is_rung_for(steward, version, django_capture_on_commit_callbacks, rung):
    assert f'formaction="{FORM}"' in steward.get("/steward/datasets/night-buses/recipe?offer=k-anonymous").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        response = steward.post(FORM, ASKED)
    made = Comparison.objects.get()
    assert response["Location"] == f"/comparisons/{made.pk}"
    assert made.settings == {"ks": [3, 5, 10], "ls": [], "methods": ["full_domain", "local_recoding"]}
    assert ("releases.execute_comparison", made.pk) in rung


def test_progress_is_shown_and_works_without_scripts(steward, version):
    steward.post(FORM, ASKED)
    made = Comparison.objects.get()
    Comparison.objects.update(state="running", percent=40, stage="full domain, k = 5", lease_until=made.requested_at)
    response = steward.get(f"/comparisons/{made.pk}")
    page = parsed(response)
    assert "40 %" in page.text
    assert f"/comparisons/{made.pk}/progress" in page.links
    assert '<noscript><meta http-equiv="refresh"' in response.content.decode()
    assert steward.get(f"/comparisons/{made.pk}/progress").status_code == 200
    Comparison.objects.update(state="failed", error={"code": "internal_error", "message": "lost", "who": "us", "problems": []})
    ended = steward.get(f"/comparisons/{made.pk}/progress")
    assert (ended.status_code, ended["HX-Refresh"]) == (286, "true")
    assert "Nothing was kept and nothing was spent." in parsed(steward.get(f"/comparisons/{made.pk}")).text


def test_a_comparison_can_be_cancelled(steward, version):
    steward.post(FORM, ASKED)
    made = Comparison.objects.get()
    steward.post(f"/comparisons/{made.pk}/cancellation")
    made.refresh_from_db()
    assert made.state == "cancelled"
    parsed(steward.post(f"/comparisons/{made.pk}/cancellation"), 409)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"ks": "three"}, 422, "whole numbers"), ({"ks": ""}, 422, "combinations"), ({"ks": "1"}, 422, "between 2"), ({"methods": []}, 422, "methods"),
        ({"ks": "²"}, 422, "whole numbers"), ({"recipe": "{"}, 422, "recipe"), ({"recipe": json.dumps(SCANNED)}, 422, "k_anonymity"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said_beside_what_was_written(steward, version, changes, status, said):
    page = parsed(steward.post(FORM, {**ASKED, **changes}), status)
    assert said in page.text
    assert not Comparison.objects.exists()
    kept = [field for field in page.fields if field.get("id") == "id_ks"]
    assert kept[0].get("value", "") == changes.get("ks", ASKED["ks"])


def test_a_second_one_waits_for_the_first(steward, version):
    steward.post(FORM, ASKED)
    assert "under way" in parsed(steward.post(FORM, ASKED), 409).text


def test_the_points_are_a_table_with_the_best_marked_in_words(steward, version):
    page = parsed(steward.get(f"/comparisons/{factories.comparison(version).pk}"))
    for said in ("full domain, k = 10", "least risk", "most detail", "best for its risk", "another does better", "Cannot be had:", "74.0 %", "1 in 10", "As it came in"):
        assert said in page.text
    assert page.text.index("full domain, k = 10") < page.text.index("local recoding, k = 3")


def test_a_setting_goes_into_the_recipe_and_nothing_else_of_it_changes(steward, version):
    made = factories.comparison(version)
    page = parsed(steward.get(f"/comparisons/{made.pk}"))
    links = [link for link in page.links if "point=" in link]
    assert len(links) == 5  # the sixth cannot be had
    written = json.loads(recipe_on(steward.get(links[-1])))
    before = made.recipe
    assert {name: written[name] for name in ("columns", "person_key", "title")} == {name: before[name] for name in ("columns", "person_key", "title")}
    stage = written["stages"][0]
    assert (stage["k"], stage["method"], stage.get("max_suppressed", "0")) == (3, "local_recoding", "0")


def recipe_on(response):
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", response.content.decode(), re.DOTALL)
    return found.group(1).replace("&quot;", '"')


@pytest.mark.parametrize("asked", ["comparison=999&point=0", "comparison=x&point=0", "comparison=1&point=99", "comparison=1&point=-1", "comparison=1&point=²"])
def test_a_point_that_is_not_there_leaves_the_editor_as_it_was(steward, version, asked):
    made = factories.comparison(version)
    page = steward.get(f"/steward/datasets/night-buses/recipe?{asked.replace('comparison=1&', f'comparison={made.pk}&')}")
    parsed(page)
    assert recipe_on(page).strip() in ("", json.dumps(made.recipe, ensure_ascii=False, indent=2))


def test_the_card_on_the_datasets_page_goes_from_an_invitation_to_the_newest_picture(steward, version):
    page = parsed(steward.get("/steward/datasets/night-buses"))
    assert "/steward/datasets/night-buses/recipe?offer=k-anonymous#compare" in page.links
    made = factories.comparison(version)
    page = parsed(steward.get("/steward/datasets/night-buses"))
    assert f"/comparisons/{made.pk}" in page.links
    assert f"/comparisons/{made.pk}/picture" in page.links
    assert "least risk" in page.text
    assert page.text.index("What makes people stand out") < page.text.index("age × district")


def test_the_officer_finds_the_comparison_on_the_review_and_may_not_use_it(people, signed_in, version):
    made = factories.comparison(version)
    officer = signed_in(people.officer)
    assert f"/comparisons/{made.pk}" in parsed(officer.get(f"/reviews/{factories.review(factories.run(version)).pk}")).links
    page = parsed(officer.get(f"/comparisons/{made.pk}"))
    assert not [link for link in page.links if "point=" in link]
    assert officer.post(FORM, ASKED).status_code == 403


@pytest.mark.parametrize("page", ["", "/picture", "/progress"])
def test_comparisons_are_for_insiders(client, people, signed_in, version, page):
    address = f"/comparisons/{factories.comparison(version).pk}{page}"
    assert client.get(address)["Location"].startswith("/login")
    for who in (people.developer, people.stranger):
        assert signed_in(who).get(address).status_code == 403


def test_the_picture_is_drawn_by_the_engines_own_hand_in_the_readers_language(steward, version):
    made = factories.comparison(version)
    steward.get("/language", {"set": "ko", "next": "/steward"})
    assert f"/comparisons/{made.pk}/picture" in parsed(steward.get(f"/comparisons/{made.pk}")).links
    drawn = steward.get(f"/comparisons/{made.pk}/picture").content.decode()
    assert drawn.count("<svg") == 2
    assert "지역 재부호화" in drawn
    assert "hx-get" not in drawn
    assert f"/comparisons/{made.pk}/picture" not in parsed(steward.get(f"/comparisons/{made.pk}")).links


def test_without_a_picture_there_are_still_the_numbers(steward, version, monkeypatch):
    monkeypatch.setattr(pictures, "DRAWING_SECONDS", 0.001)
    made = factories.comparison(version)
    drawn = steward.get(f"/comparisons/{made.pk}/picture").content.decode()
    assert "<svg" not in drawn
    assert "hx-get" not in drawn
    assert "74.0 %" in drawn
