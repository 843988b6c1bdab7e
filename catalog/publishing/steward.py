"""The steward's view of the whole way of a dataset, across all rooms: where it stands, and the one next action."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from anonymize.errors import HeaderLooksLikeValues
from catalog.datasets.forms import UploadForm, column_forms
from catalog.datasets.models import Dataset, Version
from catalog.datasets.policies import can_edit, check_can_see_inside
from catalog.datasets.selectors import datasets_of, latest_ready
from catalog.datasets.states import REJECTED
from catalog.ledger.selectors import balance
from catalog.people.pages import actor, private
from catalog.people.policies import check_has_role
from catalog.people.roles import Role
from catalog.publishing.way import waiting_for, way
from catalog.releases.assessed import standing_out
from catalog.releases.assessed.seen import seen_of
from catalog.releases.compared import pictured
from catalog.releases.selectors import runs_of, standing_out_in
from catalog.releases.templates import Offer, offers

FEW = 10


@private
@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """The datasets of the steward's organisation, those that wait for the steward first."""
    me = actor(request)
    check_has_role(me, Role.STEWARD)
    lines = [waiting_for(dataset) for dataset in datasets_of(me)]
    lines.sort(key=lambda line: line["way"].next.who != "steward")
    context = {"lines": lines, "yours": sum(line["way"].next.who == "steward" for line in lines), "room": "steward"}
    return render(request, "publishing/steward.html", context)


@private
@require_GET
def dataset(request: HttpRequest, slug: str) -> HttpResponseBase:
    found = get_object_or_404(Dataset.objects.select_related("organisation", "steward", "population", "contract"), slug=slug)
    me = actor(request)
    check_can_see_inside(me, found)
    return render(request, "publishing/steward_dataset.html", {**_inside(found), "may_edit": can_edit(me, found), "room": "steward"})


def _inside(dataset: Dataset) -> dict[str, Any]:
    versions = list(dataset.versions.order_by("-number")[:FEW])
    ready = latest_ready(dataset)
    made = offers(dataset, ready) if ready else []
    return {
        "dataset": dataset, "way": way(dataset), "versions": versions, "destructible": [v for v in versions if v == ready or v.state == REJECTED], "newest": versions[0] if versions else None, "ready": ready,
        "columns": column_forms(ready), "hierarchies": dataset.hierarchy_files.order_by("name"), "upload_form": _upload_form(versions[0] if versions else None),
        "offers": made, "runs": runs_of(dataset).defer("report", "sample")[:FEW],
        "reviews": dataset.reviews.order_by("-id")[:FEW], "publications": dataset.publications.order_by("-number")[:FEW],
        "budget": balance(dataset.population) if dataset.population else None,
        "comparable": _comparable(made), **_measured(ready),
    }  # fmt: skip


def _upload_form(newest: Version | None) -> UploadForm:
    """What the next upload says, for a start: after a header that looked like data, that there is none."""
    headless = newest is not None and (newest.error or {}).get("code") == HeaderLooksLikeValues.code
    return UploadForm(initial={"header": "absent" if headless else "auto"})


def _comparable(made: list[Offer]) -> str:
    """The offer whose settings are compared first; empty where none of them has any."""
    fitting = {offer.slug for offer in made if offer.fits}
    return next((slug for slug in ("k-anonymous", "dp-table") if slug in fitting), "")


def _measured(version: Version | None) -> dict[str, Any]:
    """What runs and comparisons of the version tell before the next one: what makes people stand out, and the newest comparison."""
    if version is None:
        return {}
    newest = version.comparisons.select_related("dataset").order_by("-id").first()
    return {"standing_out": seen_of(standing_out(standing_out_in(version))), **pictured(newest)}
