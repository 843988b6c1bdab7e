"""Whether the first record names the columns, or is somebody: judged before any of it is kept, shown or quoted.

Two kinds of sign. A personal identifier is never a column name, whatever the uploader says. Whatever else looks like a
value (a number, a date, a value that stands in its own column too) is refused unless the uploader says that the names are
meant: years, days, hours and running numbers head the columns of wide tables.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from anonymize.errors import HeaderLooksLikeValues, InputError, Problem
from anonymize.tables.limits import Limits
from anonymize.tables.names import refuse_number
from anonymize.tables.shapes import shape
from anonymize.value_kinds import (
    has_name_form,
    inside,
    is_business_number,
    is_compact_date,
    is_email,
    is_h3_cell,
    is_ip_address,
    is_payment_card,
    is_person_name,
    is_phone,
    is_postal_address,
    is_resident_number,
    is_url,
    is_uuid,
)

SAMPLE_RECORDS = 1000
MODES = ("auto", "present", "absent")
Record: TypeAlias = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Heading:
    """What the uploader says of the first record: ``present``, it names the columns; ``absent``, it is data, and
    ``names`` are the columns' names; ``auto``, nothing.

    Raises :class:`InputError` for another mode, and for names that are missing or not asked for.
    """

    mode: str = "auto"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise _misdeclared(f"header is one of {', '.join(MODES)}")
        if (self.mode == "absent") != bool(self.names):
            raise _misdeclared("names are given, one for each column, where the header is said to be absent, and only there")


def _misdeclared(message: str) -> InputError:
    return InputError(message, problems=(Problem("wrong_header_declaration", message),))


def given(heading: Heading, width: int, limits: Limits) -> tuple[str, ...]:
    """The names that the uploader gives to the ``width`` columns of a table without a header.

    Raises :class:`InputError` for another number of names, and for a personal identifier among them.
    """
    if len(heading.names) != width:
        message = f"{len(heading.names):,} names were given for {width:,} columns: give one for each"
        raise InputError(message, problems=(Problem("names_do_not_match", message),))
    refuse_personal(heading.names)
    return heading.names


def refuse_personal(names: Iterable[str]) -> None:
    """Raises :class:`HeaderLooksLikeValues` where one of the names shows that it is somebody's number, address or the like."""
    listed = tuple(names)
    _refuse(listed, _personal(listed), Limits(), _NEVER)


def check(names: Sequence[str], records: Sequence[Record], heading: Heading, limits: Limits) -> None:
    """Refuse a header that looks like values. ``records``: the first ones, at most SAMPLE_RECORDS, as text.

    Raises :class:`HeaderLooksLikeValues`, which tells positions and shapes and quotes nothing.
    """
    refuse_number(names, limits)
    _refuse(names, _personal(names), limits, _NEVER)
    if heading.mode != "present":
        _refuse(names, _value_like(names, records), limits, _SAY_SO)


_NEVER = (
    "a personal identifier is never taken for a column's name. If the file has no header, upload it again, say so, and name "
    "the columns; otherwise rename them in the file"
)
_SAY_SO = (
    "the first record looks like data. If the file has no header, upload it again, say so, and name the columns; if these are "
    "the columns' names, upload it again and say that the header is there"
)


def _refuse(names: Sequence[str], signs: Mapping[int, str], limits: Limits, remedy: str) -> None:
    if not signs:
        return
    problems = tuple(
        Problem("header_looks_like_values", f"column {i + 1:,} of the header {why}", shape=shape(names[i].strip()))
        for i, why in list(signs.items())[: limits.problems]
    )
    more = f" (and {len(signs) - 1:,} more)" if len(signs) > 1 else ""
    raise HeaderLooksLikeValues(f"{problems[0].message}{more}: {remedy}", problems=problems)


def _plain(cell: str | None) -> str:
    """As it is compared: compatibility forms (full-width digits, say) made plain, without surrounding blanks."""
    return unicodedata.normalize("NFKC", cell or "").strip()


