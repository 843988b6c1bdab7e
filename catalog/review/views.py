"""The officer's queue and the page on which an officer decides; and how a steward submits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from catalog.audit.errors import Conflict, NotAllowed, PlatformError
from catalog.ledger.selectors import balance
from catalog.people.pages import actor, private, shown, status_of
from catalog.people.policies import check_has_role
from catalog.people.roles import OFFICERS
from catalog.releases import bounding
from catalog.releases.assessed.seen import measured
from catalog.releases.bounding import report_for
from catalog.releases.figures import before_after, errors_of
from catalog.releases.models import Run
from catalog.releases.states import DONE
from catalog.review import selectors, services
from catalog.review.models import Review, Verdict
from catalog.review.policies import check_can_decide, check_can_look, check_can_withdraw


class DecisionForm(forms.Form):
    """A verdict on exactly the bytes on the page. What is wrong with it, the service says."""

    verdict = forms.ChoiceField(required=False, choices=[(v, v) for v in Verdict.values], widget=forms.RadioSelect, label=gettext_lazy("Verdict"))
    reason_code = forms.CharField(required=False, max_length=50, label=gettext_lazy("Why, in a word"))
    reason = forms.CharField(required=False, max_length=5000, widget=forms.Textarea, label=gettext_lazy("Why, in a sentence"))
    conditions = forms.CharField(required=False, max_length=5000, widget=forms.Textarea, label=gettext_lazy("Conditions, if any"))
    artefact_sha256 = forms.CharField(required=False, max_length=64)


def _may(check: Any, *asked: Any) -> str:
    """Why not; empty when it is allowed."""
    try:
        check(*asked)
    except (NotAllowed, Conflict) as error:
        return error.detail
    return ""


@private
@require_GET
def queue(request: HttpRequest) -> HttpResponseBase:
    me = actor(request)
    check_has_role(me, *sorted(OFFICERS))
    waiting = [(review, selectors.red_flags(review)) for review in selectors.queue(me)]
    decided = me.decisions.select_related("review__dataset").order_by("-id")[:20]
    return render(request, "review/queue.html", {"waiting": waiting, "decided": decided, "room": "reviews"})


def _review(request: HttpRequest, review_id: int) -> Review:
    found = Review.objects.select_related(
        "dataset__organisation", "dataset__population", "dataset__contract", "run__version", "run__requested_by", "submitted_by", "officer"
    )
    review = get_object_or_404(found, pk=review_id)
    check_can_look(actor(request), review)
    return review


@private
@require_GET
def review(request: HttpRequest, review_id: int) -> HttpResponseBase:
    return _page(request, _review(request, review_id))


def _page(request: HttpRequest, review: Review, form: DecisionForm | None = None, error: PlatformError | None = None) -> HttpResponseBase:
    me, report = actor(request), report_for(actor(request), review.run.report) or {}
    context = {
        "review": review, "report": report, "guarantee": report.get("guarantee", {}), "flags": selectors.red_flags(review, me),
        "bounding": bounding.said(report), "figures": before_after(report), "errors": errors_of(report), "columns": report.get("artefact", {}).get("columns", []),
        "budget": balance(review.dataset.population) if review.dataset.population else None,
        "contract": getattr(review.dataset, "contract", None), "earlier": selectors.earlier_releases(review)[:20],
        "record": selectors.record_so_far(review), "decisions": review.decisions.select_related("decided_by"),
        "why_not": _may(check_can_decide, me, review), "may_withdraw": not _may(check_can_withdraw, me, review),
        "comparisons": review.run.version.comparisons.filter(state=DONE).order_by("id")[:10],
        **measured(report, draw="draw" in request.GET),
        "form": form or DecisionForm(), "reasons": services.REASON_CODES.items(), "problem": shown(error) if error else None, "room": "reviews",
    }  # fmt: skip
    return render(request, "review/review.html", context, status=status_of(error) if error else 200)


@private
@require_POST
def take(request: HttpRequest, review_id: int) -> HttpResponseBase:
    services.open_review(by=actor(request), review=_review(request, review_id))
    return redirect("review", review_id=review_id)


@private
@require_POST
def decide(request: HttpRequest, review_id: int) -> HttpResponseBase:
    found, form = _review(request, review_id), DecisionForm(request.POST)
    form.is_valid()
    given = {name: form.cleaned_data.get(name, "") for name in DecisionForm.base_fields}
    try:
        services.decide(by=actor(request), review=found, **given)
    except PlatformError as error:
        return _page(request, _review(request, review_id), form, error)
    messages.success(request, _("Your decision is recorded, bound to the hash of the file that you saw."))
    return redirect("review", review_id=review_id)


@private
@require_POST
def withdraw(request: HttpRequest, review_id: int) -> HttpResponseBase:
    found = _review(request, review_id)
    services.withdraw(by=actor(request), review=found)
    return redirect("steward_dataset", slug=found.dataset.slug)


@private
@require_POST
def submit(request: HttpRequest, run_id: int) -> HttpResponseBase:
    run = get_object_or_404(Run.objects.select_related("dataset__organisation", "version"), pk=run_id)
    made = services.submit(by=actor(request), run=run, context=request.POST.get("context", ""))
    messages.success(request, _("Submitted. A privacy officer who had no hand in it will decide."))
    return redirect("review", review_id=made.pk)
