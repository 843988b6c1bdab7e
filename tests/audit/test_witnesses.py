"""The trail is the witness: whoever owns the database, and changes what the platform wrote, is seen and named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from catalog.audit import alarms, chain, services, tasks, witnesses
from catalog.audit.models import Alarm, TrailEntry
from catalog.audit.transitions import State, StateTable
from catalog.audit.witnesses import Discrepancy, Said, Unsaid
from catalog.datasets.models import Column, Contract, Dataset, HierarchyFile, PseudonymKey, Version
from catalog.ledger.amounts import ExactField
from catalog.ledger.models import Population, Reckoning, Spending
from catalog.people.models import ApiKey, OfficerMandate, Organisation, User
from catalog.publishing.models import Copy, Publication
from catalog.releases.models import Comparison, Estimate, Run
from catalog.review.models import Decision, Involvement, Review
from tests import factories
from tests.audit import recorded
from tests.intruder import drop_triggers


@pytest.fixture(scope="module")
def platform(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """Made once; what a test does to it is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield recorded.platform()
        transaction.set_rollback(True)


@pytest.fixture
def intruder(platform, django_db_blocker) -> Iterator[SimpleNamespace]:
    """Somebody who owns the database: the guards are gone, and nothing is looked up again at a commit."""
    with django_db_blocker.unblock(), transaction.atomic():
        drop_triggers()
        yield platform
        transaction.set_rollback(True)


@contextmanager
def unreferenced() -> Iterator[None]:
    """Rows may go although others point at them: foreign keys are looked up at the commit, which never comes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    yield


def seen() -> set[tuple[str, str]]:
    """(kind of thing, what) of every discrepancy."""
    return {(discrepancy.subject[0], discrepancy.what) for discrepancy in services.verify().discrepancies}


def remove(rows: models.QuerySet) -> None:
    """As SQL does, past Django's own protection."""
    with unreferenced():
        rows._raw_delete(using="default")


def test_a_platform_that_nobody_touched_is_what_the_trail_says(platform, django_db_blocker):
    with django_db_blocker.unblock():
        verification = services.verify()
    assert (verification.ok, verification.discrepancies, verification.unsaid) == (True, (), 0)


# --- what somebody who owns the database would do ---------------------------------------------------------------------


def added(row: models.Model, **changes: Any) -> None:
    """The same row once more, with changes."""
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    type(row)._default_manager.bulk_create([row])


