"""The main job, told once from upload to open data, as a client of the platform's API.

Uploads come first, then checks and runs side by side in the workers; what is there already is not done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opendata.demo import tell
from opendata.demo.accounts import DEV, Account, Ways
from opendata.demo.chapters import Chapter, Question
from opendata.demo.client import ApiRefused, Caller, Json
from opendata.demo.desk import Desk, StoryStopped, TookTooLong, decide, released
from opendata.demo.show import Bar, Show

POLL_S = 0.25
PATIENCE_S = 900.0
PUBLISHING_S = 120.0
KEY_DAYS = 30


@dataclass
class Teller:
    """Who tells: where the platform is, how the accounts sign in, the files, and what has been signed in so far."""

    url: str
    ways: Ways
    folder: Path
    show: Show
    callers: dict[str, Caller] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)

    def as_account(self, account: Account) -> Caller:
        """A signed-in session of this account, opened once."""
        if account.username not in self.callers:
            caller = Caller(self.url)
            try:
                name = account.username
                caller.sign_in(name, self.ways.passwords[name], lambda: self.ways.code(name))
            except ApiRefused as refused:
                raise _told(refused) from None
            self.callers[account.username] = caller
        return self.callers[account.username]

    def desk(self, chapter: Chapter) -> Desk:
        return Desk(chapter, self.as_account(chapter.steward), self.folder)

    @contextmanager
    def act(self, title: str) -> Iterator[None]:
        self.show.act(title)
        started = time.monotonic()
        yield
        self.timings[title] = time.monotonic() - started

    def close(self) -> None:
        for caller in self.callers.values():
            caller.close()


def _told(refused: ApiRefused) -> Exception:
    if refused.status != 401:
        return refused
    said = "the platform in this folder has other passwords or second factors than its demo.json says; `make clean` begins anew"
    return StoryStopped("Nobody could sign in", {"message": said})


def untold(url: str, chapters: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """The chapters without a public release: the platform itself knows what was told."""
    caller = Caller(url)
    try:
        return tuple(chapter for chapter in chapters if not released(caller, chapter.slug))
    finally:
        caller.close()


def tell_story(teller: Teller, chapters: Sequence[Chapter], questions: Sequence[Question]) -> None:
    """All acts, for the chapters that are not told yet.

    Raises ApiRefused, Unreachable, TookTooLong or StoryStopped; what was done until then stays, and is not done again.
    """
    desks = [teller.desk(chapter) for chapter in chapters]
    with teller.act("1  Stewards upload their files"):
        versions = _upload(teller, desks)
    with teller.act("2  Workers check the files and say what the columns seem to be"):
        runs = _check(teller, desks, versions)
    with teller.act("3  Workers run the recipes"):
        runs = _run(teller, desks, runs)
    with teller.act("4  What was measured"):
        _measured(teller, desks, runs)
    with teller.act("5  A privacy officer looks at each, and decides"):
        _review(teller, desks, runs)
    with teller.act("6  The approved bytes are published"):
        _published(teller, desks)
    with teller.act("7  A developer asks for rows, with an API key"):
        _ask(teller, [question for question in questions if question.slug in {desk.chapter.slug for desk in desks}])


# --- 1, 2: what comes in -----------------------------------------------------------------------------------------------


def _upload(teller: Teller, desks: Sequence[Desk]) -> list[Json]:
    with teller.show.bars() as bars:
        return [_uploaded(desk, bars.add(desk.chapter.slug, desk.file.stat().st_size)) for desk in desks]


def _uploaded(desk: Desk, bar: Bar) -> Json:
    desk.enter()
    desk.put_ladders()
    version = desk.version()
    again = version is not None
    if version is None:
        version = desk.upload(_counting(bar))
    with_contract = ", with its contract" if "contract" in desk.chapter.entry else ""
    kept = "was there already" if again else "sealed in the vault"
    bar.end(
        f"{desk.chapter.file}, {tell.size(version['bytes'])}, {kept}{with_contract}; SHA-256 {version['sha256'][:12]}…"
    )
    return version


def _counting(bar: Bar) -> Callable[[int], None]:
    sent = 0

    def moved(bytes_read: int) -> None:
        nonlocal sent
        sent += bytes_read
        bar.to(sent)

    return moved


@dataclass(frozen=True)
class Checked:
    """A version that is ready, the run that was asked for, and what was said before it."""

    desk: Desk
    version: Json
    run: Json
    said: tuple[str, ...]


def _check(teller: Teller, desks: Sequence[Desk], versions: Sequence[Json]) -> list[Json]:
    """Wait for each check; set the roles and ask for the run at once, so that workers are never without work."""
    found: dict[str, Checked] = {}
    with teller.show.bars() as bars:
        waiting = [(desk, version, bars.add(desk.chapter.slug)) for desk, version in zip(desks, versions, strict=True)]
        for desk, version, bar in _as_they_end(waiting, Desk.look, ("ready",)):
            bar.end(tell.read_as(version))
            found[desk.chapter.slug] = _configured(desk, version)
    ordered = [found[desk.chapter.slug] for desk in desks]
    for checked in ordered:
        _tell_roles(teller.show, checked)
    return [checked.run for checked in ordered]


def _configured(desk: Desk, version: Json) -> Checked:
    run = desk.run(version)
    if run is None:
        version = desk.set_roles(version)
    said = (f"recipes on offer that fit: {tell.fitting(desk.offers())}", f"taken: {tell.cost(desk.preview(version))}")
    return Checked(desk, version, run or desk.start(version), said)


def _tell_roles(show: Show, checked: Checked) -> None:
    show.line()
    title = f"{checked.desk.chapter.slug}: what the columns seem to be, and the role the steward gave"
    show.table(title, tell.ROLE_HEADER, tell.roles(checked.version["columns"]))
    for said in checked.said:
        show.line(said)


# --- 3, 4: what is made of it ------------------------------------------------------------------------------------------


def _run(teller: Teller, desks: Sequence[Desk], runs: Sequence[Json]) -> list[Json]:
    done: dict[str, Json] = {}
    with teller.show.bars() as bars:
        waiting = [(desk, run, bars.add(desk.chapter.slug, 100)) for desk, run in zip(desks, runs, strict=True)]
        for desk, run, bar in _as_they_end(waiting, Desk.follow, ("assessed",)):
            done[desk.chapter.slug] = run
            bar.end(f"{run['artefact']['rows']:,} rows made in {_seconds(run):.1f} s")
    return [done[desk.chapter.slug] for desk in desks]


def _as_they_end(
    waiting: list[tuple[Desk, Json, Bar]], look: Callable[[Desk, Json], Json], ends: tuple[str, ...]
) -> Iterator[tuple[Desk, Json, Bar]]:
    """Each as soon as it is done. Raises :class:`TookTooLong` when nothing moves any more."""
    deadline = time.monotonic() + PATIENCE_S
    while waiting:
        still = []
        for desk, before, bar in waiting:
            now = look(desk, before)
            if now["state"] in ends:
                yield desk, now, bar
                continue
            bar.to(float(now.get("percent", 0)), str(now.get("stage") or now["state"]))
            still.append((desk, now, bar))
        waiting = still
        if waiting and not time.monotonic() < deadline:
            raise TookTooLong(
                f"{waiting[0][0].chapter.slug} is still {waiting[0][1]['state']} after {PATIENCE_S:.0f} s"
            )
        time.sleep(POLL_S if waiting else 0)


def _seconds(run: Json) -> float:
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def _measured(teller: Teller, desks: Sequence[Desk], runs: Sequence[Json]) -> None:
    for desk, run in zip(desks, runs, strict=True):
        family = tell.FAMILIES[run["report"]["guarantee"]["family"]]
        teller.show.line(f"{desk.chapter.slug} ({family})")
        for said in tell.outcome(run):
            teller.show.line(f"  {said}")
    for population in _populations(desks):
        teller.show.line(f"privacy budget of {tell.budget(population)}")


def _populations(desks: Sequence[Desk]) -> list[Json]:
    ours = {desk.chapter.entry.get("population") for desk in desks}
    return [found for found in desks[0].steward.get("/populations")["results"] if found["slug"] in ours]


# --- 5, 6: who cleared it, and what goes out ---------------------------------------------------------------------------


def _review(teller: Teller, desks: Sequence[Desk], runs: Sequence[Json]) -> None:
    reviews = [desk.submit(run) for desk, run in zip(desks, runs, strict=True)]
    for desk, review in zip(desks, reviews, strict=True):
        chapter = desk.chapter
        seen = decide(teller.as_account(chapter.officer), chapter, review)
        flags = "; ".join(tell.flag(flag) for flag in seen["red_flags"]) or "none"
        teller.show.line(f"{chapter.slug}: submitted by {seen['submitted_by']}, approved by {chapter.officer.username}")
        teller.show.line(f"  red flags: {flags}")
        teller.show.line(f"  decided on SHA-256 {seen['artefact_sha256']}")
        teller.show.line(f"  because: {chapter.reason}")


def _published(teller: Teller, desks: Sequence[Desk]) -> None:
    public = Caller(teller.url)
    try:
        for desk in desks:
            release = _release(public, desk.chapter.slug)
            address = f"{teller.url}/datasets/{desk.chapter.slug}"
            teller.show.line(f"{desk.chapter.slug}: release {release['number']}, {release['rows']:,} rows, {address}")
    finally:
        public.close()


def _release(public: Caller, slug: str) -> Json:
    deadline = time.monotonic() + PUBLISHING_S
    while not (found := released(public, slug)):
        if not time.monotonic() < deadline:
            raise TookTooLong(f"the approved release of {slug} was not published within {PUBLISHING_S:.0f} s")
        time.sleep(POLL_S)
    return found[0]


# --- 7: who uses it ----------------------------------------------------------------------------------------------------


def _ask(teller: Teller, questions: Sequence[Question]) -> None:
    if not questions:
        return
    key = teller.as_account(DEV).post("/keys", _key_asked())
    teller.show.line(
        f"{DEV.username} made the API key {key['prefix']}…, shown once, kept hashed, good for {KEY_DAYS} days"
    )
    developer = Caller(teller.url, secret=key["secret"])
    try:
        for question in questions:
            _answer(teller.show, developer, question)
    finally:
        developer.close()


def _key_asked() -> Json:
    ends = datetime.now(UTC) + timedelta(days=KEY_DAYS)
    return {"name": "demo", "scopes": ["read"], "expires_at": ends.isoformat()}


def _answer(show: Show, developer: Caller, question: Question) -> None:
    page = developer.get(f"/datasets/{question.slug}/records", **question.parameters)
    names, rows, numeric = tell.records(page)
    show.line()
    show.line(question.words)
    asked = "  ".join(f"{name}={value}" for name, value in question.parameters.items())
    show.line(f"GET /api/v1/datasets/{question.slug}/records  {asked}")
    show.table("", names, rows, right=numeric)
