"""Datasets whose rows a recipe puts under those of its own: which versions, whether that may be, and their tables for a worker.

A table of a recipe's ``append`` is the slug of a dataset: of the same organisation, so that its stewards have a right to
both, and about the same population, so that the budget that pays is that of everybody in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anonymize.errors import Problem
from anonymize.recipe import Append, Recipe, Role
from catalog.audit.errors import Invalid, PlatformError
from catalog.datasets import vault
from catalog.datasets.models import Dataset, Version
from catalog.datasets.selectors import latest_ready
from catalog.datasets.states import READY
from catalog.releases.models import Run


def appended_versions(recipe: Recipe, dataset: Dataset) -> dict[str, Version]:
    """The newest ready version of each dataset that a recipe appends, by slug. Raises :class:`Invalid`, every problem named."""
    versions = {other.table: _version(other.table, dataset) for other in recipe.append}
    problems = [found for i, other in enumerate(recipe.append) for found in _problems(i, other, versions[other.table], recipe, dataset)]
    if problems:
        raise Invalid(f"The recipe does not fit this dataset: {problems[0].message}", problems=tuple(problems))
    return {slug: version for slug, version in versions.items() if version is not None}


def _version(slug: str, dataset: Dataset) -> Version | None:
    """A dataset of somebody else is as unknown as one that is not there."""
    other = Dataset.objects.filter(slug=slug, organisation=dataset.organisation_id).exclude(pk=dataset.pk).first()
    return None if other is None else latest_ready(other)


def _problems(i: int, other: Append, version: Version | None, recipe: Recipe, dataset: Dataset) -> Iterator[Problem]:
    at = f"/append/{i}"
    if version is None:
        message = f"your organisation has no other dataset {other.table!r} with a version that is ready"
        yield Problem("unknown_table", message, pointer=f"{at}/table")
        return
    if version.dataset.population_id != dataset.population_id:
        message = f"dataset {other.table!r} is about another population, whose budget would not be charged"
        yield Problem("other_population", message, pointer=f"{at}/table")
    roles = dict(version.columns.values_list("name", "role"))
    for name, source in other.columns.items():
        found = _column_problem(source, roles, other.table, is_key=name == recipe.person_key)
        if found:
            yield Problem(found[0], found[1], pointer=f"{at}/columns/{name}")


def _column_problem(source: str, roles: dict[str, str], table: str, *, is_key: bool) -> tuple[str, str] | None:
    if source not in roles:
        return "unknown_column", f"dataset {table!r} has no column {source!r}"
    if not roles[source]:
        return "role_missing", f"column {source!r} of {table!r} has no role yet: set it first"
    if is_key and roles[source] != Role.PERSON_KEY:
        return "no_person_key", f"column {source!r} of {table!r} is not its person key, and tables are joined by that alone"
    if not is_key and roles[source] in (Role.DIRECT_IDENTIFIER, Role.PERSON_KEY):
        return "identifier_used", f"column {source!r} of {table!r} identifies people and cannot go under another column"
    return None


def noted(versions: dict[str, Version]) -> dict[str, Any]:
    """What a run keeps of them: slug → number and hash of the version."""
    return {slug: {"version": version.pk, "sha256": version.sha256} for slug, version in versions.items()}


def versions_of(run: Run) -> list[Version]:
    """The versions whose rows a run puts under those of its own, by slug."""
    kept = [run.appended[slug]["version"] for slug in sorted(run.appended)]
    found = Version.objects.select_related("dataset__contract").in_bulk(kept)
    return [found[pk] for pk in kept]


def tables_of(run: Run, folder: Path) -> dict[str, Path]:
    """Their typed tables, plain, in scratch. Raises PlatformError where a version is no longer what it was."""
    tables: dict[str, Path] = {}
    for version in versions_of(run):
        slug = version.dataset.slug
        if version.state != READY or version.sha256 != run.appended[slug]["sha256"]:
            raise PlatformError(f"The version of {slug} was destroyed before the run began.")
        tables[slug] = folder / f"append-{version.pk}.parquet"
        with tables[slug].open("wb") as sink:
            vault.unseal(version.typed_name, sink)
    return tables
