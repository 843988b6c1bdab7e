"""Forms of what comes in: a dataset's description and contract, an upload, the roles of columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from anonymize.recipe import Role
from catalog.datasets.models import Column, Contract, Dataset, Frequency, Source, Version
from catalog.datasets.services import CONTRACT_FIELDS
from catalog.ledger.models import Population

MOST_COLUMNS: Final = 300  # more than a person reads; the API sets any number
NUMBERS: Final = ("integer", "decimal", "number")
TIMES: Final = ("date", "timestamp", "timestamptz")


def _date(**more: Any) -> forms.DateField:
    return forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}), **more)


class DatasetForm(forms.Form):
    """Description and contract of a dataset. Says nothing of who may: the services do."""

    title = forms.CharField(max_length=200, label=gettext_lazy("Title"))
    slug = forms.CharField(max_length=80, required=False, label=gettext_lazy("Address"), help_text=gettext_lazy("Lower-case letters, digits and hyphens. Left empty, it is made from the title. It never changes."))
    description = forms.CharField(max_length=10_000, required=False, widget=forms.Textarea, label=gettext_lazy("What it is"), help_text=gettext_lazy("One paragraph: what is counted, where, since when, by whom."))
    language = forms.ChoiceField(choices=settings.LANGUAGES, label=gettext_lazy("Language of this description"))
    themes = forms.CharField(required=False, max_length=300, label=gettext_lazy("Themes"), help_text=gettext_lazy("Separated by commas."))
    source = forms.ChoiceField(choices=[(s, s) for s in Source.values], label=gettext_lazy("Where the data come from"))
    licence = forms.CharField(max_length=100, initial="CC-BY-4.0", label=gettext_lazy("Licence"))
    update_frequency = forms.ChoiceField(choices=[(f, f) for f in Frequency.values], initial=Frequency.ONCE, label=gettext_lazy("Updated"))
    spatial_coverage = forms.CharField(max_length=200, required=False, label=gettext_lazy("Area covered"))
    temporal_start = _date(label=gettext_lazy("From"))
    temporal_end = _date(label=gettext_lazy("Until"))
    contact = forms.CharField(max_length=200, required=False, label=gettext_lazy("Contact"))
    population = forms.ModelChoiceField(
        Population.objects.all(), required=False, label=gettext_lazy("The people behind it"),
        empty_label=gettext_lazy("none: the data are not about people"), help_text=gettext_lazy("Their privacy budget pays for differentially private releases."),
    )
    supplier = forms.CharField(max_length=200, required=False, label=gettext_lazy("Supplier"))
    number = forms.CharField(max_length=100, required=False, label=gettext_lazy("Contract number"))
    valid_from = _date(label=gettext_lazy("Valid from"))
    valid_until = _date(label=gettext_lazy("Valid until"))
    permits_aggregates = forms.BooleanField(required=False, label=gettext_lazy("permits publishing aggregates"))
    permits_microdata = forms.BooleanField(required=False, label=gettext_lazy("permits publishing single rows"))
    attribution = forms.CharField(max_length=300, required=False, label=gettext_lazy("Attribution that the contract asks for"))

    def clean_themes(self) -> list[str]:
        return [theme.strip() for theme in self.cleaned_data["themes"].split(",") if theme.strip()]

    def clean(self) -> dict[str, Any]:
        """Purchased data need their contract; an address is made from the title where it can be."""
        given: dict[str, Any] = super().clean() or {}
        if not given.get("slug"):
            given["slug"] = slugify(given.get("title", ""))[:80]
        if not given["slug"]:
            self.add_error("slug", _("No address could be made from the title: write one."))
        if given.get("source") == Source.PURCHASED:
            for name in ("supplier", "number", "valid_from", "valid_until"):
                if not given.get(name):
                    self.add_error(name, _("Purchased data need their contract."))
        return given

    @property
    def fields_given(self) -> dict[str, Any]:
        """For the service: the description, without slug and contract."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("slug", *CONTRACT_FIELDS)}

    @property
    def contract_given(self) -> dict[str, Any] | None:
        if self.cleaned_data["source"] != Source.PURCHASED:
            return None
        return {name: self.cleaned_data[name] for name in CONTRACT_FIELDS}


def described(dataset: Dataset) -> dict[str, Any]:
    """Initial values of the form for a dataset that exists."""
    contract = Contract.objects.filter(dataset=dataset).first()
    terms = {name: getattr(contract, name) for name in CONTRACT_FIELDS} if contract else {}
    names = [name for name in DatasetForm.base_fields if name not in CONTRACT_FIELDS]
    return {**{name: getattr(dataset, name) for name in names}, **terms, "themes": ", ".join(dataset.themes)}


