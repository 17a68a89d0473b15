"""What csv and tsv share: a header line, named columns, and rows that are extended byte by byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from mtdetect.errors import InputError
from mtdetect.formats.base import (
    RAW_COLUMN,
    Chunk,
    Record,
    RowReader,
    RowWriter,
    added_columns,
    position_of,
    shown_names,
    unique_names,
)
from mtdetect.formats.jsonl import dump

_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four: full-width, which some programs take
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?%?")


def header_columns(fields: Sequence[str], text_column: str | None, name: str) -> tuple[str, ...]:
    """Return distinct column names of a header, having made sure that the text column is one of them.

    Raises:
        InputError: the text column is missing, or there are two of that name.
    """
    columns = unique_names(fields)
    if text_column is not None:
        position_of(text_column, fields, name)
    if text_column is not None and text_column not in columns:
        shown = shown_names(columns)
        raise InputError(f'{name}: no column "{text_column}" (columns: {shown}); name it with --text-column')
    return columns


class FieldRecords(Sequence[Record]):
    """Rows of fields as dictionaries, each made when it is asked for.

    Args:
        rows: fields of each row.
        columns: names of the columns.
        delimiter: joins the fields that are over, in rows with too many.
    """

    def __init__(self, rows: Sequence[Sequence[str]], columns: Sequence[str], delimiter: str) -> None:
        self.columns, self._rows, self._delimiter = columns, rows, delimiter

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        fields = self._rows[position]
        if len(fields) != len(self.columns):
            fields = fit(fields, self.columns, self._delimiter)
        return dict(zip(self.columns, fields, strict=True))


class DelimitedReader(RowReader):
    """Base of the readers of csv and tsv: sorts rows of fields into chunks."""

    delimiter: str

    def chunk(self, first: int, raws: list[bytes], rows: list[tuple[str, ...]], errors: dict[int, str]) -> Chunk:
        """Return N rows as a chunk; rows with the wrong number of fields get an error.

        Args:
            first: number of the first row.
            raws: N rows as bytes.
            rows: their fields; tuples, because the garbage collector visits lists again and again.
            errors: position to error, for rows that could not be taken apart properly.
        """
        columns = self.columns or ()
        width = len(columns)
        for position, fields in enumerate(rows):
            if len(fields) != width and position not in errors:
                errors[position] = field_count_error(len(fields), width)
        texts: list[str | None] = [None] * len(rows)
        if self.text_column is not None and columns:
            at = columns.index(self.text_column)
            if errors:
                texts = [None if i in errors else fields[at] for i, fields in enumerate(rows)]
            else:
                texts = [fields[at] for fields in rows]
        records = FieldRecords(rows, columns, self.delimiter)
        numbers = range(first, first + len(rows))
        return Chunk(self.source.name, numbers, raws, texts, records, errors, set(errors))


def fit(fields: Sequence[str], columns: Sequence[str], delimiter: str) -> Sequence[str]:
    """Return a row with too few or too many fields as one a column; what is over joins the last one."""
    if len(fields) > len(columns):
        last = len(columns) - 1
        fields = [*fields[:last], delimiter.join(fields[last:])]
    return [*fields, *[""] * (len(columns) - len(fields))]


def field_count_error(found: int, expected: int) -> str:
    """Say that a row has the wrong number of fields."""
    return f"{found} field{'s' if found != 1 else ''} where the header has {expected}"


class DelimitedWriter(RowWriter):
    """Writes a header and rows; the bytes of rows that came in the same format and columns are kept.

    Where formulas are escaped, rows that hold one are written anew.

    Raises:
        InputError: a readable row has a field that is no column; see ``misfits``.
    """

    delimiter: str
    quote: Callable[[str], str]
    body_of: Callable[[bytes], bytes]

    def _start(self, preamble: bytes) -> None:
        start, end = preamble, b"\n"
        if preamble:
            start = type(self).body_of(preamble)
            end = preamble[len(start) :] or b"\n"
        if not preamble or (self.escape_formulas and any(map(is_formula, self.columns))):
            start = self.delimiter.join(map(self._cell, self.columns)).encode()
        joined = "".join(self.delimiter + self._cell(name) for name in self.added).encode()
        self.stream.write(start + (joined if self.columns else joined[1:]) + end)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the rows of a chunk."""
        delimiter, body_of = self.delimiter, type(self).body_of
        rebuilt, raws = chunk.rebuilt, chunk.raws
        out: list[bytes] = []
        for position, added in enumerate(self._added(chunk, values)):
            if position in rebuilt or (self.escape_formulas and self._has_formula(chunk, position)):
                row = delimiter.join([self._cell(as_text(value)) for value in self._cells(chunk, position)]) + added
                out.append((row if self.columns else row[1:]).encode(errors="backslashreplace") + b"\n")
                continue
            raw = raws[position]
            body = body_of(raw)
            out += (body, added.encode(errors="backslashreplace"), raw[len(body) :] or b"\n")
        self.stream.write(b"".join(out))

    def misfits(self, chunk: Chunk) -> dict[int, str]:
        """Return which rows have a field that is no column of the header."""
        return self.without_column(chunk, self.columns)

    def _added(self, chunk: Chunk, values: Sequence[Record]) -> list[str]:
        """Return the added cells of each row, each with a delimiter in front."""
        if not self.added:
            return [""] * len(chunk)
        delimiter, cell = self.delimiter, self._cell
        columns = [
            # most values are of a type that needs no quotes
            [_PLAIN[type(value)](value) if type(value) in _PLAIN else cell(as_text(value)) for value in column]
            for column in added_columns(self.added, values)
        ]
        return [delimiter + delimiter.join(cells) for cells in zip(*columns, strict=True)]

    def _cell(self, text: str) -> str:
        return type(self).quote("'" + text if self.escape_formulas and is_formula(text) else text)

    def _has_formula(self, chunk: Chunk, position: int) -> bool:
        return any(isinstance(value, str) and is_formula(value) for value in chunk.records[position].values())

    def _cells(self, chunk: Chunk, position: int) -> list[Any]:
        record = chunk.records[position]
        cells = [record.get(column) for column in self.columns]
        if len(record) > len(cells) or any(name not in self.columns for name in record):
            if position in chunk.errors and cells:  # nothing lost: the whole row goes into the first column
                return [record.get(RAW_COLUMN) or dump(record).decode(), *[""] * (len(cells) - 1)]
            raise InputError(f"{chunk.source}, row {chunk.rows[position]}: {self.misfits(chunk)[position]}")
        return cells


_PLAIN: dict[type, Callable[[Any], str]] = {
    float: repr,
    int: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _: "",
}


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet could run a cell: it starts as a formula does and is no plain number.

    >>> is_formula("=1+1"), is_formula("@SUM(A1)"), is_formula("-3.5e2"), is_formula("a=b")
    (True, True, False, False)
    """
    return text.startswith(_FORMULA_STARTS) and _NUMBER.fullmatch(text) is None


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
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return dump(value).decode() if isinstance(value, dict | list) else str(value)
