"""What the database itself refuses, table by table, looked up and tried after all migrations.

SQLite changes a table by making another in its place, without its triggers; so a migration can lose a guard in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from catalog.audit import replacing
from catalog.datasets.models import Dataset, PseudonymKey
from catalog.ledger import services as ledger
from catalog.releases.models import Estimate
from tests import factories
from tests.intruder import triggers

APPEND_ONLY = frozenset(
    {"audit_trailentry", "ledger_spending", "ledger_reckoning", "review_decision", "review_involvement", "datasets_pseudonymkey"}
)
# table → a change that the database refuses, and the triggers that refuse it and the removal of a row
GUARDED = {
    "ledger_population": (
        "unit = 'person_day', time_zone = 'Asia/Seoul'",
        {"ledger_population_unit_stays", "ledger_population_total_grows", "ledger_population_spender_stays"},
    ),
    "datasets_dataset": ("charged = FALSE", {"datasets_dataset_population_stays", "datasets_dataset_charged_stays"}),
    "datasets_version": ("sha256 = 'f'", {"datasets_version_upload_stays", "datasets_version_stays"}),
    "releases_run": (
        "artefact_sha256 = 'f'",
        {"releases_run_request_stays", "releases_run_recipe_stays", "releases_run_artefact_stays", "releases_run_noise_stays", "releases_run_stays"},
    ),
    "releases_estimate": ("noise_drawn = FALSE", {"releases_estimate_noise_stays", "releases_estimate_stays"}),
    "review_review": ("artefact_sha256 = 'f'", {"review_review_bound_stays", "review_review_stays"}),
    "publishing_publication": (
        "artefact_sha256 = 'f'",
        {"publishing_publication_released_stays", "publishing_publication_file_stays", "publishing_publication_stays"},
    ),
}
# Rows that are changed and removed in the course of things; what of that the trail tells, verify compares.
FREE = {
    "audit_trailhead": "moves with every entry, and the chain shows where it must stand",
    "audit_alarm": "ends when what it tells of is in order again",
    "datasets_contract": "terms are renewed",
    "datasets_hierarchyfile": "files are replaced, and whoever did is in the trail",
    "datasets_column": "roles are set",
    "people_organisation": "names are corrected",
    "people_user": "accounts are closed",
    "people_officermandate": "mandates end",
    "people_apikey": "keys are revoked",
    "people_idempotentanswer": "answers are kept for a day",
    "releases_comparison": "moves from state to state; nothing is published of it",
    "publishing_copy": "moves from state to state",
}
# Changes of one guarded column each, which together name every column that a guard speaks of.
REFUSED_CHANGES = {
    "ledger_population": ("epsilon_spent = epsilon_spent - 1", "delta_spent = delta_spent - 1", "time_zone = 'Asia/Seoul', unit = 'person_day'"),
    "datasets_dataset": ("charged = FALSE", "population_id = NULL"),
    "datasets_version": tuple(f"{c} = {v}" for c, v in {"dataset_id": "0", "number": "99", "sha256": "'f'", "bytes": "1", "uploaded_by_id": "0"}.items()),
    "releases_run": (
        "dataset_id = 0", "version_id = 0", "population_id = NULL", "recipe = '{}'", "recipe_sha256 = 'f'", "code_version = 'f'",
        "hierarchies = '{\"a\": 1}'", "appended = '{\"a\": 1}'", "requested_by_id = 0", "artefact_sha256 = ''", "artefact_bytes = 1",
        "artefact_rows = NULL", "noise_drawn = FALSE",
    ),
    "releases_estimate": ("noise_drawn = FALSE",),
    "review_review": (
        "run_id = 0", "dataset_id = 0", "artefact_sha256 = 'f'", "recipe_sha256 = 'f'", "version_sha256 = 'f'", "configuration_sha256 = 'f'",
        "submitted_by_id = 0", "submitted_at = '2020-01-01T00:00:00Z'",
    ),
    "publishing_publication": (
        "dataset_id = 0", "number = 99", "review_id = 0", "artefact_sha256 = 'f'", "store_name = 'ff/other.parquet'", "bytes = 1", "rows = 1",
        "columns = '[]'", "guarantee = 'none'", "public_report = '{}'", "public_recipe = '{}'", "published_at = '2020-01-01T00:00:00Z'",
    ),
}  # fmt: skip
PLATFORM = [model for label in ("audit", "people", "ledger", "datasets", "releases", "review", "publishing") for model in apps.get_app_config(label).get_models()]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Two rows at least in every guarded table, all of them in the state in which their guard speaks."""
    with django_db_blocker.unblock(), transaction.atomic():
        factories.steward()
        populations = [factories.population(slug=slug) for slug in ("residents", "riders")]
        for slug, population in zip(("survey", "trips"), populations, strict=True):
            publication = factories.publication(slug, recipe=factories.DP_TABLE, population=population)
            ledger.charge(population_id=population.pk, epsilon=Decimal("0.1"), delta=Decimal("1e-9"), subject=("thing", slug), by=None)
            Dataset.objects.filter(slug=slug).update(charged=True)
            PseudonymKey.objects.create(dataset=publication.dataset, sealed_name=slug, sha256="a" * 64)
            factories.estimate(publication.dataset.versions.get())
        connection.check_constraints()  # PostgreSQL empties no table with checks that wait for the commit, guarded or not
        yield
        transaction.set_rollback(True)


