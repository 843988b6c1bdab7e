"""From the text of a parameter to a tree. Reads any text in linear time, without recursion, or says where it fails."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from catalog.publishing.query import tree
from catalog.publishing.query.errors import QueryError

MAX_CHARACTERS = 16_384
MAX_DEPTH = 64  # of brackets and `not`s; the later walks over the tree recurse
MAX_DIGITS = 400  # a double reaches 308 digits; beyond this a number is a way to eat memory
_Node = TypeVar("_Node")


class _Bad(Exception):
    """Raised in the middle of reading, where the parameter's name and text are not at hand."""

    def __init__(self, code: str, message: str, at: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.at, self.suggestion = code, message, at, suggestion


class _Built(NamedTuple):
    """A condition and how deep it is; brackets count although they leave no node."""

    condition: tree.Condition
    depth: int


def _start(token: Token) -> int:
    return token.start_pos if token.start_pos is not None else 0


def _unquote(token: str) -> str:
    quote = token[0]
    return token[1:-1].replace(quote * 2, quote)


def _deeper(condition: tree.Condition, depth: int, at: int = 0) -> _Built:
    if depth > MAX_DEPTH:
        raise _Bad("too_deep", f"the filter is nested more than {MAX_DEPTH} levels deep", at)
    return _Built(condition, depth)


def _number(token: Token) -> Decimal:
    value = Decimal(token)
    if not (len(token) <= MAX_DIGITS and -MAX_DIGITS < value.adjusted() < MAX_DIGITS):
        raise _Bad("number_out_of_range", "this number has too many digits or too large an exponent", _start(token))
    return value


def _moment(token: Token, read: Callable[[str], Any], example: str) -> Any:
    quoted = re.sub(r"^\w+\s*", "", token)
    try:
        return read(_unquote(quoted))
    except ValueError:
        raise _Bad("invalid_literal", f"this is no valid moment: write {example}", _start(token)) from None


def _read_date(text: str) -> dt.date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError
    return dt.date.fromisoformat(text)


def _read_timestamp(text: str) -> dt.datetime:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ][\d:.]{5,15}(Z|[+-]\d{2}:?\d{2})?)?", text, re.ASCII):
        raise ValueError
    value = dt.datetime.fromisoformat(text)
    return value if value.tzinfo is None else _to_utc(value)


