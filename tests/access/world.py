"""One of everything in every state that matters, and everybody who may ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from catalog.datasets import services as datasets
from catalog.datasets.models import Dataset, Version
from catalog.people import leaving
from catalog.people import services as people
from catalog.people.models import ApiKey, User
from catalog.people.roles import SCOPES, Role
from catalog.publishing import services as publishing
from catalog.publishing.models import Copy
from catalog.releases import comparisons, estimates
from catalog.releases import services as runs
from catalog.review import services as reviews
from tests import factories

REASON = "A mistake was found in it."
DOOR = "door"
"""Name of the account that signs in by password."""


@dataclass(frozen=True)
class Thing:
    """What an address is about: its parts of the address, and the objects that policies ask about."""

    state: str
    address: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.about[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: signed in, or with a key of one scope. ``user`` is who the platform should take them for."""

    name: str
    user: User | AnonymousUser
    session: str = ""
    secret: str = ""
    scope: str | None = None
    key_id: int = 0
    refused: bool = False  # a key that opens nothing at all

    @property
    def has_key(self) -> bool:
        return bool(self.secret)


@dataclass(frozen=True)
class World:
    things: dict[str, list[Thing]]
    callers: list[Caller]


def world() -> World:
    """Made through the services, in the caller's transaction."""
    home, elsewhere = factories.organisation(), factories.organisation("elsewhere", "Elsewhere")
    maker = factories.user("maker", "steward", "officer", organisation=home, mandates=[home])
    judge = factories.officer("judge", of=home)
    return World(_things(home, maker, judge), _callers(home, elsewhere, maker))


# --- things ----------------------------------------------------------------------------------------------------------


def _things(home: Any, maker: User, judge: User) -> dict[str, list[Thing]]:
    population = factories.population(home)
    factories.user(DOOR, "developer", password=factories.PASSWORD)
    made = _Made(maker, judge, population, factories.steward("heir", of=home), factories.officer("target", of=home))
    return {
        "site": [Thing("", {"name": "start.js", "code": "not_found"}, {"home": home})],
        "link": [Thing("", {"name": "nobody", "token": "no-token", "factor_id": 1_000_000, "session_id": 1_000_000})],
        "population": [Thing("", {"slug": population.slug})],
        "dataset": made.datasets(), "release": made.releases(), "version": made.versions(), "run": made.runs(),
        "comparison": made.comparisons(), "estimate": made.estimates(), "review": made.reviews(), "copy": made.copies(), "person": made.people(home),
        "key": [Thing("own"), Thing("another's", {"key_id": _key_of(judge, "read")[0].pk})],
    }  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """Makes things: each in a dataset of its own, since some can be open once in a dataset only."""

    maker: User
    judge: User
    population: Any
    heir: User
    target: User

    def dataset(self, slug: str) -> Dataset:
        made = factories.dataset(self.maker, slug, population=self.population)
        datasets.set_hierarchy_file(by=self.maker, dataset=made, name="age.csv", content=b"1;*\n")
        return made

    def version(self, slug: str) -> Version:
        return factories.version(self.dataset(slug))

    def publication(self, slug: str) -> Any:
        self.dataset(slug)
        return factories.publication(slug, by=self.maker, officer_=self.judge)

    def about(self, state: str, dataset: Dataset, **about: Any) -> Thing:
        address = {"slug": dataset.slug, "name": "age.csv", "file_format": "csv", "person_id": self.target.pk}
        parts = {f"{name}_id": thing.pk for name, thing in about.items()}
        return Thing(state, {**address, **parts}, {"dataset": dataset, "heir": self.heir, **about})

    def datasets(self) -> list[Thing]:
        stopped = self.publication("stopped")
        publishing.suspend(by=self.judge, publication=stopped, reason=REASON)
        return [
            self.about("unpublished", self.version("hidden").dataset), self.about("published", self.publication("published").dataset),
            self.about("stopped", stopped.dataset),
        ]  # fmt: skip

    def releases(self) -> list[Thing]:
        made = {state: self.publication(f"release-{state}") for state in ("published", "superseded", "suspended", "withdrawn")}
        self_again = factories.publication("release-superseded", by=self.maker, officer_=self.judge)
        made["superseded"].refresh_from_db()
        publishing.suspend(by=self.judge, publication=made["suspended"], reason=REASON)
        publishing.withdraw(by=self.judge, publication=made["withdrawn"], reason=REASON)
        if (self_again.number, made["superseded"].state) != (2, "superseded"):
            raise AssertionError("the second release did not take the place of the first")
        found = [self.about(state, release.dataset, release=release) for state, release in made.items()]
        return [Thing(t.state, {**t.address, "number": t.release.number, "file_format": "parquet"}, t.about) for t in found]

    def versions(self) -> list[Thing]:
        made = {state: self.version(f"version-{state}") for state in ("ready", "destroyed")}
        datasets.destroy_version(by=self.maker, version=made["destroyed"], reason=REASON)
        found = [self.about(state, version.dataset, version=version) for state, version in made.items()]
        return [Thing(t.state, {**t.address, "number": t.version.number}, t.about) for t in found]

    def runs(self) -> list[Thing]:
        on = self.version("run-queued")
        queued = runs.request_run(by=self.maker, dataset=on.dataset, document=factories.K_ANONYMOUS)
        done = factories.run(self.version("run-assessed"))
        return [self.about(run.state, run.dataset, run=run) for run in (queued, done)]

    def comparisons(self) -> list[Thing]:
        on = self.version("comparison-queued")
        queued = comparisons.request_comparison(by=self.maker, dataset=on.dataset, document=factories.K_ANONYMOUS, ks=[3])
        done = factories.comparison(self.version("comparison-done"))
        return [self.about(made.state, made.dataset, comparison=made) for made in (queued, done)]

    def estimates(self) -> list[Thing]:
        on = self.version("estimate-queued")
        queued = estimates.request_estimate(by=self.maker, dataset=on.dataset, document=factories.DP_TABLE)
        done = factories.estimate(self.version("estimate-done"))
        return [self.about(made.state, made.dataset, estimate=made) for made in (queued, done)]

    def reviews(self) -> list[Thing]:
        made = {state: factories.review(factories.run(self.version(f"review-{state}"))) for state in ("waiting", "held", "decided")}
        reviews.open_review(by=self.judge, review=made["held"])
        factories.decide(made["decided"], self.judge, "return", "more_protection")
        for review in made.values():
            review.refresh_from_db()
        names = {"waiting": "waiting", "held": "in hand", "decided": "decided"}
        return [self.about(names[state], review.dataset, review=review) for state, review in made.items()]

    def copies(self) -> list[Thing]:
        """Of approved reviews: one that a worker will take up, and one that was refused."""
        copies = []
        for state in ("waiting", "refused"):
            review = factories.review(factories.run(self.version(f"copy-{state}")))
            factories.decide(review, self.judge)
            copy = Copy.objects.get(review=review)
            if state == "refused":
                Copy.objects.filter(pk=copy.pk).update(state=state, error={"code": "store_full", "message": "Full.", "who": "us", "problems": []})
            copies.append(self.about(state, review.dataset, review=review))
        return copies

    def people(self, home: Any) -> list[Thing]:
        closed = factories.user("closed-officer", "officer", mandates=[home])
        found = []
        for state, person in (("open", self.target), ("closed", closed)):
            key, _ = _key_of(person, "read")
            address = {"person_id": person.pk, "role": "auditor", "organisation": home.slug, "key_id": key.pk}
            found.append(Thing(state, address, {"person": person}))
        leaving.close_account(by=None, user=closed, reason=REASON)
        closed.refresh_from_db()
        return found


