"""The story's tables and sentences: what a newcomer wants to see of an answer of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from opendata.demo.client import Json

MB = 1e6
FAMILIES = {
    "differential_privacy": "differential privacy",
    "k_anonymity": "k-anonymity",
    "none": "not personal: scanned",
}
FLAGS = {
    "local_recoding": "classes at different levels can be refined by whoever knows the method",
    "about_persons": "looks like one row per person; a scan protects nobody",
    "nearly_all_unreliable": "nearly every number of a measure is unreliable: {figure}",
    "large_epsilon": "the privacy budget asked for is large: ε {figure}",
    "microdata": "rows about single people; smallest group counted again: {figure}",
}
ROLE_HEADER = ("column", "type", "seems to be", "suggested", "role given", "why")


def roles(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            c["name"],
            c["type"],
            c["looks_like"] or "–",
            c["suggested_role"],
            _changed(c),
            c["reason"],
        )
        for c in columns
    ]


def _changed(column: Mapping[str, Any]) -> str:
    return "same" if column["role"] == column["suggested_role"] else str(column["role"] or "none yet")


def read_as(version: Json) -> str:
    """Rows in, and how the file was read."""
    how = ", ".join(str(version[name]) for name in ("format", "encoding") if version[name])
    return f"{version['rows']:,} rows, {len(version['columns'])} columns ({how})"


def fitting(offers: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"“{offer['title']}”" for offer in offers if offer["fits"]) or "none"


def cost(preview: Json) -> str:
    """What a run would promise and cost, before it is asked for."""
    family = FAMILIES.get(preview["family"], preview["family"])
    if preview["family"] != "differential_privacy":
        return f"{family}; costs no budget"
    errors = ", ".join(f"{m['name']} ±{number(m['half_width'])}" for m in preview["measures"])
    budget = preview["budget"]
    return f"{family}; would cost ε {budget['asked']['epsilon']} of {budget['left']['epsilon']} left; expected error {errors}"


def outcome(run: Json) -> list[str]:
    """What was measured: risk before and after, or budget and error."""
    report = run["report"]
    family = report["guarantee"]["family"]
    told = {"differential_privacy": _noisy, "k_anonymity": _generalised}.get(family, _scanned)
    return told(report)


def _generalised(report: Json) -> list[str]:
    before, after = report["internal"]["risk_before"], report["public"]["risk_after"]
    gone = report["public"]["suppressed"]
    return [
        f"k asked {report['guarantee']['k']}, measured again on the file: {report['guarantee']['measured_k']}",
        f"smallest group          before {before['smallest']:>8,}   after {after['smallest']:>8,}",
        f"people alone in a group before {before['uniques']:>8,}   after {after['uniques']:>8,}",
        f"chance to be found      before {percent(before['prosecutor_average']):>8}   after {percent(after['prosecutor_average']):>8}"
        "   (average, by who knows all marked columns)",
        f"left out: {gone['rows']:,} rows ({percent(gone['share'])}); detail kept: {percent(report['public']['granularity'])}",
    ]


def _noisy(report: Json) -> list[str]:
    public, guarantee = report["public"], report["guarantee"]
    errors = ", ".join(f"{m['name']} ±{number(m['half_width'])}" for m in public["measures"])
    cells = "all of them declared" if public["cells"] == "public" else "those held by few people left out"
    return [
        f"ε {guarantee['epsilon']} and δ {guarantee['delta']} spent, for each {guarantee['unit']}, all rows together",
        f"{report['artefact']['rows']:,} cells published, {cells}",
        f"error of a figure (95 %): {errors}",
    ]


def _scanned(report: Json) -> list[str]:
    scan = report["public"]["scan"]
    return [f"{scan['columns']} columns scanned, {scan['looks_personal']} look personal"]


def flag(found: Mapping[str, Any]) -> str:
    text = FLAGS.get(found["code"], found["code"].replace("_", " ") + (" ({figure})" if found["figure"] else ""))
    return text.format(figure=found["figure"])


def budget(population: Json) -> str:
    spent, cap, left = (population["balance"][part]["epsilon"] for part in ("spent", "cap", "left"))
    return f"{population['name']}: ε {spent} of {cap} spent, {left} left"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def number(value: object) -> str:
    """Digits in groups of three; anything that is no number as it is."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    try:
        exact = Decimal(str(value))
    except ArithmeticError:
        return str(value)
    return f"{exact:,f}" if exact.is_finite() else str(value)


def size(value: int) -> str:
    return f"{value / MB:.1f} MB"


def records(page: Json) -> tuple[list[str], list[list[str]], frozenset[int]]:
    """Header, rows and right-aligned columns of a page of records."""
    columns = page["meta"]["columns"]
    numeric = frozenset(i for i, column in enumerate(columns) if column["type"] in ("integer", "decimal", "number"))
    names = [column["name"] for column in columns]
    rows = [
        [number(row[name]) if i in numeric else str(row[name] or "") for i, name in enumerate(names)]
        for row in page["records"]
    ]
    return names, rows, numeric
