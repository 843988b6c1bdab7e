"""Pages of estimates of bounds: ask for one beside a recipe, watch it, read it, and put its bounds into the recipe."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from catalog.audit.errors import Invalid, PlatformError
from catalog.datasets.models import Dataset
from catalog.people.pages import actor, private
from catalog.releases import estimates, services
from catalog.releases.models import Estimate
from catalog.releases.policies import can_cancel, can_run, check_can_run, check_can_see
from catalog.releases.states import ESTIMATE
from catalog.releases.views import LookForm, editor, progress_of


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise Invalid("ε and the share are numbers, such as 0.1 and 0.99. Nothing was asked for.") from None


@private
@require_POST
def ask(request: HttpRequest, slug: str) -> HttpResponseBase:
    """From the recipe's own form: its bounds play no part."""
    dataset = get_object_or_404(Dataset.objects.select_related("organisation", "population"), slug=slug)
    check_can_run(actor(request), dataset)
    text = request.POST.get("recipe", "")
    try:
        epsilon, share = (_exact(request.POST.get(name, "")) for name in ("look_epsilon", "look_share"))
        made = estimates.request_estimate(by=actor(request), dataset=dataset, document=text, epsilon=epsilon, share=share)
    except PlatformError as error:
        return editor(request, dataset, text, error, look=LookForm(request.POST))
    return redirect("estimate", estimate_id=made.pk)


def _estimate(request: HttpRequest, estimate_id: int) -> Estimate:
    found = Estimate.objects.select_related("dataset__organisation", "version", "requested_by", "population")
    estimate = get_object_or_404(found, pk=estimate_id)
    check_can_see(actor(request), estimate)
    return estimate


@private
@require_GET
def estimate(request: HttpRequest, estimate_id: int) -> HttpResponseBase:
    found, me = _estimate(request, estimate_id), actor(request)
    context = {
        "estimate": found, "open": found.state in ESTIMATE.open_states, "may_cancel": can_cancel(me, found), "may_run": can_run(me, found.dataset),
        "proposals": (found.result or {}).get("proposals", []), "room": "steward",
    }  # fmt: skip
    return render(request, "releases/estimate.html", context)


@private
@require_GET
def progress(request: HttpRequest, estimate_id: int) -> HttpResponseBase:
    return progress_of(request, _estimate(request, estimate_id))


@private
@require_POST
def cancel(request: HttpRequest, estimate_id: int) -> HttpResponseBase:
    services.cancel(by=actor(request), job=_estimate(request, estimate_id))
    return redirect("estimate", estimate_id=estimate_id)