PUBLISHED = {"artefact_sha256": "f" * 64}
DEEDS: dict[str, tuple[Callable[[], object], set[tuple[str, str]]]] = {
    "all spendings deleted": (lambda: remove(Spending.objects.all()), {("spending", "missing")}),
    "a spending deleted and the totals made to fit": (
        lambda: (
            remove(Spending.objects.filter(pk=Spending.objects.last().pk)),
            remove(Reckoning.objects.filter(pk=Reckoning.objects.last().pk)),
            Population.objects.filter(slug="residents").update(epsilon_spent=Reckoning.objects.last().epsilon, delta_spent=Reckoning.objects.last().delta),
        ),
        {("spending", "missing"), ("reckoning", "missing"), ("population", "spent")},
    ),
    "a spending added": (lambda: added(Spending.objects.first(), subject_id="99#1"), {("spending", "unrecorded")}),
    "a spending changed": (lambda: Spending.objects.filter(pk=Spending.objects.first().pk).update(epsilon=Decimal("0.01")), {("spending", "epsilon")}),
    "a spending of another population": (
        lambda: Spending.objects.filter(pk=Spending.objects.first().pk).update(population=Population.objects.get(slug="visitors")),
        {("spending", "population")},
    ),
    "a spending said to cover some dates": (
        lambda: Spending.objects.filter(pk=Spending.objects.first().pk).update(covers_from=date(2026, 1, 1), covers_until=date(2026, 2, 1)),
        {("spending", "from"), ("spending", "until")},
    ),
    "a total zeroed": (lambda: Population.objects.update(epsilon_spent=0, delta_spent=0), {("population", "spent")}),
    "a total lowered": (lambda: Population.objects.filter(slug="residents").update(epsilon_spent=Decimal("0.1")), {("population", "spent")}),
    "a total raised": (lambda: Population.objects.filter(slug="visitors").update(epsilon_spent=Decimal("0.1")), {("population", "spent")}),
    "a cap raised": (lambda: Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(1000)), {("population", "epsilon")}),
    "a cap lowered": (lambda: Population.objects.filter(slug="visitors").update(delta_cap=Decimal("0.0001")), {("population", "delta")}),
    "a unit changed": (
        lambda: Population.objects.filter(slug="visitors").update(unit="person_day", time_zone="Asia/Seoul"),
        {("population", "unit"), ("population", "time_zone")},
    ),
    "a population added": (lambda: added(Population.objects.get(slug="visitors"), slug="others"), {("population", "unrecorded")}),
    "a population deleted": (lambda: remove(Population.objects.filter(slug="visitors")), {("population", "missing")}),
    "a reckoning deleted": (lambda: remove(Reckoning.objects.filter(pk=Reckoning.objects.first().pk)), {("reckoning", "missing")}),
    "a reckoning added": (lambda: added(Reckoning.objects.last(), spendings=77), {("reckoning", "unrecorded")}),
    "a verdict altered": (lambda: Decision.objects.filter(verdict="reject").update(verdict="approve"), {("decision", "verdict")}),
    "a decision put down to somebody else": (
        lambda: Decision.objects.filter(verdict="reject").update(decided_by=User.objects.get(username="stella")),
        {("decision", "by")},
    ),
    "a decision on another hash": (lambda: Decision.objects.filter(verdict="reject").update(artefact_sha256="f" * 64), {("decision", "artefact_sha256")}),
    "a decision for another reason": (lambda: Decision.objects.filter(verdict="reject").update(reason="Nothing to see."), {("decision", "reason_sha256")}),
    "a decision deleted": (lambda: remove(Decision.objects.filter(verdict="reject")), {("decision", "missing")}),
    "a decision added": (
        lambda: added(Decision.objects.first(), decided_by=User.objects.get(username="stella")),
        {("decision", "unrecorded")},
    ),
    "a hand forgotten": (lambda: remove(Involvement.objects.filter(how="submitted")), {("review", "involved")}),
    "a hand forgotten that was noted at the decision": (
        lambda: remove(Involvement.objects.filter(user__username="sam")),
        {("review", "involved")},
    ),
    "a hand invented": (
        lambda: added(Involvement.objects.first(), user=User.objects.get(username="oscar"), how="ran"),
        {("review", "involved")},
    ),
    "a published hash altered": (lambda: Publication.objects.filter(number=2).update(**PUBLISHED), {("publication", "sha256")}),
    "a published file exchanged": (lambda: Publication.objects.filter(number=2).update(store_name="ff/other.parquet"), {("publication", "store_name")}),
    "a publication renumbered": (lambda: Publication.objects.filter(number=2).update(number=7), {("publication", "number")}),
    "a suspended publication put on the air again": (
        lambda: Publication.objects.filter(number=2).update(state="published", tombstone="", stopped_by=None),
        {("publication", "state"), ("publication", "stopped_by"), ("publication", "tombstone_sha256")},
    ),
    "a tombstone rewritten": (lambda: Publication.objects.filter(number=2).update(tombstone="All is well."), {("publication", "tombstone_sha256")}),
    "a published report rewritten": (lambda: Publication.objects.filter(number=2).update(public_report={}), {("publication", "report_sha256")}),
    "a publication deleted": (lambda: remove(Publication.objects.filter(number=2)), {("publication", "missing")}),
    "a publication inserted": (
        lambda: added(Publication.objects.get(number=2), number=3, review=Review.objects.get(state="rejected")),
        {("publication", "unrecorded"), ("publication", "state")},
    ),
    "a review approved": (lambda: Review.objects.filter(state="rejected").update(state="approved"), {("review", "state")}),
    "a review deleted": (lambda: remove(Review.objects.filter(state="in_review")), {("review", "missing"), ("review", "unrecorded")}),
    "a review inserted": (lambda: added(Review.objects.get(state="rejected"), state="approved"), {("review", "unrecorded")}),
    "a review bound to another hash": (
        lambda: Review.objects.filter(state="in_review").update(configuration_sha256="f" * 64),
        {("review", "configuration_sha256")},
    ),
    "a review in another officer's hand": (lambda: Review.objects.filter(state="in_review").update(officer=None), {("review", "officer")}),
    "a copy ordered again": (lambda: Copy.objects.update(state="waiting"), {("copy", "state")}),
    "a copy deleted": (lambda: remove(Copy.objects.all()), {("copy", "missing")}),
    "a copy of what nobody approved": (
        lambda: added(Copy.objects.first(), review=Review.objects.get(state="rejected"), state="waiting"),
        {("copy", "unrecorded")},
    ),
    "a cancelled run queued again": (lambda: Run.objects.filter(state="cancelled").update(state="queued"), {("run", "state")}),
    "a run that drew no noise": (lambda: Run.objects.filter(reviews__state="rejected").update(noise_drawn=False), {("run", "noise_drawn")}),
    "the report of a run altered": (lambda: Run.objects.filter(reviews__state="in_review").update(report={}), {("run", "report_sha256")}),
    "the recipe of a run altered": (lambda: Run.objects.filter(reviews__state="in_review").update(recipe={}), {("run", "document_sha256")}),
    "a run deleted": (lambda: remove(Run.objects.filter(state="cancelled")), {("run", "missing")}),
    "a run inserted": (lambda: added(Run.objects.filter(state="cancelled").first()), {("run", "unrecorded")}),
    "an estimate that drew no noise": (lambda: Estimate.objects.update(noise_drawn=False), {("estimate", "noise_drawn")}),
    "a destroyed version brought back": (
        lambda: Version.objects.filter(state="destroyed").update(state="ready"),
        {("version", "state"), ("version", "columns_sha256"), ("version", "declared_sha256"), ("run", "document_sha256"), ("comparison", "document_sha256"), ("comparison", "result_sha256")},
    ),
    "an upload exchanged": (lambda: Version.objects.filter(number=2).update(sha256="f" * 64), {("version", "sha256"), ("run", "version_sha256"), ("estimate", "version_sha256"), ("comparison", "version_sha256")}),
    "a role of a column loosened": (
        lambda: Column.objects.filter(version__number=2, name="person").update(role="plain"),
        {("column", "role"), ("version", "columns_sha256")},
    ),
    "a hierarchy exchanged": (lambda: HierarchyFile.objects.update(content="level0\n20\n"), {("hierarchy", "content")}),
    "a hierarchy exchanged with its hash": (
        lambda: HierarchyFile.objects.update(content="abc", sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        {("hierarchy", "sha256"), ("hierarchy", "content")},
    ),
    "a hierarchy deleted": (lambda: remove(HierarchyFile.objects.all()), {("hierarchy", "missing")}),
    "a key of pseudonyms exchanged": (lambda: PseudonymKey.objects.update(sha256="f" * 64), {("pseudonymkey", "sha256")}),
    "a contract prolonged": (lambda: Contract.objects.update(valid_until=date(2199, 1, 1)), {("dataset", "contract")}),
    "a contract that permits more": (lambda: Contract.objects.update(permits_microdata=True), {("dataset", "contract")}),
    "a contract deleted": (lambda: remove(Contract.objects.all()), {("dataset", "contract")}),
    "a dataset about another population": (
        lambda: Dataset.objects.update(population=Population.objects.get(slug="visitors")),
        {("dataset", "population")},
    ),
    "a dataset that was never charged": (lambda: Dataset.objects.update(charged=False), {("dataset", "charged")}),
    "a dataset of another steward": (lambda: Dataset.objects.update(steward=User.objects.get(username="oscar")), {("dataset", "steward")}),
    "a role given": (lambda: User.objects.get(username="stella").groups.add(Group.objects.get(name="administrator")), {("user", "roles")}),
    "a role taken away": (lambda: User.objects.get(username="oscar").groups.clear(), {("user", "roles")}),
    "a role that was withdrawn given back": (lambda: User.objects.get(username="oscar").groups.add(Group.objects.get(name="developer")), {("user", "roles")}),
    "a role renamed": (lambda: Group.objects.filter(name="steward").update(name="officers"), {("user", "roles")}),
    "a mandate given": (
        lambda: OfficerMandate.objects.create(user=User.objects.get(username="oscar"), organisation=Organisation.objects.get(slug="tax-office")),
        {("user", "mandates")},
    ),
    "a mandate taken away": (lambda: remove(OfficerMandate.objects.all()), {("user", "mandates")}),
    "an account closed": (lambda: User.objects.filter(username="oscar").update(is_active=False), {("user", "is_active")}),
    "a closed account opened again": (lambda: User.objects.filter(username="carl").update(is_active=True), {("user", "is_active")}),
    "an account made": (lambda: User.objects.create(username="mallory"), {("user", "unrecorded")}),
    "an account renamed": (lambda: User.objects.filter(username="oscar").update(username="olga"), {("user", "username")}),
    "an account made a superuser": (lambda: User.objects.filter(username="oscar").update(is_superuser=True), {("user", "is_superuser")}),
    "an account deleted": (lambda: remove(User.objects.filter(username="stella")), {("user", "missing")}),
    "an organisation made": (lambda: Organisation.objects.create(slug="shadow", name="Shadow"), {("organisation", "unrecorded")}),
    "a key with more scopes": (lambda: ApiKey.objects.update(scopes=["reviews:decide"]), {("apikey", "scopes")}),
    "a key prolonged": (lambda: ApiKey.objects.update(expires_at=timezone.now() + timedelta(days=3000)), {("apikey", "expires_at")}),
    "a revoked key that opens again": (lambda: ApiKey.objects.update(revoked_at=None), {("apikey", "revoked")}),
    "a key of another secret": (lambda: ApiKey.objects.update(hash="f" * 64), {("apikey", "hash_sha256")}),
    "a key of somebody else": (lambda: ApiKey.objects.update(user=User.objects.get(username="stella")), {("apikey", "user")}),
    "a key inserted": (lambda: added(ApiKey.objects.first(), prefix="f" * 12), {("apikey", "unrecorded")}),
    "a key deleted": (lambda: remove(ApiKey.objects.all()), {("apikey", "missing")}),
    "an alarm hidden": (lambda: Alarm.objects.update(cleared_at=timezone.now()), {("alarm", "missing")}),
}


