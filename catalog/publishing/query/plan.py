"""A question checked against a release's columns: what to read, how to fold it, in which order. Pure; reads no rows."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.publishing.query import tree
from catalog.publishing.query.check import check_where, unknown_column
from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.params import RecordsQuery
from catalog.publishing.query.parser import parse_group_by, parse_order_by, parse_select, parse_where
from catalog.publishing.query.schema import ColumnType, ReleaseColumn, ReleaseSchema, near

FUNCTIONS = ("sum", "avg", "min", "max", "count")
MAX_ITEMS = 1_000  # items of one list; far more than anyone reads, and a bound on the work of one question


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer: a published column, or ``function`` of one (``count`` has none)."""

    name: str
    type: ColumnType
    column: ReleaseColumn | None = None
    function: str | None = None

    @property
    def bounded(self) -> bool:
        """Whether the answer carries an interval for it: sums and averages of noisy measures."""
        return self.function in ("sum", "avg") and self.column is not None and self.column.noisy

    @property
    def ends(self) -> tuple[str, str]:
        return f"{self.name}_lower", f"{self.name}_upper"


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by an output of the answer, or by a column of the release that is not in it. Nulls come last."""

    target: Output | ReleaseColumn
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked question. ``group_by`` is None for plain rows, and empty for one total over all rows.

    ``with_totals``: the release holds totals beside its cells.
    """

    outputs: tuple[Output, ...]
    where: tree.Condition | None = None
    group_by: tuple[ReleaseColumn, ...] | None = None
    order_by: tuple[Order, ...] = ()
    with_totals: bool = False

    @property
    def aggregated(self) -> bool:
        return self.group_by is not None

    @property
    def in_file_order(self) -> bool:
        return not self.aggregated and not self.order_by

    @property
    def direct(self) -> bool:
        """Whether the answer is rows of the file as they lie, so that no query engine is needed."""
        return self.in_file_order and self.where is None


def plan(query: RecordsQuery, schema: ReleaseSchema) -> Plan:
    """Check a question. Raises :class:`QueryError` that names the parameter and the position."""
    where = check_where(parse_where(query.where), schema, query.where) if query.where else None
    group_by = _group_by(query, schema)
    outputs = _outputs(query, schema, group_by)
    if group_by is None and any(output.function for output in outputs):
        group_by = ()
    if group_by is not None:
        _only_groups(query, outputs, group_by)
        _one_level(schema, outputs, where, group_by)
    _distinct_names(query, outputs)
    return Plan(outputs, where, group_by, _order_by(query, schema, outputs, group_by), with_totals=bool(schema.levels))


def _bounded_list(pointer: str, items: int) -> None:
    if not items <= MAX_ITEMS:
        raise QueryError("too_long", f"{pointer} has more than {MAX_ITEMS:,} items", pointer=pointer)


def _resolve(schema: ReleaseSchema, name: tree.Name, pointer: str, text: str) -> ReleaseColumn:
    column = schema.get(name.text)
    if column is None:
        raise unknown_column(schema, name, pointer=pointer, text=text)
    return column


def _group_by(query: RecordsQuery, schema: ReleaseSchema) -> tuple[ReleaseColumn, ...] | None:
    if query.group_by is None:
        return None
    names = parse_group_by(query.group_by)
    _bounded_list("group_by", len(names))
    columns = [_resolve(schema, name, "group_by", query.group_by) for name in names]
    return tuple(dict.fromkeys(columns))


def _outputs(
    query: RecordsQuery, schema: ReleaseSchema, group_by: tuple[ReleaseColumn, ...] | None
) -> tuple[Output, ...]:
    if query.select is not None:
        items = parse_select(query.select)
        _bounded_list("select", len(items))
        return tuple(_output(item, schema, query.select) for item in items)
    if group_by is not None:
        return (*(Output(c.name, c.type, c) for c in group_by), Output("count", "integer", function="count"))
    return tuple(Output(column.name, column.type, column) for column in schema.columns)


