"""Risk as pages show it: what was measured of a run, its red flags, and the pictures of both."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.utils.translation import override

from anonymize import recipe as recipes
from anonymize.assess import assess
from catalog.display import pictures
from catalog.releases import assessed, drawing
from catalog.releases.assessed.seen import asked_of, measured
from catalog.releases.models import Run
from catalog.review.flag import Flag
from catalog.review.measured_flags import measured_flags
from tests import factories
from tests.anonymize.risk.worlds import coarse
from tests.anonymize.risk.worlds import people as residents
from tests.intruder import unguarded
from tests.measured import assessment, fared, rate
from tests.pages.html import Page

SVG = {"wide": '<svg class="marks" aria-roledescription="chart" role="graphics-document"><g id="clip0" fill="url(#clip0)"></g></svg>', "narrow": "<svg></svg>"}


@pytest.fixture
def cache(settings, tmp_path):
    settings.CACHE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def pen(cache, monkeypatch):
    """Draws a stroke in place of each picture, and notes what it was asked for."""
    drawn: list[dict] = []

    def draw(command, *, input, **options):
        asked = json.loads(input)
        drawn.extend(asked)
        return SimpleNamespace(stdout=json.dumps([SVG for _ in asked]))

    monkeypatch.setattr(pictures.subprocess, "run", draw)
    return drawn


@pytest.fixture
def run(people):
    made = factories.dataset(people.steward, "residents")
    return factories.run(factories.version(made))


def report(**changes):
    return {"guarantee": {"family": "k_anonymity"}, "internal": {"assessment": assessment(**changes)}}


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


# --- what is shown -----------------------------------------------------------------------------------------------


def shown(found):
    return {one.name: one for part in assessed.parts_of(found) for one in part.shown}


def test_everything_that_was_measured_is_shown_with_a_table_and_most_of_it_with_a_picture():
    found = shown(report())
    assert list(found) == ["sizes", "chances", "columns", "pairs", "attacks", "secrets", "unicity", "method", "kept", "models", "two-way"]
    assert all(one.rows and all(len(row) == len(one.headers) for row in one.rows) for one in found.values())
    assert [name for name, one in found.items() if one.asked is None] == ["method"]  # nothing can be concluded: no marks


def test_what_the_engine_measures_today_is_of_the_shape_that_is_shown(tmp_path):
    draw = np.random.default_rng(21)
    original = residents(draw, 120)
    pq.write_table(original, tmp_path / "original.parquet")
    pq.write_table(coarse(original), tmp_path / "release.parquet")
    columns = {
        "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}},
        "area": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}}, "illness": {"role": "sensitive"},
    }  # fmt: skip
    recipe = recipes.parse({"recipe": 1, "title": "T", "columns": columns, "stages": [{"stage": "k_anonymity", "k": 3, "max_suppressed": "0.1"}]})
    real = assess(recipe, tmp_path / "original.parquet", tmp_path / "release.parquet", targets=30, queries=30, rng=draw)
    found = shown({"internal": {"assessment": real}})
    assert set(found) == set(shown(report())) - {"unicity"}
    assert set(real) == set(assessment())
    assert set(real["method"]) == set(assessment()["method"])
    json.dumps([one.asked.document for one in found.values() if one.asked], allow_nan=False)


@pytest.mark.parametrize("missing", ["sensitive", "unicity", "attacks", "method", "utility"])
def test_a_report_that_lacks_a_part_is_shown_without_it(missing):
    assert shown(report(**{missing: None}))
    assert measured_flags(report(**{missing: None})) is not None


def test_a_share_that_nobody_was_tried_for_is_a_dash_and_no_mark():
    tried = {**assessment()["attacks"], "singling_out": {**fared(0, 0), "attack": rate(0.0, 0)}}
    found = shown(report(attacks=tried))["attacks"]
    assert found.rows[0][1] == "–"
    assert len(found.asked.document["rows"]) == len(found.rows) - 1


def test_held_out_people_are_what_an_attack_is_compared_with():
    with override("en"):
        assert shown(report())["attacks"].asked.document["names"]["a"] == "not in it"
        guessed = {**assessment()["attacks"], "linkability": None, "inference": {}, "linkage": {}, "singling_out": fared(0.5, 0.1)}
        assert shown(report(attacks=guessed))["attacks"].asked.document["names"]["a"] == "guessing"


# --- red flags ---------------------------------------------------------------------------------------------------


def codes(**changes):
    return {flag.code for flag in measured_flags(report(**changes))}


def secret(homogeneous):
    sides = assessment()["sensitive"]["answer"]
    return {"answer": {**sides, "after": {**sides["after"], "records_homogeneous": homogeneous}}}


def refined(**changes):
    method = assessment()["method"]
    return {**method, "minimality": None, "refinement": {**method["refinement"], **changes}}


@pytest.mark.parametrize(
    ("code", "guilty", "innocent"),
    [
        ("person_key_published", {"person_key_published": True}, {"person_key_published": False}),
        ("shared_secret", {"sensitive": secret(0.001)}, {"sensitive": secret(0.0)}),
        ("coarsening_undone", {"method": {**refined(), "downcoding": {**assessment()["method"]["downcoding"], "learnt": 2}}}, {"method": refined()}),
        ("minimality_learns", {}, {"method": refined()}),
        ("few_points_suffice", {}, {"unicity": None}),
        ("attack_succeeds", {"attacks": {**assessment()["attacks"], "linkability": {**fared(0.3, 0.1), "risk": {"value": 0.2, "lower": 0.06, "upper": 0.3}}}}, {}),
        (
            "secret_refined",
            {"method": refined(secrets={"answer": {"narrowed": rate(0.1), "pinned_before": rate(0.0), "pinned_after": rate(0.02), "pinned_right": rate(1.0)}})},
            {},
        ),
    ],
)  # fmt: skip
def test_a_red_flag_is_raised_by_its_figure_and_by_nothing_else(code, guilty, innocent):
    assert code in codes(**guilty)
    assert code not in codes(**innocent)


def test_a_run_whose_risk_nobody_measured_says_so_before_everything_else(run, people, signed_in):
    reason = "the table has too many different rows"
    unmeasured = {**run.report, "internal": {"assessment": {"assessment": 1, "made": False, "reason": reason, "notes": []}}}
    Run.objects.filter(pk=run.pk).update(report=unmeasured)
    review = factories.review(Run.objects.get(pk=run.pk))
    text = parsed(signed_in(people.officer).get(f"/reviews/{review.pk}")).text
    assert 0 < text.index("The risk of this file was not measured") < text.index("Rows about single people")
    assert reason in text
    assert "No attack was tried" in parsed(signed_in(people.steward).get(f"/runs/{run.pk}")).text
    assert measured_flags({"internal": {}}) == [Flag("stop", "not_assessed", "–")]


# --- pages -------------------------------------------------------------------------------------------------------


def test_a_page_goes_out_at_once_with_its_numbers_and_asks_for_the_pictures_afterwards(run, people, signed_in, pen):
    steward = signed_in(people.steward)
    page = parsed(steward.get(f"/runs/{run.pk}"))
    assert pen == []
    assert f"/runs/{run.pk}/measured" in page.links
    assert all(said in page.text for said in ("Groups of people who look the same", "29.3 %", "The pictures are being drawn"))
    fragment = steward.get(f"/runs/{run.pk}/measured").content.decode()
    assert fragment.count("<svg") == 2 * len(pen) > 10
    assert "hx-get" not in fragment
    later = parsed(steward.get(f"/runs/{run.pk}"))
    assert f"/runs/{run.pk}/measured" not in later.links
    assert "being drawn" not in later.text


def test_without_scripts_a_link_draws_the_pictures(run, people, signed_in, pen):
    page = parsed(signed_in(people.steward).get(f"/runs/{run.pk}", {"draw": "1"}))
    assert pen
    assert "being drawn" not in page.text


def test_the_officer_sees_the_same_pictures_on_the_review(run, people, signed_in, pen):
    pictures.drawn(asked_of(assessed.parts_of(run.report)))
    page = signed_in(people.officer).get(f"/reviews/{factories.review(run).pk}")
    assert page.content.decode().count("<svg") >= 2 * len(pen)
    assert "Attacks that were tried" in parsed(page).text


def test_pictures_that_cannot_be_drawn_leave_the_numbers_and_are_not_asked_for_again_and_again(run, people, signed_in, cache, monkeypatch):
    monkeypatch.setattr(pictures, "DRAWING_SECONDS", 0.001)
    fragment = signed_in(people.steward).get(f"/runs/{run.pk}/measured").content.decode()
    assert "<svg" not in fragment
    assert "hx-get" not in fragment
    assert "29.3 %" in fragment


def test_exact_figures_are_for_insiders(run, people, signed_in, client):
    assert client.get(f"/runs/{run.pk}/measured").status_code == 302
    for who in (people.developer, people.stranger):
        assert signed_in(who).get(f"/runs/{run.pk}/measured").status_code == 403


def test_the_steward_sees_on_the_columns_what_makes_people_stand_out(run, people, signed_in, cache):
    text = parsed(signed_in(people.steward).get("/steward/datasets/residents")).text
    assert text.index("What makes people stand out") < text.index("Pairs of columns")
    assert "age × district" in text


# --- drawing -----------------------------------------------------------------------------------------------------


def test_every_kind_of_picture_is_drawn_in_both_widths_with_its_words(cache):
    with override("ko"):
        asked = [one.asked for one in shown(report()).values() if one.asked and one.name in ("sizes", "chances", "attacks", "unicity", "kept")]
        drawn = pictures.drawn(asked)
    assert all(drawn)
    for one, picture in zip(asked, drawn, strict=True):
        for svg, width in ((picture.wide, 560), (picture.narrow, 342)):
            assert svg.startswith(f'<svg role="img" aria-label="{one.label}"')
            assert abs(float(svg.partition('width="')[2].partition('"')[0]) - width) <= 12
    assert "가려" not in drawn[0].wide
    assert all(word in drawn[0].wide for word in ("전", "후", "29.2 %"))


def test_a_picture_is_drawn_once_and_again_when_anything_of_it_changes(pen):
    first = asked_of(assessed.parts_of(report()))
    pictures.drawn(first)
    count = len(pen)
    pictures.drawn(asked_of(assessed.parts_of(report())))
    assert len(pen) == count
    other = {**assessment()["utility"], "granularity": 0.5, "columns": [{**c, "loss": 0.5} for c in assessment()["utility"]["columns"]]}
    pictures.drawn(asked_of(assessed.parts_of(report(utility=other))))
    assert [asked["rows"][0]["said_b"] for asked in pen[count:]] == ["50.0 %"]
    assert not measured(report())["missing"]


def test_pictures_of_long_ago_are_forgotten_and_drawn_again_when_asked_for(pen):
    asked = asked_of(assessed.parts_of(report()))
    pictures.drawn(asked)
    old, *fresh = [pictures.path_of(one.key) for one in asked]
    os.utime(old, (0, 0))
    pictures.forget_old()
    assert not old.exists()
    assert all(path.exists() for path in fresh)
    assert pictures.drawn(asked[:1])[0] is not None


def test_workers_draw_in_every_language_what_pages_will_show(run, people, signed_in, pen):
    drawing.draw_run(run.pk)
    assert len({asked["names"]["right"] for asked in pen if asked["kind"] == "pyramid"}) == 3
    for language in ("en", "ko", "zh-hans"):
        client = signed_in(people.steward)
        client.get("/language", {"set": language, "next": "/"})
        assert f"/runs/{run.pk}/measured" not in parsed(client.get(f"/runs/{run.pk}")).links


def test_nothing_is_drawn_of_what_has_not_ended(run, pen):
    with unguarded("releases_run"):
        Run.objects.filter(pk=run.pk).update(state="failed", error={}, artefact_sha256="", artefact_name="")
    drawing.draw_run(run.pk)
    drawing.draw_run(0)
    drawing.draw_comparison(0)
    assert pen == []
