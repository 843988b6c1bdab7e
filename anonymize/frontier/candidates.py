"""The settings that are weighed against each other: a recipe under several k, l and methods."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

from anonymize import recipe as recipes
from anonymize.errors import RecipeError
from anonymize.recipe import KAnonymity, Recipe, Role

METHODS: tuple[str, ...] = get_args(KAnonymity.model_fields["method"].annotation)
MOST = 100
"""Candidates of one call."""
_ONLY = {"levels": ("fixed",), "loss": ("full_domain",), "max_suppressed": ("full_domain", "fixed")}
"""Fields of the stage that only some methods take."""


@dataclass(frozen=True)
class Candidate:
    """One setting. ``l``: ``None`` where the recipe's own models stand. ``recipe``: what it comes to, or the ``reason`` why not."""

    method: str
    k: int
    l: int | None  # noqa: E741 - the model's own name
    recipe: Recipe | None
    reason: str | None

    @property
    def name(self) -> str:
        asked = "" if self.l is None else f", l = {self.l}"
        return f"{self.method.replace('_', ' ')}, k = {self.k}{asked}"

    @property
    def stage(self) -> KAnonymity:
        if self.recipe is None or not isinstance(self.recipe.final, KAnonymity):
            raise RecipeError(self.reason or "only microdata (k_anonymity) has a choice of k and method")
        return self.recipe.final


def candidates(recipe: Recipe, ks: Sequence[int], ls: Sequence[int], methods: Sequence[str]) -> list[Candidate]:
    """Every method with every k and l, in the order given; a repeated value counts once.

    With ``ls``, distinct l-diversity is asked of every sensitive column, in place of what the recipe asks in that way;
    l = 1 asks nothing. Raises :class:`RecipeError` for what no recipe can mean.
    """
    _check(recipe, ks, ls, methods)
    chosen = product(dict.fromkeys(methods), dict.fromkeys(ks), dict.fromkeys(ls) or (None,))
    return [_candidate(recipe, method, k, l) for method, k, l in chosen]  # noqa: E741


def _check(recipe: Recipe, ks: Sequence[int], ls: Sequence[int], methods: Sequence[str]) -> None:
    if not isinstance(recipe.final, KAnonymity):
        raise RecipeError("only microdata (k_anonymity) has a choice of k and method")
    if not (ks and all(type(k) is int and k >= 2 for k in ks)):
        raise RecipeError("give at least one k; each is a whole number, at least 2")
    if not all(type(l) is int and l >= 1 for l in ls):  # noqa: E741
        raise RecipeError("each l is a whole number, at least 1")
    if not (methods and all(method in METHODS for method in methods)):
        raise RecipeError(f"give at least one method; there are {', '.join(METHODS)}")
    if ls and not recipe.with_role(Role.SENSITIVE):
        raise RecipeError("l speaks of sensitive columns, and the recipe has none")
    count = len(set(ks)) * len(set(methods)) * max(len(set(ls)), 1)
    if not count <= MOST:
        raise RecipeError(f"{count} settings are too many to compare: at most {MOST}")


def _candidate(recipe: Recipe, method: str, k: int, l: int | None) -> Candidate:  # noqa: E741
    document = json.loads(recipe.to_json())
    stage = document["stages"][-1]
    for field, takers in _ONLY.items():
        if method not in takers:
            stage.pop(field, None)
    stage |= {"method": method, "k": k}
    if l is not None:
        stage["models"] = [model for model in stage.get("models", []) if not _replaced(model)] + _diverse(recipe, l)
    try:
        return Candidate(method, k, l, recipes.parse(document), None)
    except RecipeError as error:
        return Candidate(method, k, l, None, error.message)


def _replaced(model: dict[str, Any]) -> bool:
    return bool(model["model"] == "l_diversity" and model.get("kind", "distinct") == "distinct")


def _diverse(recipe: Recipe, l: int) -> list[dict[str, Any]]:  # noqa: E741
    return [{"model": "l_diversity", "column": column, "l": l} for column in recipe.with_role(Role.SENSITIVE)] if l > 1 else []
