"""Filters and tags of the pages: words for codes, numbers as the reader writes them, forms."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, Select, Textarea
from django.template.context import RequestContext

from catalog.audit.alarms import open_alarms
from catalog.audit.models import Alarm
from catalog.display import numbers
from catalog.people.policies import can_see_alarms, roles_of
from catalog.publishing import promised_units, words

register = template.Library()

register.filter("word", words.word)
register.filter("tone", words.tone)
register.filter("number", numbers.number)
register.filter("percent", numbers.percent)
register.filter("odds", numbers.odds)
register.filter("short", words.short)
register.filter("promise_of", words.promise_of)
register.filter("badge", words.badge)
register.filter("sentence", words.sentence)
register.filter("limits", words.limits)
register.filter("protected", promised_units.protected)
register.filter("covered", promised_units.covered)


@register.filter
def flag(found: Any) -> str:
    return words.flag_sentence(found.code, found.figure)


@register.filter
def role_meaning(role: str) -> str:
    return str(words.ROLE_MEANINGS.get(role, ""))


register.filter("name_of", words.name_of)


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """The languages of the pages, each in its own words."""
    return list(settings.LANGUAGES)


@register.filter
def pretty(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """``row|get:column``: a member whose name is a variable."""
    return mapping.get(key) if isinstance(mapping, dict) else None


@register.filter
def half_width(column: dict[str, Any]) -> str:
    return numbers.number(column["half_width"]) if column.get("half_width") else ""


@register.filter
def share_of(part: Any, whole: Any) -> str:
    """``part`` of ``whole`` in per cent as plain digits for an SVG's width, at most 100."""
    return f"{min(100.0, 100 * float(part) / float(whole)):.2f}" if float(whole or 0) > 0 else "100"


@register.filter
def used_up(part: Any, whole: Any) -> str:
    """The tone of a budget: warning from 80 %, stop from 100 %."""
    share = float(part) / float(whole) if float(whole or 0) > 0 else 1.0
    return "stop" if share >= 1 else "warning" if share >= 0.8 else ""


@register.simple_tag(takes_context=True)
def my_roles(context: RequestContext) -> tuple[str, ...]:
    request = context.get("request")
    return roles_of(request.user) if request is not None and hasattr(request, "user") else ()


@register.simple_tag(takes_context=True)
def standing_alarms(context: RequestContext) -> list[Alarm]:
    """The alarms that stand, for whom they concern."""
    request = context.get("request")
    concerned = request is not None and hasattr(request, "user") and can_see_alarms(request.user)
    return list(open_alarms()[:10]) if concerned else []


@register.filter
def alarm(code: str) -> str:
    return str(words.ALARMS.get(code, code))


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> str:
    """The page's own query string with some parameters set, or left out where empty; paging starts again."""
    params = context["request"].GET.copy()
    params.pop("page", None)
    for name, value in changes.items():
        params.pop(name, None)
        if value not in ("", None):
            params[name] = value
    text = params.urlencode()
    return f"?{text}" if text else "?"


_KINDS = ((CheckboxSelectMultiple, "checkboxes"), (CheckboxInput, "checkbox"), (Select, "select"), (Textarea, "textarea"))


@register.inclusion_tag("forms/field.html")
def field(bound: BoundField, rows: int = 4) -> dict[str, Any]:
    """A form field with its label, help and errors; choices are shown by their word."""
    kind = next((kind for widget, kind in _KINDS if isinstance(bound.field.widget, widget)), "input")
    chosen = bound.value()
    picked = [str(item) for item in chosen] if isinstance(chosen, list | tuple) else [str(chosen if chosen is not None else "")]
    choices = [(str(value), label) for value, label in getattr(bound.field, "choices", [])]
    return {"field": bound, "kind": kind, "choices": choices, "picked": picked, "rows": rows}
