r"""Tab-separated values as IANA registered them: a header, no quoting, quotes are ordinary characters.

A value cannot hold a tab or a line end, so these become ``\t``, ``\n`` and ``\r`` on output.
"""

from __future__ import annotations

from collections.abc import Iterator

from mtdetect.errors import InputError
from mtdetect.formats.base import Chunk, Record, RowReader
from mtdetect.formats.delimited import DelimitedWriter, field_count_error, fit, header_columns
from mtdetect.formats.source import Source
from mtdetect.formats.txt import invalid_utf8, strip_line_end


class TsvReader(RowReader):
    """Reads rows of tab-separated fields. Blank lines are no rows, unless there is only one column.

    Raises:
        InputError: the header has no such text column, or is not UTF-8.
    """

    format_name = "tsv"

    def __init__(self, source: Source, text_column: str | None) -> None:
        super().__init__(source, text_column)
        self._batches = source.line_batches()
        self._first: list[bytes] = next(self._batches, [])
        if not self._first:
            self.columns = ()
            return
        header = self._first.pop(0)
        try:
            fields = strip_line_end(header).decode().split("\t")
        except UnicodeDecodeError as error:
            raise InputError(f"{source.name}: the header has {invalid_utf8(error)}; save it as UTF-8") from error
        self.preamble += header
        self.columns = header_columns(fields, text_column, source.name)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a row with the wrong number of fields carries an error."""
        first = 1
        if self._first:
            chunk = self._chunk(self._first, first)
            first += len(chunk)
            yield chunk
        for lines in self._batches:
            chunk = self._chunk(lines, first)
            first += len(chunk)
            yield chunk

    def _chunk(self, lines: list[bytes], first: int) -> Chunk:
        columns = self.columns or ()
        width = len(columns)
        text_at = columns.index(self.text_column) if self.text_column is not None else None
        raws: list[bytes] = []
        texts: list[str | None] = []
        records: list[Record] = []
        errors: dict[int, str] = {}
        rebuilt: set[int] = set()
        for line in lines:
            body = strip_line_end(line)
            if not body and width > 1:
                continue
            error = None
            try:
                fields = body.decode().split("\t")
            except UnicodeDecodeError as problem:
                fields, error = body.decode(errors="replace").split("\t"), invalid_utf8(problem)
            if error is None and len(fields) != width:
                error = field_count_error(len(fields), width)
            if error is None:
                records.append(dict(zip(columns, fields, strict=True)))
                texts.append(fields[text_at] if text_at is not None else None)
            else:
                errors[len(raws)] = error
                rebuilt.add(len(raws))
                records.append(fit(fields, columns, "\t"))
                texts.append(None)
            raws.append(line)
        return Chunk(self.source.name, range(first, first + len(raws)), raws, texts, records, errors, rebuilt)


class TsvWriter(DelimitedWriter):
    r"""Writes tab-separated values with ``\n`` line ends."""

    format_name = "tsv"
    delimiter = "\t"

    @staticmethod
    def quote(cell: str) -> str:
        """Write tabs and line ends inside a value as backslash and letter."""
        if "\t" in cell or "\n" in cell or "\r" in cell:
            return cell.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        return cell

    body_of = staticmethod(strip_line_end)