# --- personal identifiers ----------------------------------------------------------------------------------------

_DIGITS = re.compile(r"[\d\s().,/#*+:•xX-]*\d[\d\s().,/#*+:•xX-]*")  # digits, what separates them, and what masks them
_MANY_DIGITS = 9  # with or without separators: an account, a device, a person
_BAND = re.compile(r"\d{4}-\d{4}|\d{1,3}(,\d{3})+ ?[-~–] ?\d{1,3}(,\d{3})+")  # from … to …, which a firm's telephone number looks like
_PASSPORT = re.compile(r"[MSRGDOTE]\d{8}|[MSRGD]\d{3}[A-Z]\d{4}|E[A-Z]\d{7}")
_PLATE = re.compile(r"([가-힣]{2} ?)?\d{2,3}[가-힣] ?\d{4}|[\u4e00-\u9fff][A-Z][·• ]?[A-Z0-9]{5,6}")
_MAC = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_MASKED = re.compile(r".*\w\*+\w.*|\w{1,2}\*{2,}")

_PERSONAL: tuple[Callable[[str], bool], ...] = (
    is_email,
    is_resident_number,
    is_business_number,
    is_payment_card,
    is_phone,
    is_ip_address,
    lambda text: bool(_PASSPORT.fullmatch(text) or _PLATE.fullmatch(text) or _MAC.fullmatch(text)),
    lambda text: bool(_MASKED.fullmatch(text)),
    lambda text: _DIGITS.fullmatch(text) is not None and sum(map(str.isdigit, text)) >= (_MANY_DIGITS if "*" not in text else 4),
    lambda text: bool(inside(text)),
)


def _personal(names: Sequence[str]) -> dict[int, str]:
    """Position (from 0) → what is wrong."""
    return {i: "looks like a personal identifier" for i, name in enumerate(names) if is_personal(name)}


def is_personal(name: str) -> bool:
    """Whether a name shows by its form that it is a number, address or the like of somebody."""
    text = _plain(name)
    if not text or _BAND.fullmatch(text) or _form(text) is not None:
        return False
    return any(test(text) for test in _PERSONAL)


# --- values ------------------------------------------------------------------------------------------------------

_YEAR, _MONTH, _DAY = r"(?:18|19|20)\d{2}", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_DATE = rf"{_YEAR}(?:[-./] ?{_MONTH}[-./] ?{_DAY}\.?|년 ?{_MONTH}월 ?{_DAY}일|年{_MONTH}月{_DAY}日)"
_ZONE = r" ?(?:Z|[+-]\d{2}(?::?\d{2})?)?"

# Forms of days, months and times; the first that fits names the form, and names of one sequence have one form.
_FORMS: Mapping[str, re.Pattern[str]] = {
    "month": re.compile(rf"{_YEAR}[-./]{_MONTH}"),
    "month in six digits": re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])"),
    "month in words": re.compile(rf"{_YEAR}(?:년 ?{_MONTH}월|年{_MONTH}月)"),
    "day": re.compile(_DATE),
    "day without a century": re.compile(r"\d{2}[-./](?:0[1-9]|1[0-2])[-./](?:0[1-9]|[12]\d|3[01])"),
    "day last or first": re.compile(rf"\d{{1,2}}[-./]\d{{1,2}}[-./]{_YEAR}"),
    "days from … to …": re.compile(rf"{_DATE} ?[-~–] ?{_DATE}"),
    "time of day": re.compile(_CLOCK),
    "time": re.compile(rf"{_DATE}[T ] ?(?:오전 |오후 )?{_CLOCK}{_ZONE}"),
    "hour in ten digits": re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d[0-5]\d)?"),
}


def _form(text: str) -> str | None:
    """Which form of a day, a month or a time it has, or None."""
    if is_compact_date(text):
        return "day in eight digits"
    return next((name for name, form in _FORMS.items() if form.fullmatch(text)), None)