class UploadForm(forms.Form):
    """What is said of a file beside it: the file itself never passes through a form (see the view)."""

    header = forms.ChoiceField(
        required=False, widget=forms.RadioSelect, label=gettext_lazy("The first line of the file"),
        choices=[
            ("auto", gettext_lazy("names the columns, I think: stop if it looks like data")),
            ("present", gettext_lazy("names the columns, also where the names are numbers or dates")),
            ("absent", gettext_lazy("is data already: the file has no header")),
        ],
    )  # fmt: skip
    names = forms.CharField(
        required=False, strip=False, max_length=300_000, widget=forms.Textarea(attrs={"rows": 3}), label=gettext_lazy("Names of the columns"),
        help_text=gettext_lazy("Only for a file without a header: one name for each column, in their order, separated by commas or on lines of their own. Choose names that say what a column holds; never a person's name or number."),
    )  # fmt: skip

    def clean_names(self) -> list[str]:
        """As lines of CSV, so that a name may hold a comma."""
        lines = self.cleaned_data["names"].splitlines()
        try:
            return [name.strip() for row in csv.reader(lines, strict=True, skipinitialspace=True) for name in row if name.strip()]
        except csv.Error:
            pass  # told below, outside this block: the module's own error may quote the text
        raise forms.ValidationError(_("The names cannot be read: quote a name that holds a comma or a quote."))


class HierarchyForm(forms.Form):
    """A ladder of values, from a small public file."""

    name = forms.CharField(max_length=100, required=False)
    file = forms.FileField()


# --- columns -----------------------------------------------------------------------------------------------------


class ColumnForm(forms.Form):
    """Role, ladder and title of one column. An empty role leaves the column out."""

    role = forms.ChoiceField(required=False, choices=[("", ""), *((role.value, role.value) for role in Role)], label=gettext_lazy("Role"))
    hierarchy = forms.ChoiceField(required=False, label=gettext_lazy("Ladder"))
    title = forms.CharField(required=False, max_length=200, label=gettext_lazy("Meaning"))

    def __init__(self, *args: Any, column: Column, ladders: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.column = column
        kept = json.dumps(column.hierarchy, sort_keys=True) if column.hierarchy else ""
        choices = [("", _("none")), *ladders_for(column), *ladders]
        if kept and kept not in dict(choices):
            choices.append((kept, _("as set over the API")))
        self.fields["hierarchy"].choices = choices  # type: ignore[attr-defined]
        self.initial = {"role": column.role, "hierarchy": kept, "title": column.title}

    def settings(self, *, accept: bool) -> dict[str, Any]:
        """For the service; ``accept`` takes the suggested role."""
        chosen = self.cleaned_data["hierarchy"]
        return {
            "role": self.column.suggested_role if accept else self.cleaned_data["role"],
            "hierarchy": json.loads(chosen) if chosen else None,
            "title": self.cleaned_data["title"],
        }


def ladders_for(column: Column) -> list[tuple[str, str]]:
    """Ladders that fit a column's type, as canonical JSON with a label. They never look at its values."""
    made: list[tuple[dict[str, Any], str]] = []
    if column.type in NUMBERS:
        made = [
            ({"intervals": ["5", "10", "20", "40"]}, _("intervals of 5, 10, 20, 40")),
            ({"intervals": ["10", "20", "40"]}, _("intervals of 10, 20, 40")),
            ({"intervals": ["1000", "10000", "100000"]}, _("intervals of 1,000, 10,000, 100,000")),
        ]
    elif column.type in TIMES:
        hours = [({"dates": ["hour", "day", "month", "year"]}, _("hour, day, month, year"))] if column.type != "date" else []
        made = [({"dates": ["day", "month", "quarter", "year"]}, _("day, month, quarter, year")), *hours]
    elif column.type == "text":
        made = [({"prefix": [8, 5, 2]}, _("code: its first 8, 5, 2 characters")), ({"h3": [9, 8, 7, 6]}, _("H3 cells 9, 8, 7, 6")),
                ({"counts": [20, 200]}, _("what 20, then 200 people have; the rest is “other”"))]  # fmt: skip
    return [(json.dumps(ladder, sort_keys=True), label) for ladder, label in made]


def _named(name: str, ladder: dict[str, Any]) -> str:
    """What a ladder from a file is called: of a layer, which of its codes lead where."""
    if "places" not in ladder:
        return _("file %(name)s") % {"name": name}
    steps = [ladder["places"]["code"], *ladder["places"]["parents"]]
    return _("file %(name)s: %(steps)s") % {"name": name, "steps": " → ".join(steps)}


def column_forms(version: Version | None, data: Any = None) -> list[ColumnForm]:
    """A form for each column of a version, at most :data:`MOST_COLUMNS`."""
    if version is None:
        return []
    files = version.dataset.hierarchy_files.order_by("name").values_list("name", "ladders")
    ladders = [(json.dumps(ladder, sort_keys=True), _named(name, ladder)) for name, offered in files for ladder in offered]
    return [ColumnForm(data, prefix=f"c{column.pk}", column=column, ladders=ladders) for column in version.columns.all()[:MOST_COLUMNS]]
