"""The worked example on a small simulated week through the services: from versions to a published map."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from catalog.datasets.services import set_hierarchy_file
from catalog.ledger.services import create_population
from catalog.publishing import services as publishing
from catalog.publishing.maps import map_of
from catalog.publishing.models import Publication
from catalog.publishing.store import local_path
from catalog.releases import services, work
from catalog.review import services as reviews
from opendata.demo import compare, places, sources, totals, truth, week, worked
from tests.platform import makers

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def lived():
    """A Monday in Haneul."""
    whole = totals.made_up()
    return truth.follow(replace(whole, present=whole.present[:, :24]), 1_500, 3)


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def residents():
    return create_population(
        by=None, slug="residents", name="Residents", owner=makers.organisation(), epsilon_cap=Decimal(20), delta_cap=Decimal("1e-4"),
        unit="person_day", time_zone=worked.NOON_ZONE,
    )  # fmt: skip


def sold(steward, residents, slug, table, roles, **fields):
    made = makers.dataset(steward, population=residents, **fields)
    made.slug = slug
    made.save()
    makers.ready_version(steward, made, table.to_pandas(), roles)
    return made


def released(steward, dataset, recipe) -> Publication:
    run = services.request_run(by=steward, dataset=dataset, document=recipe)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    review = reviews.submit(by=steward, run=run, context="For planning night buses.")
    reviews.decide(
        by=makers.officer(), review=review, verdict="approve", reason_code="risk_acceptable",
        reason="Looked at the risk and at the sample.", artefact_sha256=run.artefact_sha256,
    )  # fmt: skip
    publishing.publish(review.copy.pk)
    return Publication.objects.get(review=review)


def test_signalling_becomes_a_map_of_people_present_that_is_near_the_truth(lived, steward, residents):
    roles = {"subscriber": "person_key", "event_at": "event_time", "dong_code": "place", "cell": "place"}
    seen = sold(steward, residents, "signalling", sources.signalling(lived, 3), roles)
    layer = json.dumps(places.layer()).encode()
    set_hierarchy_file(by=steward, dataset=seen, name=worked.LAYER, content=layer)
    made = released(steward, seen, worked.living_population(lived.totals, epsilon="8", layer=True))
    both = compare.joined(pd.read_parquet(local_path(made.store_name, made.artefact_sha256)), week.present(lived).to_pandas())
    assert len(both) == 60 * 24
    assert np.corrcoef(both["people"], both["persons"])[0, 1] > 0.5
    drawn = map_of(made)
    assert (len(drawn.rows), drawn.absent, drawn.how) == (60, 0, "mean")
    assert "Time (" in drawn.over


def test_night_buses_are_released_from_signalling_joined_with_taxis(lived, steward, residents, client, monkeypatch):
    roles = {"subscriber": "person_key", "event_at": "event_time", "dong_code": "place"}
    seen = sold(steward, residents, "signalling", sources.signalling(lived, 3), roles)
    trips = {"caller": "person_key", "pickup_at": "event_time", "dropoff_at": "event_time", "pickup_dong": "place", "dropoff_dong": "place", "fare": "plain"}
    contract = {**makers.CONTRACT, "attribution": "Source: Haneul Taxi"}
    sold(steward, residents, worked.TAXIS, sources.taxis(lived, 3), trips, source="purchased", contract=contract)
    made = released(steward, seen, worked.night_bus(lived.totals))
    assert made.rows == 12 * 12 * 24
    assert {column["name"] for column in made.columns} >= {"origin", "destination", "event_at_hour_of_day", "people", "ways"}
    assert "caller" not in json.dumps([made.public_recipe, made.public_report])
    monkeypatch.setattr("catalog.publishing.views.chart_of", lambda publication: None)
    assert "Source: Haneul Taxi" in client.get("/datasets/signalling").content.decode()