# --- callers ---------------------------------------------------------------------------------------------------------


def _key_of(user: User, *scopes: str) -> tuple[ApiKey, str]:
    end = timezone.now() + timedelta(days=30)
    return people.issue_key(by=user, user=user, name="for a test", scopes=scopes, expires_at=end)


def _callers(home: Any, elsewhere: Any, maker: User) -> list[Caller]:
    everything = factories.user("everything", *Role, organisation=home, mandates=[home])
    signed_in = {
        "developer": factories.user("developer", "developer", organisation=home),
        "steward": factories.steward("a-steward", of=home),
        "steward elsewhere": factories.steward("steward-elsewhere", of=elsewhere),
        "officer": factories.officer("an-officer", of=home),
        "officer elsewhere": factories.officer("officer-elsewhere", of=elsewhere),
        "lead officer": factories.user("lead", "lead_officer", mandates=[home]),
        "lead officer elsewhere": factories.user("lead-elsewhere", "lead_officer", mandates=[elsewhere]),
        "auditor": factories.user("an-auditor", "auditor"),
        "administrator": factories.user("an-administrator", "administrator", organisation=home),
        "who had a hand in it": maker,
        "all roles": everything,
    }  # fmt: skip
    nobody = AnonymousUser()
    found = [Caller("anonymous", nobody), *(_signed_in(name, user) for name, user in signed_in.items())]
    found += [_with_key(f"key: {scope}", everything, scope) for scope in SCOPES]
    revoked = _with_key("a revoked key", everything, "read", refused=True)
    people.revoke_key(by=everything, key=ApiKey.objects.get(pk=revoked.key_id))
    gone = factories.user("gone", *Role, organisation=home, mandates=[home])
    found += [revoked, _with_key("a closed account's key", gone, "read", refused=True), _signed_in("a closed account", gone)]
    User.objects.filter(pk=gone.pk).update(is_active=False)  # with all its roles: they count for nothing
    return [caller if caller.name != "a closed account" else Caller(caller.name, nobody, session=caller.session) for caller in found]


def _signed_in(name: str, user: User) -> Caller:
    client = Client()
    client.force_login(user)
    key, _ = _key_of(user, "read")
    return Caller(name, user, session=client.cookies[settings.SESSION_COOKIE_NAME].value, key_id=key.pk)


def _with_key(name: str, user: User, scope: str, *, refused: bool = False) -> Caller:
    key, secret = _key_of(user, scope)
    return Caller(name, user, secret=secret, scope=scope, key_id=key.pk, refused=refused)
