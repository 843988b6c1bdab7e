"""The simulated city: the right sizes, the same bytes for a seed, and nobody in it who could be real."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import phonenumbers
import pytest
import shapely
from stdnum import luhn
from stdnum.kr import rrn

import opendata.demo
from anonymize.errors import RecipeError
from anonymize.recipe import parse
from opendata.demo import chance, city, identities, movement, places, population, recipes, spending, survey

PEOPLE, SEED = 800, 11
ENCODINGS = {spending.FILE: "cp949", "bus_stops.csv": "utf-8-sig"}


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding=ENCODINGS.get(name, "utf-8"), newline="") as file:
        return list(csv.DictReader(file))


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("city")
    city.build(made, people=PEOPLE, seed=SEED)
    return made


@pytest.fixture(scope="module")
def register(folder: Path) -> list[dict[str, str]]:
    return rows_of(folder, city.REGISTER)


@pytest.fixture(scope="module")
def payments(folder: Path) -> list[dict[str, str]]:
    return rows_of(folder, spending.FILE)


@pytest.fixture(scope="module")
def events(folder: Path) -> list[dict[str, str]]:
    return rows_of(folder, movement.FILE)


@pytest.fixture(scope="module")
def answers(folder: Path) -> list[dict[str, str]]:
    return rows_of(folder, survey.FILE)


# --- sizes and determinism ---------------------------------------------------------------------------------------


def test_the_register_has_one_row_a_person(register: list[dict[str, str]]) -> None:
    assert len(register) == PEOPLE
    assert len({row["person"] for row in register}) == PEOPLE


def test_a_card_holder_pays_about_sixty_times_and_a_few_pay_very_often(payments: list[dict[str, str]]) -> None:
    counts = np.array(sorted(Counter(row["고객번호"] for row in payments if row["고객번호"]).values()))
    assert 45 < counts.mean() < 75
    assert counts.max() > 5 * np.median(counts)
    assert np.median(counts) < counts.mean()


def test_a_subscriber_is_seen_about_forty_times_in_seven_days(events: list[dict[str, str]]) -> None:
    counts = Counter(row["subscriber_id"] for row in events)
    assert 36 < np.mean(list(counts.values())) < 44
    assert len({row["event_at"][:10] for row in events}) == 7


def test_the_survey_asks_a_share_of_the_people_once_each(answers: list[dict[str, str]]) -> None:
    assert 0.2 * PEOPLE <= len(answers) <= 0.4 * PEOPLE
    assert len({row["resident_number"] for row in answers}) == len(answers)


def test_there_are_two_hundred_bus_stops(folder: Path) -> None:
    assert len({row["stop_id"] for row in rows_of(folder, "bus_stops.csv")}) == 200


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    city.build(tmp_path, people=PEOPLE, seed=SEED)
    assert digest(tmp_path) == digest(folder)


def test_another_seed_gives_other_people_in_the_same_city(folder: Path, tmp_path: Path) -> None:
    city.build(tmp_path, people=PEOPLE, seed=SEED + 1)
    ours, theirs = digest(folder), digest(tmp_path)
    assert all(ours[name] != theirs[name] for name in (city.REGISTER, spending.FILE, movement.FILE, survey.FILE))
    assert ours["dong.csv"] == theirs["dong.csv"]


@pytest.mark.parametrize("people", [-1, 0, population.FEWEST - 1, population.MOST + 1])
def test_a_size_out_of_range_is_refused_and_nothing_is_written(people: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from 100 to 1,000,000 people"):
        city.build(tmp_path / "city", people=people)
    assert not (tmp_path / "city").exists()


# --- nobody real -------------------------------------------------------------------------------------------------


def test_resident_numbers_are_valid_and_of_people_born_before_1900(register: list[dict[str, str]]) -> None:
    for row in register:
        number = row["resident_number"]
        assert rrn.is_valid(number)
        assert rrn.get_birth_date(number).year < 1900
        assert number[:6] == date.fromisoformat(row["birth_date"]).strftime("%y%m%d")
    assert len({row["resident_number"] for row in register}) > 0.99 * PEOPLE


def test_a_wrong_check_digit_would_be_seen() -> None:
    body = identities.digits(np.array([971013901990], dtype=np.int64), 12)
    check = int(identities.resident_check_digits(body)[0])
    assert rrn.is_valid(f"971013-901990{check}")
    assert not any(rrn.is_valid(f"971013-901990{wrong}") for wrong in range(10) if wrong != check)


def test_phone_numbers_look_valid_and_lie_in_blocks_that_no_subscriber_has(register: list[dict[str, str]]) -> None:
    for row in register:
        assert row["phone"].startswith(("010-0", "010-1"))
        assert phonenumbers.is_valid_number(phonenumbers.parse(row["phone"], "KR"))
    assert len({row["phone"] for row in register}) == PEOPLE


def test_card_numbers_pass_luhn_under_a_test_prefix(payments: list[dict[str, str]]) -> None:
    cards = {row["카드번호"] for row in payments} - {""}
    assert len(cards) > 300
    for card in cards:
        assert card.startswith("4000-00")
        assert len(card) == 19
        assert luhn.is_valid(card.replace("-", ""))


def test_mail_goes_to_a_domain_that_delivers_to_nobody(register: list[dict[str, str]]) -> None:
    assert all(row["email"].endswith("@example.com") for row in register)
    assert len({row["email"] for row in register}) == PEOPLE


def test_place_codes_are_of_no_korean_province_and_lie_at_sea() -> None:
    assert len(places.codes()) == len(set(places.codes())) == 60
    assert all(code.startswith("99") and len(code) == 8 for code in places.codes())
    assert all(35.8 < dong.latitude < 36.2 and 124.3 < dong.longitude < 124.9 for dong in places.dongs())


def test_names_are_korean_with_some_english_ones(register: list[dict[str, str]]) -> None:
    english = sum(row["name"].isascii() for row in register)
    assert 0.02 * PEOPLE < english < 0.12 * PEOPLE


def test_every_recipe_and_the_folder_itself_say_simulated(folder: Path) -> None:
    assert all("simulated" in recipe["title"] for recipe in recipes.RECIPES.values())
    notice = (folder / city.NOTICE).read_text(encoding="utf-8")
    assert "simulated" in notice
    assert "모의" in notice


# --- the files ---------------------------------------------------------------------------------------------------


def test_card_payments_are_cp949_with_korean_headers(folder: Path, payments: list[dict[str, str]]) -> None:
    raw = (folder / spending.FILE).read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert tuple(payments[0]) == spending.HEADER


def test_bus_stops_start_with_a_byte_order_mark_and_events_do_not(folder: Path) -> None:
    assert (folder / "bus_stops.csv").read_bytes().startswith(b"\xef\xbb\xbfstop_id")
    assert (folder / movement.FILE).read_bytes().startswith(b"subscriber_id")


def test_some_payments_lack_the_customer_and_then_all_that_names_him(payments: list[dict[str, str]]) -> None:
    missing = [row for row in payments if not row["고객번호"]]
    assert 0.003 < len(missing) / len(payments) < 0.02
    assert not any(row["카드번호"] or row["고객명"] or row["휴대폰"] for row in missing)


def test_a_cancellation_follows_the_payment_it_takes_back(payments: list[dict[str, str]]) -> None:
    shops: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for row in payments:
        shop = (row["카드번호"], row["업종"], row["행정동코드"])
        shops[shop].append((row["결제일시"], int(row["결제금액"])))
    cancelled = 0
    for visits in shops.values():
        for moment, amount in visits:
            if amount < 0:
                cancelled += 1
                assert any(paid == -amount and earlier < moment for earlier, paid in visits)
    assert 0.005 < cancelled / len(payments) < 0.02


def test_payments_are_in_order_of_time_within_three_months_and_in_whole_hundreds(
    payments: list[dict[str, str]],
) -> None:
    moments = [row["결제일시"] for row in payments]
    assert moments == sorted(moments)
    assert moments[0] >= "2026-01-01 00:00:00"
    assert moments[-1] < "2026-04-01 00:00:00"
    assert all(int(row["결제금액"]) % 100 == 0 and int(row["결제금액"]) != 0 for row in payments)


def test_people_are_at_home_at_night_and_those_who_work_are_at_work_by_day() -> None:
    people = population.settle(PEOPLE, SEED)
    seen = movement.simulate(people, SEED)
    place, hour = seen.mast // places.MASTS_PER_DONG, seen.seen_at.astype("datetime64[h]").astype(np.int64) % 24
    day = (seen.seen_at.astype("datetime64[D]") - movement.FIRST_DAY).astype(np.int64)
    at_home, at_work = place == people.homes[seen.who], place == people.works[seen.who]
    office_hours = people.working[seen.who] & (hour >= 10) & (hour < 17) & (people.homes != people.works)[seen.who]
    assert at_home[hour < 5].mean() > 0.9
    assert at_work[office_hours & (day < 5)].mean() > 0.7
    assert at_work[office_hours & (day >= 5)].mean() < 0.2


def test_event_times_carry_the_offset_of_seoul(events: list[dict[str, str]]) -> None:
    assert all(row["event_at"].endswith("+09:00") for row in events)


def test_ages_of_the_survey_are_whole_years_of_the_register(
    register: list[dict[str, str]], answers: list[dict[str, str]]
) -> None:
    births = {row["resident_number"]: date.fromisoformat(row["birth_date"]) for row in register}
    today = population.TODAY.astype(date)
    for row in answers:
        born = births[row["resident_number"]]
        completed = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        assert int(row["age"]) == completed >= survey.ADULT


def test_incomes_come_in_steps_of_ten_thousand(answers: list[dict[str, str]]) -> None:
    assert all(int(row["income"]) % 10_000 == 0 for row in answers)


def test_people_of_the_survey_live_where_the_register_says(
    register: list[dict[str, str]], answers: list[dict[str, str]]
) -> None:
    homes = {(row["resident_number"], row["name"]): row["dong_code"] for row in register}
    assert all(homes[row["resident_number"], row["name"]] == row["dong_code"] for row in answers)


# --- ladders and recipes -----------------------------------------------------------------------------------------


def test_every_recipe_is_valid_and_lies_beside_its_data(folder: Path) -> None:
    for slug, recipe in recipes.RECIPES.items():
        written = json.loads((folder / recipes.file_name(slug)).read_text(encoding="utf-8"))
        assert parse(written) == parse(recipe)


def test_recipes_name_only_columns_that_the_files_have(folder: Path) -> None:
    for slug, recipe in recipes.RECIPES.items():
        data = folder / recipes.file_name(slug).replace(".recipe.json", ".csv")
        header = set(rows_of(folder, data.name)[0])
        assert set(recipe["columns"]) <= header, slug


def test_no_recipe_for_persons_forgets_whose_row_it_is() -> None:
    for slug in (recipes.CARD, recipes.SIGNALLING, recipes.SURVEY):
        without: dict[str, Any] = {**recipes.RECIPES[slug], "person_key": None}
        with pytest.raises(RecipeError):
            parse(without)


def test_names_and_numbers_of_persons_are_direct_identifiers_or_left_out() -> None:
    naming = {"name", "phone", "resident_number", "고객명", "휴대폰", "카드번호", "cell_h3"}
    for recipe in recipes.RECIPES.values():
        kept = {name for name, column in recipe["columns"].items() if column["role"] != "direct_identifier"}
        assert not naming & kept


def test_every_ladder_that_a_recipe_names_holds_every_value_of_its_column_and_nests(folder: Path) -> None:
    checked = 0
    for slug, recipe in recipes.RECIPES.items():
        data = rows_of(folder, recipes.file_name(slug).replace(".recipe.json", ".csv"))
        for name, column in recipe["columns"].items():
            if "file" not in column.get("hierarchy", {}):
                continue
            lines = [line.split(";") for line in (folder / column["hierarchy"]["file"]).read_text("utf-8").splitlines()]
            assert {row[name] for row in data} <= {line[0] for line in lines}
            assert len({len(line) for line in lines}) == 1
            assert {line[-1] for line in lines} == {"*"}
            for level in range(len(lines[0]) - 1):
                parents = {(line[level], line[level + 1]) for line in lines}
                assert len(parents) == len({line[level] for line in lines})
            checked += 1
    assert checked >= 5


def test_the_layer_has_every_neighbourhood_once_in_areas_that_do_not_overlap(folder: Path) -> None:
    features = json.loads((folder / places.LAYER).read_text(encoding="utf-8"))["features"]
    assert [feature["properties"]["code"] for feature in features] == places.codes()
    areas = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    assert shapely.is_valid(areas).all()
    assert shapely.area(areas).sum() == pytest.approx(shapely.area(shapely.union_all(areas)), rel=1e-4)
    assert all(
        area.contains(shapely.Point(dong.longitude, dong.latitude))
        for area, dong in zip(areas, places.dongs(), strict=True)
    )


# --- the pieces --------------------------------------------------------------------------------------------------


def test_scattered_numbers_are_all_different() -> None:
    drawn = chance.scattered(np.random.default_rng(3), 50_000, 60_000)
    assert len(np.unique(drawn)) == 50_000
    assert drawn.min() >= 0
    assert drawn.max() < 60_000


@pytest.mark.parametrize("count", [0, 61])
def test_more_different_numbers_than_there_are_cannot_be_drawn(count: int) -> None:
    with pytest.raises(ValueError, match="different numbers"):
        chance.scattered(np.random.default_rng(3), count, 60)


def test_pick_by_row_follows_the_weights_of_each_row() -> None:
    rows = np.arange(40_000) % 2
    drawn = chance.pick_by_row(np.random.default_rng(5), np.array([[1.0, 3.0, 0.0], [0.0, 1.0, 1.0]]), rows)
    shares = [np.bincount(drawn[rows == row], minlength=3) / 20_000 for row in (0, 1)]
    assert np.allclose(shares, [[0.25, 0.75, 0], [0, 0.5, 0.5]], atol=0.02)


def test_luhn_digits_agree_with_stdnum() -> None:
    numbers = np.random.default_rng(8).integers(0, 10**15, 200)
    checks = identities.luhn_check_digits(identities.digits(numbers, 15)).tolist()
    assert all(
        luhn.calc_check_digit(f"{number:015d}") == str(check) for number, check in zip(numbers, checks, strict=True)
    )


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command_prints_what_it_wrote_and_that_nobody_exists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert city.main(["--people", "200", "--seed", "3", "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "simulated city of 200 people" in out
    assert spending.FILE in out


def test_the_command_refuses_a_size_with_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert city.main(["--people", "5", "--output", str(tmp_path / "city")]) == 2
    assert capsys.readouterr().err.strip() == "error: the city holds from 100 to 1,000,000 people"


def test_the_simulation_imports_neither_django_nor_the_platform() -> None:
    for path in Path(opendata.demo.__file__).parent.glob("*.py"):
        above = {name for name in _imports(path) if name.split(".")[0] in ("django", "catalog", "anonymize")}
        assert not above, path.name


def test_the_simulation_runs_without_any_settings() -> None:
    code = "import opendata.demo.city, django.conf; raise SystemExit(django.conf.settings.configured)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
