"""The steps of the story, against a platform of a few lines: nothing is done twice, and a verdict names what was seen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from opendata.demo.chapters import SURVEY
from opendata.demo.client import ApiRefused, Caller
from opendata.demo.desk import Desk, StoryStopped, decide, released, sha256_of

URL = "http://127.0.0.1:9"
SLUG = SURVEY.slug


class Platform:
    """Answers by (method, pattern); keeps what it was sent."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        body = request.read()
        said = json.loads(body) if body[:1] == b"{" else body
        self.asked.append((request.method, path, said))
        for (method, pattern), answer in self.answers.items():
            if method == request.method and re.fullmatch(pattern, path):
                status, document = answer if isinstance(answer, tuple) else (200, answer)
                return httpx.Response(status, json=document)
        return httpx.Response(404, json={"detail": "nothing here"})

    def sent(self, method: str) -> list[tuple[str, Any]]:
        return [(path, said) for asked, path, said in self.asked if asked == method]


def desk_on(platform: Platform, folder: Path) -> Desk:
    (folder / SURVEY.file).write_text("respondent_id\nR1\n")
    for name in SURVEY.ladders:
        (folder / name).write_text("a;*\n")
    return Desk(SURVEY, Caller(URL, transport=httpx.MockTransport(platform)), folder)


def listing(*found: dict[str, Any]) -> dict[str, Any]:
    return {"results": list(found), "next": None}


def test_a_dataset_that_is_there_already_is_no_failure(tmp_path: Path) -> None:
    taken = Platform({("POST", "/datasets"): (409, {"detail": "A dataset with this slug exists already."})})
    assert desk_on(taken, tmp_path).enter() is False


def test_another_refusal_of_a_dataset_is_one(tmp_path: Path) -> None:
    forbidden = Platform({("POST", "/datasets"): (403, {"detail": "no"})})
    with pytest.raises(ApiRefused):
        desk_on(forbidden, tmp_path).enter()


def test_only_missing_ladders_are_uploaded(tmp_path: Path) -> None:
    platform = Platform({("GET", ".*/hierarchies"): listing({"name": "dong.csv"}), ("PUT", ".*"): {}})
    desk_on(platform, tmp_path).put_ladders()
    assert [path.rsplit("/", 1)[1] for path, _ in platform.sent("PUT")] == ["education.csv", "household_type.csv"]


@pytest.mark.parametrize(
    ("state", "taken"),
    [("received", True), ("checking", True), ("ready", True), ("rejected", False), ("destroyed", False)],
)
def test_a_version_with_the_same_bytes_is_taken_while_it_lives(state: str, taken: bool, tmp_path: Path) -> None:
    desk = desk_on(platform := Platform({}), tmp_path)
    kept = {"id": 4, "sha256": sha256_of(desk.file), "state": state}
    platform.answers[("GET", ".*/versions")] = listing({"id": 5, "sha256": "0" * 64, "state": "ready"}, kept)
    assert desk.version() == (kept if taken else None)


def test_a_rejected_upload_stops_the_story_with_the_platforms_words(tmp_path: Path) -> None:
    error = {"message": "A row does not fit.", "problems": [{"message": "line 3 has 2 fields"}]}
    desk = desk_on(Platform({("GET", ".*/versions/4"): {"id": 4, "state": "rejected", "error": error}}), tmp_path)
    with pytest.raises(StoryStopped) as stopped:
        desk.look({"id": 4})
    assert stopped.value.lines() == [f"{SLUG}: the upload was rejected: A row does not fit.", "  line 3 has 2 fields"]


@pytest.mark.parametrize(
    ("state", "taken"),
    [("queued", True), ("running", True), ("assessed", True), ("failed", False), ("cancelled", False)],
)
def test_a_run_of_this_recipe_on_this_version_is_taken_unless_it_failed(
    state: str, taken: bool, tmp_path: Path
) -> None:
    ours = {"id": 7, "version": {"id": 4}, "title": SURVEY.recipe["title"], "state": state}
    others = [
        {**ours, "id": 9, "version": {"id": 3}, "state": "assessed"},
        {**ours, "id": 8, "title": "another", "state": "assessed"},
    ]
    desk = desk_on(Platform({("GET", ".*/runs"): listing(*others, ours)}), tmp_path)
    assert desk.run({"id": 4}) == (ours if taken else None)


