"""Arrow tables: the way to a column, and how much memory rows take once they are spelled out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mtdetect.errors import InputError
from mtdetect.formats.base import position_of
from mtdetect.formats.paths import list_position

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

Kind = TypeVar("Kind")
Way: TypeAlias = list[int]

ELEMENT = "[]"
"""What stands for the name of the elements of a list, among the fields of its type."""


def way_to(
    path: str, columns: Sequence[tuple[str, Kind]], inside: Callable[[Kind], Sequence[tuple[str, Kind]]]
) -> tuple[Way, Kind] | None:
    """Return the positions that lead to a column, and its type; None: there is no such column.

    A dotted path leads into structs and lists as :func:`mtdetect.formats.paths.step_into` does into objects.

    Args:
        path: name of a column, or dotted path.
        columns: name and type of each column.
        inside: names and types of the fields of a type, ``ELEMENT`` and a type for a list; none for others.

    Raises:
        InputError: there are two columns, or fields, of that name, or a list without a position in it.

    >>> fields = {"doc": [("id", "int"), ("text", "string")]}
    >>> way_to("doc.text", [("id", "int"), ("doc", "doc")], lambda kind: fields.get(kind, []))
    ([1, 1], 'string')
    """
    way: Way = []
    rest: str | None = path
    while rest is not None:
        names, head = [name for name, _ in columns], rest
        at: int | None = 0
        if names == [ELEMENT]:
            head, step = rest.partition(".")[0], list_position(rest)
            if step is None:
                outer = path[: -len(rest) - 1]
                raise InputError(f'"{outer}" is a list, not an object; name a position in it: {outer}.0.{rest}')
        else:
            while head not in names and "." in head:
                head = head.rpartition(".")[0]
            step = at = position_of(head, names)
        if step is None or at is None:
            return None
        way.append(step)
        kind = columns[at][1]
        columns, rest = inside(kind), rest[len(head) + 1 :] if len(head) < len(rest) else None
    return way, kind


def fields_of(kind: Any) -> list[tuple[str, Any]]:
    """Return names and types of the fields of a struct or a schema, ``ELEMENT`` for lists; nothing for other types."""
    import pyarrow

    if isinstance(kind, pyarrow.DataType) and _is_list(kind):
        return [(ELEMENT, kind.value_type)]
    structured = isinstance(kind, pyarrow.Schema) or pyarrow.types.is_struct(kind)
    return [(field.name, field.type) for field in kind] if structured else []


def _is_list(kind: pyarrow.DataType) -> bool:
    import pyarrow

    types = pyarrow.types
    return any(check(kind) for check in (types.is_list, types.is_large_list, types.is_fixed_size_list))


def column_at(table: Any, way: Sequence[int]) -> Any:
    """Return the column of a table or batch at the positions that ``way_to`` found; null behind the end of a list."""
    import pyarrow.compute as compute

    column = table.column(way[0])
    for step in way[1:]:
        column = _element(column, step) if _is_list(column.type) else compute.struct_field(column, [step])
    return column


def _element(column: Any, position: int) -> Any:
    """Return the element at a position of each list: Arrow's own ways refuse short lists, or crash far behind them."""
    import pyarrow
    import pyarrow.compute as compute

    inner = column.type.value_type
    if isinstance(column, pyarrow.ChunkedArray):
        return pyarrow.chunked_array([_element(chunk, position) for chunk in column.chunks], inner)
    if pyarrow.types.is_fixed_size_list(column.type):
        column = column.cast(pyarrow.list_(inner))
    known = compute.greater(compute.list_value_length(column), position)
    places = compute.add(column.offsets[:-1].cast("int64"), position)
    return column.values.take(compute.if_else(known, places, pyarrow.scalar(None, "int64")))


def spelled_out_bytes(batch: pyarrow.RecordBatch) -> int:
    """Return how many bytes the values of a batch take, those of dictionaries as often as they occur."""
    if not any(map(_has_dictionary, batch.schema.types)):
        return int(batch.nbytes)
    return sum(int(_sizes(column).sum()) for column in batch.columns)


def _has_dictionary(kind: pyarrow.DataType) -> bool:
    """Tell whether a type is a dictionary, or holds one."""
    import pyarrow

    inner = (kind.field(i).type for i in range(kind.num_fields))
    return pyarrow.types.is_dictionary(kind) or any(map(_has_dictionary, inner))


def _sizes(column: pyarrow.Array) -> NDArray[np.int64]:
    import numpy as np
    import pyarrow.compute

    types, kind, rows = pyarrow.types, column.type, len(column)
    sizes: NDArray[np.int64] = np.full(rows, column.nbytes // max(rows, 1) + 1, np.int64)
    if types.is_dictionary(kind):
        known = np.append(_sizes(column.dictionary), 0)  # the last one for null
        sizes = known[column.indices.cast("int64").fill_null(len(known) - 1).to_numpy()]
    elif types.is_struct(kind):
        sizes = sum(map(_sizes, column.flatten()), np.zeros(rows, np.int64))
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        inner = _sizes(column.keys) + _sizes(column.items) if types.is_map(kind) else _sizes(column.values)
        sizes = np.diff(np.append(0, inner.cumsum())[column.offsets.to_numpy()])
    elif any(check(kind) for check in (types.is_string, types.is_binary, types.is_large_string, types.is_large_binary)):
        sizes = pyarrow.compute.binary_length(column).cast("int64").fill_null(0).to_numpy() + 8
    return sizes
