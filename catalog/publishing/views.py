"""What everybody may see: the catalogue, datasets, releases and the public register; and the trail, for auditors."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit import services as audit
from catalog.audit.models import TrailEntry
from catalog.datasets.models import Dataset
from catalog.people.models import Organisation
from catalog.people.pages import actor, page, private
from catalog.people.policies import check_can_read_trail
from catalog.publishing import selectors, services, store
from catalog.publishing.charts import chart_of
from catalog.publishing.maps import map_of
from catalog.publishing.models import Copy, Publication
from catalog.publishing.policies import can_stop
from catalog.publishing.selectors import SORTS, Search
from catalog.publishing.states import PUBLICATION, READABLE, SUSPENDED, WITHDRAWN
from catalog.publishing.words import name_of, promise_of
from catalog.review.selectors import approval

PER_PAGE = 20
REGISTER_PAGE = TRAIL_PAGE = 100
STOPS = {"suspend": services.suspend, "withdraw": services.withdraw}


class SearchForm(forms.Form):
    """What may stand in the catalogue's address; what cannot be read asks for nothing."""

    q = forms.CharField(required=False, max_length=200)
    organisation = forms.SlugField(required=False)
    theme = forms.CharField(required=False, max_length=100)
    source = forms.SlugField(required=False)
    guarantee = forms.SlugField(required=False)
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in SORTS])

    def search(self) -> Search:
        self.is_valid()
        return Search(**{name: value for name, value in self.cleaned_data.items() if value})


@page
@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    search = SearchForm(request.GET).search()
    found = selectors.find(search)
    shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    newest = _newest([dataset.pk for dataset in shown])
    context = {
        "search": search, "shown": shown, "facets": _facets(found), "chosen": _chosen(search), "how_much": _how_much(),
        "results": [(dataset, newest[dataset.pk]) for dataset in shown], "sorts": [("newest", _("newest first")), ("title", _("by title")), ("oldest", _("oldest first"))],
        "at_home": True, "room": "catalogue",
    }  # fmt: skip
    return render(request, "publishing/home.html", context)


def _newest(datasets: list[int]) -> dict[int, Publication]:
    """The newest publication of each dataset."""
    rows = Publication.objects.filter(dataset__in=datasets).order_by("number")
    return {publication.dataset_id: publication for publication in rows}


def _facets(found: Any) -> dict[str, list[dict[str, object]]]:
    """With the organisations' names in the reader's language."""
    counted = selectors.facets(found)
    names = {organisation.slug: name_of(organisation) for organisation in Organisation.objects.all()}
    counted["organisation"] = [{**value, "label": names.get(str(value["value"]), value["label"])} for value in counted["organisation"]]
    return counted


def _chosen(search: Search) -> dict[str, str]:
    return {name: value for name in ("organisation", "theme", "source", "guarantee") if (value := getattr(search, name))}


def _how_much() -> dict[str, int]:
    counted = Publication.objects.aggregate(
        datasets=Count("dataset", distinct=True), releases=Count("pk"), organisations=Count("dataset__organisation", distinct=True)
    )
    return dict(counted)


@page
@require_GET
def dataset(request: HttpRequest, slug: str) -> HttpResponseBase:
    found = get_object_or_404(Dataset.objects.select_related("organisation", "steward", "contract"), slug=slug)
    releases = list(found.publications.order_by("-number"))
    if not releases:
        raise Http404
    current = selectors.current(found)
    if current is None:
        return _stopped(request, releases[0])
    context = {"dataset": found, "releases": releases, "themes": found.themes, **_shown(request, current)}
    return render(request, "publishing/dataset.html", {**context, "room": "catalogue"})


