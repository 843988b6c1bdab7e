"""What every part of a recipe is made of: exact numbers, names, and values that are frozen."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

MAX_EPSILON = Decimal(64)  # beyond this e^ε exceeds 10^27: no noise worth the name would be drawn
MIN_EPSILON = Decimal("1e-6")
MAX_COUNT = 10**9
MAX_PLACES = 30  # digits before, and after, the decimal point of any number in a recipe
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def _to_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError("write the number as a string, such as '0.5', so that it stays exact")
    text = str(value)
    if text.strip("+-").lower() in ("nan", "snan", "inf", "infinity"):
        raise ValueError("must be a finite number")
    if not (len(text) <= 60 and _NUMBER.fullmatch(text)):
        raise ValueError("not a decimal number, such as 12, 0.5 or 1e-6")
    number = Decimal(text)
    # A few characters of exponent would otherwise be written out as megabytes of zeros.
    if number and not -MAX_PLACES <= number.as_tuple().exponent <= number.adjusted() <= MAX_PLACES:  # type: ignore[operator]
        raise ValueError(f"must have at most {MAX_PLACES} digits before and after the point")
    return number


def _plain(number: Decimal) -> str:
    return format(number, "f")


def between(low: Decimal, high: Decimal, *, open_low: bool = False) -> AfterValidator:
    def check(number: Decimal) -> Decimal:
        inside = (low < number if open_low else low <= number) and number <= high
        if not inside:
            raise ValueError(f"must be {'above' if open_low else 'at least'} {_plain(low)} and at most {_plain(high)}")
        return number

    return AfterValidator(check)


def digits(*, whole: int, places: int, together: int) -> AfterValidator:
    def check(number: Decimal) -> Decimal:
        plain = number.normalize().as_tuple()
        exponent = plain.exponent if isinstance(plain.exponent, int) else 0
        if not (number.adjusted() < whole and -exponent <= places and len(plain.digits) <= together):
            raise ValueError(f"must have at most {places} decimals, and {together} digits together")
        return number

    return AfterValidator(check)


Exact: TypeAlias = Annotated[
    Decimal,
    BeforeValidator(_to_decimal, json_schema_input_type=str | int),
    PlainSerializer(_plain, return_type=str),
]
Epsilon: TypeAlias = Annotated[Exact, between(MIN_EPSILON, MAX_EPSILON)]
Delta: TypeAlias = Annotated[Exact, between(Decimal(0), Decimal("1e-2"))]
Share: TypeAlias = Annotated[Exact, between(Decimal(0), Decimal(1))]
Unit: TypeAlias = Annotated[Exact, between(Decimal("1e-6"), Decimal("1e6"))]
Bound: TypeAlias = Annotated[Exact, between(Decimal("-1e15"), Decimal("1e15"))]
Count: TypeAlias = Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True)]


def _plain_name(name: str) -> str:
    if name != name.strip() or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise ValueError("a name has no control or invisible signs, and no space at its ends")
    if name.casefold() in RESERVED:
        raise ValueError("this name is reserved: choose another")
    return name


PERIOD = "__period__"  # the column that holds the period of a person × period
RESERVED = frozenset({"file_row_number", PERIOD})  # the first is what readers of Parquet call the place of a row
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain_name)]


def zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, such as Asia/Seoul") from None
    return name


def inside_folder(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ".." in parts or not parts:
        raise ValueError("must be a path inside the recipe's own folder")
    return path


def _sixth_decimal(number: Decimal) -> Decimal:
    """Whole millionths: what is compared with counts stays in 64 bits."""
    if number % Decimal("1e-6"):
        raise ValueError("at most six decimals")
    return number


Six = AfterValidator(_sixth_decimal)


class Value(BaseModel):
    """Base of all recipe values: frozen, and a misspelt field is an error, never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