@pytest.mark.parametrize(("deed", "expected"), DEEDS.values(), ids=DEEDS.keys())
def test_it_is_seen_and_named_and_nothing_else_is(intruder, deed, expected):
    deed()
    assert seen() == expected
    assert not services.verify().ok


def test_a_discrepancy_says_which_thing_what_the_trail_says_and_what_the_table_says(intruder):
    rejected = Decision.objects.get(verdict="reject")
    Decision.objects.filter(pk=rejected.pk).update(verdict="approve")
    Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(1000))
    population = Population.objects.get(slug="residents")
    assert set(services.verify().discrepancies) == {
        Discrepancy(("decision", str(rejected.pk)), "verdict", "reject", "approve"),
        Discrepancy(("population", str(population.pk)), "epsilon", "12", "1000"),
    }


def test_a_row_that_is_gone_is_named_by_what_the_trail_says_of_it(intruder):
    publication = Publication.objects.get(number=2)
    remove(Publication.objects.filter(pk=publication.pk))
    (gone,) = services.verify().discrepancies
    assert gone.subject == ("publication", str(publication.pk))
    assert publication.artefact_sha256 in gone.trail and gone.table == "nothing"


# --- every column is witnessed, or not for a reason -------------------------------------------------------------------

LEASED = {"attempt", "lease_until", "worker", "rung_at"}
JOB = LEASED | {"stage", "percent", "requested_at", "started_at", "finished_at", "error"}
# What the trail says nothing of. Nobody is let through a door, and nothing published or decided, by any of these.
NOT_WITNESSED: dict[type[models.Model], set[str]] = {
    Organisation: {"name", "name_ko", "name_zh"},
    User: {"password", "last_login", "first_name", "last_name", "email", "date_joined", "language"},
    OfficerMandate: set(),
    ApiKey: {"name", "created_at", "last_used_at"},
    Population: {"name", "description", "created_at"},
    Spending: set(),
    Reckoning: {"at"},
    Dataset: {"created_at", "changed_at"},
    Contract: set(),
    HierarchyFile: {"uploaded_at"},
    Version: LEASED | {"file_name", "format", "encoding", "delimiter", "notes", "error", "uploaded_at", "checked_at"},
    Column: {"nulls", "distinct", "looks_like", "suggested_role", "reason", "title", "description"},
    PseudonymKey: {"made_at"},
    Run: JOB,
    Comparison: JOB,
    Estimate: JOB,
    Review: {"decided_at"},
    Involvement: set(),
    Decision: set(),
    Copy: LEASED | {"error", "attempts_before"},
    Publication: {"changed_at"},
}
COLUMNS = [(model, field.name) for model, but in NOT_WITNESSED.items() for field in model._meta.concrete_fields if not field.primary_key and field.name not in but]


