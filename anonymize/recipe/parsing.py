"""JSON in, a recipe or every problem by its pointer out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from anonymize.errors import Problem, RecipeError
from anonymize.recipe.document import Recipe
from anonymize.recipe.plain_words import plain


def _refuse_constant(_: str) -> Any:
    raise RecipeError("the recipe holds NaN or Infinity, which is no JSON number", problems=(Problem("not_finite", "not a finite number"),))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise RecipeError("the recipe names a field or column twice", problems=(Problem("duplicate_field", "a field is named twice"),))
    return seen


def loads(text: str | bytes) -> Recipe:
    """Parse recipe JSON. Numbers stay exact (``0.1`` is one tenth). Raises :class:`RecipeError`."""
    try:
        document = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecipeError):
            raise
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise RecipeError(f"the recipe is not JSON{where}", problems=(Problem("not_json", "not JSON" + where),)) from None
    return parse(document)


def parse(document: Any) -> Recipe:
    """Check a decoded document. Raises :class:`RecipeError` that names every problem by JSON pointer."""
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        problems = tuple(_problems(error))
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise RecipeError(f"{first.pointer or '/'}: {first.message}{more}", problems=problems)


def _problems(error: ValidationError) -> list[Problem]:
    found: list[Problem] = []
    for item in error.errors(include_url=False, include_input=False):
        pointer = _pointer(item["loc"])
        message = plain(item["type"], item["msg"], item.get("ctx", {})).removeprefix("Value error, ")
        for line in message.split("\n"):
            where, bar, text = line.partition("|")
            found.append(Problem(item["type"], text if bar else line, pointer=where if bar else pointer))
    # A list whose items are wrong is also reported as too short; only the first cause helps.
    inner = [problem.pointer or "" for problem in found]
    return [p for p in found if not (p.code == "too_short" and any(i.startswith(f"{p.pointer}/") for i in inner))]


def _pointer(location: tuple[int | str, ...]) -> str:
    """JSON Pointer (RFC 6901) of pydantic's location, without the tags that pydantic adds for its unions."""
    parts: list[str] = []
    for i, part in enumerate(location):
        after = location[i - 2 : i] if i >= 2 else ()
        stage_tag = len(after) == 2 and after[0] == "stages" and isinstance(after[1], int)
        hierarchy_tag = i >= 1 and location[i - 1] == "hierarchy" and i >= 3 and location[i - 3] == "columns"
        model_tag = len(after) == 2 and after[0] == "models" and isinstance(after[1], int)
        treatment_tag = i >= 3 and location[i - 1] == "release_as" and location[i - 3] == "columns"
        if part == "[key]" or stage_tag or hierarchy_tag or model_tag or treatment_tag:
            continue
        parts.append(str(part).replace("~", "~0").replace("/", "~1"))
    return "/" + "/".join(parts)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a recipe, for editors and for the API's documentation."""
    return Recipe.model_json_schema()
