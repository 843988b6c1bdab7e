"""Things that tests begin with: people, datasets, versions, runs, reviews, publications. Plain functions.

All goes through the services, but the two steps that are a worker's (checking an upload, running a recipe) are put in
place as their outcome, so that a test about pages or HTTP need not run the engine.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.auth.models import Group
from django.utils import timezone

from anonymize import recipe as recipes
from anonymize import reports
from anonymize.recipe import DpTable, KAnonymity
from catalog.datasets import services as datasets
from catalog.datasets import vault
from catalog.datasets.models import Column, Dataset, Version
from catalog.datasets.states import READY
from catalog.ledger import services as ledger
from catalog.ledger.models import Population
from catalog.people import services as people
from catalog.people.models import OfficerMandate, Organisation, User
from catalog.publishing import services as publishing
from catalog.publishing.models import Publication
from catalog.releases import comparisons, estimates
from catalog.releases import services as releases
from catalog.releases.models import Comparison, Estimate, Run
from catalog.releases.states import ASSESSED, DONE
from catalog.review import services as reviews
from catalog.review.models import Decision, Review
from tests.foreseen import foreseen
from tests.measured import BEFORE, POINTS, assessment

PASSWORD = "a long sentence for tests"
REASON = "Looked at the measured risk and at the sample."
_numbers = itertools.count(1)


# --- people ------------------------------------------------------------------------------------------------------


def organisation(slug: str = "city-hall", name: str = "City Hall") -> Organisation:
    return Organisation.objects.get_or_create(slug=slug, defaults={"name": name})[0]


def user(
    name: str, *roles: str, organisation: Organisation | None = None, mandates: Iterable[Organisation] = (), password: str | None = None
) -> User:
    """An account in these roles. Without ``password`` nobody can log in by name; use ``client.force_login``."""
    made = User(username=name, organisation=organisation)
    made.set_password(password)
    made.save()
    made.groups.set(Group.objects.filter(name__in=roles))
    OfficerMandate.objects.bulk_create(OfficerMandate(user=made, organisation=o) for o in mandates)
    return made


def steward(name: str = "steward", of: Organisation | None = None) -> User:
    return user(name, "steward", organisation=of or organisation())


def officer(name: str = "officer", of: Organisation | None = None) -> User:
    return user(name, "officer", mandates=[of or organisation()])


def key(owner: User, *scopes: str) -> str:
    """The secret of a new API key."""
    end = timezone.now() + timedelta(days=30)
    return people.issue_key(by=owner, user=owner, name="for a test", scopes=scopes or ("read",), expires_at=end)[1]


def population(owner: Organisation | None = None, slug: str = "residents", epsilon: str = "10", delta: str = "0.001") -> Population:
    return ledger.create_population(
        by=None, slug=slug, name=slug.title(), owner=owner or organisation(), epsilon_cap=Decimal(epsilon), delta_cap=Decimal(delta)
    )


# --- what comes in -----------------------------------------------------------------------------------------------

SURVEY = {
    "person": ("text", "person_key", [f"P{i:03}" for i in range(40)]),
    "district": ("text", "quasi_identifier", ["11110", "11140"] * 20),
    "age": ("integer", "quasi_identifier", [20 + i // 10 * 10 for i in range(40)]),
    "answer": ("text", "sensitive", ["yes", "no", "no", "perhaps"] * 10),
    "month": ("date", "event_time", [date(2026, 1, 1), date(2026, 2, 1)] * 20),
}


def dataset(by: User, slug: str = "survey", **fields: Any) -> Dataset:
    """A dataset of the steward's organisation; from the government unless ``source`` and ``contract`` say otherwise."""
    fields = {"title": slug.replace("-", " ").capitalize(), "source": "government", "themes": ["people"], **fields}
    return datasets.create_dataset(by=by, slug=slug, organisation=by.organisation, **fields)


