"""People, datasets and versions for tests of the platform's services, made through the services themselves."""

from __future__ import annotations

import io
import itertools
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.auth.models import Group

from anonymize.reports import column_type
from catalog.datasets import services as datasets
from catalog.datasets import vault
from catalog.datasets.models import Column, Dataset, Version
from catalog.datasets.states import READY
from catalog.ledger.models import Population
from catalog.ledger.services import create_population
from catalog.people.models import OfficerMandate, Organisation, User

_count = itertools.count(1)


def organisation(slug: str = "mobility") -> Organisation:
    return Organisation.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]


def user(*roles: str, org: Organisation | None = None, mandate: Organisation | None = None) -> User:
    made = User.objects.create(username=f"user{next(_count)}", organisation=org)
    made.groups.set(Group.objects.filter(name__in=roles))
    if mandate is not None:
        OfficerMandate.objects.create(user=made, organisation=mandate)
    return made


def steward(org: Organisation | None = None) -> User:
    return user("steward", org=org or organisation())


def officer(org: Organisation | None = None) -> User:
    return user("officer", mandate=org or organisation())


def population(epsilon: str = "5", delta: str = "1e-4") -> Population:
    n = next(_count)
    return create_population(
        by=None, slug=f"people-{n}", name="People", owner=organisation(), epsilon_cap=Decimal(epsilon), delta_cap=Decimal(delta)
    )


def dataset(by: User, **fields: Any) -> Dataset:
    values = {"title": "Trips", "source": "government", **fields}
    return datasets.create_dataset(by=by, slug=f"trips-{next(_count)}", organisation=by.organisation, **values)


CONTRACT = {
    "supplier": "A card company", "number": "C-1", "valid_from": date(2020, 1, 1), "valid_until": date(2099, 1, 1), "permits_aggregates": True,
}  # fmt: skip


def trips(people: int = 60) -> pd.DataFrame:
    """Made-up rows: ``people`` persons with three trips each, in two towns."""
    rows = [{"person": f"p{i}", "town": "north" if (i + t) % 2 else "south", "age": 20 + i % 4, "fare": i % 7} for i in range(people) for t in range(3)]
    return pd.DataFrame(rows)


def ready_version(by: User, of: Dataset, frame: pd.DataFrame | None = None, roles: dict[str, str] | None = None) -> Version:
    """A version that a worker has checked, without the work."""
    table = pa.Table.from_pandas(trips() if frame is None else frame, preserve_index=False)
    raw = vault.seal(io.BytesIO(b"raw upload"), prefix="uploads")
    version = datasets.receive_version(by=by, dataset=of, file_name="trips.csv", sealed=raw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "typed.parquet"
        pq.write_table(table, path)
        typed = vault.seal_file(path, prefix="typed")
    Version.objects.filter(pk=version.pk).update(state=READY, rows=table.num_rows, typed_name=typed.name, format="csv")
    roles = roles or {"person": "person_key", "town": "plain", "age": "quasi_identifier", "fare": "plain"}
    Column.objects.bulk_create(
        Column(version=version, position=i, name=f.name, type=column_type(f.type), nulls=0, suggested_role="plain", role=roles.get(f.name, ""))
        for i, f in enumerate(table.schema)
    )
    version.refresh_from_db()
    return version


DP_RECIPE: dict[str, Any] = {
    "recipe": 1, "title": "Trips per town", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "town": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "town", "values": ["north", "south"]}],
            "measures": [{"name": "persons", "kind": "persons"}, {"name": "trips", "kind": "rows"}],
            "epsilon": "1", "delta": "1e-6", "max_cells_per_person": 2, "max_rows_per_cell": 3, "cells": "public",
        }
    ],
}  # fmt: skip

K_RECIPE: dict[str, Any] = {
    "recipe": 1, "title": "Trips, one row each", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "town": {"role": "plain"}},
    "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
}  # fmt: skip