@page
@require_GET
def release(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    found = _publication(slug, number)
    if found.state not in READABLE:
        return _stopped(request, found)
    context = {"dataset": found.dataset, "decision": approval(found.review), **_shown(request, found)}
    return render(request, "publishing/release.html", {**context, "room": "register"})


def _publication(slug: str, number: int) -> Publication:
    found = Publication.objects.select_related("dataset__organisation", "dataset__population", "review__run", "superseded_by")
    return get_object_or_404(found, dataset__slug=slug, number=number)


def _shown(request: HttpRequest, publication: Publication) -> dict[str, Any]:
    """What the pages of a dataset and of a release both show of a publication that may be read."""
    may_stop = request.user.is_authenticated and can_stop(actor(request), publication)
    store.local_path(publication.store_name, publication.artefact_sha256)  # a picture that was kept must not stand for a file that is not whole
    columns = [column for column in publication.columns if column.get("role") not in ("lower", "upper", "interval")]
    intervals = len(columns) < len(publication.columns)
    return {
        "publication": publication, "guarantee": promise_of(publication), "chart": chart_of(publication), "map": map_of(publication),
        "columns": columns, "intervals": intervals, "stops": _stops(publication) if may_stop else [],
    }  # fmt: skip


def _stops(publication: Publication) -> list[str]:
    """The ways in which this publication can still be stopped."""
    possible = PUBLICATION.by_name()[publication.state].to
    return [verb for verb, state in (("suspend", SUSPENDED), ("withdraw", WITHDRAWN)) if state in possible]


def _stopped(request: HttpRequest, publication: Publication) -> HttpResponseBase:
    """A tombstone: what was here, when and why it went, and what there is instead."""
    may_stop = request.user.is_authenticated and can_stop(actor(request), publication)
    newer = selectors.current(publication.dataset)
    tombstone = {
        "reason": publication.tombstone, "state": publication.state, "at": publication.changed_at, "sha256": publication.artefact_sha256,
        "instead_url": reverse("dataset", args=[publication.dataset.slug]) if newer else "",
    }  # fmt: skip
    context = {
        "dataset": publication.dataset, "publication": publication, "tombstone": tombstone,
        "stops": _stops(publication) if may_stop else [], "room": "catalogue",
    }  # fmt: skip
    return render(request, "publishing/stopped.html", context, status=410)


@private
@require_POST
def stop(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    """One person, at once."""
    act = STOPS.get(request.POST.get("how", ""))
    if act is None:
        raise Http404
    publication = _publication(slug, number)
    act(by=actor(request), publication=publication, reason=request.POST.get("reason", ""))
    messages.success(request, _("Stopped. From now on this release answers with the reason you gave."))
    return redirect("release", slug=slug, number=number)


@private
@require_POST
def order_copy(request: HttpRequest, review_id: int) -> HttpResponseBase:
    """Have a refused copy tried anew."""
    services.order_again(by=actor(request), copy=get_object_or_404(Copy.objects.select_related("review__dataset"), review_id=review_id))
    messages.success(request, _("The copy is ordered again. A worker takes it up in a moment."))
    return redirect("review", review_id=review_id)


@page
@require_GET
def register(request: HttpRequest) -> HttpResponseBase:
    shown = Paginator(selectors.register(), REGISTER_PAGE).get_page(request.GET.get("page"))
    context = {"shown": shown, "populations": selectors.public_populations(), "room": "register"}
    return render(request, "publishing/register.html", context)


class TrailForm(forms.Form):
    """What to look for in the trail."""

    action = forms.CharField(required=False, max_length=80, label=gettext_lazy("Action"))
    actor = forms.CharField(required=False, max_length=150, label=gettext_lazy("Who"))
    subject_type = forms.CharField(required=False, max_length=60, label=gettext_lazy("Kind of thing"))
    subject_id = forms.CharField(required=False, max_length=120, label=gettext_lazy("Its number"))

    def found(self) -> Any:
        fields = {"action": "action", "actor": "actor_name", "subject_type": "subject_type", "subject_id": "subject_id"}
        self.is_valid()
        asked = {fields[name]: value.strip() for name, value in self.cleaned_data.items() if value}
        return TrailEntry.objects.filter(**asked).order_by("-seq")


@private
@require_http_methods(["GET", "POST"])
def trail(request: HttpRequest) -> HttpResponseBase:
    """Who did what. A POST verifies the whole chain now."""
    check_can_read_trail(actor(request))
    form = TrailForm(request.GET)
    shown = Paginator(form.found(), TRAIL_PAGE).get_page(request.GET.get("page"))
    verified = audit.verify() if request.method == "POST" else None
    return render(request, "publishing/trail.html", {"form": form, "shown": shown, "verified": verified, "room": "trail"})


