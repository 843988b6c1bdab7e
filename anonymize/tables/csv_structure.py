"""The skeleton of a CSV text: records, fields and quotes, checked over the whole file before any parser sees it.

One pass over UTF-8 bytes in blocks, vectorised; only a block and a few numbers are in memory. In well-quoted text
(RFC 4180) a byte is inside quotes exactly when an odd number of quotes stands before it, since a doubled quote counts
twice. That every quote opens, closes or doubles is checked too, so the rule holds or the file is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from anonymize.errors import InputError, Problem
from anonymize.tables.header import SAMPLE_RECORDS
from anonymize.tables.limits import Limits

DELIMITERS = (",", ";", "\t", "|")
HEADER_BYTES = 1 << 20  # in which the header must end

_LF, _CR, _QUOTE = 10, 13, 34
Positions: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Header:
    """The first record that is not empty. ``end`` is the byte behind its line end, ``lines`` the lines up to there."""

    names: tuple[str, ...]
    delimiter: str
    end: int
    lines: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What the pass over the body found; ``longest`` in bytes. Empty lines are no records."""

    records: int
    longest: int
    empty_lines: int


# --- the header --------------------------------------------------------------------------------------------------


def read_header(head: bytes) -> Header:
    """Delimiter and names from the first bytes of the text (UTF-8). Raises :class:`InputError` when there is no text."""
    begin = len(head) - len(head.lstrip(b"\r\n"))
    if begin == len(head):
        raise InputError("the file holds no text: upload a file with a header and rows", problems=(_EMPTY,))
    end = _record_end(head, begin)
    if end >= HEADER_BYTES:
        raise _at("long_record", head[:begin].count(b"\n") + 1, f"a header of more than {HEADER_BYTES:,} bytes")
    sample = head[begin:].decode("utf-8", "ignore")
    delimiter = guess_delimiter(sample)
    header = head[begin:end].decode("utf-8", "replace").rstrip("\r\n")
    return Header(tuple(_fields(header, delimiter)), delimiter, end, head[:end].count(b"\n"))


_EMPTY = Problem("empty_file", "no text")


def first_records(text: bytes, delimiter: str) -> list[list[str]]:
    """The first records, at most SAMPLE_RECORDS, of a text (UTF-8) that may end in the middle of one."""
    rows = csv.reader(io.StringIO(text.decode("utf-8", "ignore"), newline=""), delimiter=delimiter)
    records: list[list[str]] = []
    try:
        while len(records) < SAMPLE_RECORDS:
            record = next(rows)
            records += [record] if record else []
    except (StopIteration, csv.Error):  # a field longer than the csv module takes: what came before will do
        pass
    return records


def _record_end(head: bytes, begin: int) -> int:
    position = begin
    while (position := head.find(b"\n", position)) >= 0:
        position += 1
        if head.count(b'"', begin, position) % 2 == 0:
            return position
    return len(head)


def _fields(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), [])
    except csv.Error:
        pass  # told below, outside this block: the module's own error may quote the text
    raise InputError("the header cannot be read: a column name is longer than 131,072 signs")


def guess_delimiter(sample: str) -> str:
    """The delimiter that splits most records of the sample into as many fields as the first; a comma if none splits.

    Of two that do equally well, the one with more fields.
    """
    scores = {delimiter: _agreement(sample, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])  # the first, a comma, when all are equal


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """Share of records with as many fields as the first (to a hundredth), and that number of fields."""
    widths = _widths(sample, delimiter)
    if not widths or widths[0] < 2:
        return (0, 0)
    return (round(sum(width == widths[0] for width in widths) / len(widths), 2), widths[0])


def _widths(sample: str, delimiter: str) -> list[int]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    widths: list[int] = []
    try:
        while len(widths) < SAMPLE_RECORDS:
            row = next(rows)
            widths += [len(row)] if row else []
    except (StopIteration, csv.Error):  # a field longer than the csv module takes: judged by what came before
        pass
    return widths[:-1] if len(widths) > 2 else widths  # the sample may cut its last record


