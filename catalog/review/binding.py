"""What an approval is bound to besides the artefact, and whose hands were in it (DESIGN.md §6.1, §6.2)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from catalog.audit.models import TrailEntry
from catalog.datasets.models import Version
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
    """(user, how) of everybody who uploaded, configured or ran what a run is made of.

    Who configured is read from the trail, which forgets nobody: whoever described the dataset, set a role or put a
    hierarchy, also one that was replaced since; the same for each version whose rows are appended. So has whoever compared settings on the version, or had bounds estimated: neither
    changes anything by itself, but what they show is what the recipe is chosen by.
    """
    how = Involvement.How
    hands = {(run.requested_by_id, how.RAN.value)}
    for version in [run.version, *versions_of(run)]:
        hands |= {(version.uploaded_by_id, how.UPLOADED.value), *((pk, how.CONFIGURED.value) for pk in _configured(version))}
    return hands


def _configured(version: Version) -> set[int]:
    entries = TrailEntry.objects.filter(actor__isnull=False)
    dataset = entries.filter(subject_type="dataset", subject_id=str(version.dataset_id), action__in=CONFIGURING)
    columns = entries.filter(subject_type="version", subject_id=str(version.pk), action="columns.set")
    compared = version.comparisons.values_list("requested_by", flat=True)
    estimated = version.estimates.values_list("requested_by", flat=True)
    return {
        *dataset.values_list("actor_id", flat=True), *columns.values_list("actor_id", flat=True), *compared, *estimated, version.dataset.steward_id
    }  # fmt: skip
