"""The reference says what the code says: each page is compared with the code it describes."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import pkgutil
import re
import shlex
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

import catalog
from anonymize import recipe as recipes
from anonymize.recipe import Role as ColumnRole
from catalog.api.problems import known_problems
from catalog.audit.transitions import StateTable
from catalog.people.roles import SCOPE_ROLES, Role
from catalog.publishing.query.errors import CODES
from tests.docs.reading import DOCS, ROOT, blocks, fenced, first_cells, pages, text


def load_everything() -> None:
    """Import every module of the platform, so that all error classes and state tables are known."""
    for found in pkgutil.walk_packages(catalog.__path__, "catalog."):
        if ".management." not in found.name and ".migrations" not in found.name:
            importlib.import_module(found.name)


# --- recipe --------------------------------------------------------------------------------------------------------


def schema_fields(schema: Any) -> set[str]:
    """Names of all properties anywhere in a JSON Schema."""
    if isinstance(schema, list):
        return set().union(*map(schema_fields, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*map(schema_fields, schema.values())) if schema else own


def test_every_field_of_the_json_schema_is_explained():
    fields = schema_fields(recipes.json_schema())
    assert {"recipe", "stages", "max_cells_per_person", "hierarchy", "prefix"} <= fields, "the walk of the schema finds too little"
    page = text("reference/recipe.md")
    assert sorted(field for field in fields if f"`{field}`" not in page) == []


def test_every_role_and_stage_of_a_recipe_is_explained():
    page = text("reference/recipe.md")
    stages = [kind.model_fields["stage"].annotation.__args__[0] for kind in (recipes.Derive, recipes.KeepRows, recipes.Recode, recipes.Locate, recipes.Flows, recipes.Presence, recipes.KAnonymity, recipes.DpTable, recipes.Scan)]
    assert [word for word in [*(role.value for role in ColumnRole), *stages] if f"`{word}`" not in page] == []


def examples() -> list[tuple[str, str]]:
    found = [(page.relative_to(DOCS).as_posix(), block) for page in sorted(DOCS.rglob("*.md")) for block in blocks(page.read_text(encoding="utf-8"), "json")]
    return [(page, block) for page, block in found if '"recipe": 1' in block and '"stages"' in block]


@pytest.mark.parametrize(("page", "block"), examples(), ids=lambda value: value[:40] if "/" in value[:40] else "recipe")
def test_every_recipe_in_the_docs_can_be_run_as_written(page, block):
    assert recipes.loads(block).final.stage in ("k_anonymity", "dp_table", "scan"), page


def test_there_are_examples_of_every_protecting_stage():
    assert {recipes.loads(block).final.stage for _, block in examples()} == {"k_anonymity", "dp_table", "scan"}


def test_other_json_in_the_docs_is_json():
    for page in sorted(DOCS.rglob("*.md")):
        for block in blocks(page.read_text(encoding="utf-8"), "json"):
            json.loads(block)


# --- settings ------------------------------------------------------------------------------------------------------


def variables_read() -> set[str]:
    """Every environment variable that the settings read: the first argument of env.…("NAME") and required("NAME")."""
    names = set()
    for file in ("opendata/env.py", "opendata/settings.py"):
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and _reads(node.func):
                names.add(str(node.args[0].value))
    return names


def _reads(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "env"
    return isinstance(function, ast.Name) and function.id == "required"


def test_the_settings_page_lists_exactly_the_variables_that_are_read():
    read = variables_read()
    assert {"DATABASE_URL", "VAULT_RECIPIENT", "S3_BUCKET"} <= read, "the reading of the settings finds too little"
    assert first_cells(text("reference/settings.md")) == read


# --- states --------------------------------------------------------------------------------------------------------


def state_tables() -> list[StateTable]:
    load_everything()
    modules = [importlib.import_module(f"catalog.{room}.states") for room in ("datasets", "releases", "review", "publishing")]
    return [value for module in modules for value in vars(module).values() if isinstance(value, StateTable)]


def test_the_state_diagrams_are_those_of_the_tables():
    drawn = blocks(text("reference/states.md"), "mermaid")
    assert sorted(drawn) == sorted(table.mermaid() for table in state_tables())


# --- problems ------------------------------------------------------------------------------------------------------


def test_every_problem_type_is_listed_with_its_status():
    load_everything()
    page = text("reference/api.md")
    known = {code: status for code, (status, _, _) in known_problems().items() if code not in CODES}
    missing = {code: status for code, status in known.items() if f"| `{code}` | {status} |" not in page}
    assert missing == {}


def query_codes() -> set[str]:
    """Codes of the errors that the query language raises, read from its sources."""
    codes = set()
    for path in (ROOT / "catalog/publishing/query").glob("*.py"):
        raising = {"QueryError", "_Bad", "_refuse"} | ({"_bad"} if path.name == "paging.py" else set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in raising and node.args and isinstance(node.args[0], ast.Constant):
                codes.add(str(node.args[0].value))
    return codes


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_code_of_the_query_language_is_listed():
    codes = query_codes()
    assert {"syntax", "unknown_column"} <= codes
    section = text("reference/api.md").partition("have codes of their own")[2]
    listed = set(re.findall(r"`([a-z_]+)`", section)) - {"records", "exports"}
    assert listed == codes == set(CODES)


# --- roles ---------------------------------------------------------------------------------------------------------


def test_every_role_is_a_column_of_the_table():
    header = next(line for line in text("reference/roles.md").splitlines() if line.startswith("| may |"))
    assert [cell.strip() for cell in header.strip("|").split("|")][1:] == [role.value for role in Role]


def test_every_scope_is_listed_with_the_roles_that_may_have_it():
    rows = {line.split("|")[1].strip().strip("`"): line.split("|")[3].strip() for line in text("reference/roles.md").splitlines() if line.startswith("| `")}
    for scope, roles in SCOPE_ROLES.items():
        named = {"everybody"} if roles is None else {role.value for role in roles}
        assert set(rows[scope].split(", ")) == named, scope


# --- commands ------------------------------------------------------------------------------------------------------


def management_commands() -> list[list[str]]:
    """Every management command that a page tells the reader to type, with its arguments."""
    lines = [line for page in pages() for _, body in fenced(page.read_text(encoding="utf-8")) for line in body.splitlines()]
    found = [re.search(r"(?:manage\.py|^ *od) ([a-z_]+.*)$", line) for line in lines]
    return [shlex.split(match.group(1), comments=True) for match in found if match]


def test_management_commands_are_typed_as_they_are_understood():
    load_everything()
    asked = management_commands()
    assert {"create_user", "create_organisation", "create_population", "verify_trail", "migrate"} <= {name for name, *_ in asked}
    known = get_commands()
    for name, *arguments in asked:
        app = known[name]
        command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                command.create_parser("manage.py", name).parse_args(arguments)
            except (SystemExit, CommandError):
                pytest.fail(f"{name} {arguments}: {said.getvalue().splitlines()[-1:]}")