def test_a_run_that_failed_stops_the_story(tmp_path: Path) -> None:
    failed = {"id": 7, "state": "failed", "error": {"message": "k is larger than the number of persons."}}
    desk = desk_on(Platform({("GET", "/runs/7"): failed}), tmp_path)
    with pytest.raises(StoryStopped, match="k is larger than the number of persons"):
        desk.follow({"id": 7})


@pytest.mark.parametrize(
    ("state", "again"),
    [("submitted", False), ("in_review", False), ("approved", False), ("returned", True), ("rejected", True)],
)
def test_what_is_under_review_or_approved_is_not_submitted_again(state: str, again: bool, tmp_path: Path) -> None:
    known = {"id": 2, "run": 7, "state": state}
    platform = Platform(
        {
            ("GET", "/reviews"): listing(known),
            ("POST", "/runs/7/submission"): (201, {"id": 3, "run": 7, "state": "submitted"}),
        }
    )
    review = desk_on(platform, tmp_path).submit({"id": 7})
    assert (review["id"] == 3) is again
    assert bool(platform.sent("POST")) is again


def test_the_steward_takes_suggestions_unless_the_recipe_says_otherwise(tmp_path: Path) -> None:
    platform = Platform({("PATCH", ".*"): {}})
    columns = [
        {"name": "age", "suggested_role": "plain"},
        {"name": "occupation", "suggested_role": "quasi_identifier"},
        {"name": "another_number", "suggested_role": "person_key"},
    ]
    desk_on(platform, tmp_path).set_roles({"id": 4, "columns": columns})
    ((_, said),) = platform.sent("PATCH")
    assert said["columns"]["age"] == {
        "role": "quasi_identifier",
        "hierarchy": {"intervals": [5, 10, 20, 40]},
        "title": "Age",
    }
    assert said["columns"]["occupation"] == {"role": "quasi_identifier"}
    assert said["columns"]["another_number"] == {"role": "direct_identifier"}, "there would be two person keys"


def reviewed(**more: Any) -> dict[str, Any]:
    return {
        "id": 2,
        "state": "submitted",
        "artefact_sha256": "ab" * 32,
        "red_flags": [],
        "submitted_by": "sora",
        **more,
    }


def decided(review: dict[str, Any]) -> Platform:
    platform = Platform({("GET", "/reviews/2"): review, ("POST", ".*"): (201, {})})
    decide(Caller(URL, transport=httpx.MockTransport(platform)), SURVEY, {"id": 2})
    return platform


def test_the_officer_decides_on_the_hash_that_was_shown() -> None:
    (opened, _), (path, verdict) = decided(reviewed()).sent("POST")
    assert (opened, path) == ("/reviews/2/opening", "/reviews/2/decisions")
    assert verdict["artefact_sha256"] == "ab" * 32
    assert verdict["verdict"] == "approve"
    assert verdict["reason"] == SURVEY.reason


def test_an_opened_review_is_decided_without_opening_it_again() -> None:
    assert [path for path, _ in decided(reviewed(state="in_review")).sent("POST")] == ["/reviews/2/decisions"]


def test_an_approved_review_stays_as_it_is() -> None:
    assert decided(reviewed(state="approved")).sent("POST") == []


def test_a_flag_that_forbids_stops_the_story_and_nothing_is_approved() -> None:
    flags = [
        {"level": "stop", "code": "contract_forbids", "figure": "n"},
        {"level": "warning", "code": "large_epsilon", "figure": "4"},
    ]
    platform = Platform({("GET", "/reviews/2"): reviewed(red_flags=flags), ("POST", ".*"): (201, {})})
    with pytest.raises(StoryStopped, match="contract_forbids"):
        decide(Caller(URL, transport=httpx.MockTransport(platform)), SURVEY, {"id": 2})
    assert platform.sent("POST") == []


def test_a_stopped_release_counts_as_told() -> None:
    stopped = {"number": 1, "state": "withdrawn"}
    platform = Platform({("GET", f"/datasets/{SLUG}/releases"): listing(stopped)})
    assert released(Caller(URL, transport=httpx.MockTransport(platform)), SLUG) == [stopped]
    assert released(Caller(URL, transport=httpx.MockTransport(platform)), "unheard-of") == []
