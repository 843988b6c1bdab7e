"""The whole chain on real public data: upload → check → roles → run → submission → approval → publication → rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.test import Client

from catalog.datasets import intake, vault
from catalog.datasets import services as datasets
from catalog.datasets.models import Dataset, Version
from catalog.ledger.models import Population
from catalog.publishing import services as publishing
from catalog.publishing import store
from catalog.publishing.models import Copy, Publication
from catalog.releases import services as runs
from catalog.releases import work
from catalog.releases.models import Run
from catalog.review import services as reviews
from tests.anonymize.pipeline.test_real_data import QUASI, RETAIL
from tests.platform import makers

pytestmark = pytest.mark.django_db
WHY = "Public data, run through the whole chain in a test."


def uploaded(by: Any, dataset: Dataset, path: Path) -> Version:
    with path.open("rb") as source:
        sealed = vault.seal(source, prefix="uploads")
    version = datasets.receive_version(by=by, dataset=dataset, file_name=path.name, sealed=sealed)
    intake.check_version(version.pk)
    version.refresh_from_db()
    assert (version.state, version.error) == ("ready", None)
    return version


def published(by: Any, dataset: Dataset, recipe: dict[str, Any]) -> Publication:
    run = runs.request_run(by=by, dataset=dataset, document=recipe)
    work.execute_run(run.pk)
    run = Run.objects.get(pk=run.pk)
    assert (run.state, run.error) == ("assessed", None)
    review = reviews.submit(by=by, run=run)
    officer = makers.officer(dataset.organisation)
    reviews.decide(
        by=officer, review=review, verdict="approve", reason_code="risk_acceptable", reason=WHY, artefact_sha256=review.artefact_sha256
    )
    publishing.publish(Copy.objects.get(review=review).pk)
    return Publication.objects.get(review=review)


def rows_of(publication: Publication) -> pd.DataFrame:
    return pd.read_parquet(store.local_path(publication.store_name, publication.artefact_sha256))


def test_adult_goes_out_five_anonymous_with_its_nine_ladders(shared_data: Path):
    steward = makers.steward()
    dataset = makers.dataset(steward)
    source = shared_data / "adult_arx"
    version = uploaded(steward, dataset, source / "adult.csv")
    for name in QUASI:
        ladder = f"adult_hierarchy_{name}.csv"
        datasets.set_hierarchy_file(by=steward, dataset=dataset, name=ladder, content=(source / ladder).read_bytes())
    datasets.set_columns(by=steward, version=version, columns={name: {"role": "quasi_identifier"} for name in QUASI})
    columns = {name: {"role": "quasi_identifier", "hierarchy": {"file": f"adult_hierarchy_{name}.csv"}} for name in QUASI}
    stage = {"stage": "k_anonymity", "k": 5, "method": "full_domain", "max_suppressed": "0.05"}
    publication = published(steward, dataset, {"recipe": 1, "title": "Adult", "columns": columns, "stages": [stage]})
    table = rows_of(publication)
    assert table.astype(str).groupby(QUASI).size().min() >= 5
    assert len(table) >= 0.95 * 30_162
    answer = Client().get(f"/api/v1/datasets/{dataset.slug}/records?limit=5&count=true").json()
    assert (len(answer["records"]), answer["total"]) == (5, len(table))


def test_online_retail_goes_out_by_month_and_country_and_is_charged_once(shared_data: Path):
    steward = makers.steward()
    dataset = makers.dataset(steward, population=makers.population())
    version = uploaded(steward, dataset, shared_data / "online_retail" / "online_retail.parquet")
    roles = {"CustomerID": "person_key", "Country": "plain", "InvoiceDate": "event_time", "Quantity": "plain", "UnitPrice": "plain"}
    datasets.set_columns(by=steward, version=version, columns={name: {"role": role} for name, role in roles.items()})
    publication = published(steward, dataset, RETAIL)
    assert (rows_of(publication)["Country"] == "United Kingdom").sum() >= 10
    assert Population.objects.get(pk=dataset.population_id).epsilon_spent == 1
    shown = Client().get(f"/api/v1/datasets/{dataset.slug}/releases/1").json()
    said = json.dumps(shown)
    assert "no person were left out" in said
    assert "Quantity is at least 1" in said
    # counts of the input stay with the officer; as numbers of their own, since a hash may hold any four digits
    numbers = set(re.findall(r"(?<![\w.:-])\d+(?![\w.:-])", said.replace(",", "")))
    assert "1" in numbers and not numbers & {"541909", "133361", "397924", "4339"}


def quasi(**hierarchy: Any) -> dict[str, Any]:
    return {"role": "quasi_identifier", **({"hierarchy": hierarchy} if hierarchy else {})}


# What a neighbour knows of a household is quasi-identifying; weights, the density (it names the area) and the detailed
# industry are left out; what a person would not tell is sensitive.
SURVEY: dict[str, Any] = {
    "PUMA": quasi(prefix=[2]), "AGEP": quasi(intervals=[5, 10, 20]), "SEX": quasi(), "MSP": quasi(), "RAC1P": quasi(), "HISP": quasi(),
    "EDU": quasi(), "INDP_CAT": quasi(), "OWN_RENT": quasi(), "NPF": quasi(), "NOC": quasi(),
    "PINCP_DECILE": {"role": "sensitive"}, "DPHY": {"role": "sensitive"},
}  # fmt: skip


def test_a_survey_goes_out_with_incomes_diverse_in_every_class(shared_data: Path):
    steward = makers.steward()
    dataset = makers.dataset(steward)
    version = uploaded(steward, dataset, shared_data / "nist_acs" / "ma2018.csv")
    datasets.set_columns(by=steward, version=version, columns={name: {"role": column["role"]} for name, column in SURVEY.items()})
    models = [{"model": "l_diversity", "column": "PINCP_DECILE", "l": 3}]
    stage = {"stage": "k_anonymity", "k": 5, "method": "local_recoding", "models": models}
    publication = published(steward, dataset, {"recipe": 1, "title": "Survey", "columns": SURVEY, "stages": [stage]})
    table = rows_of(publication)
    known = [name for name, column in SURVEY.items() if column["role"] == "quasi_identifier"]
    classes = table.astype(str).groupby(known)
    assert len(table) == 7_244
    assert classes.size().min() >= 5
    assert classes["PINCP_DECILE"].nunique().min() >= 3
    assert not {"WGTP", "PWGTP", "DENSITY", "INDP", "PINCP"} & set(table.columns)


def test_purchases_go_out_as_events_that_nobody_can_tie_together(shared_data: Path):
    steward = makers.steward()
    dataset = makers.dataset(steward)
    source = shared_data / "online_retail" / "online_retail.parquet"
    version = uploaded(steward, dataset, source)
    columns: dict[str, Any] = {
        "CustomerID": {"role": "person_key"}, "Country": quasi(), "InvoiceDate": quasi(dates=["month", "quarter", "year"]),
        "StockCode": quasi(prefix=[3, 2, 1]), "Quantity": {"role": "sensitive"},
    }  # fmt: skip
    datasets.set_columns(by=steward, version=version, columns={name: {"role": column["role"]} for name, column in columns.items()})
    recipe = {
        "recipe": 1, "title": "Purchases", "person_key": "CustomerID", "missing_person_key": "drop", "columns": columns,
        "stages": [{"stage": "k_anonymity", "k": 5, "method": "local_recoding"}],
    }  # fmt: skip
    publication = published(steward, dataset, recipe)
    table = rows_of(publication)
    bought = pd.read_parquet(source, columns=["CustomerID", "StockCode"]).dropna(subset=["CustomerID"])
    assert len(table) == len(bought)
    assert "CustomerID" not in table.columns
    persons = Run.objects.get(pk=publication.review.run_id).report["public"]["classes"]["smallest"]
    assert persons >= 5
    rows = table.astype(str).groupby(["Country", "InvoiceDate", "StockCode"]).size()
    assert rows.min() >= persons  # a class of few rows would be one of few persons
