"""Pages of runs: choose and edit a recipe, ask for a run, watch it, read its report."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit.errors import PlatformError
from catalog.datasets.models import Dataset
from catalog.datasets.selectors import latest_ready
from catalog.ledger.selectors import balance
from catalog.people.pages import actor, private, shown, status_of
from catalog.releases import services
from catalog.releases.figures import before_after, errors_of
from catalog.releases.models import Run
from catalog.releases.policies import can_cancel, check_can_run, check_can_see
from catalog.releases.states import RUN
from catalog.releases.templates import offers

STOP_POLLING = 286  # htmx: swap, and do not ask again


class RecipeForm(forms.Form):
    """A recipe as JSON."""

    recipe = forms.CharField(max_length=1_000_000, widget=forms.Textarea, label=gettext_lazy("Recipe (JSON)"))


@private
@require_http_methods(["GET", "POST"])
def recipe(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The editor. What is wrong is shown beside what was written, and nothing of it is lost."""
    dataset = get_object_or_404(Dataset.objects.select_related("organisation", "population"), slug=slug)
    check_can_run(actor(request), dataset)
    if request.method == "GET":
        return _editor(request, dataset, _template(request, dataset))
    text = request.POST.get("recipe", "")
    try:
        run = services.request_run(by=actor(request), dataset=dataset, document=text)
    except PlatformError as error:
        return _editor(request, dataset, text, error)
    return redirect("run", run_id=run.pk)


def _template(request: HttpRequest, dataset: Dataset) -> str:
    """The recipe of an earlier run, or of an offer, to begin with."""
    asked = request.GET.get("run", "")
    earlier = dataset.runs.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else None
    if earlier is not None:
        return _pretty(earlier.recipe)
    made = offers(dataset, latest_ready(dataset))
    chosen = next((offer for offer in made if offer.fits and offer.slug == request.GET.get("offer")), None)
    return _pretty(chosen.recipe) if chosen else ""


def _pretty(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _editor(request: HttpRequest, dataset: Dataset, text: str, error: PlatformError | None = None) -> HttpResponseBase:
    context = {
        "dataset": dataset, "form": RecipeForm(initial={"recipe": text}), "problem": shown(error) if error else None,
        "budget": balance(dataset.population) if dataset.population else None, "ready": latest_ready(dataset), "room": "steward",
    }  # fmt: skip
    return render(request, "releases/recipe.html", context, status=status_of(error) if error else 200)


def _run(request: HttpRequest, run_id: int) -> Run:
    found = Run.objects.select_related("dataset__organisation", "version", "population", "requested_by")
    run = get_object_or_404(found, pk=run_id)
    check_can_see(actor(request), run)
    return run


@private
@require_GET
def run(request: HttpRequest, run_id: int) -> HttpResponseBase:
    found = _run(request, run_id)
    me = actor(request)
    context = {
        "run": found, "open": found.state in RUN.open_states, "figures": before_after(found.report), "errors": errors_of(found.report),
        "may_cancel": can_cancel(me, found), "may_run": found.dataset.organisation_id == me.organisation_id,
        "reviews": found.reviews.order_by("-id"), "stage": found.recipe["stages"][-1], "room": "steward",
    }  # fmt: skip
    return render(request, "releases/run.html", context)


@private
@require_GET
def progress(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """The moving part of a run's page; when the run has ended, the whole page is asked for again."""
    found = _run(request, run_id)
    if found.state in RUN.open_states:
        return render(request, "releases/_progress.html", {"run": found})
    response = render(request, "releases/_progress.html", {"run": found}, status=STOP_POLLING)
    response["HX-Refresh"] = "true"
    return response


@private
@require_POST
def cancel(request: HttpRequest, run_id: int) -> HttpResponseBase:
    services.cancel(by=actor(request), job=_run(request, run_id))
    return redirect("run", run_id=run_id)