def another(field: models.Field, value: Any) -> Any:
    """A value that a column could have as well."""
    if isinstance(field, models.ForeignKey):
        others = field.related_model._default_manager.exclude(pk=value).values_list("pk", flat=True)
        return others.first() or (None if field.null and value is not None else 10**6)
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.JSONField):
        return {"changed": 1}
    if isinstance(field, models.DateTimeField):
        return (value or timezone.now()) + timedelta(days=1)
    if isinstance(field, models.DateField):
        return (value or date(2026, 1, 1)) + timedelta(days=1)
    if isinstance(field, ExactField):
        return value + Decimal("0.0001")
    if isinstance(field, models.IntegerField):
        return type(value or 0)((value or 0) + 1)
    if field.choices:
        return next(choice for choice, _ in field.choices if choice != value)
    return "another"


# Rows in which a column can be another than it is: a constraint would refuse it in others.
CHOSEN: dict[tuple[type[models.Model], str], dict[str, Any]] = {
    (Population, "unit"): {}, (Population, "time_zone"): {},
    (Version, "state"): {"state": "ready"}, (Version, "sealed_name"): {"state": "ready"}, (Version, "typed_name"): {"state": "ready"},
    (Version, "rows"): {"state": "ready"}, (ApiKey, "revoked_at"): {"revoked_at": None}, (Involvement, "user"): {"how": "submitted"},
}  # fmt: skip


