"""The report of a run: what was done, what it promises, what was measured; as JSON and in words.

Two halves. ``public`` goes out with the release. ``internal`` is for the officer and the steward: exact counts of the
input live there alone, because beside noisy figures they would undo the noise (TRAPS.md 13).
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from anonymize import promised_models, promised_units
from anonymize.recipe import Column, DpTable, KAnonymity, Pseudonym, Recipe, Truncated

_LIBRARIES = ("duckdb", "narwhals", "pandas", "numpy", "pyarrow", "diffprivlib", "opendp", "faker")


def libraries(*engine: str) -> dict[str, str]:
    """Versions of the libraries that the result depends on, with that of the table engine."""
    return {name: importlib.metadata.version(name) for name in dict.fromkeys((*_LIBRARIES, *engine))}


def column_type(kind: pa.DataType) -> str:
    """The engine's word for an Arrow type: integer, decimal, number, text, boolean, date, timestamp or timestamptz."""
    if pt.is_boolean(kind):
        return "boolean"
    if pt.is_integer(kind):
        return "integer"
    if pt.is_decimal(kind):
        return "decimal"
    if pt.is_floating(kind):
        return "number"
    if pt.is_date(kind):
        return "date"
    if pt.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "timestamptz"
    return "text"


def described(recipe: Recipe, schema: pa.Schema) -> list[dict[str, Any]]:
    """Name, type, role and meaning of each column of a microdata artefact."""
    return [
        {
            "name": field.name,
            "type": column_type(field.type),
            "role": released_role(recipe.columns[field.name]),
            "title": recipe.columns[field.name].title or field.name,
            "description": recipe.columns[field.name].description,
        }
        for field in schema
    ]


def released_role(column: Column) -> str:
    """What the column is in the artefact: its role, and for a direct identifier what stands in its place."""
    if column.release_as is None:
        return column.role.value
    return "quasi_identifier" if isinstance(column.release_as, Truncated) else column.release_as.as_


def pseudonyms_limit(recipe: Recipe) -> dict[str, str]:
    """Of a guarantee: for how long its pseudonyms are the same, where it has any: for the *release* or the *dataset*."""
    scopes = {column.release_as.key for column in recipe.columns.values() if isinstance(column.release_as, Pseudonym)}
    return {"pseudonyms": "dataset" if "dataset" in scopes else "release"} if scopes else {}


def k_anonymity_promise(stage: KAnonymity, smallest: int, quasi: list[str], by_person: bool) -> dict[str, Any]:
    unit = "persons" if by_person else "rows, each taken to be one person"
    return {
        "family": "k_anonymity",
        "k": stage.k,
        "measured_k": smallest,
        "unit": unit,
        "quasi_identifiers": quasi,
        "models": [model.model_dump(mode="json", exclude={"population"}, exclude_none=True) for model in stage.models],
        "sentence": " ".join(
            [
                f"By the columns {', '.join(quasi)}, every row looks the same as those of at least {smallest} different "
                f"{'people' if by_person else 'rows'}.",
                *promised_models.sentences(stage.models),
            ]
        ),
        "limits": (
            "This stops linking through the named columns, once. It does not compose with other releases about the same "
            f"people, and says nothing {'more ' if stage.sensitive_models else ''}about what a group of people have in common."
        ),
    }


def averaged(stage: KAnonymity, *, by_person: bool) -> list[str]:
    """What was done to micro-aggregated columns, in words."""
    unit = "people" if by_person else "rows"
    return [
        f"The values of {one.column} were sorted into groups of at least {one.group} {unit}; each is published as the mean of its group."
        for one in stage.microaggregate
    ]


def dp_promise(
    stage: DpTable, unit: Mapping[str, Any] = promised_units.PERSON, *, of_nobody: bool = False, used: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``unit``: what is protected, as the public half of the report says it under ``privacy_unit``. ``of_nobody``: whether
    rows without a person key count. ``used``: where limits per person stand that were lower than those of the recipe."""
    epsilon, delta = format(stage.epsilon, "f"), format(stage.delta, "f")
    said = promised_units.sentence(unit, epsilon, delta, large_delta=stage.allow_large_delta)
    return {
        "family": "differential_privacy",
        **unit,
        "epsilon": epsilon,
        "delta": delta,
        "sentence": f"{said} {promised_units.OF_NOBODY}" if of_nobody else said,
        "formal": f"({epsilon}, {delta})-differential privacy, neighbours differ in {promised_units.neighbours(unit)}",
        **{name: (used or {}).get(name, getattr(stage, name)) for name in ("max_cells_per_person", "max_rows_per_cell")},
        **({"missing_person_key": "nobody"} if of_nobody else {}),
        **({"allow_large_delta": True} if stage.allow_large_delta else {}),
    }


def titled(recipe: Recipe, column: dict[str, Any]) -> dict[str, Any]:
    """A column of a DP table with the title and description that the recipe gives to the column it comes from."""
    source = recipe.columns.get(column.get("column", column["name"]))
    own = {"title": source.title, "description": source.description} if source else {}
    return {"title": own.get("title") or column["name"], "description": own.get("description", ""), **column}


def nothing_personal(columns: list[str]) -> dict[str, Any]:
    return {
        "family": "none",
        "unit": "none",
        "sentence": "These data are not about people. They were scanned for personal values and cleared by an officer as they are.",
        "columns": columns,
    }


def build(
    recipe: Recipe, *, sha256: str, bytes: int, rows: int, columns: list[dict[str, Any]], guarantee: dict[str, Any],
    treatment: tuple[str, ...], counts: dict[str, int], public: dict[str, Any], internal: dict[str, Any], engine: str = "duckdb",
) -> dict[str, Any]:
    """The report as a JSON document (see docs/reference/report.md); ``engine``: the table engine's library."""
    return {
        "report": 1,
        "title": recipe.title,
        "recipe_sha256": recipe.sha256(),
        "artefact": {"sha256": sha256, "bytes": bytes, "rows": rows, "columns": columns},
        "guarantee": guarantee,
        "public": {**public, "treatment": [*treatment, *public.get("treatment", [])], "libraries": libraries(engine)},
        "internal": {**internal, "input": counts},
    }


def to_markdown(report: dict[str, Any]) -> str:
    """The report for reading: the promise first, then the figures."""
    guarantee, done = report["guarantee"], report["artefact"]
    lines = [f"# {report['title']}", "", guarantee["sentence"], ""]
    if "limits" in guarantee:
        lines += [guarantee["limits"], ""]
    lines += [
        f"- rows published: {done['rows']}",
        f"- SHA-256 of data.parquet: `{done['sha256']}`",
        f"- SHA-256 of the recipe: `{report['recipe_sha256']}`",
        "",
        "| column | type | role | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(c['name'])} | {c['type']} | {c.get('role', '')} | {_cell(c.get('description') or c.get('title', ''))} |"
        for c in done["columns"]
    ]
    for half, title in (("public", "What was done and measured (may be published)"), ("internal", "For the officer only (not private)")):
        lines += ["", f"## {title}", ""]
        for key, value in report[half].items():
            lines += [f"- **{key.replace('_', ' ')}**: {_words(value)}"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _words(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value) or "–"
    return f"`{json.dumps(value, ensure_ascii=False)}`" if isinstance(value, (dict, list)) else str(value)
