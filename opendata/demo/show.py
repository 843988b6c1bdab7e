"""What the demo prints: bars where somebody looks on, and plain lines, one a step, where it goes to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_WIDTH = 120
LABEL_WIDTH = 20
INDENT, GAP, NARROWEST = 2, 2, 8


class Show:
    """Prints to a terminal or a file. Nothing is taken for markup: column names come from files."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()

    def title(self, text: str) -> None:
        self.console.print(text, style="bold", markup=False)

    def act(self, text: str) -> None:
        self.console.print()
        self.console.print(text, style="bold cyan", markup=False)

    def line(self, text: str = "") -> None:
        self.console.print(f"  {text}" if text else "", markup=False)

    def trouble(self, text: str) -> None:
        self.console.print(text, style="bold red", markup=False)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        right: frozenset[int] = frozenset(),
    ) -> None:
        """A table, columns in ``right`` aligned to the right. Where it is too wide the last column gives way."""
        shown = _fitted([columns, *rows], self.console.width - INDENT)
        made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
        for place, name in enumerate(shown[0]):
            made.add_column(name, justify="right" if place in right else "left", no_wrap=True)
        for row in shown[1:]:
            made.add_row(*row)
        if title:
            self.line(title)
        self.console.print(Padding(made, (0, 0, 0, INDENT), expand=False))

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """Bars for what is long."""
        if not self.console.is_terminal:
            yield Bars(self, None)
            return
        label = TextColumn(f"  {{task.description:<{LABEL_WIDTH}}}", markup=False)
        with Progress(
            label,
            BarColumn(24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
        ) as live:
            yield Bars(self, live)


class Bars:
    """Several bars below each other; plain lines when ``live`` is None."""

    def __init__(self, show: Show, live: Progress | None) -> None:
        self._show, self._live = show, live

    def add(self, label: str, total: float | None = None) -> Bar:
        task = None if self._live is None else self._live.add_task(label, total=total, note="")
        return Bar(self._show, self._live, task, label)


class Bar:
    """One long thing: how far it is, and at the end what came out."""

    def __init__(self, show: Show, live: Progress | None, task: TaskID | None, label: str) -> None:
        self._show, self._live, self._task, self._label = show, live, task, label

    def to(self, done: float, note: str = "") -> None:
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, note=note)

    def end(self, text: str) -> None:
        if self._live is not None and self._task is not None:
            self._live.update(self._task, total=1, completed=1, note=text)
        else:
            self._show.line(f"{self._label:<{LABEL_WIDTH}} {text}")


def _console() -> Console:
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, emoji=False, soft_wrap=True, width=PLAIN_WIDTH)
    return console


def _fitted(rows: Sequence[Sequence[object]], width: int) -> list[list[str]]:
    """The cells as text; those of the last column shortened so that a row takes at most ``width`` cells."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    others = sum(max(cell_len(row[place]) for row in texts) + GAP for place in range(len(texts[0]) - 1))
    room = max(width - others, NARROWEST)
    return [[escape(cell) for cell in (*row[:-1], _shortened(row[-1], room))] for row in texts]


def _shortened(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + "…"
