"""Figures beside each other, a row each: what it is and its numbers in words above, and where they lie on a track below.

Numbers stand in a column of their own, so that none ever hides another, whatever lies where. Everything is placed in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.display.look import ACCENT, FONT, GREY, LINE, SIZE

ROW, HEAD, TRACK = 52, 26, 32
"""Pixels: a row, the line above the first, and from the top of a row to its track."""
APART = 5
"""Pixels from a track to each of two intervals on it; rows grow by twice that."""
Item = dict[str, Any]


class Sheet:
    """Marks in pixels from the top left corner, by kind; every kind becomes one layer."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.size = 90
        self.rules: list[Item] = []
        self.boxes: list[Item] = []
        self.dots: list[Item] = []
        self.texts: list[Item] = []

    def text(self, x: float, y: float, said: str, colour: str = GREY, *, align: str = "left", bold: bool = False, limit: float = 0) -> None:
        self.texts.append({"x": x, "y": y, "said": said, "colour": colour, "align": align, "bold": bold, "limit": round(limit)})

    def rule(self, x: float, x2: float, y: float, colour: str, *, width: float = 1.5, y2: float | None = None) -> None:
        self.rules.append({"x": x, "x2": x2, "y": y, "y2": y if y2 is None else y2, "colour": colour, "thick": width})

    def box(self, x: float, x2: float, y: float, high: float, colour: str) -> None:
        self.boxes.append({"x": min(x, x2), "x2": max(x, x2), "y": y - high / 2, "y2": y + high / 2, "colour": colour})

    def dot(self, x: float, y: float, colour: str) -> None:
        self.dots.append({"x": x, "y": y, "colour": colour, "size": self.size})

    def specification(self) -> Item:
        """As Vega-Lite. Written as plain data: building it from altair's classes takes four times as long as drawing it."""
        layers = [*self._layers("rule", self.rules, ("thick",)), *self._layers("rect", self.boxes), *self._layers("point", self.dots, ("size",))]
        layers += self._layers("text", self.texts, ("align", "bold", "limit"))
        return {
            "width": self.width, "height": self.height, "autosize": "none", "padding": 0, "background": "transparent",
            "layer": layers, "config": {"font": FONT, "view": {"stroke": None}},
        }  # fmt: skip

    def _layers(self, mark: str, items: list[Item], apart: tuple[str, ...] = ()) -> list[Item]:
        """A layer for each colour and each of the looks ``apart``, which Vega-Lite takes for a whole layer alone."""
        looks = ("colour", *apart)
        return [
            self._layer(mark, dict(zip(looks, look, strict=True)), [i for i in items if tuple(i[name] for name in looks) == look])
            for look in dict.fromkeys(tuple(i[name] for name in looks) for i in items)
        ]

    def _layer(self, mark: str, look: Item, items: list[Item]) -> Item:
        encoding: Item = {"x": self._scaled("x", [0, self.width]), "y": self._scaled("y", [self.height, 0])}
        if mark in ("rule", "rect"):
            encoding |= {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
        if mark == "text":
            encoding["text"] = {"field": "said", "type": "nominal"}
        return {"data": {"values": items}, "mark": {"type": mark, **_style(mark, look)}, "encoding": encoding}

    def _scaled(self, name: str, domain: list[int]) -> Item:
        return {"field": name, "type": "quantitative", "axis": None, "scale": {"domain": domain, "nice": False, "zero": False}}


def _style(mark: str, look: Item) -> Item:
    colour = look["colour"]
    if mark == "rule":
        return {"color": colour, "strokeWidth": look["thick"]}
    if mark == "point":
        return {"color": colour, "fill": colour, "size": look["size"], "opacity": 1}
    if mark == "rect":
        return {"color": colour}
    own = {"limit": look["limit"]} if look["limit"] else {}
    weight = {"fontWeight": "bold"} if look["bold"] else {}
    return {"color": colour, "align": look["align"], "baseline": "alphabetic", "fontSize": SIZE, **weight, **own}


def length(text: str, *, bold: bool = False) -> float:
    """Pixels that a text takes, roughly: no more than is needed to keep two of them apart."""
    return sum(14.0 if ord(sign) > 0x2E7F else 8.8 if bold else 7.8 for sign in text)


def tracks(asked: Item, width: int) -> Item:
    """``rows``: label and ``a`` (grey), ``b`` (accent) and ``tick`` (a grey mark), each a number or None; ``a_lower``,
    ``a_upper``, ``b_lower``, ``b_upper``; ``said_a``, ``said_b``: the numbers as they are to be read. ``names``: what a and
    b are called, above the numbers; ``between``: the sign between them; ``most``: the right end of every track;
    ``bar``: whether b is drawn as a bar from 0.
    """
    rows, names = asked["rows"], asked.get("names") or {}
    head, apart = HEAD if names else 0, APART * any(row.get("a_lower") is not None for row in rows)
    high = ROW + 2 * apart
    sheet, numbers = Sheet(width, head + high * len(rows) + 4), _Numbers(asked, width)
    sheet.size = 60 if apart else 90
    if names:
        numbers.write(sheet, 16, names.get("a", ""), names.get("b", ""))
    for i, row in enumerate(rows):
        top = head + high * i
        numbers.write(sheet, top + 18, row.get("said_a") or "", row.get("said_b") or "")
        sheet.text(0, top + 18, row["label"], limit=numbers.left - 16)
        _marks(sheet, top + TRACK + apart, row, asked["most"], apart=apart, bar=bool(asked.get("bar")))
    return sheet.specification()


class _Numbers:
    """The columns of numbers at the right end, a before b, as wide as the widest of them."""

    def __init__(self, asked: Item, width: int) -> None:
        heads = asked.get("names") or {}
        a, b = ([row.get(f"said_{side}") or "" for row in asked["rows"]] for side in ("a", "b"))
        wide_a = max([length(text) for text in a] + [length(heads.get("a", ""))])
        wide_b = max([length(text, bold=True) for text in b] + [length(heads.get("b", ""))])
        self.end, self.between = float(width), asked["between"] if any(a) else ""
        self.middle = self.end - wide_b - 12
        self.end_a = self.middle - length(self.between) / 2 - 6 if self.between else self.middle
        self.left = self.end_a - wide_a

    def write(self, sheet: Sheet, y: float, a: str, b: str) -> None:
        sheet.text(self.end, y, b, ACCENT, align="right", bold=True)
        if a:
            sheet.text(self.middle, y, self.between, GREY, align="center")
            sheet.text(self.end_a, y, a, GREY, align="right")


def _marks(sheet: Sheet, y: float, row: Mapping[str, Any], most: float, *, apart: int, bar: bool) -> None:
    edge = 0 if bar else 6

    def at(value: float) -> float:
        return edge + min(max(value / most, 0.0), 1.0) * (sheet.width - 2 * edge)

    sheet.rule(at(0), at(most), y, LINE, width=2)
    if bar:
        sheet.box(at(0), max(at(row["b"]), at(0) + 1.5), y, 8, ACCENT)
        return
    a, b = row.get("a"), row.get("b")
    if a is not None and b is not None and not apart:
        sheet.rule(at(a), at(b), y, GREY)
    if row.get("tick") is not None:
        sheet.rule(at(row["tick"]), at(row["tick"]), y - 8, GREY, width=2, y2=y + 8)
    alone = a is None
    for name, value, colour, there in (("a", a, GREY, y - apart), ("b", b, ACCENT, y if alone else y + apart)):
        if row.get(f"{name}_lower") is not None:
            sheet.rule(at(row[f"{name}_lower"]), at(row[f"{name}_upper"]), there, colour, width=3)
        if value is not None:
            sheet.dot(at(value), there, colour)


def pyramid(asked: Item, width: int) -> Item:
    """Two distributions over the same bins, back to back: ``rows`` with label, left, right (shares in [0, 1]), said_left,
    said_right; ``names``: left, right, middle."""
    rows, names, high = asked["rows"], asked["names"], 28
    middle = max([length(row["label"]) for row in rows] + [length(names["middle"])]) + 20
    number = max(length(said) for row in rows for said in (row["said_left"], row["said_right"])) + 10
    room = (width - middle) / 2 - number
    most = max(max(row["left"], row["right"]) for row in rows) or 1
    sheet = Sheet(width, HEAD + 6 + high * len(rows))
    inner_left, inner_right = width / 2 - middle / 2, width / 2 + middle / 2
    sheet.text(inner_left, 16, names["left"], GREY, align="right")
    sheet.text(width / 2, 16, names["middle"], GREY, align="center")
    sheet.text(inner_right, 16, names["right"], ACCENT, bold=True)
    for i, row in enumerate(rows):
        y = HEAD + 6 + high * i + high / 2
        sheet.text(width / 2, y + 5, row["label"], GREY, align="center")
        _side(sheet, inner_left, -room * row["left"] / most, y, row["said_left"], GREY)
        _side(sheet, inner_right, room * row["right"] / most, y, row["said_right"], ACCENT)
    return sheet.specification()


def _side(sheet: Sheet, start: float, reach: float, y: float, said: str, colour: str) -> None:
    if not said:
        return
    sheet.box(start, start + (reach or 0), y, 16, colour)
    left = reach < 0
    sheet.text(start + reach + (-6 if left else 6), y + 5, said, colour, align="right" if left else "left")