def _output(item: tree.Selected, schema: ReleaseSchema, text: str) -> Output:
    if item.function is not None and item.function not in FUNCTIONS:
        hint = near(item.function, list(FUNCTIONS))
        message = f"there is no function {item.function[:80]!r}; there are {', '.join(FUNCTIONS)}"
        raise QueryError("unknown_function", message, pointer="select", position=item.at, text=text, suggestion=hint)
    if item.column is None:
        return _count(item, text)
    column = _resolve(schema, item.column, "select", text)
    if item.function is None:
        return Output(item.alias or column.name, column.type, column)
    name = item.alias or f"{item.function}_{column.name}"
    return Output(name, _aggregate_type(item, column, text), column, item.function)


def _count(item: tree.Selected, text: str) -> Output:
    if item.function != "count":
        message = f"{item.function} needs a column: only count takes *"
        raise QueryError("invalid_select", message, pointer="select", position=item.at, text=text)
    return Output(item.alias or "count", "integer", function="count")


def _aggregate_type(item: tree.Selected, column: ReleaseColumn, text: str) -> ColumnType:
    if item.function == "count":
        message = "count counts rows: write count(*)"
        raise QueryError("invalid_select", message, pointer="select", position=item.at, text=text)
    if item.function in ("sum", "avg") and not column.numeric:
        message = f"{column.name} is {column.type}: {item.function} needs numbers"
        raise QueryError("type_mismatch", message, pointer="select", position=item.at, text=text)
    if item.function in ("sum", "avg") and not column.additive:
        message = f"{column.name} is a {column.kind}: those of cells of different size cannot be put together by {item.function}"
        raise QueryError("type_mismatch", message, pointer="select", position=item.at, text=text)
    return "number" if item.function == "avg" else column.type


def _only_groups(query: RecordsQuery, outputs: tuple[Output, ...], group_by: tuple[ReleaseColumn, ...]) -> None:
    for output in outputs:
        if output.function is None and output.column not in group_by:
            message = f"{output.name} is neither grouped by nor inside sum, avg, min, max or count"
            raise QueryError("not_grouped", message, pointer="select" if query.select else "group_by")


def _one_level(schema: ReleaseSchema, outputs: tuple[Output, ...], where: tree.Condition | None, group_by: tuple[ReleaseColumn, ...]) -> None:
    """A table with totals holds the same people several times: a sum must say at which level."""
    said = {column.name for column in group_by} | (tree.names(where) if where is not None else frozenset())
    open_levels = [column.name for column in schema.levels if column.name not in said]
    if open_levels and any(output.bounded for output in outputs):
        message = f"this release holds totals beside its cells, which a sum would count again: group by or filter {', '.join(open_levels)}"
        raise QueryError("mixed_levels", message, pointer="where")


def _distinct_names(query: RecordsQuery, outputs: tuple[Output, ...]) -> None:
    seen: set[str] = set()
    for output in outputs:
        for name in (output.name, *(output.ends if output.bounded else ())):
            if name in seen:
                message = f"two columns of the answer are called {name!r}: rename one with `as`"
                raise QueryError("duplicate_name", message, pointer="select")
            seen.add(name)


def _order_by(
    query: RecordsQuery, schema: ReleaseSchema, outputs: tuple[Output, ...], group_by: tuple[ReleaseColumn, ...] | None
) -> tuple[Order, ...]:
    if query.order_by is None:
        return ()
    items = parse_order_by(query.order_by)
    _bounded_list("order_by", len(items))
    by_name = {output.name: output for output in outputs}
    targets = [_target(item.name, query.order_by, schema, by_name, group_by) for item in items]
    return tuple(Order(target, item.descending) for target, item in zip(targets, items, strict=True))


def _target(
    name: tree.Name,
    text: str,
    schema: ReleaseSchema,
    outputs: dict[str, Output],
    group_by: tuple[ReleaseColumn, ...] | None,
) -> Output | ReleaseColumn:
    output = outputs.get(name.text)
    if output is not None:
        return output if output.function or output.column is None else output.column
    column = schema.get(name.text)
    if column is None:
        hint = near(name.text, [*outputs, *(c.name for c in schema.columns)])
        message = f"there is no column {name.text[:80]!r} to order by" + (f"; did you mean {hint}?" if hint else "")
        raise QueryError("unknown_column", message, pointer="order_by", position=name.at, text=text, suggestion=hint)
    if group_by is not None and column not in group_by:
        message = f"{column.name} is not in the grouped answer, so it cannot be ordered by"
        raise QueryError("not_grouped", message, pointer="order_by", position=name.at, text=text)
    return column