@pytest.fixture
def attempt(world, django_db_blocker):
    """Run a statement as somebody at the database's own prompt would; whatever it did is undone."""

    def run(statement: str) -> None:
        with django_db_blocker.unblock(), transaction.atomic(), connection.cursor() as cursor:
            try:
                cursor.execute(statement)
            finally:
                transaction.set_rollback(True)

    return run


@pytest.fixture(params=[False, True] if connection.vendor == "sqlite" else [False], ids=lambda on: "recursive triggers" if on else "plain connection")
def pragma(request, world, django_db_blocker):
    """The guard on replacing does not lean on the connection, nor stand in its way."""
    if not SQLITE:
        yield
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"PRAGMA recursive_triggers={int(request.param)}")
        yield
        cursor.execute("PRAGMA recursive_triggers=ON")


def key_of(table: str) -> str:
    (model,) = [model for model in PLATFORM if model._meta.db_table == table]
    return model._meta.pk.column


def columns_of(table: str) -> list[str]:
    (model,) = [model for model in PLATFORM if model._meta.db_table == table]
    return [field.column for field in model._meta.concrete_fields]


def copied(table: str, **changes: str) -> str:
    """The first row of a table again, with changes, as what an INSERT takes its values from."""
    names = columns_of(table)
    listed = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(changes.get(name, f'"{name}"') for name in names)
    key = key_of(table)
    return f"{table} ({listed}) SELECT {values} FROM {table} WHERE {key} = (SELECT min({key}) FROM {table})"


def replacing_statements(table: str) -> dict[str, str]:
    key = key_of(table)
    return {
        "insert": f"INSERT INTO {copied(table)}",
        "insert or replace": f"INSERT OR REPLACE INTO {copied(table)}",
        "replace": f"REPLACE INTO {copied(table)}",
        "insert or replace by another key": f"INSERT OR REPLACE INTO {copied(table, **{key: '999999'})}",
        "update or replace": f"UPDATE OR REPLACE {table} SET {key} = (SELECT max({key}) FROM {table}) WHERE {key} = (SELECT min({key}) FROM {table})",
    }


SQLITE = connection.vendor == "sqlite"
WAYS_TO_REPLACE = ("insert", "insert or replace", "replace", "insert or replace by another key", "update or replace") if SQLITE else ("insert",)
WAYS_TO_CHANGE = ("UPDATE", "DELETE", "ON CONFLICT") if SQLITE else ("UPDATE", "DELETE", "ON CONFLICT", "TRUNCATE")


@pytest.mark.parametrize("way", WAYS_TO_REPLACE)
@pytest.mark.parametrize("table", sorted(APPEND_ONLY | GUARDED.keys()))
def test_no_row_of_a_guarded_table_is_replaced(attempt, pragma, table, way):
    if way == "insert or replace by another key" and table in ("releases_run", "releases_estimate", "review_review"):
        pytest.skip("it has no other key, or one of open rows alone: see below")
    with pytest.raises(IntegrityError):
        attempt(replacing_statements(table)[way])


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
@pytest.mark.parametrize("way", WAYS_TO_CHANGE)
def test_no_row_of_an_append_only_table_is_changed_or_removed(attempt, pragma, table, way):
    key = key_of(table)
    statement = {
        "UPDATE": f"UPDATE {table} SET {key} = {key}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table}",
        "ON CONFLICT": f"INSERT INTO {copied(table)} ON CONFLICT ({key}) DO UPDATE SET {key} = excluded.{key}",
    }[way]
    with pytest.raises(IntegrityError):
        attempt(statement)


