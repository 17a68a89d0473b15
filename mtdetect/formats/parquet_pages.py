"""How much the rows of a Parquet file unpack to, told before they do: a file of 500 bytes can ask for gigabytes.

Parquet is unpacked page by page, and a value of a dictionary is copied to every row that refers to it. How large a page
becomes stands in its header only, which pyarrow reads when it is too late; it is therefore read here first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from mtdetect.errors import InputError
from mtdetect.formats.base import shown_names
from mtdetect.formats.source import CHUNK_ROWS

_RATIO = 32
"""A page that is larger than allowed may be as many times what it takes in the file: text is a quarter of that."""

_HEADER_BYTES = 1 << 10  # of most headers, and more than that
_LONGEST_HEADER = 16 << 20  # Arrow reads no longer one
_DICTIONARY_PAGE = 2


def rows_at_a_time(name: str, stream: BinaryIO, file: Any, group: int, most: int) -> int:
    """Return how many rows of a row group can be read at a time, at least one; lists in a row can still be long.

    Args:
        name: what messages call the file.
        stream: its bytes; where it stands changes.
        file: the same as ``pyarrow.parquet.ParquetFile``.
        group: number of the row group.
        most: bytes that one page, and these rows, may have.

    Raises:
        InputError: a page unpacks to more than it may.
    """
    metadata = file.metadata.row_group(group)
    row = 1.0
    for position in range(metadata.num_columns):
        column, schema = metadata.column(position), file.schema.column(position)
        value = float(max(schema.length or 0, 8))  # where all have one length
        repeats = "DELTA_BYTE_ARRAY" in column.encodings  # a value is the begin of the one before, and some more
        for header in _headers(stream, column):
            size = header[2]
            if size > max(most, _RATIO * header[3]):
                raise InputError(
                    f"{name}: {header[3]:,} bytes of column {shown_names([column.path_in_schema])} unpack to {size:,}, "
                    f"so the rest was not read; if the file is as it should be, allow more with --max-row-mb"
                )
            if header[1] != _DICTIONARY_PAGE:
                value = max(value, size if repeats else size / _values(header))
            elif column.physical_type == "BYTE_ARRAY" and size * CHUNK_ROWS > most:
                longest = _longest_value(stream, file, group, column.path_in_schema)
                value = max(value, size if longest is None else longest)
        row += value * max(column.num_values / max(metadata.num_rows, 1), 1.0)
    return max(int(most / row), 1)


def _values(header: dict[int, Any]) -> int:
    """Return how many values a data page of the first or second version has."""
    for key in (5, 8):
        inner = header.get(key)
        if isinstance(inner, dict) and isinstance(inner.get(1), int):
            return max(int(inner[1]), 1)
    return 1


def _longest_value(stream: BinaryIO, file: Any, group: int, path: str) -> int | None:
    """Return the length of the longest value in the dictionary of a column, None where it cannot be looked at."""
    from pyarrow import compute, parquet, types

    shared = parquet.ParquetFile(stream, metadata=file.metadata, read_dictionary=[path], pre_buffer=False)
    batch = next(shared.iter_batches(1, row_groups=[group], columns=[path], use_threads=False), None)
    values = None if batch is None else batch.column(0)
    while values is not None and not types.is_dictionary(values.type):
        values = values.field(0) if types.is_struct(values.type) else getattr(values, "values", None)
    return None if values is None else compute.max(compute.binary_length(values.dictionary)).as_py() or 0


def _headers(stream: BinaryIO, column: Any) -> Iterator[dict[int, Any]]:
    """Yield the page headers of a column in a row group, up to the first that cannot be read."""
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
        at = column.dictionary_page_offset
    end = at + column.total_compressed_size
    while at < end:
        header, length = _header(stream, at)
        if not all(isinstance(header.get(key), int) for key in (1, 2, 3)) or header[3] < 0:
            return
        yield header
        at += length + header[3]


def _header(stream: BinaryIO, at: int) -> tuple[dict[int, Any], int]:
    """Return a page header and its length, nothing where it cannot be read."""
    size = _HEADER_BYTES
    while size <= _LONGEST_HEADER:
        stream.seek(at)
        data = stream.read(size)
        try:
            return _struct(data, 0)
        except (IndexError, RecursionError):
            size = size * 16 if len(data) == size else _LONGEST_HEADER + 1
    return {}, 0


def _struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Read a structure of Thrift's compact protocol: its numbers and structures by their key, and where it ends.

    Raises:
        IndexError: the data ends before it.
    """
    found: dict[int, Any] = {}
    key = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if not step:
            number, at = _number(data, at)
            step = (number >> 1 ^ -(number & 1)) - key
        key += step
        if kind > 2:
            found[key], at = _value(data, at, kind)
    return found, at + 1


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    """Read a value of a kind; of texts, lists and maps only where they end."""
    if kind <= 3:  # as an element: true, false, a byte
        return None, at + 1
    if kind <= 6:
        number, at = _number(data, at)
        return (number & 0xFFFFFFFF) >> 1 ^ -(number & 1), at
    if kind == 7:
        return None, at + 8
    if kind == 12:
        return _struct(data, at)
    if kind == 8:
        size, at = _number(data, at)
        return None, at + size
    if kind in (9, 10):
        size, kinds = data[at] >> 4, [data[at] & 15]
        at += 1
        if size == 15:
            size, at = _number(data, at)
    else:
        size, at = _number(data, at)
        kinds = [data[at] >> 4, data[at] & 15] if size else []
        at += bool(size)
    for _ in range(size):
        for inner in kinds:
            _, at = _value(data, at, inner)
        if at > len(data):
            raise IndexError
    return None, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of seven bits a byte."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
        if shift > 63:
            raise IndexError