def parquet(columns: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()


def version(of: Dataset, *, by: User | None = None, roles: bool = True) -> Version:
    """A checked version of 40 rows; ``roles=False`` leaves the columns for the steward to decide."""
    rows = {name: values for name, (_, _, values) in SURVEY.items()}
    raw = "\n".join([",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]).encode()
    made = datasets.receive_version(
        by=by or of.steward, dataset=of, file_name="survey.csv", sealed=vault.seal(io.BytesIO(raw), prefix="uploads")
    )
    typed = vault.seal(io.BytesIO(parquet(rows)), prefix="typed")
    Version.objects.filter(pk=made.pk).update(
        state=READY, typed_name=typed.name, rows=40, format="csv", encoding="utf-8", delimiter=",", checked_at=timezone.now()
    )
    Column.objects.bulk_create(
        Column(
            version=made, position=i, name=name, type=kind, nulls=0, distinct=len(set(values)), suggested_role=role,
            role=role if roles else "", reason="as the test says",
        )
        for i, (name, (kind, role, values)) in enumerate(SURVEY.items())
    )
    made.refresh_from_db()
    return made


# --- what is made of it ------------------------------------------------------------------------------------------

K_ANONYMOUS: dict[str, Any] = {
    "recipe": 1,
    "title": "Survey, generalised",
    "person_key": "person",
    "columns": {
        "person": {"role": "person_key"},
        "district": {"role": "quasi_identifier", "title": "District"},
        "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}, "title": "Age"},
        "answer": {"role": "sensitive", "title": "Answer"},
    },
    "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
}
DP_TABLE: dict[str, Any] = {
    "recipe": 1,
    "title": "Survey, counted",
    "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "district": {"role": "place"}, "month": {"role": "event_time"}},
    "stages": [
        {
            "stage": "dp_table",
            "group_by": [
                {"column": "district", "values": ["11110", "11140"]},
                {"column": "month", "bucket": "month", "start": "2026-01-01", "end": "2026-04-01"},
            ],
            "measures": [{"name": "people", "kind": "persons"}],
            "epsilon": "1.0", "delta": "1e-6", "max_cells_per_person": 2, "cells": "public",
        }
    ],
}


def _microdata() -> dict[str, Any]:
    return {"district": ["11110", "11140"] * 20, "age": ["[20, 40)"] * 20 + ["[40, 60)"] * 20, "answer": ["yes", "no", "no", "perhaps"] * 10}


def _table() -> dict[str, Any]:
    people = [31, 29, 33, 12, 0, 18]
    return {
        "district": ["11110"] * 3 + ["11140"] * 3,
        "month_month": ["2026-01", "2026-02", "2026-03"] * 2,
        "people": people,
        "people_lower": [n - 6 for n in people],
        "people_upper": [n + 6 for n in people],
    }


def _report(recipe: recipes.Recipe, body: bytes, table: pa.Table) -> dict[str, Any]:
    stage = recipe.final
    if isinstance(stage, DpTable):
        guarantee, columns = reports.dp_promise(stage), _table_columns(table.schema)
    else:
        if not isinstance(stage, KAnonymity):
            raise TypeError("the factory makes k-anonymous rows and DP tables")
        guarantee, columns = reports.k_anonymity_promise(stage, 10, ["district", "age"], True), reports.described(recipe, table.schema)
    public = {"recheck": {"classes": 4, "smallest_class_persons": 10, "rows": table.num_rows}} if isinstance(stage, KAnonymity) else {}
    return reports.build(
        recipe, sha256=hashlib.sha256(body).hexdigest(), bytes=len(body), rows=table.num_rows, columns=columns, guarantee=guarantee,
        treatment=(), counts={"rows_read": 40, "rows_used": 40}, public=public, internal={"assessment": assessment()} if public else {},
    )  # fmt: skip


def _table_columns(schema: pa.Schema) -> list[dict[str, Any]]:
    """As anonymize/aggregates/output.py describes them."""
    found: list[dict[str, Any]] = []
    for field in schema:
        end = field.name.rpartition("_")[2]
        role = end if end in ("lower", "upper") else "measure" if field.name == "people" else "group"
        of: dict[str, Any] = {"column": field.name.removesuffix("_month")} if role == "group" else {"measure": "people"}
        if role == "measure":
            of |= {"kind": "persons", "half_width": "6"}
        found.append({"title": field.name, "description": "", "name": field.name, "type": reports.column_type(field.type), "role": role, **of})
    return found


def run(on: Version, *, by: User | None = None, recipe: Mapping[str, Any] = K_ANONYMOUS, rows: Mapping[str, Any] | None = None) -> Run:
    """An assessed run; a DP run has charged the population. ``rows`` replaces the artefact's columns."""
    made = releases.request_run(by=by or on.dataset.steward, dataset=on.dataset, document=dict(recipe), version=on)
    parsed = recipes.parse(made.recipe)
    stage = parsed.final
    if isinstance(stage, DpTable):
        ledger.charge(
            population_id=made.population_id, epsilon=stage.epsilon, delta=stage.delta, subject=("run", f"{made.pk}#1"), by=made.requested_by
        )
    body = parquet(rows or (_table() if isinstance(stage, DpTable) else _microdata()))
    table = pq.read_table(io.BytesIO(body))
    sealed = vault.seal(io.BytesIO(body), prefix="runs", into="artefacts")
    Run.objects.filter(pk=made.pk).update(
        state=ASSESSED, attempt=1, percent=100, stage="done", noise_drawn=isinstance(stage, DpTable), started_at=timezone.now(),
        finished_at=timezone.now(), artefact_name=sealed.name, artefact_sha256=sealed.sha256, artefact_bytes=sealed.bytes,
        artefact_rows=table.num_rows, report=_report(parsed, body, table), sample=table.slice(0, 20).to_pylist(),
    )  # fmt: skip
    made.refresh_from_db()
    return made


def comparison(on: Version, *, by: User | None = None, recipe: Mapping[str, Any] = K_ANONYMOUS, points: Iterable[Mapping[str, Any]] = POINTS) -> Comparison:
    """A comparison that is done, with ``points`` as its result."""
    made = comparisons.request_comparison(by=by or on.dataset.steward, dataset=on.dataset, document=dict(recipe), ks=[3, 5, 10], version=on)
    now = timezone.now()
    result = {"frontier": 1, "unit": "person", "columns": ["district", "age"], "before": {"risk": BEFORE, "standing_out": BEFORE["standing_out"]}, "points": list(points), "notes": []}
    Comparison.objects.filter(pk=made.pk).update(
        state=DONE, attempt=1, percent=100, stage="done", started_at=now, finished_at=now, result=result
    )
    made.refresh_from_db()
    return made


def forecast(on: Version, *, by: User | None = None) -> Comparison:
    """A comparison of a table's errors that is done."""
    made = comparisons.request_forecast(by=by or on.dataset.steward, dataset=on.dataset, document=DP_TABLE, version=on)
    now = timezone.now()
    Comparison.objects.filter(pk=made.pk).update(
        state=DONE, attempt=1, percent=100, stage="done", started_at=now, finished_at=now,
        result={"forecast": 1, "unit": "person", "points": foreseen(DP_TABLE), "notes": []},
    )  # fmt: skip
    made.refresh_from_db()
    return made


PROPOSALS = [
    {"field": "max_cells_per_person", "measure": None, "bound": "2", "covered": 0.994, "error": 0.004, "why": None, "enough_epsilon": None},
    {
        "field": "max_rows_per_cell", "measure": None, "bound": None, "covered": None, "error": None,
        "why": "too_few_persons", "enough_epsilon": "0.46",
    },
]  # fmt: skip


def estimate(on: Version, *, by: User | None = None) -> Estimate:
    """An estimate of bounds that is done; its look is not charged, since no ledger is looked at where it is used."""
    if on.dataset.population is None:
        Dataset.objects.filter(pk=on.dataset_id).update(population=Population.objects.first() or population(on.dataset.organisation))
        on.dataset.refresh_from_db()
    made = estimates.request_estimate(by=by or on.dataset.steward, dataset=on.dataset, document=dict(DP_TABLE), version=on)
    Estimate.objects.filter(pk=made.pk).update(
        state=DONE, attempt=1, percent=100, stage="done", noise_drawn=True, started_at=timezone.now(), finished_at=timezone.now(),
        result={"bounds": 1, "epsilon": "0.1", "share": "0.99", "proposals": PROPOSALS, "notes": []},
    )  # fmt: skip
    made.refresh_from_db()
    return made


# --- who cleared it, what goes out -------------------------------------------------------------------------------


def review(of: Run, *, by: User | None = None, context: str = "For the planners.") -> Review:
    return reviews.submit(by=by or of.dataset.steward, run=of, context=context)


def decide(on: Review, by: User, verdict: str = "approve", reason_code: str = "risk_acceptable") -> Decision:
    return reviews.decide(
        by=by, review=on, verdict=verdict, reason_code=reason_code, reason=REASON, artefact_sha256=on.artefact_sha256
    )


def publish(approved: Review) -> Publication:
    """What the publisher's worker does with an approved review."""
    publishing.publish(approved.copy.pk)
    return Publication.objects.get(review=approved)


def publication(
    slug: str = "survey", *, by: User | None = None, officer_: User | None = None, recipe: Mapping[str, Any] = K_ANONYMOUS,
    rows: Mapping[str, Any] | None = None, **fields: Any,
) -> Publication:  # fmt: skip
    """The whole way: dataset (an existing one gets its next release), version, run, review, approval, publication."""
    owner = by or User.objects.filter(groups__name="steward").first() or steward()
    found = Dataset.objects.filter(slug=slug).first()
    if found is None:
        if recipe["stages"][-1]["stage"] == "dp_table" and "population" not in fields:
            fields["population"] = Population.objects.first() or population(owner.organisation)
        found = dataset(owner, slug, **fields)
    decider = officer_ or User.objects.filter(mandates__organisation=found.organisation).first() or officer(of=found.organisation)
    waiting = review(run(version(found), recipe=recipe, rows=rows))
    decide(waiting, decider)
    waiting.refresh_from_db()
    return publish(waiting)


def approved(slug: str = "survey") -> Review:
    """An approved review of a dataset of its own; its copy into the public store is ordered and waits for a worker."""
    home = organisation()
    entry = dataset(steward(of=home), slug)
    waiting = review(run(version(entry)))
    decide(waiting, officer(of=home))
    return waiting


def stored(publication: Publication) -> Path:
    """The published file."""
    from catalog.publishing.store import local_path

    return local_path(publication.store_name, publication.artefact_sha256)


def unique(word: str) -> str:
    """A slug that no other thing of this process has."""
    return f"{word}-{next(_numbers)}"