@pytest.mark.parametrize(("model", "name"), COLUMNS, ids=[f"{model._meta.label_lower}.{name}" for model, name in COLUMNS])
def test_another_value_in_any_other_column_is_seen(intruder, model, name):
    field = model._meta.get_field(name)
    rows = model._default_manager.filter(version__state="ready") if model is Column else model._default_manager.filter(**CHOSEN.get((model, name), {}))
    row = rows.order_by("-pk").first()
    try:
        with unreferenced(), transaction.atomic():
            model._default_manager.filter(pk=row.pk).update(**{field.attname: another(field, getattr(row, field.attname))})
    except IntegrityError:
        assert name in REFUSED[model]
        return
    assert services.verify().differences


# What a constraint of the database refuses alone, triggers or not; with others changed to fit it is among the deeds above.
REFUSED: dict[type[models.Model], set[str]] = {
    Population: {"unit", "time_zone"},
    Spending: {"covers_from", "covers_until"},
    Run: {"state"},
    Comparison: {"state"},
    Estimate: {"state"},
    Column: {"version"},
    Involvement: {"how", "review"},
    Decision: {"review"},
    Copy: {"review"},
    Publication: {"state", "review"},
}


def test_every_model_with_rows_that_matter_is_compared():
    free = {"idempotentanswer", "trailhead", "trailentry", "alarm"}
    rooms = ("audit", "people", "ledger", "datasets", "releases", "review", "publishing")
    there = {model for room in rooms for model in apps.get_app_config(room).get_models() if model._meta.model_name not in free}
    assert there == NOT_WITNESSED.keys()


