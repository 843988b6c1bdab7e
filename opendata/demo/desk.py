"""What a steward and an officer do with one dataset, step by step, over the API.

Every step looks first at what is there, so that a story that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opendata.demo.chapters import Chapter
from opendata.demo.client import ApiRefused, Caller, Json, Moved

ALIVE = ("received", "checking", "ready")
RUNNING = ("queued", "running")
PENDING = ("submitted", "in_review", "approved")
_ALREADY = 409


class StoryStopped(Exception):
    """A step ended otherwise than the story has it: the platform's own words, and each finding."""

    def __init__(self, what: str, error: Mapping[str, Any]) -> None:
        self.said = f"{what}: {error.get('message') or error.get('code') or 'no reason was given'}"
        self.problems = [str(problem.get("message", "")) for problem in error.get("problems") or []]
        super().__init__(self.said)

    def lines(self) -> list[str]:
        return [self.said, *(f"  {problem}" for problem in self.problems)]


class TookTooLong(Exception):
    """A worker did not finish in the time that the demo waits."""


def released(caller: Caller, slug: str) -> list[Json]:
    """The public releases of a dataset, newest first, stopped ones included; empty when there is none."""
    found = caller.found(f"/datasets/{slug}/releases")
    return list(found["results"]) if found else []


def sha256_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@dataclass
class Desk:
    """One dataset in the hands of its steward. ``folder`` holds the file and its ladders."""

    chapter: Chapter
    steward: Caller
    folder: Path

    @property
    def path(self) -> str:
        return f"/datasets/{self.chapter.slug}"

    @property
    def file(self) -> Path:
        return self.folder / self.chapter.file

    def enter(self) -> bool:
        """Add the dataset to the catalogue; False when it is there already."""
        try:
            self.steward.post("/datasets", {"slug": self.chapter.slug, **self.chapter.entry})
        except ApiRefused as refused:
            if refused.status != _ALREADY:
                raise
            return False
        return True

    def put_ladders(self) -> None:
        """Upload the hierarchy files that are not there yet."""
        kept = {found["name"] for found in self.steward.get(f"{self.path}/hierarchies")["results"]}
        for name in self.chapter.ladders:
            if name not in kept:
                self.steward.put_text(f"{self.path}/hierarchies/{name}", (self.folder / name).read_bytes())

    def version(self) -> Json | None:
        """The newest version with this file's bytes that is not rejected or destroyed."""
        digest = sha256_of(self.file)
        versions = self.steward.get(f"{self.path}/versions")["results"]
        return next((found for found in versions if found["sha256"] == digest and found["state"] in ALIVE), None)

    def upload(self, moved: Moved) -> Json:
        made: Json = self.steward.upload(f"{self.path}/versions", self.file, types=self.chapter.types, moved=moved)
        return made

    def look(self, version: Json) -> Json:
        """The version as it is now. Raises :class:`StoryStopped` when it was rejected."""
        now: Json = self.steward.get(f"{self.path}/versions/{version['id']}")
        if now["state"] not in ALIVE:
            raise StoryStopped(f"{self.chapter.slug}: the upload was {now['state']}", now.get("error") or {})
        return now

    def set_roles(self, version: Json) -> Json:
        """Take the suggested roles, but where the recipe says better; ladders and titles come from it."""
        columns = {column["name"]: _settings(column, self.chapter) for column in version["columns"]}
        now: Json = self.steward.patch(f"{self.path}/versions/{version['id']}/columns", {"columns": columns})
        return now

    def offers(self) -> list[Json]:
        """Recipes on offer for the newest version."""
        return list(self.steward.get(f"{self.path}/recipes")["offers"])

    def preview(self, version: Json) -> Json:
        """What the run would promise and cost."""
        found: Json = self.steward.post(
            f"{self.path}/runs:preview", {"recipe": self.chapter.recipe, "version": version["id"]}
        )
        return found

    def run(self, version: Json) -> Json | None:
        """The newest run of this recipe on this version that has not failed."""
        runs = self.steward.get(f"{self.path}/runs")["results"]
        title, states = self.chapter.recipe["title"], (*RUNNING, "assessed")
        ours = (run for run in runs if run["version"]["id"] == version["id"] and run["title"] == title)
        return next((run for run in ours if run["state"] in states), None)

    def start(self, version: Json) -> Json:
        made: Json = self.steward.post(f"{self.path}/runs", {"recipe": self.chapter.recipe, "version": version["id"]})
        return made

    def follow(self, run: Json) -> Json:
        """The run as it is now. Raises :class:`StoryStopped` when it failed or was cancelled."""
        now: Json = self.steward.get(f"/runs/{run['id']}")
        if now["state"] not in (*RUNNING, "assessed"):
            raise StoryStopped(f"{self.chapter.slug}: the run has {now['state']}", now.get("error") or {})
        return now

    def submit(self, run: Json) -> Json:
        """The review of this run: the one that waits or was approved, or a new one."""
        known = self.steward.get("/reviews")["results"]
        found = next((review for review in known if review["run"] == run["id"] and review["state"] in PENDING), None)
        if found is not None:
            return dict(found)
        made: Json = self.steward.post(f"/runs/{run['id']}/submission", {"context": self.chapter.context})
        return made


def decide(officer: Caller, chapter: Chapter, review: Json) -> Json:
    """Approve exactly the bytes that the officer was shown; an approved review stays as it is. Answers what was seen."""
    seen: Json = officer.get(f"/reviews/{review['id']}")
    if seen["state"] == "approved":
        return seen
    stops = [flag["code"] for flag in seen["red_flags"] if flag["level"] == "stop"]
    if stops:
        raise StoryStopped(f"{chapter.slug}: the officer saw what forbids a release", {"message": ", ".join(stops)})
    if seen["state"] == "submitted":
        officer.post(f"/reviews/{review['id']}/opening")
    verdict = {
        "verdict": "approve",
        "reason_code": chapter.reason_code,
        "reason": chapter.reason,
        "artefact_sha256": seen["artefact_sha256"],
    }
    officer.post(f"/reviews/{review['id']}/decisions", verdict)
    return seen


def _settings(column: Json, chapter: Chapter) -> Json:
    """Role, ladder and title of a column. One that the recipe leaves out keeps the suggested role, and is dropped.

    A suggested person key beside the recipe's own is an identifier like any other: there is one person key.
    """
    known = chapter.recipe["columns"].get(column["name"])
    if known is not None:
        return {"role": known["role"], "hierarchy": known.get("hierarchy"), "title": known.get("title", "")}
    suggested = column["suggested_role"]
    return {"role": "direct_identifier" if suggested == "person_key" else suggested}
