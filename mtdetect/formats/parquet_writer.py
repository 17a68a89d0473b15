"""Parquet, written row group by row group through pyarrow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from mtdetect.errors import InputError
from mtdetect.formats.arrow import spelled_out_bytes
from mtdetect.formats.base import RAW_COLUMN, Chunk, Record, RowWriter, added_columns, free_names, shown_names
from mtdetect.formats.jsonl import dump
from mtdetect.formats.parquet import CODEC, ArrowChunk, is_text, load_pyarrow, plain_values
from mtdetect.verdict import Span

if TYPE_CHECKING:
    import pyarrow

_GROUP_BYTES = 64 * 1024 * 1024  # of values in a row group
_GROUP_ROWS = 128 * 1024
_OTHERWISE = "write JSON lines instead: --output-format jsonl"


class ParquetWriter(RowWriter):
    """Writes Parquet; rows of another format get the types of the first ones.

    Raises:
        InputError: a row does not fit the types of the rows before it.
        MissingExtraError: pyarrow is not installed.
    """

    format_name = "parquet"

    def _start(self, preamble: bytes) -> None:
        arrow = load_pyarrow("Parquet output")
        self._arrow = arrow
        self._sink = _Sink(self.stream)
        self._writer: Any = None
        self._schema: pyarrow.Schema | None = None
        self._names: Sequence[str] = self.columns  # distinct names of the columns of the schema
        self._mixed: set[str] = set()
        self._asked = False  # whether the caller looks for misfits: they are among the errors of its chunks then
        self._codec = "SNAPPY"
        self._batches: list[pyarrow.RecordBatch] = []
        self._size = self._rows = 0
        self._types = [_arrow_type(arrow, kind) for kind in self.added_types]  # not given: set by the first rows
        if preamble:
            schema = arrow.ipc.read_schema(arrow.py_buffer(preamble))
            metadata = dict(schema.metadata)
            codec = metadata.pop(CODEC).decode()
            self._codec = "NONE" if codec == "UNCOMPRESSED" else codec
            self._schema = schema.with_metadata(metadata or None)

    def take_types(self, rows: Sequence[Record]) -> None:
        """Take the types of the columns from these rows, unless something has set them."""
        if rows and self._schema is None:
            self._set_schema(rows)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the rows of a chunk."""
        if not len(chunk):
            return
        arrow = self._arrow
        own = chunk.batch if isinstance(chunk, ArrowChunk) and not chunk.rebuilt else None
        if own is not None and self._schema is None:
            self._schema = own.schema
        if own is None or own.schema != self._schema:
            own = self._from_records(chunk)
        columns = added_columns(self.added, values)
        if not self._types:
            first = [next((value for value in column if value is not None), 0.0) for column in columns]
            self._types = [_arrow_type(arrow, type(value)) for value in first]
        added = [_added_array(arrow, column, kind) for column, kind in zip(columns, self._types, strict=True)]
        batch = arrow.RecordBatch.from_arrays([*own.columns, *added], schema=self._whole_schema())
        size = spelled_out_bytes(batch)
        if self._batches and (self._rows + len(batch) > _GROUP_ROWS or self._size + size > _GROUP_BYTES):
            self._write_group()
        self._batches.append(batch)
        self._rows += len(batch)
        self._size += size

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._schema is None:
            self._schema = self._arrow.schema([(name, "string") for name in self.columns])
        self._types = self._types or [self._arrow.string()] * len(self.added)
        self._write_group()
        with self._sink.open():
            self._writer.close()

    def _whole_schema(self) -> pyarrow.Schema:
        assert self._schema is not None
        fields = [self._arrow.field(name, kind) for name, kind in zip(self.added, self._types, strict=True)]
        return self._arrow.schema([*self._schema, *fields], self._schema.metadata)

    def _write_group(self) -> None:
        with self._sink.open():
            if self._writer is None:
                schema = self._whole_schema()
                self._writer = self._arrow.parquet.ParquetWriter(
                    self._arrow.PythonFile(self._sink, mode="w"), schema, compression=self._codec
                )
            if self._batches:
                table = self._arrow.Table.from_batches(self._batches)
                self._writer.write_table(table, row_group_size=_GROUP_ROWS)
        self._batches, self._size, self._rows = [], 0, 0

    def misfits(self, chunk: Chunk) -> dict[int, str]:
        """Return which rows do not fit the columns and types of the output, and why; types not taken yet are theirs."""
        self._asked = True
        return self._misfits(chunk)

    def _misfits(self, chunk: Chunk) -> dict[int, str]:
        own = chunk.batch.schema if isinstance(chunk, ArrowChunk) and chunk.batch is not None else None
        if self._schema is None:
            if own is not None and tuple(own.names) == self.columns:
                self._schema = own
            else:
                self._set_schema([row for position, row in enumerate(chunk.records) if position not in chunk.errors])
        assert self._schema is not None
        if own == self._schema:
            return {}
        found: dict[int, str] = {}
        for name, field in zip(self._names, self._schema, strict=True):
            kind = " ".join(str(field.type).splitlines())
            for position in _unfit(self._arrow, self._values(name, chunk.records), field.type):
                found[position] = f'"{shown_names([name])}" does not fit {kind}, which the first rows set; {_OTHERWISE}'
        return self.without_column(chunk, self._names) | found

    def _from_records(self, chunk: Chunk) -> pyarrow.RecordBatch:
        """Return rows of another format, or of other types, as a batch with the types of the output.

        Nothing lost: rows that do not fit, and are known as unreadable, go whole into the first column of text.
        """
        suspects = sorted(chunk.errors) if self._asked else range(len(chunk))
        part = chunk if len(suspects) == len(chunk) else chunk.select(suspects)
        misfits = {suspects[position]: reason for position, reason in self._misfits(part).items()}
        schema, rows = self._schema, list(chunk.records)
        assert schema is not None
        whole = next((n for n, f in zip(self._names, schema, strict=True) if is_text(self._arrow.types, f.type)), None)
        for position, reason in sorted(misfits.items()):
            if position not in chunk.errors or whole is None:
                raise InputError(f"{chunk.source}, row {chunk.rows[position]}: {reason}")
            rows[position] = {whole: rows[position].get(RAW_COLUMN) or dump(rows[position]).decode()}
        columns = [self._values(name, rows) for name in self._names]
        arrays = [self._arrow.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=schema)

    def _values(self, name: str, rows: Sequence[Record]) -> list[Any]:
        values = [row.get(name) for row in rows]
        if name in self._mixed:
            values = [value if isinstance(value, str | None) else dump(value).decode() for value in values]
        return values

    def _set_schema(self, rows: Sequence[Record]) -> None:
        """Take the types from readable rows; a column of several types, or of none, holds JSON."""
        arrow, fields = self._arrow, []
        for name in self.columns:
            values = [row.get(name) for row in rows]
            try:
                kind = arrow.array(values).type
            except (TypeError, ValueError, OverflowError, arrow.ArrowException):
                kind = arrow.null()
            if arrow.types.is_null(kind) or _unfit(arrow, values, kind):
                kind = arrow.string()
                self._mixed.add(name)
            fields.append((name, kind))
        if not any(is_text(arrow.types, kind) for _, kind in fields):  # rows that fit nowhere else stand here
            fields.append((free_names([RAW_COLUMN], (*self.columns, *self.added))[0], arrow.string()))
        self._schema = arrow.schema(fields)
        self._names = self._schema.names


