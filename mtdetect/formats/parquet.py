"""Parquet, read batch by batch through pyarrow: columns keep their types and values exactly."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.formats.arrow import Way, column_at, fields_of, way_to
from mtdetect.formats.base import Chunk, Record, RowReader, shown_names, unique_names
from mtdetect.formats.parquet_layout import row_groups, rows_at_a_time
from mtdetect.formats.source import CHUNK_ROWS, Source
from mtdetect.formats.txt import invalid_utf8

if TYPE_CHECKING:
    import pyarrow

CODEC = b"mtdetect.codec"
"""Key of the compression in the metadata of the schema that is a reader's preamble."""

_BATCH_BYTES = 4 * 1024 * 1024  # of values, by the file's own figures: fewer rows a batch where rows are long


class ParquetReader(RowReader):
    """Reads Parquet files; ``text_column`` may be a dotted path into structs.

    Raises:
        InputError: the file is no Parquet, or has no such text column.
        MissingExtraError: pyarrow is not installed.
    """

    format_name = "parquet"

    def __init__(self, source: Source, text_column: str | None) -> None:
        super().__init__(source, text_column)
        arrow = load_pyarrow(source.name)
        if source.compressed:
            raise InputError(f"{source.name}: Parquet is compressed inside; decompress this file first")
        if source.path is None or source.size is None:  # a pipe: Parquet is read from its end
            self._bytes: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  closed with the reader
            for block in source.blocks():
                self._bytes.write(block)
            place: Any = self._bytes
        else:
            self._bytes, place = source.path.open("rb"), source.path
        try:
            self._file = arrow.parquet.ParquetFile(place, pre_buffer=False, buffer_size=1024 * 1024)
            schema = self._file.schema_arrow
            self.columns = unique_names(schema.names)
            self._groups = row_groups(self._bytes, source.max_row_bytes)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(0, error) from error
        self._read = 0
        self._way = self._way_to_text(schema)
        self._shared = any(arrow.types.is_dictionary(field.type) for field in schema)  # takes more than it seems
        codec = self._groups[0].codec if self._groups else "NONE"
        metadata = {**(schema.metadata or {}), CODEC: codec.encode()}
        self.preamble = bytes(schema.with_metadata(metadata).serialize())

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a text that is no UTF-8 carries an error."""
        arrow = load_pyarrow(self.source.name)
        batches = self._batches()
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                texts, errors = self._texts(batch)
            except MemoryError as error:
                raise InputError(
                    f"{self.source.name}, after row {self._read}: not enough memory for the next rows ({error}); "
                    f"give it more, or write the file anew with smaller pages"
                ) from error
            except (arrow.ArrowException, OSError) as error:
                raise self._unreadable(self._read, error) from error
            rows = range(self._read + 1, self._read + 1 + len(batch))
            self._read += len(batch)
            assert self.columns is not None
            records = ArrowRecords(batch, self.columns)
            yield ArrowChunk(self.source.name, rows, [b""] * len(batch), texts, records, errors, (), batch)

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows in batches, of row groups that were looked at before they are unpacked."""
        most, fit, limit = self._batch_rows(), 0, self.source.max_row_bytes
        numbers, rows, size, failure = list[int](), 0, most, None
        for number, group in enumerate(self._groups):
            try:
                fit = rows_at_a_time(self.source.name, self._bytes, self._file, group, number, limit)
            except InputError as error:
                failure = error
            else:
                numbers, rows, size = [*numbers, number], rows + group.rows, min(size, max(fit // 4, 1))
                if rows < most and group is not self._groups[-1]:  # small groups are read together
                    continue
            batches = self._file.iter_batches(size, row_groups=numbers, use_threads=False)
            yield from batches if self._shared else self._joined(batches, most)
            if failure is not None:
                raise failure
            numbers, rows, size = [], 0, most

    def _joined(self, batches: Iterator[pyarrow.RecordBatch], most: int) -> Iterator[pyarrow.RecordBatch]:
        """Yield small batches together, up to so many rows; what comes before damage too."""
        arrow = load_pyarrow(self.source.name)
        parts: list[pyarrow.RecordBatch] = []
        rows = size = 0
        failure: Exception | None = None
        while True:
            try:
                batch = next(batches, None)
            except (arrow.ArrowException, OSError) as error:
                batch, failure = None, error
            if parts and (batch is None or rows + len(batch) > most or size + batch.nbytes > _BATCH_BYTES):
                yield from arrow.Table.from_batches(parts).combine_chunks().to_batches() if parts[1:] else parts
                parts, rows, size = [], 0, 0
            if failure is not None:
                raise failure
            if batch is None:
                return
            parts.append(batch)
            rows, size = rows + len(batch), size + batch.nbytes

    @property
    def consumed(self) -> int:
        """Bytes read, by the share of rows."""
        rows: int = self._file.metadata.num_rows
        return (self.source.size or 0) * self._read // max(rows, 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._bytes.close()
        super().close()

    def _unreadable(self, row: int, error: Exception) -> InputError:
        detail = (str(error).splitlines() or ["damaged"])[0]
        place = f", after row {row}" if row else ""
        return InputError(f"{self.source.name}{place}: not readable as Parquet ({detail}); check the file")

    def _batch_rows(self) -> int:
        longest = max((group.size / max(group.rows, 1) for group in self._groups), default=1.0)
        return max(16, min(CHUNK_ROWS, int(_BATCH_BYTES / max(longest, 1.0))))

    def _way_to_text(self, schema: pyarrow.Schema) -> Way:
        """Return the way to the text column: its position, then those of struct fields."""
        column, types = self.text_column, load_pyarrow(self.source.name).types
        if column is None:
            return []
        try:
            found = way_to(column, fields_of(schema), fields_of)
        except InputError as error:
            raise InputError(f"{self.source.name}: {error}") from error
        if found is None:
            shown = shown_names(schema.names)
            raise InputError(f'{self.source.name}: no column "{column}" (columns: {shown}); name it with --text-column')
        way, kind = found
        if not types.is_null(kind) and not is_text(types, kind.value_type if types.is_dictionary(kind) else kind):
            one_line = " ".join(str(kind).splitlines())
            raise InputError(f'{self.source.name}: "{column}" is {one_line}, not text; name it with --text-column')
        return way

    def _texts(self, batch: pyarrow.RecordBatch) -> tuple[list[str | None], dict[int, str]]:
        arrow = load_pyarrow(self.source.name)
        if not self._way:
            return [None] * len(batch), {}
        column = column_at(batch, self._way)
        if arrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if batch.nbytes > self.source.max_row_bytes and not arrow.types.is_null(column.type):
            longest = arrow.compute.max(arrow.compute.binary_length(column)).as_py()
            if (longest or 0) > self.source.max_row_bytes:
                raise self.source.too_long()
        errors: dict[int, str] = {}
        return _strings(column, errors), errors


class ArrowRecords(Sequence[Record]):
    """The rows of a batch as dictionaries, made when they are first asked for.

    Args:
        batch: N rows.
        columns: distinct names for its columns.
    """

    def __init__(self, batch: pyarrow.RecordBatch, columns: Sequence[str]) -> None:
        self._batch, self.columns = batch, columns
        self._rows: list[Record] | None = None

    def __len__(self) -> int:
        return len(self._batch)

    def __getitem__(self, position: Any) -> Any:
        if self._rows is None:
            values = [plain_values(column) for column in self._batch.columns]
            rows = zip(*values, strict=True) if values else ((),) * len(self)
            self._rows = [dict(zip(self.columns, row, strict=True)) for row in rows]
        return self._rows[position]


@dataclass(slots=True)
class ArrowChunk(Chunk):
    """A chunk that keeps its rows as Arrow has them.

    Attributes:
        batch: N rows with all columns.
    """

    batch: pyarrow.RecordBatch | None = None

    def select(self, keep: Sequence[int]) -> Chunk:
        """Return a chunk of the rows at the given positions, in that order."""
        assert self.batch is not None
        assert isinstance(self.records, ArrowRecords)
        batch = self.batch.take(load_pyarrow(self.source).array(keep, "int64"))
        part = Chunk.select(self, keep)
        records = ArrowRecords(batch, self.records.columns)
        return ArrowChunk(part.source, part.rows, part.raws, part.texts, records, part.errors, part.rebuilt, batch)


def load_pyarrow(name: str) -> Any:
    """Return pyarrow with the parts of it that are used here.

    Raises:
        MissingExtraError: it is not installed; ``name`` is what needs it.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(f"{name}: Parquet needs one more package: pip install 'mtdetect[parquet]'") from error
    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:  # Arrow's own allocators give memory back after each batch
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    return pyarrow


def is_text(types: Any, kind: pyarrow.DataType) -> bool:
    """Tell whether values of a type can be text; bytes can."""
    checks = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_string_view)
    return any(check(kind) for check in checks)


def _strings(column: pyarrow.Array, errors: dict[int, str]) -> list[str | None]:
    """Return the strings of a column of text; what is no UTF-8 becomes None and an error."""
    try:
        values: list[Any] = column.to_pylist()
        if bytes not in set(map(type, values)):
            return values
    except UnicodeDecodeError:
        values = column.cast("large_binary").to_pylist()
    texts: list[str | None] = []
    for value in values:
        if isinstance(value, bytes):
            try:
                value = value.decode()
            except UnicodeDecodeError as error:
                errors[len(texts)] = invalid_utf8(error)
                value = None
        texts.append(value)
    return texts


def plain_values(column: pyarrow.Array) -> list[Any]:
    """Return the values of a column for output in another format; what Python has no value for becomes text."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # no UTF-8; nanoseconds; dates beyond the year 9999
        return [_value(scalar) for scalar in column]


def _value(scalar: pyarrow.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error.object.decode(errors="replace")
    except (ValueError, OverflowError):
        return _spelled_out(scalar)


def _spelled_out(scalar: pyarrow.Scalar) -> Any:
    """Return text for a value that Python has none for, also inside others."""
    import pyarrow

    if isinstance(scalar, pyarrow.StructScalar):
        return {name: _value(scalar[name]) for name in scalar}
    if isinstance(scalar, pyarrow.ListScalar | pyarrow.LargeListScalar | pyarrow.FixedSizeListScalar):
        return [_value(part) for part in scalar.values]
    try:
        return scalar.cast(pyarrow.string()).as_py()
    except pyarrow.ArrowException:
        return str(scalar.value)  # what no text is known for, in units of its type
