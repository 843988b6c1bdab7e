"""What changes runs, on request of people. What workers do is in :mod:`catalog.releases.work`."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from anonymize import recipe as recipes
from anonymize.aggregates.plan import Plan, plan
from anonymize.aggregates.stage import protecting
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import DpTable, KAnonymity, Recipe, Role
from catalog.audit import services as audit
from catalog.audit.doorbell import ring_on_commit
from catalog.audit.errors import Conflict, Invalid
from catalog.audit.transitions import move
from catalog.datasets.models import Dataset, Version
from catalog.datasets.selectors import latest_ready
from catalog.datasets.states import READY
from catalog.ledger import composition
from catalog.ledger.models import Population
from catalog.ledger.services import BudgetExceeded, checked, refuse_other_unit
from catalog.ledger.units import PERSON, Unit
from catalog.people.models import User
from catalog.releases import appending
from catalog.releases.appending import appended_versions
from catalog.releases.code import code_version
from catalog.releases.kinds import kind_of
from catalog.releases.models import Job, Run
from catalog.releases.policies import check_can_cancel, check_can_run
from catalog.releases.sources import refuse_other_sources
from catalog.releases.states import CANCELLED
from catalog.releases.testimony import of_request


def read_recipe(document: Any) -> Recipe:
    """A recipe from a decoded JSON document or from text. Raises :class:`Invalid` that names every problem."""
    try:
        text = document if isinstance(document, str) else json.dumps(document)
        return recipes.loads(text)
    except (TypeError, ValueError):
        raise Invalid("The recipe is not JSON.") from None
    except RecipeError as error:
        raise Invalid(f"The recipe cannot be run: {error.message}", problems=error.problems) from None


def fit(recipe: Recipe, dataset: Dataset, version: Version) -> None:
    """Check what only the platform knows: the version's columns and roles, its hierarchy files, the population.

    A recipe may treat a column more strictly than its role says, never more loosely.
    """
    problems = [*_column_problems(recipe, version), *_unit_problems(recipe, version), *_file_problems(recipe, dataset)]
    problems += _population_problems(recipe, dataset)
    if problems:
        raise Invalid(f"The recipe does not fit this dataset: {problems[0].message}", problems=tuple(problems))
    appended_versions(recipe, dataset)
    refuse_other_sources(recipe, dataset)


def unit_of(recipe: Recipe) -> Unit:
    """What the recipe protects as one."""
    period = recipe.privacy_unit
    return PERSON if period is None else Unit.of(f"person_{period.period}", period.time_zone)


def _population_problems(recipe: Recipe, dataset: Dataset) -> list[Problem]:
    if not isinstance(recipe.final, DpTable):
        return []
    if dataset.population is None:
        return [Problem("no_population", "name the population of this dataset first: its budget pays for the noise", pointer="/population")]
    try:
        refuse_other_unit(dataset.population, unit_of(recipe))
    except Invalid as error:
        return list(error.problems)
    return []


# The roles that a recipe may give to a column of a role, where rows are published: as strict, or stricter.
# A DP table bounds and drowns every column alike, so there only identifiers stay what they are.
_GONE = {Role.DIRECT_IDENTIFIER}
AS_STRICT: dict[Role, set[Role]] = {
    Role.DIRECT_IDENTIFIER: _GONE,
    Role.PERSON_KEY: {Role.PERSON_KEY, *_GONE},
    Role.QUASI_IDENTIFIER: {Role.QUASI_IDENTIFIER, *_GONE},
    Role.EVENT_TIME: {Role.EVENT_TIME, Role.QUASI_IDENTIFIER, *_GONE},
    Role.PLACE: {Role.PLACE, Role.QUASI_IDENTIFIER, *_GONE},
    Role.SENSITIVE: {Role.SENSITIVE, Role.QUASI_IDENTIFIER, *_GONE},
    Role.PLAIN: set(Role),
}


def _allowed(role: Role, recipe: Recipe) -> set[Role]:
    if isinstance(recipe.final, DpTable) and role not in (Role.DIRECT_IDENTIFIER, Role.PERSON_KEY):
        return set(Role)
    return AS_STRICT[role]


def _column_problems(recipe: Recipe, version: Version) -> list[Problem]:
    roles = {column.name: column.role for column in version.columns.all()}
    made = {name for stage in recipe.preparing for name in stage.makes}
    problems: list[Problem] = []
    for name, column in recipe.columns.items():
        if name in made:
            continue
        found = _problem_of(name, column.role, roles, recipe) or _key_released(name, column, roles)
        problems += [found] if found else []
    for name in sorted(_computed_from(recipe) - set(recipe.columns) - made):
        if name not in roles:
            problems.append(Problem("unknown_column", f"this version has no column {name!r}", pointer="/stages"))
        elif not roles[name]:
            problems.append(Problem("role_missing", f"column {name!r} has no role yet: set it first", pointer="/stages"))
        elif roles[name] in (Role.DIRECT_IDENTIFIER, Role.PERSON_KEY):
            problems.append(Problem("identifier_used", f"column {name!r} identifies people; nothing can be computed from it", pointer="/stages"))
    return problems


def _computed_from(recipe: Recipe) -> set[str]:
    """Columns that stages before the protecting one read."""
    return {name for stage in recipe.preparing for name in stage.reads}


def _problem_of(name: str, asked: Role, roles: dict[str, str], recipe: Recipe) -> Problem | None:
    pointer = f"/columns/{name}/role"
    if name not in roles:
        return Problem("unknown_column", f"this version has no column {name!r}", pointer=f"/columns/{name}")
    if not roles[name]:
        return Problem("role_missing", f"column {name!r} has no role yet: set it first, or leave the column out", pointer=pointer)
    if asked not in _allowed(Role(roles[name]), recipe):
        return Problem("role_loosened", f"column {name!r} has the role {roles[name]} and cannot be let through as {asked}", pointer=pointer)
    return None


def _unit_problems(recipe: Recipe, version: Version) -> list[Problem]:
    """Whose rows they are is not the recipe's to forget, nor to choose: without the key a thousand rows of one person are a
    thousand persons, and by another column one person is as many as it has values."""
    keys = sorted(version.columns.filter(role=Role.PERSON_KEY).values_list("name", flat=True))
    if recipe.person_key in keys or (recipe.person_key is None and not keys):
        return []
    if keys:
        message = f"column {keys[0]!r} says whose row it is in this version: name it in person_key, since rows are no persons"
        return [Problem("person_key_left_out", message, pointer="/person_key")]
    message = f"column {recipe.person_key!r} does not have the role person_key in this version: set it first, it says whose row it is"
    return [Problem("no_person_key", message, pointer="/person_key")]


def _key_released(name: str, column: recipes.Column, roles: dict[str, str]) -> Problem | None:
    """What is made of a person key is one again: it is bound to the person, and stands in every row of theirs."""
    if roles[name] != Role.PERSON_KEY or column.release_as is None:
        return None
    message = f"column {name!r} is the person key of this version: nothing that is made of it can be released"
    return Problem("person_key_released", message, pointer=f"/columns/{name}/release_as")


def _file_problems(recipe: Recipe, dataset: Dataset) -> list[Problem]:
    known = set(dataset.hierarchy_files.values_list("name", flat=True))
    return [
        Problem("unknown_hierarchy", f"this dataset has no hierarchy, layer or population file {name!r}; upload it first", pointer="/columns")
        for name in sorted(recipe.files - known)
    ]


def request_run(*, by: User, dataset: Dataset, document: Any, version: Version | None = None) -> Run:
    """Queue a run of a recipe on a version (the newest ready one when None).

    Raises:
        NotAllowed, Conflict: not a steward of it, or no version is ready.
        Invalid: the recipe cannot be run here; every problem is named.
        BudgetExceeded: the population has not enough budget left for it now. (It is charged only when noise is drawn.)
    """
    check_can_run(by, dataset)
    chosen = ready_version(dataset, version)
    recipe = read_recipe(document)
    fit(recipe, dataset, chosen)
    refuse_overdraft(recipe, dataset)
    others = appended_versions(recipe, dataset)
    for other in others.values():
        check_can_run(by, other.dataset)
    with transaction.atomic():
        run = Run.objects.create(
            population=dataset.population, **noted(recipe, dataset, chosen), appended=appending.noted(others), requested_by=by
        )
        announce(run, by=by, **({"appended": run.appended} if run.appended else {}))
    return run


def ready_version(dataset: Dataset, version: Version | None = None) -> Version:
    """The version asked for, or the newest ready one. Raises Conflict when there is no table to work on."""
    chosen = version or latest_ready(dataset)
    if chosen is None or chosen.state != READY or chosen.dataset_id != dataset.pk:
        raise Conflict("Upload a version first, and wait until it is checked: there is no table to run on.")
    return chosen


def noted(recipe: Recipe, dataset: Dataset, version: Version) -> dict[str, Any]:
    """What a job is asked for with, as fields of it: a worker refuses to go on with anything else."""
    used = recipe.files
    return {
        "dataset": dataset, "version": version, "recipe": json.loads(recipe.to_json()), "recipe_sha256": recipe.sha256(),
        "code_version": code_version(), "hierarchies": dict(dataset.hierarchy_files.filter(name__in=used).values_list("name", "sha256")),
    }  # fmt: skip


def announce(job: Job, *, by: User, **detail: Any) -> None:
    """Write a new job into the trail, and ring for a worker once it is committed."""
    kind = kind_of(job)
    audit.record(by=by, action=f"{kind.subject}.requested", subject=job, detail={**of_request(job, job.version.sha256), **detail})
    ring_on_commit(kind.task, job)


def refuse_overdraft(recipe: Recipe, dataset: Dataset) -> None:
    planned = planned_table(recipe)
    if planned is None or dataset.population_id is None:
        return
    population, loss = Population.objects.get(pk=dataset.population_id), planned.loss()  # not the copy that the caller may hold for long
    if not composition.can_pay(population, loss):
        raise BudgetExceeded(remaining=composition.left_for(population, loss.covers), asked=checked(loss.epsilon, loss.delta))


def planned_table(recipe: Recipe) -> Plan | None:
    """Shares, scales and samplers of a recipe's table, and what it protects; ``None`` where no noise is drawn.

    Raises :class:`Invalid` for one that cannot be carried out.
    """
    stage = recipe.final
    if not isinstance(stage, DpTable):
        return None
    try:
        return protecting(plan(stage), stage, recipe.privacy_unit)
    except RecipeError as error:
        raise Invalid(f"The recipe cannot be run: {error.message}", problems=error.problems) from None


def cancel(*, by: User, job: Job) -> None:
    """Stop a run, a comparison or an estimate. Its worker notices at the next step; a budget that was charged stays charged."""
    check_can_cancel(by, job)
    kind = kind_of(job)
    move(kind.table, job, to=CANCELLED, by=by, action=f"{kind.subject}.cancelled", changes={"lease_until": None})


def family(recipe: Recipe) -> str:
    """The kind of promise: differential_privacy, k_anonymity or none."""
    stage = recipe.final
    return "differential_privacy" if isinstance(stage, DpTable) else "k_anonymity" if isinstance(stage, KAnonymity) else "none"
