"""Pages that change what comes in. Each calls the service that the API calls, and goes back to the dataset's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from catalog.audit.errors import Conflict, Invalid, PlatformError
from catalog.datasets import services
from catalog.datasets.forms import DatasetForm, HierarchyForm, UploadForm, column_forms, described
from catalog.datasets.models import Dataset, Version
from catalog.datasets.policies import check_can_edit
from catalog.datasets.receiving import heading_of
from catalog.datasets.selectors import latest_ready
from catalog.datasets.upload import SealedUpload, SealingUploadHandler
from catalog.people.models import User
from catalog.people.pages import actor, private, shown, status_of
from catalog.people.policies import check_can_manage_people, check_has_role
from catalog.people.roles import Role


def _dataset(slug: str) -> Dataset:
    return get_object_or_404(Dataset.objects.select_related("organisation"), slug=slug)


def _back(dataset: Dataset, part: str = "") -> HttpResponseBase:
    response = redirect("steward_dataset", slug=dataset.slug)
    if part:
        response["Location"] += f"#{part}"
    return response


@private
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    me = actor(request)
    check_has_role(me, Role.STEWARD)
    form = DatasetForm(request.POST or None, initial={"language": me.language})
    if request.method == "GET":
        return _form(request, form)
    if not form.is_valid():
        return _form(request, form, status=422)
    if me.organisation is None:
        raise Invalid("You belong to no organisation, so a dataset of yours would have no owner. Ask an administrator.")
    try:
        made = services.create_dataset(
            by=me, slug=form.cleaned_data["slug"], organisation=me.organisation, contract=form.contract_given, **form.fields_given
        )
    except PlatformError as error:
        return _form(request, form, error=error)
    return _back(made)


@private
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponseBase:
    dataset = _dataset(slug)
    check_can_edit(actor(request), dataset)
    if request.method == "GET":
        return _form(request, DatasetForm(initial=described(dataset)), dataset=dataset)
    form = DatasetForm({**request.POST.dict(), "slug": dataset.slug})
    if not form.is_valid():
        return _form(request, form, dataset=dataset, status=422)
    try:
        services.update_dataset(by=actor(request), dataset=dataset, contract=form.contract_given, **form.fields_given)
    except PlatformError as error:
        return _form(request, form, dataset=dataset, error=error)
    return _back(dataset)


def _form(
    request: HttpRequest, form: DatasetForm, *, dataset: Dataset | None = None, error: PlatformError | None = None, status: int = 200
) -> HttpResponseBase:
    context: dict[str, Any] = {"form": form, "dataset": dataset, "room": "steward"}
    if error is not None:
        context["problem"], status = shown(error), status_of(error)
    return render(request, "datasets/form.html", context, status=status)


@private
@require_POST
def hand_over(request: HttpRequest, person_id: int, slug: str) -> HttpResponseBase:
    """From the page of the person who leaves, to which it goes back."""
    me = actor(request)
    check_can_manage_people(me)
    to = User.objects.filter(username=request.POST.get("steward", "")).first()
    if to is None:
        raise Invalid("Choose a steward first. Nothing was changed.")
    services.hand_over(by=me, dataset=_dataset(slug), to=to)
    messages.success(request, _("The dataset is handed over."))
    return redirect("person", person_id=person_id)


# --- upload ----------------------------------------------------------------------------------------------------------


@csrf_exempt  # the token is in the body, which nothing may read before the sealing handler is in place: see _receive
@private
@require_POST
def upload(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Who may not upload is told before the body is read. Whatever is not kept is removed from the vault again."""
    dataset = _dataset(slug)
    check_can_edit(actor(request), dataset)
    handler = SealingUploadHandler(request)
    request.upload_handlers = [handler]
    try:
        return _receive(request, dataset, handler)
    finally:
        handler.discard()


@csrf_protect
def _receive(request: HttpRequest, dataset: Dataset, handler: SealingUploadHandler) -> HttpResponseBase:
    file = request.FILES.get("file")
    if not isinstance(file, SealedUpload):
        raise Invalid("Choose a file first. Nothing was uploaded.")
    form = UploadForm(request.POST)
    if not form.is_valid():
        raise Invalid("What you said of the first line cannot be used: choose one of the three, and separate names by commas. Nothing was kept.")
    heading = heading_of(form.cleaned_data["header"] or "auto", form.cleaned_data["names"])
    handler.sealed.remove(file.sealed.name)  # receive_version answers for it from here
    services.receive_version(by=actor(request), dataset=dataset, file_name=file.name or "upload", sealed=file.sealed, heading=heading)
    return _back(dataset)


@private
@require_POST
def destroy(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    version = get_object_or_404(Version, dataset__slug=slug, number=number)
    services.destroy_version(by=actor(request), version=version, reason=request.POST.get("reason", ""))
    messages.success(request, _("The raw data of this version are destroyed. Its record stays."))
    return _back(version.dataset)


# --- columns ---------------------------------------------------------------------------------------------------------


@private
@require_POST
def columns(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Set the roles of the newest ready version; ``accept`` takes every suggestion."""
    dataset = _dataset(slug)
    check_can_edit(actor(request), dataset)
    version = latest_ready(dataset)
    if version is None:
        raise Conflict("No version is ready, so there are no columns yet.")
    forms = column_forms(version, request.POST)
    if not all(form.is_valid() for form in forms):
        raise Invalid("A role or a ladder is not one of those offered. Nothing was changed.")
    accept = "accept" in request.POST
    services.set_columns(by=actor(request), version=version, columns={f.column.name: f.settings(accept=accept) for f in forms})
    messages.success(request, _("The roles of the columns are set."))
    return _back(dataset)


@private
@require_POST
def hierarchy(request: HttpRequest, slug: str) -> HttpResponseBase:
    dataset = _dataset(slug)
    form = HierarchyForm(request.POST, request.FILES)
    if not form.is_valid():
        raise Invalid("Choose a hierarchy file first. Nothing was changed.")
    file = form.cleaned_data["file"]
    name = form.cleaned_data["name"] or services.display_name(file.name)
    content = file.read(services.most_bytes(name) + 1)
    services.set_hierarchy_file(by=actor(request), dataset=dataset, name=name, content=content)
    return _back(dataset, "hierarchies")
