"""The recipe: what to do with a table, as frozen typed values; JSON in, JSON out.

A recipe names every column that may leave, with its role, and the stages to run. A column that it does not name is
dropped. Budgets are exact decimals; numbers that are not finite and positive are refused by checks in the positive
form, so that ``nan`` cannot slip through a comparison.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    model_validator,
)

from anonymize.errors import Problem, RecipeError

MAX_EPSILON = Decimal(64)  # beyond this e^ε exceeds 10^27: no noise worth the name would be drawn
MIN_EPSILON = Decimal("1e-6")
MAX_COUNT = 10**9
MAX_PLACES = 30  # digits before, and after, the decimal point of any number in a recipe
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


class Role(StrEnum):
    """What a column is to privacy (DESIGN.md, "Words")."""

    DIRECT_IDENTIFIER = "direct_identifier"
    PERSON_KEY = "person_key"
    QUASI_IDENTIFIER = "quasi_identifier"
    SENSITIVE = "sensitive"
    EVENT_TIME = "event_time"
    PLACE = "place"
    PLAIN = "plain"


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


def _between(low: Decimal, high: Decimal, *, open_low: bool = False) -> AfterValidator:
    def check(number: Decimal) -> Decimal:
        inside = (low < number if open_low else low <= number) and number <= high
        if not inside:
            raise ValueError(f"must be {'above' if open_low else 'at least'} {_plain(low)} and at most {_plain(high)}")
        return number

    return AfterValidator(check)


Exact: TypeAlias = Annotated[
    Decimal,
    BeforeValidator(_to_decimal, json_schema_input_type=str | int),
    PlainSerializer(_plain, return_type=str),
]
Epsilon: TypeAlias = Annotated[Exact, _between(MIN_EPSILON, MAX_EPSILON)]
Delta: TypeAlias = Annotated[Exact, _between(Decimal(0), Decimal("1e-2"))]
Share: TypeAlias = Annotated[Exact, _between(Decimal(0), Decimal(1))]
Unit: TypeAlias = Annotated[Exact, _between(Decimal("1e-6"), Decimal("1e6"))]
Bound: TypeAlias = Annotated[Exact, _between(Decimal("-1e15"), Decimal("1e15"))]
Count: TypeAlias = Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True)]


def _plain_name(name: str) -> str:
    if name != name.strip() or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise ValueError("a name has no control or invisible signs, and no space at its ends")
    if name.casefold() in RESERVED:
        raise ValueError("this name is reserved: choose another")
    return name


RESERVED = frozenset({"file_row_number"})  # what readers of Parquet call the place of a row
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain_name)]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, such as Asia/Seoul") from None
    return name


def _inside_folder(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ".." in parts or not parts:
        raise ValueError("must be a path inside the recipe's own folder")
    return path


class Value(BaseModel):
    """Base of all recipe values: frozen, and a misspelt field is an error, never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- columns -----------------------------------------------------------------------------------------------------


class FileHierarchy(Value):
    """A ladder from a file: ``;`` separated, leaf first, one line a value; relative to the recipe's folder."""

    file: Annotated[str, AfterValidator(_inside_folder)]


class IntervalHierarchy(Value):
    """Numeric intervals ``[a, b)`` of growing width, each width a multiple of the one before, then ``*``."""

    intervals: Annotated[tuple[Exact, ...], Field(min_length=1, max_length=20)]
    origin: Exact = Decimal(0)

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not all(width > 0 for width in self.intervals):
            raise ValueError("every interval width must be above 0")
        for fine, coarse in zip(self.intervals, self.intervals[1:], strict=False):
            if not (coarse > fine and Fraction(coarse) % Fraction(fine) == 0):
                raise ValueError("each interval width must be a larger multiple of the one before, or the levels do not nest")
        return self


DateLevel = Literal["day", "week", "month", "quarter", "year"]
_DATE_LEVELS: tuple[DateLevel, ...] = ("day", "week", "month", "quarter", "year")


