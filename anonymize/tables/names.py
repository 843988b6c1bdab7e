"""Column names of an upload: refused where they could be mistaken for another, kept untouched otherwise."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from anonymize.errors import InputError, Problem
from anonymize.tables.limits import Limits

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, format (zero width, bidirectional), unassigned, breaks

# Letters of other scripts that look like Latin ones (a small part of Unicode TR 39), after case folding.
_LOOK_ALIKE = str.maketrans(
    "аеорсухѕіјԁһԛԝοαρνιυκτ",
    "aeopcyxsijdhqwoapviukt",
)


def checked(names: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """The names without surrounding blanks. Raises :class:`InputError` that lists every bad one by its position."""
    refuse_number(names, limits)
    stripped = tuple(name.strip() for name in names)
    problems = [problem for i, name in enumerate(stripped, 1) for problem in _faults(i, name, limits)]
    problems += _repeated(stripped)
    if problems:
        first = problems[0].message
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"the column names cannot be used: {first}{more}", problems=tuple(problems[: limits.problems]))
    return stripped


def refuse_number(names: Sequence[str], limits: Limits) -> None:
    """Raises :class:`InputError` for a table with no columns or too many."""
    if not 0 < len(names) <= limits.columns:
        raise InputError(
            f"the file has {len(names):,} columns; at most {limits.columns:,} are read: leave out what is not needed",
            problems=(Problem("too_many_columns", f"{len(names):,} columns"),),
        )


def look(name: str) -> str:
    """What a reader sees: compatibility forms, case and the commonest look-alike letters made equal."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.translate(_LOOK_ALIKE).split())


def _faults(position: int, name: str, limits: Limits) -> list[Problem]:
    if not name:
        return [_problem("empty_name", position, "has no name")]
    if len(name) > limits.name_length:
        return [_problem("long_name", position, f"has a name of {len(name):,} signs; at most {limits.name_length} are allowed")]
    if any(unicodedata.category(sign) in _UNSEEN for sign in name):
        return [_problem("unseen_sign", position, "has a name with a control or invisible sign")]
    return []


def _repeated(names: Sequence[str]) -> list[Problem]:
    first: dict[str, int] = {}
    problems = []
    for position, name in enumerate(names, 1):
        before = first.setdefault(look(name), position)
        if before != position and name:
            how = "the same name as" if name == names[before - 1] else "a name that looks the same as that of"
            problems.append(_problem("duplicate_name", position, f"has {how} column {before}"))
    return problems


def _problem(code: str, position: int, what: str) -> Problem:
    return Problem(code, f"column {position} {what}")
