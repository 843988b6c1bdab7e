"""What an approval is bound to besides the artefact, and whose hands were in it (DESIGN.md §6.1, §6.2)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db.models import Q, QuerySet

from catalog.audit.models import TrailEntry
from catalog.datasets.models import Dataset, Version
from catalog.datasets.selectors import stewards_ever
from catalog.releases.appending import versions_of
from catalog.releases.code import code_version
from catalog.releases.models import Run
from catalog.review.models import Involvement

CONFIGURING = ("dataset.created", "dataset.changed", "hierarchy.set")


def configuration_sha256(run: Run) -> str:
    """SHA-256 over the version's roles and ladders, the dataset's hierarchy files and the engine's code, as they are now.

    Any change of one of them after a submission voids the review: the officer decided on something else.
    """
    columns = _columns(run.version)
    appended = {version.pk: _columns(version) for version in versions_of(run)}
    files = dict(run.dataset.hierarchy_files.order_by("name").values_list("name", "sha256"))
    bound = {"columns": columns, "hierarchies": files, "asked_for": run.hierarchies, "code": [run.code_version, code_version()]}
    bound |= {"appended": appended} if appended else {}
    return hashlib.sha256(json.dumps(bound, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _columns(version: Version) -> list[Any]:
    return list(version.columns.order_by("position").values_list("name", "role", "hierarchy"))


def hands_in(run: Run) -> set[tuple[int, str]]:
    """(user, how) of everybody who uploaded, configured or ran what a run is made of, or an earlier try of it.

    All that was ever done on a dataset of the run counts, whichever of its versions it was done on: its own, and those whose
    rows are appended. Who asked for a run there has seen what becomes of the data, also of one that failed or was
    cancelled, and also where the data were appended to somebody else's. Who compared settings or had bounds estimated has seen
    what a recipe is chosen by. Who configured is read from the trail, which forgets nobody: whoever described a dataset, set
    a role or a hierarchy, or was its steward, also if that was replaced since. (Previews read no rows and leave no record.)
    """
    how = Involvement.How
    hands = {(run.requested_by_id, how.RAN.value)}
    for dataset in {version.dataset_id: version.dataset for version in [run.version, *versions_of(run)]}.values():
        hands |= {(pk, how.UPLOADED.value) for pk in dataset.versions.values_list("uploaded_by", flat=True)}
        hands |= {(pk, how.RAN.value) for pk in _ran(dataset)}
        hands |= {(pk, how.CONFIGURED.value) for pk in _configured(dataset)}
    return hands


def _ran(dataset: Dataset) -> QuerySet[Run, int]:
    runs = Run.objects.filter(Q(dataset=dataset) | Q(appended__has_key=dataset.slug))
    return runs.values_list("requested_by", flat=True)


def _configured(dataset: Dataset) -> set[int]:
    entries = TrailEntry.objects.filter(actor__isnull=False)
    described = entries.filter(subject_type="dataset", subject_id=str(dataset.pk), action__in=CONFIGURING)
    versions = [str(pk) for pk in dataset.versions.values_list("pk", flat=True)]
    columns = entries.filter(subject_type="version", subject_id__in=versions, action="columns.set")
    compared = dataset.comparisons.values_list("requested_by", flat=True)
    estimated = dataset.estimates.values_list("requested_by", flat=True)
    return {
        *described.values_list("actor_id", flat=True), *columns.values_list("actor_id", flat=True), *compared, *estimated, *stewards_ever(dataset)
    }  # fmt: skip
