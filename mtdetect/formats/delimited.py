"""What csv and tsv share: a header line, named columns, and rows that are extended byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mtdetect.errors import InputError
from mtdetect.formats.base import RAW_COLUMN, Chunk, Record, RowWriter, shown_names, unique_names
from mtdetect.formats.jsonl import dump
from mtdetect.formats.source import CHUNK_ROWS


def header_columns(fields: Sequence[str], text_column: str | None, name: str) -> tuple[str, ...]:
    """Return distinct column names of a header, having made sure that the text column is one of them.

    Raises:
        InputError: the text column is missing.
    """
    columns = unique_names(fields)
    if text_column is not None and text_column not in columns:
        shown = shown_names(columns)
        raise InputError(f'{name}: no column "{text_column}" (columns: {shown}); name it with --text-column')
    return columns


def fit(fields: Sequence[str], columns: Sequence[str], delimiter: str) -> Record:
    """Make a record of a row with too few or too many fields; what is over joins the last column."""
    if len(fields) > len(columns):
        last = len(columns) - 1
        fields = [*fields[:last], delimiter.join(fields[last:])]
    return dict(zip(columns, [*fields, *[""] * (len(columns) - len(fields))], strict=True))


def field_count_error(found: int, expected: int) -> str:
    """Say that a row has the wrong number of fields."""
    return f"{found} field{'s' if found != 1 else ''} where the header has {expected}"


class DelimitedWriter(RowWriter):
    """Writes a header and rows; the bytes of rows that came in the same format and columns are kept.

    Raises:
        InputError: a readable row has a field that the first rows did not have, so that it has no column.
    """

    delimiter: str
    quote: Callable[[str], str]
    body_of: Callable[[bytes], bytes]

    def _start(self, preamble: bytes) -> None:
        quote = type(self).quote
        if preamble:
            start = type(self).body_of(preamble)
            end = preamble[len(start) :] or b"\n"
        else:
            start, end = self.delimiter.join(map(quote, self.columns)).encode(), b"\n"
        joined = "".join(self.delimiter + quote(name) for name in self.added).encode()
        self.stream.write(start + (joined if self.columns else joined[1:]) + end)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the rows of a chunk."""
        delimiter, quote, body_of = self.delimiter, type(self).quote, type(self).body_of
        out: list[bytes] = []
        for position, value in enumerate(values):
            added = "".join([delimiter + quote(as_text(entry)) for entry in value.values()])
            if position not in chunk.rebuilt:
                raw = chunk.raws[position]
                body = body_of(raw)
                out += (body, added.encode(errors="backslashreplace"), raw[len(body) :] or b"\n")
                continue
            cells = self._cells(chunk, position)
            row = delimiter.join([quote(as_text(cell)) for cell in cells]) + added
            out.append((row if cells else row[1:]).encode(errors="backslashreplace") + b"\n")
        self.stream.write(b"".join(out))

    def _cells(self, chunk: Chunk, position: int) -> list[Any]:
        record = chunk.records[position]
        cells = [record.get(column) for column in self.columns]
        if len(record) > len(cells) or any(name not in self.columns for name in record):
            if position in chunk.errors and cells:  # nothing lost: the whole row goes into the first column
                return [record.get(RAW_COLUMN) or dump(record).decode(), *[""] * (len(cells) - 1)]
            unknown = next(name for name in record if name not in self.columns)
            raise InputError(
                f'{chunk.source}, row {chunk.rows[position]}: "{unknown}" is no column of the first '
                f"{CHUNK_ROWS} rows, which set the header; write JSON lines instead: --output-format jsonl"
            )
        return cells


def as_text(value: Any) -> str:
    """Return a value as one cell: lists of strings joined by ``"; "``, other structures as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return "; ".join(value)
    return dump(value).decode()
