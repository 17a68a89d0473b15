"""Parquet, written row group by row group through pyarrow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from mtdetect.errors import InputError
from mtdetect.formats.base import RAW_COLUMN, Chunk, Record, RowWriter, added_columns
from mtdetect.formats.jsonl import dump
from mtdetect.formats.parquet import CODEC, ArrowChunk, is_text, load_pyarrow
from mtdetect.formats.source import CHUNK_ROWS
from mtdetect.verdict import Span

if TYPE_CHECKING:
    import pyarrow

_GROUP_BYTES = 64 * 1024 * 1024  # of values in a row group
_GROUP_ROWS = 128 * 1024
_MISFITS = (TypeError, ValueError, OverflowError)


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
        self._mixed: set[str] = set()
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
        self._batches.append(batch)
        self._rows += len(batch)
        self._size += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._size >= _GROUP_BYTES:
            self._write_group()

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

    def _from_records(self, chunk: Chunk) -> pyarrow.RecordBatch:
        """Return rows of another format, or of other types, as a batch with the types of the output."""
        if self._schema is None:
            self._set_schema(chunk)
        try:
            return self._batch(self._checked(chunk))
        except (*_MISFITS, self._arrow.ArrowException) as error:
            failure: Exception = error
        if chunk.errors:  # nothing lost: rows that cannot be read go whole into the first column of text
            try:
                return self._batch(self._with_whole_rows(chunk))
            except (*_MISFITS, self._arrow.ArrowException) as error:
                failure = error
        detail = (str(failure).splitlines() or ["other types"])[0]
        raise InputError(
            f"{chunk.source}, rows {chunk.rows[0]} to {chunk.rows[-1]}: a row does not fit the Parquet columns, "
            f"which the first {CHUNK_ROWS} rows set ({detail}); write JSON lines instead: --output-format jsonl"
        ) from failure

    def _batch(self, rows: Sequence[Record]) -> pyarrow.RecordBatch:
        arrays = []
        assert self._schema is not None
        for field in self._schema:
            values = [row.get(field.name) for row in rows]
            if field.name in self._mixed:
                values = [value if isinstance(value, str | None) else dump(value).decode() for value in values]
            arrays.append(self._arrow.array(values, field.type))
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _set_schema(self, chunk: Chunk) -> None:
        """Take the types from the readable rows; a column of several types holds JSON."""
        arrow = self._arrow
        rows = [record for position, record in enumerate(chunk.records) if position not in chunk.errors]
        fields = []
        for name in self.columns:
            try:
                kind = arrow.array([row.get(name) for row in rows]).type
            except (*_MISFITS, arrow.ArrowException):
                kind = arrow.string()
                self._mixed.add(name)
            fields.append((name, arrow.string() if arrow.types.is_null(kind) else kind))
        self._schema = arrow.schema(fields)

    def _checked(self, chunk: Chunk) -> list[Record]:
        assert self._schema is not None
        names = set(self._schema.names)
        for record in chunk.records:
            for name in record:
                if name not in names:
                    raise ValueError(f'"{name}" is no column')
        return list(chunk.records)

    def _with_whole_rows(self, chunk: Chunk) -> list[Record]:
        assert self._schema is not None
        rows = list(chunk.records)
        name = next((field.name for field in self._schema if is_text(self._arrow.types, field.type)), None)
        if name is None:
            raise ValueError("no column of text for a row that cannot be read")
        for position in chunk.errors:
            rows[position] = {name: rows[position].get(RAW_COLUMN) or dump(rows[position]).decode()}
        return rows


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
    if arrow.types.is_list(kind) and arrow.types.is_string(kind.value_type):
        plain = [
            value if all(isinstance(entry, str) for entry in value) else [dump(entry).decode() for entry in value]
            for value in column
        ]
        return arrow.array(plain, kind)
    return arrow.array(column, kind)