_WHOLE = re.compile(r"\d{1,8}")
_UNIT = r"(?:%|원|천원|만원|백만원|억원|元|円|엔|달러|KRW|USD|EUR|CNY|JPY)"
_AMOUNT = r"[-+−]?\s?(?:[₩$€£¥￦]\s?)?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?\s?"
_NUMBER = re.compile(rf"{_AMOUNT}{_UNIT}?|\({_AMOUNT}\)|[+-]?\.\d+|\d+,\d+")
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_RUN, _STEPS = 3, 4  # names from which numbers from 0 or 1 on, and those of any one step, are taken for a sequence
_CELLS = 5  # different values from which a column says what its values are
_MOST = 0.8  # their share that must be alike
_SELDOM = 0.1  # share of records up to which those that are the header's equal are header lines, of files put together


def _value_like(names: Sequence[str], records: Sequence[Record]) -> dict[int, str]:
    """Position (from 0) → what is wrong, in the order of the positions."""
    cells = [_plain(name) for name in names]
    columns = _columns(cells, records)
    meant = _sequences(cells, columns)
    signs: dict[int, str] = {}
    for i, (cell, values) in enumerate(zip(cells, columns, strict=True)):
        why = None if not cell or i in meant else _why(cell, values)
        if why is not None:
            signs[i] = why
    return signs


def _columns(cells: Sequence[str], records: Sequence[Record]) -> list[list[str]]:
    """The sample by columns, without blanks, and without the odd record that repeats the header."""
    plain = [[_plain(value) for value in record] for record in records[:SAMPLE_RECORDS]]
    others = [record for record in plain if record != list(cells)]
    if not others or len(plain) - len(others) > max(1, _SELDOM * len(plain)):
        others = plain
    return [[record[i] for record in others if i < len(record) and record[i]] for i in range(len(cells))]


def _why(cell: str, values: Sequence[str]) -> str | None:
    if _NUMBER.fullmatch(cell):
        return "is a number"
    if _form(cell) is not None:
        return "is a date or a time"
    if cell in values:
        return "stands among the values of its column too"
    if any(test(cell) for test in (is_uuid, is_h3_cell, is_url)):
        return "is a code or an address"
    if _is_address(cell) or _is_one_of(cell, set(values)):
        return "looks like the values of its column"
    return None


def _is_address(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and is_postal_address(cell)


def _is_one_of(cell: str, values: Iterable[str]) -> bool:
    """Whether it is built like the values: a name among names, a code among codes of one shape."""
    different = list(values)
    if len(different) < _CELLS or cell in _TITLES:
        return False
    if _could_be_a_name(cell) and _share(different, is_person_name) >= _MOST:
        return True
    if is_postal_address(cell) and _share(different, is_postal_address) >= _MOST:
        return True
    mine = shape(cell)
    return "9" in mine and _share(different, lambda value: shape(value) == mine) >= _MOST


def _share(values: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, values)) / len(values) if values else 0.0


# Headers of columns of names that are built like names themselves.
_TITLES = frozenset(
    "이름 성명 성함 고객명 선수명 신청인 신청자 민원인 소유자 소유주 예금주 지원자 임차인 임대인 강사명 교수명 연구자 조사자 조사원 "  # noqa: SIM905
    "상담사 상담원 기사명 배우자 제안자 제출자 추천인 송금인 주민명 조합원 심사자 심사원 변호인 변호사 간호사 주치의 전임자 후임자 "
    "인명 국문명 한글명 강사 교사 교수 기사 선수 선생 명단 주인 공무원 방문자 방문객 연락인".split()
)


# What a title of a column of names has in it, in any language of the pages: a name has not.
_WORDS_OF_TITLES = re.compile(r"(?i)name|full|first|last|given|surname|person|customer|client|owner|holder|patient|member|contact|applicant|manager"
                              r"|이름|성명|성함|명$|인$|자$|원$|주$|名|姓|人$|员$|者$|主$|户$")  # fmt: skip


