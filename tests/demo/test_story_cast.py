"""Accounts and chapters of the demo: passwords for their owner alone, and a cast that fits together."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from anonymize.recipe import parse
from opendata.demo import accounts, buses, chapters, movement, spending, survey
from opendata.demo.__main__ import main
from opendata.demo.chapters import CITY, CITY_QUESTIONS, JOURNEY, JOURNEY_QUESTIONS, Chapter

HEADERS = {
    spending.FILE: spending.HEADER,
    movement.FILE: movement.HEADER,
    survey.FILE: survey.HEADER,
    buses.FILE: buses.HEADER,
}
every_chapter = pytest.mark.parametrize("chapter", [*CITY, *JOURNEY], ids=lambda chapter: chapter.slug)


def test_passwords_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = accounts.ways(tmp_path).passwords
    assert stat.S_IMODE((tmp_path / accounts.FILE).stat().st_mode) == 0o600
    assert accounts.ways(tmp_path).passwords == first
    assert set(first) == {account.username for account in accounts.ACCOUNTS}
    assert len(set(first.values())) == len(first)
    assert min(len(word) for word in first.values()) >= 16


def test_two_machines_have_different_passwords(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert not set(accounts.ways(tmp_path / "a").passwords.values()) & set(accounts.ways(tmp_path / "b").passwords.values())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"passwords": 3}'])
def test_a_broken_file_is_made_anew(content: str, tmp_path: Path) -> None:
    (tmp_path / accounts.FILE).write_text(content)
    assert len(accounts.ways(tmp_path).passwords) == len(accounts.ACCOUNTS)
    assert stat.S_IMODE((tmp_path / accounts.FILE).stat().st_mode) == 0o600


def test_an_account_that_came_later_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    kept = accounts.ways(tmp_path).passwords
    (tmp_path / accounts.FILE).write_text(json.dumps({"passwords": {"sora": kept["sora"]}}))
    again = accounts.ways(tmp_path).passwords
    assert again["sora"] == kept["sora"]
    assert again["olga"]


def test_who_owes_a_second_factor_has_a_secret_of_their_own_and_the_others_none(tmp_path: Path) -> None:
    ways = accounts.ways(tmp_path)
    assert set(ways.secrets) == {account.username for account in accounts.ACCOUNTS if account.role == "officer"}
    assert len(set(ways.secrets.values())) == len(ways.secrets)
    assert accounts.ways(tmp_path) == ways
    assert ways.code("sora") is None
    assert re.fullmatch(r"\d{6}", str(ways.code("olga")))


def test_a_folder_from_before_second_factors_gets_secrets_and_keeps_its_passwords(tmp_path: Path) -> None:
    kept = accounts.ways(tmp_path).passwords
    (tmp_path / accounts.FILE).write_text(json.dumps({"passwords": dict(kept)}))
    assert accounts.ways(tmp_path).passwords == kept
    assert accounts.ways(tmp_path).secrets["olga"]


@pytest.mark.parametrize(("moment", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")])
def test_codes_are_those_of_rfc_6238(moment: int, code: str) -> None:
    assert accounts.code_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", moment) == code


def test_the_command_prints_a_code_or_says_that_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts.ways(tmp_path)
    assert main(["code", "olga", "--folder", str(tmp_path)]) == 0
    assert re.fullmatch(r"\d{6}\n", capsys.readouterr().out)
    assert main(["code", "sora", "--folder", str(tmp_path)]) == 1


@every_chapter
def test_an_officer_with_a_mandate_decides_and_never_the_steward(chapter: Chapter) -> None:
    assert chapter.officer.role == "officer"
    assert chapter.steward.role == "steward"
    assert chapter.officer.username != chapter.steward.username
    assert chapter.steward.organisation in chapter.officer.mandates


def test_a_chapter_whose_officer_has_no_mandate_is_refused() -> None:
    with pytest.raises(ValueError, match="mandate"):
        dataclasses.replace(chapters.CARD, officer=accounts.OLGA)


@every_chapter
def test_recipe_ladders_and_population_are_there(chapter: Chapter) -> None:
    recipe = parse(chapter.recipe)
    files = {c["hierarchy"]["file"] for c in chapter.recipe["columns"].values() if "file" in c.get("hierarchy", {})}
    assert files <= set(chapter.ladders)
    populations = {population.slug for population in accounts.POPULATIONS}
    assert chapter.entry.get("population") in populations | {None}
    assert (chapter.entry["source"] == "purchased") == ("contract" in chapter.entry)
    assert recipe.title == chapter.recipe["title"]


@pytest.mark.parametrize("chapter", CITY, ids=lambda chapter: chapter.slug)
def test_declared_types_and_simulated_labels(chapter: Chapter) -> None:
    assert set(chapter.types) <= set(HEADERS[chapter.file])
    assert chapter.entry["description"].startswith("Simulated")


@pytest.mark.parametrize("told", [(CITY, CITY_QUESTIONS), (JOURNEY, JOURNEY_QUESTIONS)], ids=["city", "journey"])
def test_questions_are_about_datasets_of_the_story(told: tuple) -> None:
    slugs = {chapter.slug for chapter in told[0]}
    assert {question.slug for question in told[1]} <= slugs
    assert any("group_by" in question.parameters for question in told[1])
    assert any("where" in question.parameters for question in told[1])


def test_the_budget_allows_the_story_and_one_run_that_was_interrupted_after_its_charge() -> None:
    cap = {population.slug: float(population.epsilon) for population in accounts.POPULATIONS}
    for told in (CITY, JOURNEY):
        costs = [
            (c.entry["population"], float(c.recipe["stages"][-1]["epsilon"]))
            for c in told
            if "epsilon" in c.recipe["stages"][-1]
        ]
        for population in {slug for slug, _ in costs}:
            spent = [epsilon for slug, epsilon in costs if slug == population]
            assert sum(spent) + max(spent) <= cap[population]


def test_the_client_knows_nothing_of_the_platforms_insides() -> None:
    inside = ("catalog", "django.db", "django.contrib", "rest_framework")
    code = f"import sys, opendata.demo.__main__; print([name for name in sys.modules if name.startswith({inside})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