@pytest.mark.parametrize("table", GUARDED)
def test_no_guarded_row_is_changed_by_an_insert_that_meets_it(attempt, pragma, table):
    key, (change, _) = key_of(table), GUARDED[table]
    with pytest.raises(IntegrityError):
        attempt(f"INSERT INTO {copied(table)} ON CONFLICT ({key}) DO UPDATE SET {change}")


@pytest.mark.parametrize(("table", "change"), [(table, change) for table, changes in REFUSED_CHANGES.items() for change in changes])
def test_a_guarded_column_keeps_its_value(attempt, table, change):
    with pytest.raises(IntegrityError, match="never"):
        attempt(f"UPDATE {table} SET {change}")


@pytest.mark.parametrize("table", GUARDED)
def test_no_guarded_row_is_removed(attempt, pragma, table):
    with pytest.raises(IntegrityError, match="never removed"):
        attempt(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", () if SQLITE else GUARDED)
def test_no_guarded_table_is_emptied(attempt, table):
    with pytest.raises(IntegrityError):
        attempt(f"TRUNCATE {table} CASCADE")


def test_a_publication_may_lose_its_file(attempt):
    attempt("UPDATE publishing_publication SET store_name = ''")


def test_another_open_review_of_a_run_replaces_none(world, django_db_blocker):
    """Only the partial index stands in its way: nothing but its condition says that the two are one."""
    if not SQLITE:
        pytest.skip("a statement of SQLite")
    with django_db_blocker.unblock(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {copied('review_review', id='1000001', state=repr('submitted'))}")
        cursor.execute(f"INSERT OR REPLACE INTO {copied('review_review', id='1000002', state=repr('rejected'))}")  # not open: another key
        with pytest.raises(IntegrityError, match="never replaced"):
            cursor.execute(f"INSERT OR REPLACE INTO {copied('review_review', id='1000003', state=repr('in_review'))}")
        transaction.set_rollback(True)


def test_every_table_is_append_only_or_guarded_or_free_for_a_reason():
    assert {model._meta.db_table for model in PLATFORM} == APPEND_ONLY | GUARDED.keys() | FREE.keys()


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_what_is_append_only_has_its_triggers(db, table):
    verbs = ("update", "delete", "truncate") if connection.vendor == "postgresql" else ("update", "delete")
    assert {name for name, (of, _) in triggers().items() if of == table} >= {f"{table}_no_{verb}" for verb in verbs}


@pytest.mark.parametrize("table", GUARDED)
def test_what_is_guarded_has_its_triggers(db, table):
    assert {name for name, (of, _) in triggers().items() if of == table} >= GUARDED[table][1]


@pytest.mark.parametrize("table", sorted(APPEND_ONLY | GUARDED.keys()))
def test_the_guard_on_replacing_knows_every_key_that_the_table_has_now(db, table):
    if not SQLITE:
        pytest.skip("PostgreSQL replaces no rows")
    wanted = [statement for statement in replacing.statements(connection, table) if "CREATE" in statement]
    there = triggers()
    assert [there[name][1].split() for name in replacing.names(table)] == [statement.split() for statement in wanted]


def test_what_points_out_of_an_append_only_table_protects_what_it_points_at():
    """A cascade would take rows away with an account, a review or a dataset."""
    for model in PLATFORM:
        if model._meta.db_table in APPEND_ONLY:
            assert all(field.remote_field.on_delete is models.PROTECT for field in model._meta.fields if field.is_relation)


def test_the_connection_sees_what_replace_removes(db):
    if not SQLITE:
        pytest.skip("a pragma of SQLite")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        assert cursor.fetchone() == (1,)


def test_every_estimate_of_the_world_has_drawn_noise(world, django_db_blocker):
    """Or the tests above would refuse nothing of it."""
    with django_db_blocker.unblock():
        assert set(Estimate.objects.values_list("noise_drawn", flat=True)) == {True}
