"""A plan carried out over a file: by DuckDB as a chain of relations, or by reading the rows as they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from catalog.publishing.query.arrow import normalise
from catalog.publishing.query.compile import Columns, Expression, compile_where, joined, row_number
from catalog.publishing.query.engine import Relation, engine_for
from catalog.publishing.query.files import BATCH_ROWS, batches, open_file, read_rows, unreadable
from catalog.publishing.query.noise import bounds
from catalog.publishing.query.plan import Order, Output, Plan
from catalog.publishing.query.schema import ColumnType, ReleaseColumn, ReleaseFile

_ROW = "row"


@dataclass(frozen=True, slots=True)
class Frame:
    """Part of an answer: one array per answer column, and where each row lies in the file (plain rows only)."""

    names: tuple[str, ...]
    types: tuple[ColumnType, ...]
    arrays: tuple[pa.Array, ...]
    places: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.arrays[0])

    def head(self, rows: int) -> Frame:
        places = None if self.places is None else self.places.slice(0, rows)
        return Frame(self.names, self.types, tuple(array.slice(0, rows) for array in self.arrays), places)


def answer_columns(plan: Plan) -> tuple[tuple[str, ColumnType], ...]:
    """(name, type) of each column of the answer: the outputs, and after each noisy sum the ends of its interval."""
    found: list[tuple[str, ColumnType]] = []
    for output in plan.outputs:
        found.append((output.name, output.type))
        if output.bounded:
            found += [(end, output.type) for end in output.ends]
    return tuple(found)


def fetch(
    plan: Plan, release: ReleaseFile, *, rows: int, offset: int = 0, after: int | None = None, timeout_s: float
) -> Frame:
    """Up to ``rows`` rows of the answer: from ``offset`` on, or those that follow the place ``after``."""
    if plan.direct:
        start = offset if after is None else after + 1
        return _direct(plan, release, start, rows)
    if plan.aggregated and after is not None:
        offset, after = after, None
    keys = None if after is None else _keys_at(plan, release, after)
    columns = _columns_reader(release)

    def build(relation: Relation) -> Relation:
        return _relation(plan, relation, columns(relation), keys).limit(rows, offset)

    frame = _frame(plan, engine_for(release).answer(release, build, timeout_s))
    _refuse_disorder(plan, frame)
    return frame


def count(plan: Plan, release: ReleaseFile, *, timeout_s: float) -> int:
    """How many rows the whole answer has."""
    if plan.where is None and not plan.aggregated:
        return open_file(release).rows
    columns = _columns_reader(release)

    def build(relation: Relation) -> Relation:
        whole = _unsorted(plan, relation, columns(relation))
        return whole.aggregate([FunctionExpression("count_star").alias("n")])

    return int(engine_for(release).answer(release, build, timeout_s).column("n")[0].as_py())


def stream(plan: Plan, release: ReleaseFile, *, timeout_s: float) -> Iterator[Frame]:
    """The whole answer in its order, in batches."""
    if plan.direct:
        columns = [_stored(output) for output in plan.outputs]
        names, types = _head(plan)
        for arrays in batches(release, _unique(columns)):
            known = dict(zip([column.name for column in _unique(columns)], arrays, strict=True))
            yield Frame(names, types, tuple(known[column.name] for column in columns))
        return
    reader = _columns_reader(release)
    for batch in engine_for(release).stream(
        release, lambda r: _relation(plan, r, reader(r), None), batch_rows=BATCH_ROWS, timeout_s=timeout_s
    ):
        yield _frame(plan, batch)


def empty(plan: Plan, release: ReleaseFile) -> Frame:
    """An answer of no rows, for its types."""
    return fetch(plan, release, rows=0, timeout_s=60)


def _head(plan: Plan) -> tuple[tuple[str, ...], tuple[ColumnType, ...]]:
    columns = answer_columns(plan)
    return tuple(name for name, _ in columns), tuple(kind for _, kind in columns)


def _stored(output: Output) -> ReleaseColumn:
    if output.column is None:
        raise TypeError("a plain row has stored columns only")
    return output.column


def _unique(columns: list[ReleaseColumn]) -> list[ReleaseColumn]:
    return list(dict.fromkeys(columns))


# --- rows as they lie --------------------------------------------------------------------------------------------


def _direct(plan: Plan, release: ReleaseFile, start: int, rows: int) -> Frame:
    columns = [_stored(output) for output in plan.outputs]
    unique = _unique(columns)
    known = dict(zip([c.name for c in unique], read_rows(release, unique, start, rows), strict=True))
    names, types = _head(plan)
    arrays = tuple(known[column.name] for column in columns)
    return Frame(names, types, arrays, pa.array(range(start, start + len(arrays[0])), pa.int64()))


def _keys_at(plan: Plan, release: ReleaseFile, place: int) -> tuple[int, dict[str, Any]]:
    """The sort values of the row at ``place``: looked up in the file, so that a cursor need not carry them."""
    columns = [order.target for order in plan.order_by if isinstance(order.target, ReleaseColumn)]
    found = read_rows(release, _unique(columns), place, 1)
    return place, {column.name: array[0].as_py() for column, array in zip(_unique(columns), found, strict=True)}


# --- DuckDB ------------------------------------------------------------------------------------------------------


def _columns_reader(release: ReleaseFile) -> Callable[[Relation], Columns]:
    stored = open_file(release).arrow_schema.names
    return lambda relation: Columns(release.schema, stored, relation.columns, relation.types)


def _relation(plan: Plan, relation: Relation, columns: Columns, after: tuple[int, dict[str, Any]] | None) -> Relation:
    """The whole answer, sorted, with internal names: o0, o1 … for the outputs, and what their intervals need."""
    if plan.aggregated:
        groups, order = _unsorted(plan, relation, columns), _group_order(plan)
        return groups.sort(*order) if order else groups
    rows = _unsorted(plan, relation, columns)
    if after is not None:
        rows = rows.filter(_follows(plan.order_by, columns, *after))
    if plan.order_by:
        rows = rows.sort(*[_directed(columns[_key(order)], order.descending) for order in plan.order_by], row_number())
    shown = [columns[_stored(output).name].alias(f"o{i}") for i, output in enumerate(plan.outputs)]
    return rows.project(*shown, row_number().alias(_ROW))


def _unsorted(plan: Plan, relation: Relation, columns: Columns) -> Relation:
    rows = relation if plan.where is None else relation.filter(compile_where(plan.where, columns))
    if plan.group_by is None:
        return rows
    groups = [columns[column.name].alias(f"g{i}") for i, column in enumerate(plan.group_by)]
    folded = [part for i, output in enumerate(plan.outputs) for part in _folded(i, output, columns)]
    return rows.aggregate([*groups, *folded])


def _folded(i: int, output: Output, columns: Columns) -> list[Expression]:
    """The aggregates behind output ``i``: its value, and for a noisy one the widest half-width, cells, raised cells."""
    if output.function is None:
        return []
    if output.column is None:
        return [FunctionExpression("count_star").alias(f"a{i}")]
    column = columns[output.column.name]
    value = FunctionExpression(output.function, column)
    if output.function == "avg":
        value = value.cast("DOUBLE")
    elif output.function == "sum" and output.type == "integer":
        value = value.cast("BIGINT")
    found = [value.alias(f"a{i}")]
    if output.bounded and output.column.lower and output.column.upper:
        found += _error_parts(i, column, columns[output.column.lower], columns[output.column.upper])
    return found


def _error_parts(i: int, value: Expression, lower: Expression, upper: Expression) -> list[Expression]:
    published, low, high = (end.cast("DOUBLE") for end in (value, lower, upper))
    touches = (low == ConstantExpression(0.0)) & ((published - low) <= (high - published))
    return [
        FunctionExpression("max", high - published).alias(f"h{i}"),
        FunctionExpression("count", value).alias(f"n{i}"),
        FunctionExpression("sum", touches.cast("INTEGER")).cast("DOUBLE").alias(f"z{i}"),
    ]


def _group_order(plan: Plan) -> list[Expression]:
    """The asked order, then all groups: no two rows of a grouped answer tie, so its order is always the same.

    Empty for one total over all rows.
    """
    directions: dict[str, bool] = {}
    for order in plan.order_by:
        directions.setdefault(_group_key(plan, order), order.descending)
    for i in range(len(plan.group_by or ())):
        directions.setdefault(f"g{i}", False)
    return [_directed(ColumnExpression(name), descending) for name, descending in directions.items()]


def _group_key(plan: Plan, order: Order) -> str:
    if isinstance(order.target, Output):
        return f"a{plan.outputs.index(order.target)}"
    return f"g{(plan.group_by or ()).index(order.target)}"


def _directed(column: Expression, descending: bool) -> Expression:
    return (column.desc() if descending else column.asc()).nulls_last()


def _key(order: Order) -> str:
    return order.target.name


def _follows(orders: tuple[Order, ...], columns: Columns, place: int, keys: dict[str, Any]) -> Expression:
    """True for the rows that sort after the one at ``place``: after it in one key while equal in all before."""
    ways: list[Expression] = []
    same: list[Expression] = []
    for order in orders:
        column, value = columns[_key(order)], keys[_key(order)]
        if value is not None:  # nulls are last, so nothing follows a null within its key
            beyond = column < ConstantExpression(value) if order.descending else column > ConstantExpression(value)
            ways.append(joined(_and, [*same, beyond | column.is_null()]))
        same.append(column.is_null() if value is None else column == ConstantExpression(value))
    ways.append(joined(_and, [*same, row_number() > ConstantExpression(place)]))
    return joined(_or, ways)


def _and(left: Expression, right: Expression) -> Expression:
    return left & right


def _or(left: Expression, right: Expression) -> Expression:
    return left | right


# --- from DuckDB's answer to ours --------------------------------------------------------------------------------


def _frame(plan: Plan, table: pa.Table | pa.RecordBatch) -> Frame:
    names, types = _head(plan)
    try:
        arrays = tuple(array for i, output in enumerate(plan.outputs) for array in _arrays(plan, i, output, table))
    except pa.ArrowException:
        raise unreadable() from None
    places = None if plan.aggregated else normalise(table.column(_ROW), "integer")
    return Frame(names, types, arrays, places)


def _arrays(plan: Plan, i: int, output: Output, table: pa.Table | pa.RecordBatch) -> list[pa.Array]:
    if plan.group_by is None:
        name = f"o{i}"
    elif output.function is None and output.column is not None:
        name = f"g{plan.group_by.index(output.column)}"
    else:
        name = f"a{i}"
    value = normalise(table.column(name), output.type)
    if not output.bounded:
        return [value]
    half, cells, raised = (normalise(table.column(f"{part}{i}"), "number") for part in "hnz")
    return [value, *bounds(value, output.function == "avg", half, cells, raised)]


def _refuse_disorder(plan: Plan, frame: Frame) -> None:
    """Rows without an asked order come in file order; paging depends on it, so it is not taken on trust."""
    if not plan.in_file_order or frame.places is None:
        return
    places = frame.places.to_pylist()
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise unreadable()