# --- states -----------------------------------------------------------------------------------------------------------


def told(seq: int, old: str, new: str, **changes: Any) -> Said:
    return Said(**{"seq": seq, "at": timezone.now(), "actor_id": None, "action": "thing.moved", "subject_type": "review", "subject_id": "1", "detail": {"from": old, "to": new}} | changes)


def steps(*entries: Said) -> list[str]:
    return [finding.trail for finding in witnesses._states(entries) if isinstance(finding, Discrepancy) and "entry" in finding.trail]


def test_a_step_that_is_in_no_table_of_transitions_is_seen(db):
    assert steps(told(1, "submitted", "in_review"), told(2, "in_review", "approved")) == []
    assert steps(told(1, "submitted", "approved")) == []  # two steps in one decision
    assert steps(told(1, "submitted", "approved"), told(2, "approved", "submitted")) == ["entry 2 goes from approved to submitted"]


def test_a_step_that_does_not_go_on_from_the_one_before_is_seen(db):
    assert steps(told(1, "submitted", "withdrawn"), told(2, "in_review", "approved")) == ["entry 2 goes on from in_review, the one before ended in withdrawn"]


def test_a_worker_that_takes_a_run_up_needs_no_entry_and_may_be_at_it_now(intruder):
    run = Run.objects.filter(state="cancelled", version__state="ready").first()
    assert steps(told(1, "running", "assessed", subject_type="run", subject_id=str(run.pk))) == []
    waiting = recorded.releases.request_run(by=intruder.steward, dataset=intruder.dataset, document=dict(factories.DP_TABLE), version=intruder.version)
    assert services.verify().ok
    Run.objects.filter(pk=waiting.pk).update(state="running", lease_until=timezone.now())
    assert services.verify().ok
    Run.objects.filter(pk=waiting.pk).update(state="failed", error={})
    assert seen() == {("run", "state")}


def test_ways_through_a_table_of_states():
    table = StateTable("thing", (State("a", "x", ("b",)), State("b", "x", ("c",)), State("c", "x")))
    assert [table.leads(*pair) for pair in (("a", "b"), ("a", "c"), ("c", "a"), ("a", "a"), ("?", "a"))] == [True, True, False, False, False]


# --- entries of earlier code ------------------------------------------------------------------------------------------


def forget(action: str, *members: str) -> int:
    """Make entries such as earlier code wrote, and the chain to fit; how many."""
    from tests.audit.test_verify import rebuild_from

    changed = 0
    for entry in TrailEntry.objects.filter(action=action):
        detail = {name: value for name, value in entry.detail.items() if name not in members}
        changed += TrailEntry.objects.filter(pk=entry.pk).update(detail=detail)
    rebuild_from(1)
    return changed


