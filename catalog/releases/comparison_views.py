"""Pages of comparisons: ask for one beside a recipe, watch it, look at its picture and choose."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from catalog.audit.errors import Invalid, PlatformError
from catalog.datasets.models import Dataset
from catalog.people.pages import actor, private
from catalog.releases import comparisons, services
from catalog.releases.compared import method_name, pictured
from catalog.releases.models import Comparison
from catalog.releases.policies import can_cancel, can_run, check_can_run, check_can_see
from catalog.releases.states import COMPARISON
from catalog.releases.views import SettingsForm, editor, progress_of


def _numbers(text: str) -> list[int]:
    words = re.findall(r"[^\s,;、，]+", text)
    if not all(word.isascii() and word.isdecimal() and len(word) < 9 for word in words):
        raise Invalid("k and l are whole numbers, separated by commas. Nothing was asked for.")
    return [int(word) for word in words]


@private
@require_POST
def ask(request: HttpRequest, slug: str) -> HttpResponseBase:
    """From the recipe's own form, so that what is being written is what is compared."""
    dataset = get_object_or_404(Dataset.objects.select_related("organisation", "population"), slug=slug)
    check_can_run(actor(request), dataset)
    text, form = request.POST.get("recipe", ""), SettingsForm(request.POST)
    try:
        made = _asked(request, dataset, text)
    except PlatformError as error:
        return editor(request, dataset, text, error, settings=form)
    return redirect("comparison", comparison_id=made.pk)


def _asked(request: HttpRequest, dataset: Dataset, text: str) -> Comparison:
    """k, l and methods are nothing to a table with noise."""
    if comparisons.is_table(text):
        return comparisons.request_forecast(by=actor(request), dataset=dataset, document=text)
    return comparisons.request_comparison(
        by=actor(request), dataset=dataset, document=text, ks=_numbers(request.POST.get("ks", "")),
        ls=_numbers(request.POST.get("ls", "")), methods=request.POST.getlist("methods"),
    )  # fmt: skip


def _comparison(request: HttpRequest, comparison_id: int) -> Comparison:
    found = Comparison.objects.select_related("dataset__organisation", "version", "requested_by")
    comparison = get_object_or_404(found, pk=comparison_id)
    check_can_see(actor(request), comparison)
    return comparison


@private
@require_GET
def comparison(request: HttpRequest, comparison_id: int) -> HttpResponseBase:
    found, me = _comparison(request, comparison_id), actor(request)
    context = {
        "open": found.state in COMPARISON.open_states, "may_cancel": can_cancel(me, found), "may_run": can_run(me, found.dataset),
        "methods": [method_name(method) for method in found.settings.get("methods", [])], "room": "steward",
        **pictured(found, draw="draw" in request.GET),
    }  # fmt: skip
    return render(request, "releases/comparison.html", context)


@private
@require_GET
def progress(request: HttpRequest, comparison_id: int) -> HttpResponseBase:
    return progress_of(request, _comparison(request, comparison_id))


@private
@require_GET
def drawn(request: HttpRequest, comparison_id: int) -> HttpResponseBase:
    """The picture with its numbers, drawn now: asked for by a page that went out without it."""
    found = _comparison(request, comparison_id)
    template = "releases/_foreseen.html" if found.is_forecast else "releases/_compared.html"
    return render(request, template, {"may_run": can_run(actor(request), found.dataset), **pictured(found, draw=True)})


@private
@require_POST
def cancel(request: HttpRequest, comparison_id: int) -> HttpResponseBase:
    services.cancel(by=actor(request), job=_comparison(request, comparison_id))
    return redirect("comparison", comparison_id=comparison_id)
