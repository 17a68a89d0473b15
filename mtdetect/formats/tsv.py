r"""Tab-separated values as IANA registered them: a header, no quoting, quotes are ordinary characters.

A value cannot hold a tab or a line end, so these become ``\t``, ``\n`` and ``\r`` on output.
"""

from __future__ import annotations

from collections.abc import Iterator

from mtdetect.errors import InputError
from mtdetect.formats.base import Chunk
from mtdetect.formats.delimited import DelimitedReader, DelimitedWriter, header_columns
from mtdetect.formats.source import Source
from mtdetect.formats.txt import decoded_lines, invalid_utf8, strip_line_end


class TsvReader(DelimitedReader):
    """Reads rows of tab-separated fields. Blank lines are no rows, unless there is only one column.

    Raises:
        InputError: the header has no such text column, or is not UTF-8.
    """

    format_name = "tsv"
    delimiter = "\t"

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
        raws: list[bytes] = []
        rows: list[tuple[str, ...]] = []
        errors: dict[int, str] = {}
        wide = len(self.columns or ()) > 1
        whole = decoded_lines(lines)
        if whole is not None and (not wide or "" not in whole):
            return self.chunk(first, lines, [tuple(text.split("\t")) for text in whole], errors)
        for line in lines:
            body = strip_line_end(line)
            if not body and wide:
                continue
            try:
                fields = body.decode().split("\t")
            except UnicodeDecodeError as problem:
                errors[len(raws)] = invalid_utf8(problem)
                fields = body.decode(errors="replace").split("\t")
            rows.append(tuple(fields))
            raws.append(line)
        return self.chunk(first, raws, rows, errors)


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