def _could_be_a_name(cell: str) -> bool:
    """Among names: one that lists know, one that ends like a place, or one that is built like a name and not like a title."""
    known = is_person_name(cell) or (len(cell) == 3 and is_person_name(cell[:2]))
    return known or (has_name_form(cell) and not _WORDS_OF_TITLES.search(cell))


# --- names of wide tables ----------------------------------------------------------------------------------------


def _sequences(cells: Sequence[str], columns: Sequence[Sequence[str]]) -> frozenset[int]:
    """Positions whose names are days, months, times, years or numbers in sequence, over columns of something else."""
    whole = [i for i, cell in enumerate(cells) if _WHOLE.fullmatch(cell)]
    if _runs_on([int(cells[i]) for i in whole]) and not _counts_rows(cells[whole[0]], columns[whole[0]]):
        return frozenset(whole) | _of_forms(cells, columns, skip=frozenset(whole))
    years = [i for i in whole if _is_year(cells[i])]
    others = [i for i in whole if i not in years and _form(cells[i]) is None]
    meant = set(years) if _are_years([int(cells[i]) for i in years]) and not _hold(years, columns, _is_year) else set()
    if _runs_on([int(cells[i]) for i in others]) and not _counts_rows(cells[others[0]], columns[others[0]]):
        meant |= set(others)
    shares = [i for i, cell in enumerate(cells) if re.fullmatch(r"\d{1,3}(\.\d+)?%", cell)]
    if len(shares) >= _RUN and _in_order([float(cells[i].rstrip("%")) for i in shares]) and not _hold(shares, columns, lambda v: v.endswith("%")):
        meant |= set(shares)
    return frozenset(meant) | _of_forms(cells, columns, skip=frozenset())


def _runs_on(numbers: Sequence[int]) -> bool:
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    if len(steps) != 1 or 0 in steps:
        return False
    return len(numbers) >= (_RUN if steps == {1} and numbers[0] in (0, 1) else _STEPS)


def _counts_rows(first: str, values: Sequence[str]) -> bool:
    """Whether the column goes on counting where the name began: the number of a row, that is."""
    following = [str(int(first) + step) for step in range(1, 1 + min(len(values), _RUN))]
    return bool(following) and [value.lstrip("0") or "0" for value in values[:_RUN]] == following


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and _FIRST_YEAR <= int(text) <= _LAST_YEAR


def _are_years(years: Sequence[int]) -> bool:
    """Neighbours, or three and more in order."""
    return _in_order(years) and (len(years) >= _RUN or abs(years[0] - years[1]) == 1)


def _in_order(values: Sequence[Any]) -> bool:
    pairs = list(itertools.pairwise(values))
    return len(values) > 1 and (all(a < b for a, b in pairs) or all(a > b for a, b in pairs))


def _of_forms(cells: Sequence[str], columns: Sequence[Sequence[str]], *, skip: frozenset[int]) -> frozenset[int]:
    """Positions of days, months and times: two and more of one form, in order, over columns that hold none."""
    by_form: dict[str, list[int]] = {}
    for i, cell in enumerate(cells):
        form = None if i in skip else _form(cell)
        if form is not None:
            by_form.setdefault(form, []).append(i)
    meant: set[int] = set()
    for positions in by_form.values():
        if _in_order([_sortable(cells[i]) for i in positions]) and not _hold(positions, columns, lambda value: _form(value) is not None):
            meant |= set(positions)
    return frozenset(meant)


def _sortable(text: str) -> list[int]:
    """The numbers in it, the year first."""
    parts = [int(part) for part in re.findall(r"\d+", text)]
    return [parts[2], *parts[:2]] if len(parts) == 3 and parts[2] > max(31, parts[0]) else parts


def _hold(positions: Sequence[int], columns: Sequence[Sequence[str]], test: Callable[[str], bool]) -> bool:
    """Whether any of the columns holds mostly values that pass the test, as one does whose name is a value."""
    return any(_share(columns[i], test) > 0.5 for i in positions)