def _to_utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError from None


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Called by the parser as it reads, from the leaves up; so a deep text costs no recursion."""

    # where
    def where(self, built: _Built) -> tree.Condition:
        return built.condition

    def disjunction(self, *parts: _Built) -> _Built:
        return self._chain(tree.Or, parts)

    def conjunction(self, *parts: _Built) -> _Built:
        return self._chain(tree.And, parts)

    def _chain(self, kind: type[tree.And] | type[tree.Or], parts: tuple[_Built, ...]) -> _Built:
        if len(parts) == 1:
            return parts[0]
        return _deeper(kind(tuple(part.condition for part in parts)), 1 + max(part.depth for part in parts))

    def negated(self, part: _Built) -> _Built:
        return _deeper(tree.Not(part.condition), part.depth + 1)

    def grouped(self, part: _Built) -> _Built:
        return _deeper(part.condition, part.depth + 1)

    def compare(self, left: tree.Operand, op: Token, right: tree.Operand) -> _Built:
        sign = cast(tree.Comparison, "!=" if op == "<>" else str(op))
        return _Built(tree.Compare(sign, left, right, left.at), 0)

    def values(self, *values: tree.Operand) -> tuple[tree.Operand, ...]:
        return values

    def within(self, operand: tree.Operand, values: tuple[tree.Operand, ...]) -> _Built:
        return _Built(tree.In(operand, values, operand.at), 0)

    def not_within(self, operand: tree.Operand, values: tuple[tree.Operand, ...]) -> _Built:
        return self.negated(self.within(operand, values))

    def between(self, operand: tree.Operand, low: tree.Operand, high: tree.Operand) -> _Built:
        return _Built(tree.Between(operand, low, high, operand.at), 0)

    def not_between(self, operand: tree.Operand, low: tree.Operand, high: tree.Operand) -> _Built:
        return self.negated(self.between(operand, low, high))

    def null(self, operand: tree.Operand, _: Token) -> _Built:
        return _Built(tree.IsNull(operand, operand.at), 0)

    def not_null(self, operand: tree.Operand, _: Token) -> _Built:
        return self.negated(self.null(operand, _))

    def like(self, operand: tree.Operand, pattern: Token) -> _Built:
        return _Built(tree.Like(operand, _unquote(pattern), operand.at), 0)

    def not_like(self, operand: tree.Operand, pattern: Token) -> _Built:
        return self.negated(self.like(operand, pattern))

    def call(self, function: Token, *_: tree.Operand) -> tree.Call:
        return tree.Call(str(function), _start(function))

    # literals
    def number(self, token: Token) -> tree.Value:
        return tree.Value("number", _number(token), _start(token))

    def text(self, token: Token) -> tree.Value:
        return tree.Value("text", _unquote(token), _start(token))

    def boolean(self, token: Token) -> tree.Value:
        return tree.Value("boolean", token.lower() == "true", _start(token))

    def date(self, token: Token) -> tree.Value:
        return tree.Value("date", _moment(token, _read_date, "date'2026-01-31'"), _start(token))

    def timestamp(self, token: Token) -> tree.Value:
        example = "timestamp'2026-01-31T18:00:00', or with an offset timestamp'2026-01-31T18:00:00+09:00'"
        value: dt.datetime = _moment(token, _read_timestamp, example)
        return tree.Value("timestamp" if value.tzinfo is None else "timestamptz", value, _start(token))

    def nothing(self, token: Token) -> tree.Value:
        return tree.Value("null", None, _start(token))

    # names, select, group_by, order_by
    def bare(self, token: Token) -> tree.Name:
        return tree.Name(str(token), _start(token))

    def quoted(self, token: Token) -> tree.Name:
        return tree.Name(_unquote(token), _start(token))

    def column(self, name: tree.Name, alias: tree.Name | None) -> tree.Selected:
        return tree.Selected(name, None, alias.text if alias else None, name.at)

    def aggregate(self, function: Token, name: tree.Name, alias: tree.Name | None) -> tree.Selected:
        return tree.Selected(name, function.lower(), alias.text if alias else None, _start(function))

    def aggregate_all(self, function: Token, _: Token, alias: tree.Name | None) -> tree.Selected:
        return tree.Selected(None, function.lower(), alias.text if alias else None, _start(function))

    def ordering(self, name: tree.Name, direction: Token | None) -> tree.Ordered:
        return tree.Ordered(name, direction is not None and direction.lower() == "desc")

    def select(self, *items: tree.Selected) -> tuple[tree.Selected, ...]:
        return items

    def group_by(self, *names: tree.Name) -> tuple[tree.Name, ...]:
        return names

    def order_by(self, *orderings: tree.Ordered) -> tuple[tree.Ordered, ...]:
        return orderings


_LARK = Lark(
    (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    start=["where", "select", "group_by", "order_by"],
    transformer=_Builder(),
    maybe_placeholders=True,
)


def parse_where(text: str) -> tree.Condition:
    """Read a filter. Raises :class:`QueryError` with pointer ``where``."""
    return cast(tree.Condition, _parse("where", text))


def parse_select(text: str) -> tuple[tree.Selected, ...]:
    """Read a list of columns and aggregates. Raises :class:`QueryError` with pointer ``select``."""
    return cast(tuple[tree.Selected, ...], _parse("select", text))


def parse_group_by(text: str) -> tuple[tree.Name, ...]:
    """Read a list of columns. Raises :class:`QueryError` with pointer ``group_by``."""
    return cast(tuple[tree.Name, ...], _parse("group_by", text))


def parse_order_by(text: str) -> tuple[tree.Ordered, ...]:
    """Read a list of columns with ``asc`` or ``desc``. Raises :class:`QueryError` with pointer ``order_by``."""
    return cast(tuple[tree.Ordered, ...], _parse("order_by", text))


def _parse(start: str, text: str) -> Any:
    _refuse_unreadable(start, text)
    try:
        return _LARK.parse(text, start=start)
    except UnexpectedInput as error:
        raise _syntax_error(start, text, error) from None
    except VisitError as error:
        raise _located(start, text, error.orig_exc) from None
    except _Bad as error:
        raise _located(start, text, error) from None


def _refuse_unreadable(start: str, text: str) -> None:
    if not len(text) <= MAX_CHARACTERS:
        message = f"{start} is longer than {MAX_CHARACTERS:,} characters"
        raise QueryError("too_long", message, pointer=start, position=MAX_CHARACTERS)
    if not text.strip():
        raise QueryError("empty", f"{start} is empty: leave the parameter out instead", pointer=start, position=0)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("invalid_text", f"{start} is not valid text", pointer=start, position=error.start) from None


def _located(start: str, text: str, error: Exception) -> QueryError:
    if not isinstance(error, _Bad):
        raise error
    return QueryError(
        error.code, error.message, pointer=start, position=error.at, text=text, suggestion=error.suggestion
    )


_SAID = {
    "TEXT": "a text", "NUMBER": "a number", "BOOLEAN": "true or false", "DATE": "a date", "TIMESTAMP": "a timestamp",
    "NULL": "null", "QUOTED": "a column in backticks", "WORD": "a column name", "COMPARISON": "a comparison",
    "DIRECTION": "asc or desc", "STAR": "*", "LPAR": "(", "RPAR": ")", "COMMA": ",", "_AS": "as", "_OR": "or",
    "_AND": "and", "_NOT": "not", "_IN": "in", "_BETWEEN": "between", "_IS": "is", "_LIKE": "like", "$END": "the end",
}  # fmt: skip


def _syntax_error(start: str, text: str, error: UnexpectedInput) -> QueryError:
    if isinstance(error, UnexpectedToken):
        at = len(text) if error.token.type == "$END" else _start(error.token)
        found, expected = _SAID.get(error.token.type, "this"), error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        found, expected = _character(text, at), error.allowed or set()
    else:
        at, found, expected = len(text), "the end", set()
    wanted = ", ".join(sorted({_SAID[kind] for kind in expected if kind in _SAID}))
    hint = f", expected one of: {wanted}" if wanted else ""
    message = f"{start} cannot be read at position {at}: found {found}{hint}"
    return QueryError("syntax", message, pointer=start, position=at, text=text)


def _character(text: str, at: int) -> str:
    sign = text[at] if at < len(text) else ""
    if sign in "\"'`":
        return "a quote that is not closed"
    return f"{sign!r}" if sign.isprintable() and not sign.isalnum() else "a sign that does not fit"
