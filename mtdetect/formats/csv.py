"""Comma-separated values as RFC 4180 has them: a header, quoted fields, line ends allowed inside quotes."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from mtdetect.errors import InputError
from mtdetect.formats.base import Chunk
from mtdetect.formats.delimited import DelimitedReader, DelimitedWriter, header_columns
from mtdetect.formats.source import CHUNK_BYTES, CHUNK_ROWS, Source
from mtdetect.formats.txt import invalid_utf8

_LONGEST_QUOTED = 32 * 1024 * 1024  # bytes over several lines after which a quote counts as never closed
_REREAD = 8  # bytes that may be read again for each byte of the file, so that time grows with its size alone


class CsvReader(DelimitedReader):
    """Reads rows of comma-separated fields. Blank lines are no rows. A quote never closed spoils one line.

    Raises:
        InputError: the header has no such text column, or cannot be read.
    """

    format_name = "csv"
    delimiter = ","

    def __init__(self, source: Source, text_column: str | None) -> None:
        super().__init__(source, text_column)
        if csv.field_size_limit() < 2**31 - 1:  # a process-wide setting: only ever raised
            csv.field_size_limit(2**31 - 1)
        self._lines = _Lines(source)
        fields, error = self._next()
        while fields == []:
            self._lines.take()
            fields, error = self._next()
        if error is not None:
            raise InputError(f"{source.name}: the header cannot be read ({error}); fix the first line")
        self.preamble += self._lines.take()
        self.columns = header_columns(fields, text_column, source.name) if fields else ()

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a row with the wrong number of fields carries an error."""
        first, failure = 1, None
        while failure is None:
            try:
                while (simple := self._lines.simple_batch()) is not None:
                    lines, fields_of = simple
                    if lines:
                        yield self.chunk(first, lines, fields_of, {})
                        first += len(lines)
            except InputError as problem:
                failure = problem
                break
            raws: list[bytes] = []
            rows: list[tuple[str, ...]] = []
            errors: dict[int, str] = {}
            size = 0
            while len(raws) < CHUNK_ROWS and size < CHUNK_BYTES:
                try:
                    fields, error = self._next()
                except InputError as problem:  # rows that came before a break in the data are kept
                    failure = problem
                    break
                if fields is None:
                    break
                raw = self._lines.take()
                if not fields:
                    continue
                if error is not None:
                    errors[len(raws)] = error
                rows.append(tuple(fields))
                raws.append(raw)
                size += len(raw)
            if raws:
                yield self.chunk(first, raws, rows, errors)
                first += len(raws)
            elif failure is None:
                return
        raise failure

    def _next(self) -> tuple[list[str] | None, str | None]:
        """Return the next row's fields and its error, if any; (None, None) at the end."""
        lines = self._lines
        try:
            fields = next(lines.rows)
        except StopIteration:
            return None, None
        except csv.Error as error:
            return lines.first_only(), f"not CSV: {str(error).split(' - ')[0]}"
        except _QuoteNeverClosedError:
            return lines.first_only(), "a quote opens here and is never closed"
        if lines.ended:
            return lines.first_only(), "a quote opens here and is never closed"
        if lines.invalid is not None:
            return fields, invalid_utf8(lines.invalid)
        return fields, None


class CsvWriter(DelimitedWriter):
    r"""Writes comma-separated values with ``\n`` line ends; quotes only where needed."""

    format_name = "csv"
    delimiter = ","

    @staticmethod
    def quote(cell: str) -> str:
        """Quote a cell that holds a comma, a quote or a line end."""
        if "," in cell or '"' in cell or "\n" in cell or "\r" in cell:
            return '"' + cell.replace('"', '""') + '"'
        return cell

    @staticmethod
    def body_of(raw: bytes) -> bytes:
        """Take off the line end; a carriage return by itself is one too."""
        return raw.rstrip(b"\r\n")


class _QuoteNeverClosedError(Exception):
    pass


class _Lines:
    """Feeds lines to ``csv.reader`` and remembers the bytes of the row that is being read."""

    def __init__(self, source: Source) -> None:
        self._batches = source.line_batches()
        self._fresh: deque[bytes] = deque()
        self._untried = False  # whether the fresh lines are whole rows for all we know
        self._replayed: deque[bytes] = deque()
        self._raw: list[bytes] = []
        self._size = 0
        self._credit = CHUNK_BYTES  # bytes that may still be read again
        self.ended = False
        self.invalid: UnicodeDecodeError | None = None
        self.rows = csv.reader(self)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > min(_LONGEST_QUOTED, self._credit) and len(self._raw) > 1:
            raise _QuoteNeverClosedError
        try:
            if self._replayed:
                line = self._replayed.popleft()
            else:
                if not self._fresh:
                    self._fresh.extend(next(self._batches))
                    self._untried = True
                line = self._fresh.popleft()
                self._credit += _REREAD * len(line)
        except StopIteration:
            self.ended = bool(self._raw)  # asked for more in the middle of a row
            raise
        self._raw.append(line)
        self._size += len(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.invalid = self.invalid or error
            return line.decode(errors="replace")

    def simple_batch(self) -> tuple[list[bytes], list[tuple[str, ...]]] | None:
        """Return the next lines and their fields all at once; None where that cannot be: read row by row then.

        It can be where every line is a row and there is nothing odd about any. One more line shows that: a
        quote that is still open would swallow it.
        """
        if self._replayed or (self._fresh and not self._untried):
            return None
        if not self._fresh:
            self._fresh.extend(next(self._batches, ()))
        self._untried = False
        lines = list(self._fresh)
        try:
            rows = list(map(tuple, csv.reader([*(line.decode() for line in lines), "end"])))
        except (UnicodeDecodeError, csv.Error):
            return None
        if len(rows) != len(lines) + 1 or rows.pop() != ("end",) or not lines:
            return None
        self._fresh.clear()
        self._credit += _REREAD * sum(map(len, lines))
        if () in rows:  # blank lines are no rows
            keep = [position for position, row in enumerate(rows) if row]
            lines, rows = [lines[i] for i in keep], [rows[i] for i in keep]
        return lines, rows

    def take(self) -> bytes:
        """Return the bytes of the row just read and start the next one."""
        raw = self._raw[0] if len(self._raw) == 1 else b"".join(self._raw)
        self._raw, self._size, self.invalid = [], 0, None
        return raw

    def first_only(self) -> list[str]:
        """Give up on a row after its first line: that line becomes the row, the others are read again."""
        self._replayed.extendleft(reversed(self._raw[1:]))
        self._credit -= self._size
        self._raw = self._raw[:1]
        self.ended = False
        self.rows = csv.reader(self)
        return [self._raw[0].decode(errors="replace").rstrip("\r\n")]
