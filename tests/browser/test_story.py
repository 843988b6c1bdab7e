"""The whole story in a real browser: a steward uploads, protects and submits; an officer decides; a developer reads."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.browser.conftest import PATIENCE_MS

playwright = pytest.importorskip("playwright.sync_api")
PlaywrightTimeout = playwright.TimeoutError

pytestmark = [pytest.mark.browser, pytest.mark.live]
PEOPLE = 400
MARK = "Kim-Marked-Name"


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """One row a person; the names are marked, so that any leak of them is seen."""
    path = tmp_path_factory.mktemp("upload") / "survey.csv"
    rows = [f"P{i:03},{MARK}{i},{('11110', '11140')[i % 2]},{20 + i % 40},{('yes', 'no')[i % 3 == 0]}" for i in range(PEOPLE)]
    path.write_text("\n".join(["person,name,district,age,answer", *rows]) + "\n", encoding="utf-8")
    return path


LOOKS = 10


def wait_for(visitor, words):
    """The page follows by itself; once in a while it is loaded anew, as a person who waits long would do."""
    there = "words => document.querySelector('main')?.innerText.includes(words)"
    for look in range(LOOKS):
        try:
            return visitor.page.wait_for_function(there, arg=words, timeout=PATIENCE_MS / LOOKS)
        except PlaywrightTimeout:
            if look == LOOKS - 1:
                raise
            visitor.page.goto(visitor.page.url)


def add_dataset(stella):
    stella.go("/steward")
    stella.page.click("text=Add a dataset")
    stella.page.fill("#id_title", "Answers of residents")
    stella.page.fill("#id_description", "What residents answered, by age and district.")
    stella.page.click("main button:has-text('Save')")
    wait_for(stella, "Upload a file")


def set_roles(stella):
    roles = {"person": "person_key", "name": "direct_identifier", "district": "quasi_identifier", "age": "quasi_identifier", "answer": "sensitive"}
    for column, role in roles.items():
        stella.page.select_option(f"select[aria-label='Role: {column}']", role)
    ladder = json.dumps({"intervals": ["5", "10", "20", "40"]}, sort_keys=True)
    stella.page.select_option("select[aria-label='Ladder: age']", ladder)
    stella.page.click("text=Set the roles")
    wait_for(stella, "Choose a recipe")


def compare_and_choose(stella):
    """The settings are measured by a worker; one is chosen by looking, and goes into the recipe."""
    stella.page.click("li:has-text('One row per person') >> text=Look at it and run")
    assert '"k": 5' in stella.page.input_value("#recipe")
    stella.page.fill("#id_ks", "3, 10")
    stella.page.click("text=Compare >> nth=-1")
    stella.page.wait_for_selector("#compared svg:visible", timeout=PATIENCE_MS)
    assert "least risk" in stella.text()
    assert MARK not in stella.page.content()
    looked_at(stella)
    stella.page.click("tr:has-text('full domain, k = 10') >> text=Use this setting")
    assert '"k": 10' in stella.page.input_value("#recipe")


def looked_at(visitor):
    """At the width of a desk and of a hand, in English and in Korean."""
    for width, language in ((390, "ko"), (1280, "en")):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.speak(language)
        visitor.page.wait_for_selector("figure.chart svg:visible", timeout=PATIENCE_MS)
        assert visitor.page.locator("html").get_attribute("lang") == language
        assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if width == 390:
            assert visitor.keeps_out() == []


def run_and_submit(stella):
    stella.page.click("text=Run it")
    wait_for(stella, "Before and after")
    stella.page.fill("#context", "For the planners of the night bus.")
    stella.page.click("text=Submit for review")
    wait_for(stella, "You cannot decide on this")


def decide_by_keyboard(oscar):
    """From the verdict on, without the mouse."""
    page = oscar.page
    page.focus("input[name=verdict]")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("the risk is acceptable")
    page.keyboard.press("Tab")
    page.keyboard.type("The smallest group is large enough, and the sample shows nothing else.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(oscar, "Your decision is recorded")


def test_steward_officer_and_developer(visit, site, survey):
    stella = visit("stella")
    add_dataset(stella)
    stella.page.set_input_files("#file", survey)
    stella.page.click("form[data-progress] button")
    wait_for(stella, "Say what the columns are")
    assert MARK not in stella.page.content()
    set_roles(stella)
    compare_and_choose(stella)
    run_and_submit(stella)

    oscar = visit("oscar")
    assert oscar.page.url.endswith("/reviews")
    oscar.page.click("text=Answers of residents")
    assert "k-anonymity" in oscar.text()
    assert MARK not in oscar.page.content()
    oscar.page.wait_for_selector("#measured svg:visible", timeout=PATIENCE_MS)
    assert "Attacks that were tried" in oscar.text()
    looked_at(oscar)
    decide_by_keyboard(oscar)

    stella.go("/steward/datasets/answers-of-residents")
    wait_for(stella, "It is published")

    anyone = visit(width=390)
    anyone.go("/datasets/answers-of-residents")
    assert anyone.page.locator("figure.chart svg:visible").count() == 1
    assert "different people" in anyone.text()
    assert anyone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    dora = visit("dora")
    dora.go("/account")
    dora.page.fill("#id_name", "for my map")
    dora.page.click("text=Make the key")
    secret = dora.page.inner_text("#secret").strip()
    answer = httpx.get(f"{site.url}/api/v1/datasets/answers-of-residents/records?limit=1", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert MARK not in answer.text

    oscar.go("/datasets/answers-of-residents")
    oscar.page.click("text=Stop this release")
    oscar.page.fill("#stop-reason", "A district was mislabelled by the steward.")
    oscar.page.click("button[value=suspend]")
    assert anyone.go("/datasets/answers-of-residents").status == 410
    assert "A district was mislabelled" in anyone.text()


def test_a_file_that_does_not_fit_is_refused_with_its_line_and_the_page_says_so(visit, tmp_path):
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("a,b\n" + "1,2\n" * 20 + f"1,2,{MARK}\n")
    stella = visit("stella")
    stella.go("/steward/datasets/new")
    stella.page.fill("#id_title", "Ragged")
    stella.page.click("main button:has-text('Save')")
    stella.page.set_input_files("#file", ragged)
    stella.page.click("form[data-progress] button")
    wait_for(stella, "What was wrong with version 1")
    assert "22" in stella.text()
    assert MARK not in stella.page.content()


def test_everything_works_without_scripts(visit, tmp_path):
    file = tmp_path / "plain.csv"
    file.write_text("stop,line\n" + "".join(f"S{i},{i % 9}\n" for i in range(40)))
    stella = visit("stella", scripts=False)
    stella.go("/steward/datasets/new")
    stella.page.fill("#id_title", "Stops without scripts")
    stella.page.click("main button:has-text('Save')")
    stella.page.set_input_files("#file", file)
    stella.page.click("form[data-progress] button")
    stella.page.wait_for_selector("h2#columns", timeout=PATIENCE_MS)  # the page asks again by itself while a worker is busy


def test_tables_are_sorted_by_their_headers(visit):
    anyone = visit()
    anyone.go("/register")
    header = anyone.page.locator("table.sortable thead th").nth(1)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
