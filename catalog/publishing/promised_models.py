"""What the privacy models of a k-anonymous release promise beside k, in words that a citizen understands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalog.display.numbers import number


def sentences(guarantee: dict[str, Any]) -> list[str]:
    """A sentence for every model of the guarantee, in its order; none for one that promises nothing."""
    found = (_sentence(model) for model in guarantee.get("models", []))
    return [sentence for sentence in found if sentence]


def of_columns(guarantee: dict[str, Any]) -> bool:
    """Whether any model speaks of what a group of people have in common."""
    return any("column" in model for model in guarantee.get("models", []))


def _sentence(model: dict[str, Any]) -> str:
    match model:
        case {"model": "l_diversity", "kind": "entropy"}:
            words = _("Among rows that look the same, the values of %(column)s are at least as mixed as %(l)s equally frequent ones.")
        case {"model": "l_diversity", "kind": "recursive"}:
            words = _(
                "Among rows that look the same, the most frequent value of %(column)s occurs less than %(c)s times as often as "
                "all those together from place %(l)s on, by frequency."
            )
        case {"model": "l_diversity"}:
            words = _("Among rows that look the same there are at least %(l)s different values of %(column)s.")
        case {"model": "t_closeness"}:
            words = _(
                "Among rows that look the same, the values of %(column)s are spread nearly as in the whole table: at most %(t)s "
                "apart, where 0 is the same and 1 as far as can be."
            )
        case {"model": "alpha"}:
            words = _("Among rows that look the same, no value of %(column)s makes up more than %(alpha)s.")
        case {"model": "beta_likeness"}:
            words = _("Among rows that look the same, no value of %(column)s is more than %(times)s times as frequent as in the whole table.")
        case {"model": "k_map"}:
            words = _("Every row fits at least %(k)s people of the population, whether they are in these data or not.")
        case {"model": "delta_presence"}:
            words = _presence(Decimal(model.get("lower", "0")), Decimal(model["upper"]))
        case _:
            return ""
    return words % _figures(model)


def _presence(lower: Decimal, upper: Decimal) -> str:
    if lower > 0 and upper < 1:
        return _(
            "Of the people of the population whom a row fits, between %(lower)s and %(upper)s are in these data: from the data, "
            "nobody can be sure whether somebody is."
        )
    if lower > 0:
        return _(
            "Of the people of the population whom a row fits, at least %(lower)s are in these data: from the data, nobody can be "
            "sure that somebody is not."
        )
    if upper < 1:
        return _(
            "Of the people of the population whom a row fits, at most %(upper)s are in these data: from the data, nobody can be "
            "sure that somebody is."
        )
    return ""


def _figures(model: dict[str, Any]) -> dict[str, str]:
    """The model's fields as the reader writes numbers; shares as per cent."""
    figures = {name: number(_bare(Decimal(str(model[name])))) for name in ("k", "l", "c", "t") if model.get(name) is not None}
    figures |= {name: f"{number(_bare(Decimal(model[name]) * 100))} %" for name in ("alpha", "lower", "upper") if model.get(name) is not None}
    if model.get("beta") is not None:
        figures["times"] = number(_bare(1 + Decimal(model["beta"])))
    return figures | {"column": str(model.get("column", ""))}


def _bare(amount: Decimal) -> Decimal:
    """Without the zeros at its end."""
    return Decimal(format(amount.normalize(), "f"))
