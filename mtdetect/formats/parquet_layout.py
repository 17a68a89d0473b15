"""Where the parts of a Parquet file lie and what they unpack to, told before they do.

A file of 500 bytes can ask for gigabytes: Parquet is unpacked page by page, and a value of a dictionary is copied to
every row that refers to it. How large a page becomes stands in its header only, which pyarrow reads when it is too
late. What pyarrow tells of row groups cannot be asked for either: over some damaged files it then ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from mtdetect.errors import InputError
from mtdetect.formats.base import shown_names
from mtdetect.formats.source import CHUNK_ROWS
from mtdetect.formats.thrift import Fields, read_struct

_RATIO = 32
"""A page that is larger than allowed may be as many times what it takes in the file: text is a quarter of that."""

_CODECS = ("NONE", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4")
_BYTE_ARRAY, _DELTA_BYTE_ARRAY, _DICTIONARY_PAGE = 6, 7, 2
_HEADER_BYTES = 1 << 10  # of most page headers, and more than that
_LONGEST_HEADER = 16 << 20  # Arrow reads no longer one

# Keys of the structures of Parquet's footer and page headers, as parquet.thrift has them; what is not named is skipped.
_FOOTER: Fields = {4: {1: {3: {}}}}
_ROW_GROUPS, _COLUMNS, _GROUP_BYTES, _GROUP_ROWS, _COLUMN = 4, 1, 2, 3, 3
_TYPE, _CODEC, _VALUES, _COMPRESSED, _DATA, _DICTIONARY = 1, 4, 5, 7, 9, 11
_PAGE: Fields = {5: {}, 8: {}}
_PAGE_TYPE, _PAGE_UNPACKED, _PAGE_PACKED, _PAGE_DATA, _PAGE_DATA_2 = 1, 2, 3, 5, 8


@dataclass(frozen=True)
class Group:
    """A row group.

    Attributes:
        rows: how many it has.
        size: bytes of its values, by its own figures.
        columns: what the footer says of every column, by key.
    """

    rows: int
    size: int
    columns: list[Fields]

    @property
    def codec(self) -> str:
        """Compression of the first column."""
        codec = self.columns[0].get(_CODEC, 0) if self.columns else 0
        return _CODECS[codec] if 0 <= codec < len(_CODECS) else "NONE"


def row_groups(stream: BinaryIO, most: int) -> list[Group]:
    """Return the row groups of a file that pyarrow has opened.

    Args:
        stream: its bytes; where it stands changes.
        most: bytes of the longest footer that is read.

    Raises:
        ValueError: the footer is too long, or damaged.
    """
    end = stream.seek(0, 2)
    stream.seek(max(end - 8, 0))
    size = int.from_bytes(stream.read(4), "little")
    if size > min(most, end - 8):
        raise ValueError(f"a footer of {size:,} bytes")
    stream.seek(end - 8 - size)
    try:
        footer, _ = read_struct(stream.read(size), 0, _FOOTER)
        return [
            Group(group[_GROUP_ROWS], group[_GROUP_BYTES], [Fields(column[_COLUMN]) for column in group[_COLUMNS]])
            for group in footer.get(_ROW_GROUPS, [])
        ]
    except (IndexError, KeyError, TypeError, RecursionError):
        raise ValueError("a damaged footer") from None


def rows_at_a_time(name: str, stream: BinaryIO, file: Any, group: Group, number: int, most: int) -> int:
    """Return how many rows of a row group can be read at a time, at least one; lists in a row can still be long.

    Args:
        name: what messages call the file.
        stream: its bytes; where it stands changes.
        file: the same as ``pyarrow.parquet.ParquetFile``.
        group: the row group.
        number: its number, from 0.
        most: bytes that one page, and these rows, may have.

    Raises:
        InputError: a page unpacks to more than it may.
    """
    row = 1.0
    for position, column in enumerate(group.columns[: len(file.schema)]):
        schema = file.schema.column(position)
        value = float(max(schema.length or 0, 8))  # where all have one length
        for header in _headers(stream, column):
            size, packed = header[_PAGE_UNPACKED], header[_PAGE_PACKED]
            if size > max(most, _RATIO * packed):
                raise InputError(
                    f"{name}: {packed:,} bytes of column {shown_names([schema.path])} unpack to {size:,}, so the rest "
                    f"was not read; if the file is as it should be, allow more with --max-row-mb"
                )
            if header[_PAGE_TYPE] != _DICTIONARY_PAGE:
                value = max(value, size / _values(header))
            elif column.get(_TYPE) == _BYTE_ARRAY and size * CHUNK_ROWS > most:
                longest = _longest_value(stream, file, number, schema.path)
                value = max(value, size if longest is None else longest)
        row += value * max(column.get(_VALUES, 0) / max(group.rows, 1), 1.0)
    return max(int(most / row), 1)


def _headers(stream: BinaryIO, column: Fields) -> Iterator[Fields]:
    """Yield the page headers of a column in a row group, up to the first that cannot be read."""
    at = column.get(_DATA, 0)
    if 0 < column.get(_DICTIONARY, 0) < at:
        at = column[_DICTIONARY]
    end = at + column.get(_COMPRESSED, 0)
    while 0 <= at < end:
        header, length = _header(stream, at)
        if not {_PAGE_TYPE, _PAGE_UNPACKED, _PAGE_PACKED} <= header.keys() or header[_PAGE_PACKED] < 0:
            return
        yield header
        at += length + header[_PAGE_PACKED]


def _header(stream: BinaryIO, at: int) -> tuple[Fields, int]:
    """Return a page header and its length, nothing where it cannot be read."""
    size = _HEADER_BYTES
    while size <= _LONGEST_HEADER:
        stream.seek(at)
        data = stream.read(size)
        try:
            return read_struct(data, 0, _PAGE)
        except (IndexError, RecursionError):
            size = size * 16 if len(data) == size else _LONGEST_HEADER + 1
    return {}, 0


def _values(header: Fields) -> int:
    """Return among how many values the bytes of a data page are shared out."""
    for key, encoding in ((_PAGE_DATA, 2), (_PAGE_DATA_2, 4)):
        page = header.get(key)
        if isinstance(page, dict) and page.get(encoding) != _DELTA_BYTE_ARRAY:
            return max(int(page.get(1, 1)), 1)
    return 1  # a value that is the begin of the one before, and some more, can be as long as the page


def _longest_value(stream: BinaryIO, file: Any, group: int, path: str) -> int | None:
    """Return the length of the longest value in the dictionary of a column, None where it cannot be looked at."""
    from pyarrow import compute, parquet, types

    shared = parquet.ParquetFile(stream, metadata=file.metadata, read_dictionary=[path], pre_buffer=False)
    batch = next(shared.iter_batches(1, row_groups=[group], columns=[path], use_threads=False), None)
    values = None if batch is None else batch.column(0)
    while values is not None and not types.is_dictionary(values.type):
        values = values.field(0) if types.is_struct(values.type) else getattr(values, "values", None)
    return None if values is None else compute.max(compute.binary_length(values.dictionary)).as_py() or 0