EARLIER = {
    "budget.charged": ("spending", "parts_sha256", "note_sha256", "at", "spendings", "spent", "rule"),
    "publication.published": ("review", "store_name", "bytes", "rows", "guarantee", "columns_sha256", "report_sha256", "recipe_sha256", "published_at"),
    "run.requested": ("dataset", "version", "document_sha256", "hierarchies_sha256", "population", "appended_sha256"),
    "run.assessed": ("artefact_name", "bytes", "report_sha256", "sample_sha256"),
    "review.submitted": ("dataset", "recipe_sha256", "version_sha256", "configuration_sha256", "context_sha256", "submitted_at", "involved"),
    "review.rejected": ("verdict", "recipe_sha256", "reason_sha256", "conditions_sha256", "decided_at", "involved"),
    "review.approved": ("verdict", "recipe_sha256", "reason_sha256", "conditions_sha256", "decided_at", "involved"),
    "dataset.created": ("organisation", "population", "contract", "described_sha256"),
    "dataset.changed": ("slug", "source", "organisation", "population", "contract", "described_sha256"),
    "version.received": ("dataset", "number", "sealed_name", "declared_sha256"),
    "version.ready": ("typed_name", "columns_sha256"),
    "columns.set": ("columns_sha256",),
    "hierarchy.set": ("ladders_sha256",),
    "pseudonym_key.made": ("sealed_name", "sha256"),
    "user.created": ("username",),
    "key.issued": ("user", "hash_sha256"),
    "publication.suspended": ("tombstone_sha256",),
    "population.created": ("owner",),
}


@pytest.fixture
def earlier(intruder) -> SimpleNamespace:
    for action, members in EARLIER.items():
        assert forget(action, *members), action
    return intruder


def test_entries_that_do_not_tell_of_something_fail_nothing_and_are_counted(earlier):
    verification = services.verify()
    assert (verification.ok, verification.discrepancies) == (True, ())
    assert verification.unsaid > 20


# What earlier entries tell is enough for.
STILL_SEEN = (
    "all spendings deleted", "a spending added", "a spending changed", "a total zeroed", "a cap raised", "a unit changed", "a verdict altered",
    "a decision put down to somebody else", "a decision on another hash", "a decision deleted", "a decision added", "a published hash altered",
    "a publication renumbered", "a publication deleted", "a publication inserted", "a review approved", "a run that drew no noise",
    "a role given", "a mandate given", "an account made", "a key with more scopes", "a revoked key that opens again", "an upload exchanged",
)  # fmt: skip


@pytest.mark.parametrize("deed", STILL_SEEN)
def test_what_earlier_entries_tell_is_compared_all_the_same(earlier, deed):
    do, expected = DEEDS[deed]
    do()
    assert seen() == expected


# --- what becomes of it -----------------------------------------------------------------------------------------------


def test_what_differs_from_a_broken_trail_is_shown_and_said_to_be_so(intruder, capsys):
    Population.objects.update(epsilon_cap=Decimal(1000))
    TrailEntry.objects.filter(seq=2).update(detail={"slug": "forged"})
    verification = services.verify()
    assert verification.reason and ("population", "epsilon") in seen()
    with pytest.raises(SystemExit):
        call_command("verify_trail")
    assert "NOT what the trail, which is broken itself, says" in capsys.readouterr().err


def test_a_comparison_that_cannot_be_made_is_a_finding_and_stops_no_other(intruder, caplog):
    Population.objects.update(epsilon_cap=Decimal(1000))
    TrailEntry.objects.filter(action="user.created").update(detail={})
    assert {("comparison", "stopped"), ("population", "epsilon")} <= seen()


def test_the_command_names_what_differs_and_fails(intruder, capsys):
    Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(1000))
    with pytest.raises(SystemExit) as ended:
        call_command("verify_trail")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "1 records are NOT what the trail says" in said and "epsilon: the trail says 12, the table says 1000" in said


def test_many_discrepancies_are_counted_and_some_are_named(intruder, monkeypatch, capsys):
    monkeypatch.setattr(services, "MOST_DISCREPANCIES", 2)
    remove(Spending.objects.all())
    verification = services.verify()
    assert (len(verification.discrepancies), verification.differences) == (2, Reckoning.objects.count())
    with pytest.raises(SystemExit):
        call_command("verify_trail")
    assert f"and {verification.differences - 2} more" in capsys.readouterr().err


