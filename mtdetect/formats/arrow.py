"""Arrow tables: the way to a column, and how much memory rows take once they are spelled out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mtdetect.formats.base import position_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

Kind = TypeVar("Kind")
Way: TypeAlias = list[int]


def way_to(
    path: str, columns: Sequence[tuple[str, Kind]], inside: Callable[[Kind], Sequence[tuple[str, Kind]]]
) -> tuple[Way, Kind] | None:
    """Return the positions that lead to a column, and its type; None: there is no such column.

    A column of that very name comes first, then a dotted path into structs.

    Args:
        path: name of a column, or dotted path.
        columns: name and type of each column.
        inside: names and types of the fields of a type; none for what is no struct.

    Raises:
        InputError: there are two columns, or fields, of that name.

    >>> fields = {"doc": [("id", "int"), ("text", "string")]}
    >>> way_to("doc.text", [("id", "int"), ("doc", "doc")], lambda kind: fields.get(kind, []))
    ([1, 1], 'string')
    """
    first, steps = path, list[str]()
    while "." in first and all(name != first for name, _ in columns):
        first, step = first.rsplit(".", 1)
        steps.insert(0, step)
    way: Way = []
    for step in (first, *steps):
        at = position_of(step, [name for name, _ in columns])
        if at is None:
            return None
        way.append(at)
        kind = columns[at][1]
        columns = inside(kind)
    return way, kind


def fields_of(kind: Any) -> list[tuple[str, Any]]:
    """Return the names and types of the fields of a struct or a schema; nothing for other types."""
    import pyarrow

    structured = isinstance(kind, pyarrow.Schema) or pyarrow.types.is_struct(kind)
    return [(field.name, field.type) for field in kind] if structured else []


def column_at(table: Any, way: Sequence[int]) -> Any:
    """Return the column of a table or batch at the positions that ``way_to`` found."""
    import pyarrow.compute

    column = table.column(way[0])
    return pyarrow.compute.struct_field(column, list(way[1:])) if way[1:] else column


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
