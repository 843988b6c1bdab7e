"""Exact amounts: ``Decimal`` in Python, integers in the database, so that no sum is ever one of floats.

SQLite adds decimals as floats and PostgreSQL does not; integers are added exactly by both.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, Inexact
from typing import TYPE_CHECKING, Any, Final

from django.db import models

EPSILON_PLACES: Final = 12
DELTA_PLACES: Final = 18
LARGEST: Final = 2**63 - 1

_EXACT: Final = Context(prec=60, traps=[Inexact])
_UP: Final = Context(prec=60, rounding=ROUND_CEILING)


def rounded_up(amount: Decimal, places: int) -> Decimal:
    """The smallest multiple of 10^-places that is not below ``amount``: a spend is never rounded in its favour."""
    return amount.quantize(Decimal(1).scaleb(-places), context=_UP)


if TYPE_CHECKING:
    _Integers = models.BigIntegerField[Decimal | int, Decimal]
else:
    _Integers = models.BigIntegerField


class ExactField(_Integers):
    """A non-negative ``Decimal`` with ``places`` digits after the point, stored as a count of 10^-places.

    Range: 0 to (2^63 - 1)·10^-places, that is 9.2 million for ε (12 places) and 9.2 for δ (18 places).
    A value with more digits than that is refused (``ValueError``), never rounded in silence.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: Decimal | int  # type: ignore[assignment]
        _pyi_private_get_type: Decimal  # type: ignore[assignment]
        _pyi_lookup_exact_type: Decimal | int  # type: ignore[assignment]

    def __init__(self, *args: Any, places: int, **kwargs: Any) -> None:
        self.places = places
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "places": self.places}

    def from_db_value(self, value: int | Decimal | None, expression: Any, connection: Any) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-self.places, context=_EXACT)

    def to_python(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(str(value))

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return units(Decimal(value), self.places)

    def value_to_string(self, obj: models.Model) -> str:
        return format(self.value_from_object(obj), "f")


def units(amount: Decimal, places: int) -> int:
    """``amount`` as a whole number of 10^-places. Raises ``ValueError`` when it is not one, or not storable."""
    if not amount.is_finite():
        raise ValueError("An amount of privacy budget must be a finite number.")
    scaled = amount.scaleb(places, context=Context(prec=60))
    if not (scaled == scaled.to_integral_value() and abs(scaled) <= LARGEST):
        raise ValueError(f"An amount of privacy budget must fit 64 bits with {places} digits after the point.")
    return int(scaled)