def test_what_is_not_so_is_not_signed_and_everybody_is_told(intruder, checkpoint_place, caplog):
    Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(1000))
    with caplog.at_level(logging.ERROR):
        tasks.checkpoint()
    assert not checkpoint_place.exists()
    assert any("trail and table disagree: population" in line and "12" in line and "1000" in line for line in caplog.messages)
    assert {alarm.code for alarm in alarms.open_alarms()} == {"sweep_refused", "records_disagree"}
    Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(12))
    tasks.checkpoint()
    assert checkpoint_place.exists()
    assert {alarm.code for alarm in alarms.open_alarms()} == {"sweep_refused"}


def test_nobody_is_kept_waiting_by_a_verification(platform):
    """On SQLite every transaction begins as a writer's; this one must not."""
    usual = vars(connection._connections[connection._alias]).get("transaction_mode") if connection.vendor == "sqlite" else None
    with witnesses._read_only_begin():
        own = vars(connection._connections[connection._alias])
        assert own.get("transaction_mode") == (None if usual is None else "DEFERRED")
    assert vars(connection._connections[connection._alias]).get("transaction_mode") == usual


def test_findings_are_values_that_nobody_changes():
    assert [field.name for field in fields(Discrepancy)] == ["subject", "what", "trail", "table"]
    for value in (Discrepancy(("a", "1"), "x", "y", "z"), Unsaid(("a", "1"), ("x",))):
        with pytest.raises(AttributeError):
            value.subject = ("b", "2")


def test_long_values_are_cut(db):
    assert len(witnesses.shown("x" * 1000)) == 200


def test_a_moment_is_told_alike_by_both_databases(platform, django_db_blocker):
    with django_db_blocker.unblock():
        entry = TrailEntry.objects.filter(action="key.issued").first()
        assert datetime.fromisoformat(entry.detail["expires_at"]) == ApiKey.objects.get(pk=entry.subject_id).expires_at


def test_auditors_read_it_over_the_api_and_on_the_page(intruder, client):
    Population.objects.filter(slug="residents").update(epsilon_cap=Decimal(1000))
    client.force_login(User.objects.get(username="oscar"))  # an auditor too
    answer = client.get("/api/v1/trail/verification").json()
    population = Population.objects.get(slug="residents")
    differing = {"subject_type": "population", "subject_id": str(population.pk), "what": "epsilon", "trail": "12", "table": "1000"}
    assert (answer["ok"], answer["reason"], answer["differences"], answer["unsaid"]) == (False, "", 1, 0)
    assert answer["discrepancies"] == [differing]
    page = client.post("/trail").content.decode()
    assert "Records are not what the trail says." in page and f"population {population.pk}" in page
    assert "<code lang=\"en\">12</code>" in page and "<code lang=\"en\">1000</code>" in page


def test_the_page_says_so_where_all_is_well(platform, django_db_blocker, client):
    with django_db_blocker.unblock(), transaction.atomic():
        client.force_login(User.objects.get(username="oscar"))
        page = client.post("/trail").content.decode()
        transaction.set_rollback(True)
    assert "The records are what the trail says." in page


def test_a_document_has_one_hash_before_it_is_stored_and_after_either_database_gave_it_back(intruder):
    document = {"b": [1.0, 2.5, 1e22, -0.0, 1e-7, 10**20, None, True], "가": {"z": "ä", "a": (1, 2)}, 3: "text"}
    run = Run.objects.filter(state="cancelled", version__state="ready").first()
    Run.objects.filter(pk=run.pk).update(report=document)
    run.refresh_from_db()
    assert chain.document_sha256(run.report) == chain.document_sha256(document)
    other = {**document, "b": [1.0, 2.5000001]}
    assert chain.document_sha256(other) != chain.document_sha256(document)
