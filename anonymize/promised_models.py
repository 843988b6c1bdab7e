"""What the privacy models of a k-anonymous release promise beside k, in words that a citizen understands."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from anonymize.recipe import Alpha, BetaLikeness, DeltaPresence, KMap, LDiversity, PrivacyModel, TCloseness


def sentences(models: Iterable[PrivacyModel]) -> list[str]:
    """A sentence for every model, in their order; none for one that promises nothing. Shares are in per cent."""
    return [sentence for model in models if (sentence := _sentence(model))]


def _sentence(model: PrivacyModel) -> str:
    alike = "Among rows that look the same"
    match model:
        case LDiversity(kind="entropy", column=column, l=l):
            return f"{alike}, the values of {column} are at least as mixed as {_bare(l)} equally frequent ones."
        case LDiversity(kind="recursive", column=column, l=l, c=c):
            return (
                f"{alike}, the most frequent value of {column} occurs less than {_bare(c or Decimal(0))} times as often as all those "
                f"together from place {_bare(l)} on, by frequency."
            )
        case LDiversity(column=column, l=l):
            return f"{alike} there are at least {_bare(l)} different values of {column}."
        case TCloseness(column=column, t=t):
            return (
                f"{alike}, the values of {column} are spread nearly as in the whole table: at most {_bare(t)} apart, where 0 is the "
                "same and 1 as far as can be."
            )
        case Alpha(column=column, alpha=alpha):
            return f"{alike}, no value of {column} makes up more than {_bare(alpha * 100)} %."
        case BetaLikeness(column=column, beta=beta):
            return f"{alike}, no value of {column} is more than {_bare(1 + beta)} times as frequent as in the whole table."
        case KMap(k=k):
            return f"Every row fits at least {k} people of the population, whether they are in these data or not."
        case DeltaPresence(lower=lower, upper=upper):
            return _presence(lower, upper)


def _presence(lower: Decimal, upper: Decimal) -> str:
    if not lower > 0 and not upper < 1:
        return ""
    if lower > 0 and upper < 1:
        share, doubt = f"between {_bare(lower * 100)} % and {_bare(upper * 100)} %", "whether somebody is"
    elif lower > 0:
        share, doubt = f"at least {_bare(lower * 100)} %", "that somebody is not"
    else:
        share, doubt = f"at most {_bare(upper * 100)} %", "that somebody is"
    return f"Of the people of the population whom a row fits, {share} are in these data: from the data, nobody can be sure {doubt}."


def _bare(amount: Decimal) -> str:
    """Without exponent and without the zeros at its end."""
    return format(amount.normalize(), "f")
