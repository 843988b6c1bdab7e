"""Pages of runs: choose and edit a recipe, ask for a run, watch it, read its report."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from anonymize.bounds import USUAL_EPSILON, USUAL_SHARE
from anonymize.frontier.candidates import METHODS
from catalog.audit.errors import PlatformError
from catalog.datasets.models import Dataset
from catalog.datasets.selectors import latest_ready
from catalog.ledger.selectors import balance
from catalog.people.pages import actor, private, shown, status_of
from catalog.releases import services
from catalog.releases.assessed.seen import measured
from catalog.releases.bounding import report_for
from catalog.releases.compared import recipe_of
from catalog.releases.comparisons import USUAL_METHODS
from catalog.releases.estimates import recipe_with
from catalog.releases.figures import before_after, errors_of
from catalog.releases.kinds import kind_of
from catalog.releases.models import Job, Run
from catalog.releases.policies import can_cancel, check_can_run, check_can_see
from catalog.releases.selectors import comparisons_of
from catalog.releases.states import RUN
from catalog.releases.templates import offers

FEW = 5
STOP_POLLING = 286  # htmx: swap, and do not ask again


class RecipeForm(forms.Form):
    """A recipe as JSON."""

    recipe = forms.CharField(max_length=1_000_000, widget=forms.Textarea, label=gettext_lazy("Recipe (JSON)"))


class SettingsForm(forms.Form):
    """What to compare: numbers as people write them, separated by anything."""

    ks = forms.CharField(max_length=200, initial="3, 5, 10, 20", label=gettext_lazy("k: people in every group, at least"))
    ls = forms.CharField(
        max_length=200, required=False, label=gettext_lazy("l: different sensitive values in every group, at least"),
        help_text=gettext_lazy("1 asks for none; left empty, it is as in the recipe."),
    )  # fmt: skip
    methods = forms.MultipleChoiceField(
        choices=[(method, method) for method in METHODS], initial=list(USUAL_METHODS),
        widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Methods"),
    )  # fmt: skip


class LookForm(forms.Form):
    """What a look at the data may cost, and how many people its bounds should cover."""

    look_epsilon = forms.CharField(max_length=40, initial=str(USUAL_EPSILON), label=gettext_lazy("ε: what the look costs"))
    look_share = forms.CharField(max_length=40, initial=str(USUAL_SHARE), label=gettext_lazy("Share of the people that a bound should cover"))


@private
@require_http_methods(["GET", "POST"])
def recipe(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The editor. What is wrong is shown beside what was written, and nothing of it is lost."""
    dataset = get_object_or_404(Dataset.objects.select_related("organisation", "population"), slug=slug)
    check_can_run(actor(request), dataset)
    if request.method == "GET":
        return editor(request, dataset, _begun(request, dataset))
    text = request.POST.get("recipe", "")
    try:
        run = services.request_run(by=actor(request), dataset=dataset, document=text)
    except PlatformError as error:
        return editor(request, dataset, text, error)
    return redirect("run", run_id=run.pk)


def _begun(request: HttpRequest, dataset: Dataset) -> str:
    """The recipe of an earlier run, of a setting that was compared, with bounds that were estimated, or of an offer, to begin with."""
    run, comparison, point, estimate = (_number(request.GET.get(name, "")) for name in ("run", "comparison", "point", "estimate"))
    earlier = dataset.runs.filter(pk=run).first()
    if earlier is not None:
        return _pretty(earlier.recipe)
    estimated = dataset.estimates.filter(pk=estimate).first()
    if estimated is not None:
        return _pretty(recipe_with(estimated))
    compared = dataset.comparisons.filter(pk=comparison).first()
    if compared is not None:
        return _pretty(recipe_of(compared, point) or compared.recipe)
    made = offers(dataset, latest_ready(dataset))
    chosen = next((offer for offer in made if offer.fits and offer.slug == request.GET.get("offer")), None)
    return _pretty(chosen.recipe) if chosen else ""


def _number(text: str) -> int:
    """-1, which is nobody's number, for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def _pretty(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def editor(
    request: HttpRequest, dataset: Dataset, text: str, error: PlatformError | None = None, settings: forms.Form | None = None,
    look: forms.Form | None = None,
) -> HttpResponseBase:  # fmt: skip
    """The page on which a recipe is written, run, compared with others, or has its bounds estimated."""
    ready = latest_ready(dataset)
    context = {
        "dataset": dataset, "form": RecipeForm(initial={"recipe": text}), "problem": shown(error) if error else None,
        "budget": balance(dataset.population) if dataset.population else None, "ready": ready, "room": "steward",
        "look": look or LookForm(), "estimated": dataset.estimates.filter(version=ready)[:FEW] if ready else [],
        "settings": settings or SettingsForm(), "table": _makes_table(text), "compared": comparisons_of(dataset).filter(version=ready)[:FEW] if ready else [],
    }  # fmt: skip
    return render(request, "releases/recipe.html", context, status=status_of(error) if error else 200)


def _makes_table(text: str) -> bool:
    """Whether what is being written seems to be a recipe for a table with noise, whole or not."""
    try:
        stages = json.loads(text)["stages"]
        return bool(stages[-1]["stage"] == "dp_table")
    except (ValueError, LookupError, TypeError):
        return False


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
    found.report = report_for(me, found.report)
    context = {
        "run": found, "open": found.state in RUN.open_states, "figures": before_after(found.report), "errors": errors_of(found.report),
        "may_cancel": can_cancel(me, found), "may_run": found.dataset.organisation_id == me.organisation_id,
        "reviews": found.reviews.order_by("-id"), "stage": found.recipe["stages"][-1], "room": "steward",
        **measured(found.report, draw="draw" in request.GET),
    }  # fmt: skip
    return render(request, "releases/run.html", context)


@private
@require_GET
def drawn(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """What was measured of a run, once its pictures are drawn: asked for by a page that went out without them."""
    found = _run(request, run_id)
    return render(request, "releases/_measured.html", {"run": found, **measured(found.report, draw=True)})


@private
@require_GET
def progress(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """The moving part of a run's page; when the run has ended, the whole page is asked for again."""
    return progress_of(request, _run(request, run_id))


def progress_of(request: HttpRequest, job: Job) -> HttpResponseBase:
    if job.state in kind_of(job).table.open_states:
        return render(request, "releases/_progress.html", {"job": job})
    response = render(request, "releases/_progress.html", {"job": job}, status=STOP_POLLING)
    response["HX-Refresh"] = "true"
    return response


@private
@require_POST
def cancel(request: HttpRequest, run_id: int) -> HttpResponseBase:
    services.cancel(by=actor(request), job=_run(request, run_id))
    return redirect("run", run_id=run_id)