def _unfit(arrow: Any, values: Sequence[Any], kind: pyarrow.DataType) -> list[int]:
    """Return the positions of values that a type does not hold as they are."""
    try:
        array = arrow.array(values, kind)
    except (TypeError, ValueError, OverflowError, arrow.ArrowException):
        if len(values) == 1:
            return [0]
        return [i for i, value in enumerate(values) if value is not None and _unfit(arrow, [value], kind)]
    if arrow.types.is_string(kind) or arrow.types.is_boolean(kind):  # anything else was refused
        return []
    kept = plain_values(array)
    if not arrow.types.is_nested(kind) and bool not in set(map(type, values)) and kept == values:
        return []
    return [i for i, (given, kept) in enumerate(zip(values, kept, strict=True)) if not _same(given, kept)]


def _same(given: Any, kept: Any) -> bool:
    """Tell whether Arrow kept a value: fractions are cut off, and unknown fields left out, without a word."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return all(value is None or (name in kept and _same(value, kept[name])) for name, value in given.items())
    if isinstance(given, list) and isinstance(kept, list):
        return len(given) == len(kept) and all(map(_same, given, kept))
    if isinstance(given, bool) != isinstance(kept, bool):
        return False
    return bool(given == kept or (given != given and kept != kept))


class _Sink(io.RawIOBase):
    """Passes on what is written while it is open; a writer that is given up writes its footer nowhere."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._live = False

    def open(self) -> _Sink:
        self._live = True
        return self

    def __exit__(self, *exception: object) -> None:
        self._live = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._live:
            self._stream.write(data)
        return len(data)


def _arrow_type(arrow: Any, kind: type) -> pyarrow.DataType:
    kinds = {float: arrow.float32(), bool: arrow.bool_(), int: arrow.int64(), list: arrow.list_(arrow.string())}
    if kind is Span:
        fields = {"start": "int32", "end": "int32", "text": "string", "weight": "float64", "reason": "string"}
        return arrow.list_(arrow.struct(fields.items()))
    return kinds.get(kind, arrow.string())


def _added_array(arrow: Any, column: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """Return added values as Arrow has them: structures inside lists of strings as JSON."""
    if not arrow.types.is_list(kind) or not arrow.types.is_string(kind.value_type):
        return arrow.array(column, kind)
    offsets, entries = [0], list[str]()
    for value in column:
        if value:
            plain = all(isinstance(entry, str) for entry in value)
            entries += value if plain else [dump(entry).decode() for entry in value]
        offsets.append(len(entries))
    return arrow.ListArray.from_arrays(arrow.array(offsets, "int32"), arrow.array(entries, kind.value_type), kind)