class DateHierarchy(Value):
    """Dates, from fine to coarse, then ``*``.

    Where ``week`` is among the levels, the levels above it are those of the week's Thursday (ISO 8601), since a
    calendar month does not hold whole weeks and levels must nest.
    """

    dates: Annotated[tuple[DateLevel, ...], Field(min_length=1)] = _DATE_LEVELS

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if list(self.dates) != [level for level in _DATE_LEVELS if level in self.dates]:
            raise ValueError("date levels must go from fine to coarse, each once: " + ", ".join(_DATE_LEVELS))
        return self


class PrefixHierarchy(Value):
    """Prefixes of a code, longest first: ``[8, 5, 2]`` keeps 8, then 5, then 2 characters, then ``*``."""

    prefix: Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(b >= a for a, b in zip(self.prefix, self.prefix[1:], strict=False)):
            raise ValueError("prefix lengths must fall")
        return self


class H3Hierarchy(Value):
    """H3 cells: resolutions from fine to coarse, ``[9, 7, 5]``, then ``*``."""

    h3: Annotated[tuple[Annotated[int, Field(ge=0, le=15)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(b >= a for a, b in zip(self.h3, self.h3[1:], strict=False)):
            raise ValueError("H3 resolutions must fall")
        return self


_HIERARCHIES = ("file", "intervals", "dates", "prefix", "h3")


def _hierarchy_kind(value: Any) -> str | None:
    """The field that says which kind of hierarchy it is, so that errors speak of that kind alone."""
    if isinstance(value, BaseModel):
        return next((kind for kind in _HIERARCHIES if kind in type(value).model_fields), None)
    return next((kind for kind in _HIERARCHIES if isinstance(value, dict) and kind in value), None)


Hierarchy: TypeAlias = Annotated[
    Annotated[FileHierarchy, Tag("file")]
    | Annotated[IntervalHierarchy, Tag("intervals")]
    | Annotated[DateHierarchy, Tag("dates")]
    | Annotated[PrefixHierarchy, Tag("prefix")]
    | Annotated[H3Hierarchy, Tag("h3")],
    Discriminator(
        _hierarchy_kind,
        custom_error_type="unknown_hierarchy",
        custom_error_message="a hierarchy is one of file, intervals, dates, prefix or h3",
    ),
]


class Column(Value):
    """A column that the recipe names: its role and, where it is generalised, its hierarchy.

    Without a hierarchy, a quasi-identifier has two levels: as it is, and ``*``.
    """

    role: Role
    hierarchy: Hierarchy | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""


# --- stages ------------------------------------------------------------------------------------------------------


class Derive(Value):
    """Row by row: a new column that is the product of numeric columns (amount = quantity × price).

    The product is exact: decimals, rounded half even to six places.
    """

    stage: Literal["derive"]
    name: Name
    product: Annotated[tuple[Name, ...], Field(min_length=2, max_length=4)]


class KeepRows(Value):
    """Row by row: keep the rows in which a column is within bounds, or one of some values. Nulls are left out."""

    stage: Literal["keep_rows"]
    column: Name
    at_least: Exact | None = None
    at_most: Exact | None = None
    values: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.at_least is None and self.at_most is None and self.values is None:
            raise ValueError("give at_least, at_most or values")
        if self.values is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("give either bounds or values")
        return self


def _sixth_decimal(number: Decimal) -> Decimal:
    """Whole millionths: what is compared with counts stays in 64 bits."""
    if number % Decimal("1e-6"):
        raise ValueError("at most six decimals")
    return number


_Six = AfterValidator(_sixth_decimal)


class LDiversity(Value):
    """l-diversity of a sensitive column (Machanavajjhala et al. 2007): distinct, entropy, or recursive (c,l)."""

    model: Literal["l_diversity"]
    column: Name
    kind: Literal["distinct", "entropy", "recursive"] = "distinct"
    l: Annotated[Exact, _between(Decimal(1), Decimal(MAX_COUNT), open_low=True)]  # noqa: E741 - the model's own name
    c: Annotated[Exact, _between(Decimal(0), Decimal(1000), open_low=True), _Six] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.c is not None) != (self.kind == "recursive"):
            raise ValueError("c belongs to recursive (c,l)-diversity, which needs it")
        if self.kind != "entropy" and self.l % 1:
            raise ValueError("l must be a whole number, unless it bounds the entropy")
        return self


class TCloseness(Value):
    """t-closeness of a sensitive column (Li et al. 2007): earth mover's distance from the whole table at most t."""

    model: Literal["t_closeness"]
    column: Name
    t: Annotated[Share, _Six]
    distance: Literal["equal", "ordered", "hierarchical"] = "equal"


class Alpha(Value):
    """(α,k)-anonymity (Wong et al. 2006): at most a share α of a class's persons have any one value of the column."""

    model: Literal["alpha"]
    column: Name
    alpha: Annotated[Exact, _between(Decimal(0), Decimal(1), open_low=True), _Six]


class BetaLikeness(Value):
    """Basic β-likeness (Cao & Karras 2012): no value more than 1 + β times as frequent in a class as in the table."""

    model: Literal["beta_likeness"]
    column: Name
    beta: Annotated[Exact, _between(Decimal(0), Decimal(MAX_COUNT), open_low=True), _Six]


PrivacyModel: TypeAlias = Annotated[LDiversity | TCloseness | Alpha | BetaLikeness, Field(discriminator="model")]


class KAnonymity(Value):
    """k-anonymity (Samarati & Sweeney 1998) over the quasi-identifiers, counted in distinct persons.

    ``method``: *full_domain* puts every row at the same level of each column, the best such scheme; *local_recoding*
    lets classes differ and suppresses nothing; *fixed* uses the ``levels`` given, chosen from hierarchies and public
    figures and not from these data, and only suppresses what is too small. ``models``: what must hold of sensitive
    columns in every class beside k.
    """

    stage: Literal["k_anonymity"]
    k: Annotated[int, Field(ge=2, le=MAX_COUNT, strict=True)]
    method: Literal["full_domain", "local_recoding", "fixed"] = "full_domain"
    max_suppressed: Share = Decimal(0)
    levels: dict[Name, Annotated[int, Field(ge=0, le=100, strict=True)]] | None = None
    models: Annotated[tuple[PrivacyModel, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.levels is not None) != (self.method == "fixed"):
            raise ValueError("levels belong to the method 'fixed', which needs them")
        if self.method == "local_recoding" and self.max_suppressed:
            raise ValueError("local_recoding suppresses nothing: leave max_suppressed out")
        if len(set(self.models)) != len(self.models):
            raise ValueError("a model is listed twice")
        return self


Bucket = Literal["hour", "day", "week", "month", "quarter", "year", "hour_of_day", "day_of_week"]


class GroupBy(Value):
    """One dimension of a DP table: a column as it is, at a level of its hierarchy, or in time buckets.

    ``values`` declares the public domain. Buckets hour_of_day (0–23) and day_of_week (1 Monday – 7 Sunday) declare
    themselves; the other buckets declare theirs by ``start`` and ``end`` (ISO dates, end exclusive).
    A time stamp without a zone is local time of ``time_zone``; one with a zone is converted to it.
    """

    column: Name
    bucket: Bucket | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    level: Annotated[int, Field(ge=0, le=20)] | None = None
    values: Annotated[tuple[str, ...], Field(min_length=1, max_length=100_000)] | None = None
    start: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    end: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bucket is not None and self.level is not None:
            raise ValueError("give either a bucket or a level")
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end go together")
        if self.start is not None and (self.bucket is None or self.bucket in ("hour_of_day", "day_of_week")):
            raise ValueError("start and end declare the range of a calendar bucket")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ValueError("start must be before end")
        if self.values is not None and len(set(self.values)) != len(self.values):
            raise ValueError("a declared value is listed twice")
        return self

    @property
    def output_name(self) -> str:
        """Name of the column in the artefact: the column's own, or ``column_bucket``."""
        return self.column if self.bucket is None else f"{self.column}_{self.bucket}"


class Measure(Value):
    """A measure of a DP table: distinct persons, rows, or the sum of a clamped column, in whole ``unit``\\ s."""

    name: Name
    kind: Literal["persons", "rows", "sum"]
    column: Name | None = None
    lower: Bound | None = None
    upper: Bound | None = None
    unit: Unit = Decimal(1)
    weight: Annotated[Exact, _between(Decimal(0), Decimal(1000), open_low=True)] = Decimal(1)

    @model_validator(mode="after")
    def _sum_is_bounded(self) -> Self:
        bounds = (self.column, self.lower, self.upper)
        if self.kind == "sum":
            if self.column is None or self.lower is None or self.upper is None:
                raise ValueError("a sum needs column, lower and upper: bounds are never taken from the data")
            if not self.lower < self.upper:
                raise ValueError("lower must be below upper")
            if Fraction(self.lower) % Fraction(self.unit) or Fraction(self.upper) % Fraction(self.unit):
                raise ValueError("lower and upper must be whole multiples of unit")
        elif any(part is not None for part in bounds):
            raise ValueError(f"{self.kind} takes no column, lower or upper")
        return self


class DpTable(Value):
    """A table of noisy aggregates, (ε, δ)-differentially private for the person (Dwork & Roth 2014)."""

    stage: Literal["dp_table"]
    group_by: Annotated[tuple[GroupBy, ...], Field(min_length=1, max_length=8)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1, max_length=20)]
    epsilon: Epsilon
    delta: Delta = Decimal(0)
    max_cells_per_person: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    max_rows_per_cell: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    cells: Literal["public", "private"]
    non_negative: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [g.output_name for g in self.group_by]
        for measure in self.measures:
            names += [measure.name, f"{measure.name}_lower", f"{measure.name}_upper"]
        if len({name.casefold() for name in names}) != len(names):
            raise ValueError("two output columns would have the same name, or differ only in upper and lower case")
        if self.cells == "private" and not self.delta > 0:
            raise ValueError("cells 'private' needs delta above 0: a cell held by one person must be able to stay hidden")
        if self.cells == "public":
            for g in self.group_by:
                declared = g.values is not None or g.start is not None or g.bucket in ("hour_of_day", "day_of_week")
                if not declared:
                    raise ValueError(f"cells 'public' needs the declared values (or start and end) of {g.column!r}")
        return self


class Scan(Value):
    """For data that are not about persons: publish the named columns as they are, if no column looks personal."""

    stage: Literal["scan"]


Stage: TypeAlias = Annotated[Derive | KeepRows | KAnonymity | DpTable | Scan, Field(discriminator="stage")]
_FINAL = (KAnonymity, DpTable, Scan)

class Recipe(Value):
    """The whole recipe. Build it with :func:`parse`, which names every problem at once."""

    recipe: Literal[1]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    person_key: Name | None = None
    missing_person_key: Literal["refuse", "drop"] = "refuse"
    columns: Annotated[dict[Name, Column], Field(min_length=1, max_length=1000)]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = list(_cross_checks(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def final(self) -> KAnonymity | DpTable | Scan:
        """The one protecting stage; always the last."""
        last = self.stages[-1]
        if not isinstance(last, _FINAL):
            raise RecipeError("the last stage must protect: k_anonymity, dp_table or scan")
        return last

    @property
    def row_stages(self) -> tuple[Derive | KeepRows, ...]:
        """The stages before it: each looks at one row at a time, so none weakens the protection of the last."""
        return tuple(stage for stage in self.stages if isinstance(stage, (Derive, KeepRows)))

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the columns of a role, in the recipe's order."""
        return tuple(name for name, column in self.columns.items() if column.role is role)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; what :meth:`sha256` is taken of."""
        return json.dumps(self.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def sha256(self) -> str:
        """SHA-256 of the canonical JSON, hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _cross_checks(recipe: Recipe) -> list[str]:
    """What no single field can see. Each line is ``pointer|message``."""
    problems: list[str] = []
    if len({name.casefold() for name in recipe.columns}) != len(recipe.columns):
        problems.append("/columns|two columns differ only in upper and lower case: rename one")
    protecting = [i for i, stage in enumerate(recipe.stages) if isinstance(stage, _FINAL)]
    last = len(recipe.stages) - 1
    if protecting != [last]:
        problems.append(
            "/stages|exactly one stage protects (k_anonymity, dp_table or scan) and it comes last: what one of them chose "
            "by looking at the data would void the promise of the next"
        )
    keys = recipe.with_role(Role.PERSON_KEY)
    if recipe.person_key is None and keys:
        problems.append(f"/person_key|column {keys[0]!r} has the role person_key: name it in person_key")
    if recipe.person_key is not None:
        declared = recipe.columns.get(recipe.person_key)
        if declared is not None and declared.role is not Role.PERSON_KEY:
            problems.append(f"/columns/{recipe.person_key}/role|this column is the person key: its role must be person_key")
        if any(key != recipe.person_key for key in keys):
            problems.append("/columns|only one column can be the person key")
    derived = {stage.name for stage in recipe.stages if isinstance(stage, Derive)}
    known = set(recipe.columns) | derived
    for i, stage in enumerate(recipe.stages):
        if isinstance(stage, Derive) and _role_of(recipe, stage.name) in (Role.DIRECT_IDENTIFIER, Role.PERSON_KEY):
            problems.append(f"/stages/{i}/name|a derived column cannot identify a person")
        if isinstance(stage, KeepRows) and (
            stage.column == recipe.person_key or _role_of(recipe, stage.column) in (Role.PERSON_KEY, Role.DIRECT_IDENTIFIER)
        ):
            problems.append(f"/stages/{i}/column|rows cannot be chosen by who the person is")
        if isinstance(stage, Derive):
            problems += _derived_checks(recipe, stage, f"/stages/{i}/product")
        if isinstance(stage, KAnonymity):
            if not recipe.with_role(Role.QUASI_IDENTIFIER):
                problems.append(f"/stages/{i}|k_anonymity needs at least one column with the role quasi_identifier")
            for role in (Role.EVENT_TIME, Role.PLACE):
                for name in recipe.with_role(role):
                    problems.append(
                        f"/columns/{name}/role|in microdata a {role.value} column singles people out: give it the role "
                        "quasi_identifier and a hierarchy, or leave it out"
                    )
            problems += _model_checks(recipe, stage, f"/stages/{i}")
        if isinstance(stage, DpTable):
            problems += _dp_checks(recipe, stage, f"/stages/{i}", known)
        if isinstance(stage, Scan):
            if recipe.person_key is not None:
                problems.append(f"/stages/{i}|data with a person key are personal: a scan does not protect them")
            for name, column in recipe.columns.items():
                if column.role in (Role.QUASI_IDENTIFIER, Role.SENSITIVE, Role.PERSON_KEY):
                    problems.append(f"/columns/{name}/role|a {column.role.value} column is about persons: a scan does not protect it")
    return problems


# What a value computed from a column says of people, from least to most; a derived column says at least as much.
_TELLING = {
    Role.PLAIN: 0, Role.SENSITIVE: 1, Role.PLACE: 2, Role.EVENT_TIME: 2, Role.QUASI_IDENTIFIER: 2, Role.PERSON_KEY: 3, Role.DIRECT_IDENTIFIER: 3,
}  # fmt: skip


def _derived_checks(recipe: Recipe, stage: Derive, at: str) -> list[str]:
    """A product with a column of ones is a copy: it must not slip past the stage that its source is protected by."""
    problems: list[str] = []
    for name in stage.product:
        role = _role_of(recipe, name)
        if name == recipe.person_key or role in (Role.PERSON_KEY, Role.DIRECT_IDENTIFIER):
            problems.append(f"{at}|column {name!r} identifies people; nothing can be computed from it")
        elif isinstance(recipe.stages[-1], DpTable):
            continue  # whatever it says is bounded and drowned in noise like the rest of the person's rows
        elif role is None and not any(isinstance(s, Derive) and s.name == name for s in recipe.stages):
            problems.append(f"{at}|name column {name!r} among the columns, with its role: the derived column says as much of people")
        elif role is not None and _TELLING[_role_of(recipe, stage.name) or Role.PLAIN] < _TELLING[role]:
            problems.append(f"{at}|{stage.name!r} must have a role as strict as that of {name!r}, {role.value}")
    return problems


def _role_of(recipe: Recipe, name: str) -> Role | None:
    return recipe.columns[name].role if name in recipe.columns else None


def _model_checks(recipe: Recipe, stage: KAnonymity, at: str) -> list[str]:
    problems = []
    for i, model in enumerate(stage.models):
        where = f"{at}/models/{i}/column"
        if model.column not in recipe.columns:
            problems.append(f"{where}|column {model.column!r} is not among the recipe's columns")
        elif recipe.columns[model.column].role is not Role.SENSITIVE:
            problems.append(f"{where}|column {model.column!r} must have the role sensitive, and no other, to be held diverse or close")
    quasi = set(recipe.with_role(Role.QUASI_IDENTIFIER))
    if stage.levels is not None and set(stage.levels) != quasi:
        problems.append(f"{at}/levels|give the level of every quasi-identifier and of no other column")
    return problems


def _dp_checks(recipe: Recipe, stage: DpTable, at: str, known: set[str]) -> list[str]:
    problems: list[str] = []
    if recipe.person_key is None:
        problems.append("/person_key|a dp_table protects persons: name the column that says whose row it is")
    for i, group in enumerate(stage.group_by):
        where = f"{at}/group_by/{i}"
        if group.column == recipe.person_key:
            problems.append(f"{where}|the person key cannot be grouped by: every person would be a cell")
        elif group.column not in known:
            problems.append(f"{where}|column {group.column!r} is not among the recipe's columns")
        elif group.column in recipe.columns and recipe.columns[group.column].role is Role.DIRECT_IDENTIFIER:
            problems.append(f"{where}|a direct identifier cannot be grouped by")
        if group.level and (group.column not in recipe.columns or recipe.columns[group.column].hierarchy is None):
            problems.append(f"{where}/level|column {group.column!r} has no hierarchy")
    for i, measure in enumerate(stage.measures):
        if measure.column is None:
            continue
        where = f"{at}/measures/{i}/column"
        if measure.column == recipe.person_key:
            problems.append(f"{where}|the person key cannot be summed")
        elif measure.column not in known:
            problems.append(f"{where}|column {measure.column!r} is not among the recipe's columns")
        elif measure.column in recipe.columns and recipe.columns[measure.column].role is Role.DIRECT_IDENTIFIER:
            problems.append(f"{where}|a direct identifier cannot be summed")
    return problems


# --- in and out --------------------------------------------------------------------------------------------------


def _refuse_constant(_: str) -> Any:
    raise RecipeError("the recipe holds NaN or Infinity, which is no JSON number", problems=(Problem("not_finite", "not a finite number"),))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise RecipeError("the recipe names a field or column twice", problems=(Problem("duplicate_field", "a field is named twice"),))
    return seen


def loads(text: str | bytes) -> Recipe:
    """Parse recipe JSON. Numbers stay exact (``0.1`` is one tenth). Raises :class:`RecipeError`."""
    try:
        document = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecipeError):
            raise
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise RecipeError(f"the recipe is not JSON{where}", problems=(Problem("not_json", "not JSON" + where),)) from None
    return parse(document)


def parse(document: Any) -> Recipe:
    """Check a decoded document. Raises :class:`RecipeError` that names every problem by JSON pointer."""
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        problems = tuple(_problems(error))
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise RecipeError(f"{first.pointer or '/'}: {first.message}{more}", problems=problems)


def _problems(error: ValidationError) -> list[Problem]:
    found: list[Problem] = []
    for item in error.errors(include_url=False, include_input=False):
        pointer = _pointer(item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        for line in message.split("\n"):
            where, bar, text = line.partition("|")
            found.append(Problem(item["type"], text if bar else line, pointer=where if bar else pointer))
    # A list whose items are wrong is also reported as too short; only the first cause helps.
    inner = [problem.pointer or "" for problem in found]
    return [p for p in found if not (p.code == "too_short" and any(i.startswith(f"{p.pointer}/") for i in inner))]


def _pointer(location: tuple[int | str, ...]) -> str:
    """JSON Pointer (RFC 6901) of pydantic's location, without the tags that pydantic adds for its unions."""
    parts: list[str] = []
    for i, part in enumerate(location):
        after = location[i - 2 : i] if i >= 2 else ()
        stage_tag = len(after) == 2 and after[0] == "stages" and isinstance(after[1], int)
        hierarchy_tag = i >= 1 and location[i - 1] == "hierarchy" and i >= 3 and location[i - 3] == "columns"
        model_tag = len(after) == 2 and after[0] == "models" and isinstance(after[1], int)
        if part == "[key]" or stage_tag or hierarchy_tag or model_tag:
            continue
        parts.append(str(part).replace("~", "~0").replace("/", "~1"))
    return "/" + "/".join(parts)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a recipe, for editors and for the API's documentation."""
    return Recipe.model_json_schema()
