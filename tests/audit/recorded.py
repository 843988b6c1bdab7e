"""A platform in small on which everything was done through its services and by its workers, so that the trail knows of all of it."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from catalog.audit import alarms
from catalog.datasets import intake, vault
from catalog.datasets import services as datasets
from catalog.datasets.models import Dataset, Version
from catalog.datasets.pseudonym_keys import dataset_key
from catalog.ledger import services as ledger
from catalog.people import leaving
from catalog.people import services as people
from catalog.people.models import User
from catalog.publishing import services as publishing
from catalog.releases import compare, comparisons, estimates, estimating, work
from catalog.releases import services as releases
from catalog.review import services as reviews
from tests.factories import DP_TABLE, K_ANONYMOUS, PASSWORD, REASON, SURVEY, decide

CONTRACT = {
    "supplier": "A card company", "number": "C-1", "valid_from": date(2020, 1, 1), "valid_until": date(2099, 1, 1), "permits_aggregates": True,
}  # fmt: skip
ROLES = {name: role for name, (_, role, _) in SURVEY.items()}


def platform() -> SimpleNamespace:
    """Two publications of one dataset, the first superseded, the second suspended; a rejected review; and all around it."""
    hall = people.create_organisation(by=None, slug="city-hall", name="City Hall")
    tax = people.create_organisation(by=None, slug="tax-office", name="Tax Office")
    steward = people.create_user(by=None, username="stella", password=PASSWORD, roles=["steward"], organisation=hall)
    officer = people.create_user(by=None, username="oscar", password=PASSWORD, roles=["officer", "developer"])
    people.withdraw_role(by=None, user=officer, role="developer")
    people.grant_role(by=None, user=officer, role="auditor")
    for organisation in (hall, tax):
        people.give_mandate(by=None, user=officer, organisation=organisation)
    people.withdraw_mandate(by=None, user=officer, organisation=tax)
    ends = timezone.now() + timedelta(days=30)
    carl, sam = (people.create_user(by=None, username=name, password=PASSWORD, roles=["steward"], organisation=hall) for name in ("carl", "sam"))
    leaving.close_account(by=None, user=sam, reason="On leave.")
    leaving.reopen_account(by=None, user=sam)
    people.grant_role(by=None, user=sam, role="steward")
    leaving.close_account(by=None, user=carl, reason="Left the city.")
    keys = [people.issue_key(by=officer, user=officer, name="for a test", scopes=["read", "trail:read"], expires_at=ends)[0] for _ in range(2)]
    people.revoke_key(by=officer, key=keys[1])
    residents = ledger.create_population(by=None, slug="residents", name="Residents", owner=hall, epsilon_cap=Decimal(10), delta_cap=Decimal("0.001"))
    ledger.create_population(by=None, slug="visitors", name="Visitors", owner=hall, epsilon_cap=Decimal(1), delta_cap=Decimal("0.001"))
    ledger.set_cap(by=None, population_id=residents.pk, epsilon_cap=Decimal(12), delta_cap=Decimal("0.001"), reason="A second survey.")
    dataset = datasets.create_dataset(by=steward, slug="survey", organisation=hall, title="Survey", source="purchased", contract=CONTRACT)
    dataset = datasets.update_dataset(by=steward, dataset=dataset, population=residents)
    datasets.set_hierarchy_file(by=steward, dataset=dataset, name="ages.csv", content=b"level0,level1\n20,young\n30,young\n40,old\n50,old\n")
    dataset_key(dataset)
    destroyed, version = upload(steward, dataset), upload(steward, dataset)
    tried(steward, dataset, destroyed)
    datasets.destroy_version(by=steward, version=destroyed, reason="It was a test.")
    estimate = estimates.request_estimate(by=steward, dataset=dataset, document=dict(DP_TABLE), epsilon=Decimal("0.5"), version=version)
    estimating.execute_estimate(estimate.pk)
    tried(steward, dataset, version)
    publications = [released(steward, officer, dataset, version) for _ in range(2)]
    rejected = reviews.submit(by=steward, run=made(steward, dataset, version))
    releases.cancel(by=sam, job=releases.request_run(by=sam, dataset=dataset, document=dict(DP_TABLE), version=version))  # a hand in it, late
    decide(rejected, officer, "reject", "risk_too_high")
    waiting = reviews.submit(by=steward, run=made(steward, dataset, version))
    reviews.open_review(by=officer, review=waiting)
    publishing.suspend(by=officer, publication=publications[1], reason=REASON)
    datasets.hand_over(by=None, dataset=dataset, to=sam)
    alarms.raise_alarm(code="sweep_refused", subject=("store", "vault"))
    return SimpleNamespace(steward=steward, officer=officer, dataset=dataset, version=version, publications=publications)


def upload(steward: User, dataset: Dataset) -> Version:
    rows = [values for _, _, values in SURVEY.values()]
    raw = "\n".join([",".join(SURVEY), *(",".join(map(str, row)) for row in zip(*rows, strict=True))]).encode()
    version = datasets.receive_version(
        by=steward, dataset=dataset, file_name="survey.csv", sealed=vault.seal(io.BytesIO(raw), prefix="uploads"), declared_types={"district": "text"}
    )
    intake.check_version(version.pk)
    version.refresh_from_db()
    datasets.set_columns(by=steward, version=version, columns={name: {"role": role} for name, role in ROLES.items()})
    return version


def tried(steward: User, dataset: Dataset, version: Version) -> None:
    """A comparison that is done, and a run that was cancelled."""
    comparison = comparisons.request_comparison(by=steward, dataset=dataset, document=dict(K_ANONYMOUS), ks=[3, 5], version=version)
    compare.execute_comparison(comparison.pk)
    releases.cancel(by=steward, job=releases.request_run(by=steward, dataset=dataset, document=dict(DP_TABLE), version=version))


def made(steward: User, dataset: Dataset, version: Version) -> Any:
    run = releases.request_run(by=steward, dataset=dataset, document=dict(DP_TABLE), version=version)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.state == "assessed", run.error
    return run


def released(steward: User, officer: User, dataset: Dataset, version: Version) -> Any:
    review = reviews.submit(by=steward, run=made(steward, dataset, version), context="For the planners.")
    decide(review, officer)
    review.refresh_from_db()
    publishing.publish(review.copy.pk)
    review.refresh_from_db()
    return review.publication