# --- the body ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scanner:
    """Feed it the body's blocks, then :meth:`finish`. Raises as soon as the text cannot be a table."""

    header: Header
    limits: Limits
    wanted: tuple[int, ...] = ()  # record numbers (from 0) whose line is asked for
    lines: dict[int, int] = field(default_factory=dict)
    records: int = 0
    longest: int = 0
    empty_lines: int = 0
    ragged: list[Problem] = field(default_factory=list)
    ragged_total: int = 0
    _line: int = 1  # on which the block starts
    _quotes: int = 0  # before the block
    _before: int = _LF  # the byte before the block
    _size: int = 0  # bytes of the record in hand that lie before the block, its delimiters, and the line it starts on
    _delimiters: int = 0
    _start_line: int = 1

    def __post_init__(self) -> None:
        self._line = self._start_line = self.header.lines + 1

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""
        if not block:
            return
        data = np.frombuffer(block, dtype=np.uint8)
        breaks = np.flatnonzero(data == _LF)
        quotes = np.flatnonzero(data == _QUOTE)
        self._refuse_nul(data, breaks)
        self._check_quotes(data, quotes, breaks)
        self._check_returns(data, quotes, breaks)
        ends = self._outside(breaks, quotes)
        delimiters = self._outside(np.flatnonzero(data == ord(self.header.delimiter)), quotes)
        self._quotes += len(quotes)
        if len(ends):
            self._close_records(data, ends, delimiters, breaks)
        else:
            self._size += len(data)
            self._delimiters += len(delimiters)
        self._refuse_long(self._size, self._start_line)
        self._line += len(breaks)
        self._before = int(data[-1])

    def finish(self) -> Structure:
        """End of the text. Raises what was found ragged."""
        if self._quotes % 2:
            raise _at("unclosed_quote", self._start_line, "a quote that opens in this record is never closed")
        if self._before != _LF:
            self.feed(b"\n")
        if self.ragged_total:
            raise self._ragged_error()
        return Structure(self.records, self.longest, self.empty_lines)

    def _refuse_nul(self, data: Bytes, breaks: Positions) -> None:
        if not data.all():
            line = self._line_at(int(np.flatnonzero(data == 0)[0]), breaks)
            raise _at("nul_byte", line, "a NUL byte: this is no text, or it is UTF-16 without a byte order mark")

    def _outside(self, positions: Positions, quotes: Positions) -> Positions:
        """Those of the positions before which the number of quotes is even."""
        if not len(quotes):
            return positions[:0] if self._quotes % 2 else positions
        before = np.searchsorted(quotes, positions) + self._quotes
        outside: Positions = positions[before % 2 == 0]
        return outside

    def _check_quotes(self, data: Bytes, quotes: Positions, breaks: Positions) -> None:
        """A quote may open only where a field starts and close only where it ends; a doubled one does both.

        By parity, a quote right after a closing one is its double, so "quote" is a good neighbour on either side.
        """
        neighbour = np.zeros(256, dtype=bool)
        neighbour[[_LF, _CR, _QUOTE, ord(self.header.delimiter)]] = True
        if self._before == _QUOTE and self._quotes % 2 == 0 and self._quotes and not neighbour[data[0]]:
            raise self._stray(self._line)
        opens = (np.arange(len(quotes)) + self._quotes) % 2 == 0
        previous = np.where(quotes > 0, data[quotes - 1], self._before)
        following = data[np.minimum(quotes + 1, len(data) - 1)]  # at the block's end the quote itself: seen next time
        wrong = np.flatnonzero(np.where(opens, ~neighbour[previous], ~neighbour[following]))
        if len(wrong):
            raise self._stray(self._line_at(int(quotes[wrong[0]]), breaks))

    def _check_returns(self, data: Bytes, quotes: Positions, breaks: Positions) -> None:
        """Outside quotes a carriage return must be followed by a line feed: parsers differ on what it means alone."""
        outside_before = self._quotes % 2 == 0
        if self._before == _CR and outside_before and data[0] != _LF:
            raise self._lone_return(self._line)
        returns = self._outside(np.flatnonzero(data == _CR), quotes)
        inner = returns[returns + 1 < len(data)]
        alone = inner[data[inner + 1] != _LF]
        if len(alone):
            raise self._lone_return(self._line_at(int(alone[0]), breaks))

    def _close_records(self, data: Bytes, ends: Positions, delimiters: Positions, breaks: Positions) -> None:
        upto = np.searchsorted(delimiters, ends)
        counts = np.diff(upto, prepend=0)
        counts[0] += self._delimiters
        sizes = np.diff(ends, prepend=-1) - 1  # without the line feed
        sizes[0] += self._size
        before = np.where(ends > 0, data[ends - 1], self._before)
        blank = (sizes == 0) | ((sizes == 1) & (before == _CR))
        starts = np.concatenate(([self._start_line], self._line + np.searchsorted(breaks, ends[:-1]) + 1))
        self._tally(sizes, counts, blank, starts)
        self._size = len(data) - int(ends[-1]) - 1
        self._delimiters = len(delimiters) - int(upto[-1])
        self._start_line = self._line_at(int(ends[-1]), breaks) + 1

    def _tally(self, sizes: Positions, counts: Positions, blank: Flags, starts: Positions) -> None:
        """Count records; note the ragged and those asked for. ``starts`` are lines."""
        longest = int(sizes.argmax())
        self._refuse_long(int(sizes[longest]), int(starts[longest]))
        self.longest = max(self.longest, int(sizes[longest]))
        wrong = np.flatnonzero((counts != len(self.header.names) - 1) & ~blank)
        self.ragged_total += len(wrong)
        room = self.limits.problems - len(self.ragged)
        self.ragged += [self._ragged(int(starts[i]), int(counts[i]) + 1) for i in wrong[:room]]
        full = starts[~blank]
        here = (n for n in self.wanted if self.records <= n < self.records + len(full))
        self.lines |= {number: int(full[number - self.records]) for number in here}
        self.records += len(full)
        self.empty_lines += len(blank) - len(full)

    def _line_at(self, position: int, breaks: Positions) -> int:
        return self._line + int(np.searchsorted(breaks, position))

    def _refuse_long(self, size: int, line: int) -> None:
        if not size <= self.limits.record:
            hint = "; a quote in it may never have been closed" if self._quotes % 2 else ""
            raise _at("long_record", line, f"a record of more than {self.limits.record:,} bytes{hint}")

    def _ragged(self, line: int, found: int) -> Problem:
        return Problem("ragged_row", f"{found:,} fields where the header has {len(self.header.names):,}", line=line)

    def _ragged_error(self) -> InputError:
        first = self.ragged[0]
        rest = f"; {self.ragged_total:,} such rows in all" if self.ragged_total > 1 else ""
        return InputError(
            f"line {first.line:,} has {first.message}{rest}: quote fields that hold the delimiter, or mend the rows",
            problems=tuple(self.ragged),
        )

    @staticmethod
    def _stray(line: int) -> InputError:
        why = "a quote inside an unquoted field, or text after a closing quote; write quotes inside a field doubled"
        return _at("stray_quote", line, why)

    @staticmethod
    def _lone_return(line: int) -> InputError:
        why = "a carriage return without a line feed: save the file with one kind of line end"
        return _at("lone_carriage_return", line, why)


def _at(code: str, line: int, what: str) -> InputError:
    return InputError(f"line {line:,}: {what}", problems=(Problem(code, what, line=line),))


def scan(body: Iterable[bytes], header: Header, limits: Limits) -> Structure:
    """Check the whole body. Raises :class:`InputError` with lines, never values."""
    scanner = Scanner(header, limits)
    for block in body:
        scanner.feed(block)
    return scanner.finish()


def lines_of(body: Iterable[bytes], header: Header, limits: Limits, records: Sequence[int]) -> dict[int, int]:
    """The line on which each of the records (numbered from 0 behind the header) starts."""
    scanner = Scanner(header, limits, wanted=tuple(records))
    for block in body:
        scanner.feed(block)
        if len(scanner.lines) == len(set(records)):
            return scanner.lines
    scanner.finish()
    return scanner.lines
