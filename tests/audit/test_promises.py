"""The promises of the ground's tables, looked up in the database itself: none was forgotten in a migration."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models

PROMISED = {
    "audit_trailhead": {"trail_head_is_one_row", "trail_head_seq_not_negative"},
    "audit_trailentry": {"trail_seq_from_one", "trail_never_forks"},
    "audit_alarm": {"alarm_stands_once"},
    "people_organisation": set(),
    "people_user": {"user_language_known"},
    "people_officermandate": {"mandate_once"},
    "people_apikey": {"key_ends_after_it_starts"},
    "people_idempotentanswer": {"idempotency_key_once_per_user"},
    "ledger_population": {
        "population_epsilon_spent_not_negative",
        "population_delta_spent_not_negative",
        "population_epsilon_never_overdrawn",
        "population_delta_never_overdrawn",
        "population_unit_known",
    },
    "ledger_spending": {
        "spending_once_per_subject",
        "spending_epsilon_positive",
        "spending_delta_not_negative",
        "spending_covers_a_range_or_everything",
    },
    "ledger_reckoning": {"reckoning_once_per_spending"},
}
APPEND_ONLY = ("audit_trailentry", "ledger_spending", "ledger_reckoning")
GROUND = [model for label in ("audit", "people", "ledger") for model in apps.get_app_config(label).get_models()]


def triggers(table: str) -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
    }
    with connection.cursor() as cursor:
        cursor.execute(query[connection.vendor], [table])
        return {name for (name,) in cursor.fetchall()}


def test_every_table_of_the_ground_is_in_the_list_of_promises():
    assert {model._meta.db_table for model in GROUND} == set(PROMISED)


@pytest.mark.parametrize("model", GROUND, ids=lambda model: model._meta.db_table)
def test_the_database_holds_every_promised_constraint(db, model):
    table = model._meta.db_table
    with connection.cursor() as cursor:
        held = set(connection.introspection.get_constraints(cursor, table))
    assert held >= PROMISED[table]
    assert {constraint.name for constraint in model._meta.constraints} == PROMISED[table]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_append_only_tables_have_their_triggers(db, table):
    verbs = ("update", "delete", "truncate") if connection.vendor == "postgresql" else ("update", "delete")
    assert triggers(table) >= {f"{table}_no_{verb}" for verb in verbs}


def test_the_unit_of_a_budget_has_its_trigger(db):
    assert "ledger_population_unit_stays" in triggers("ledger_population")


def test_what_points_at_a_person_in_trail_or_ledger_protects_them():
    """A cascade would take entries away with an account."""
    for model in GROUND:
        if model._meta.db_table in APPEND_ONLY:
            rules = [field.remote_field.on_delete for field in model._meta.fields if field.is_relation]
            assert rules
            assert all(rule is models.PROTECT for rule in rules)


def test_the_guard_can_be_taken_off_by_migrating_backwards_and_put_on_again(db):
    from catalog.audit.guards import append_only

    operation = append_only("audit_trailentry")
    with connection.schema_editor(atomic=False) if connection.vendor == "postgresql" else _sqlite_editor() as editor:
        operation.reverse_code(apps, editor)
        assert not triggers("audit_trailentry")
        operation.code(apps, editor)
    assert triggers("audit_trailentry")


class _sqlite_editor:
    """Django's own editor for SQLite wants foreign keys off, which a transaction does not allow."""

    connection = connection

    def execute(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def __enter__(self) -> _sqlite_editor:
        return self

    def __exit__(self, *error: object) -> None:
        return None
