"""Web archives (WARC, and the WET files of extracted text), read through FastWARC; HTML to text by Resiliparse.

Records that are kept are written with their own bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mtdetect.errors import InputError, MissingExtraError, needs_extra
from mtdetect.formats.base import Chunk, Record, RowReader, RowWriter
from mtdetect.formats.source import CHUNK_BYTES, CHUNK_ROWS, Source
from mtdetect.formats.txt import invalid_utf8

_COLUMNS = ("url", "record_id", "date", "type", "text")
_ROW_TYPES = ("response", "resource", "conversion")
_END = b"\r\n\r\n"


class WarcReader(RowReader):
    """Reads the records that hold content (conversion, resource and response) as rows.

    The text of HTML is its main content; records of other kinds (images, say) are rows without text.
    Warcinfo records before the first row are the preamble; requests, metadata and revisits are left out.

    Raises:
        InputError: the file is no WARC.
        MissingExtraError: the WARC libraries are not installed.
    """

    format_name = "warc"

    def __init__(self, source: Source, text_column: str | None) -> None:
        super().__init__(source, None if text_column is None else "text")
        self.columns = _COLUMNS
        self._records = self._framed()
        self._first: tuple[bytes, Record, str | None] | None = None
        self._failure: InputError | None = None
        try:
            while (entry := next(self._records, None)) is not None and entry[1]["type"] == "warcinfo":
                self.preamble += entry[0]
            self._first = entry
        except InputError as error:
            if not source.head.startswith(b"WARC/"):
                raise
            self._failure = error  # comes when the rows would

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a text that is not in the encoding it claims carries an error.

        Raises:
            InputError: the archive breaks off, or what follows is no WARC record.
        """
        number, failure = 1, self._failure
        while failure is None:
            chunk = Chunk(self.source.name, [], [], [], [])
            assert isinstance(chunk.records, list)
            size = 0
            while len(chunk) < CHUNK_ROWS and size < CHUNK_BYTES:
                try:
                    entry, self._first = self._first or next(self._records, None), None
                except InputError as error:
                    failure = error
                    break
                if entry is None:
                    break
                raw, record, problem = entry
                if record["type"] not in _ROW_TYPES:
                    continue
                if problem is not None:
                    chunk.errors[len(chunk)] = problem
                chunk.raws.append(raw)
                chunk.texts.append(record["text"] if problem is None and self.text_column is not None else None)
                chunk.records.append(record)
                size += len(raw)
            if not len(chunk):
                break
            chunk.rows = range(number, number + len(chunk))
            number += len(chunk)
            yield chunk
        if failure is not None:
            raise failure

    def _framed(self) -> Iterator[tuple[bytes, Record, str | None]]:
        """Yield the bytes of every record, its row, and why its text cannot be read."""
        tee = _Tee(self.source)
        iterator = _iterator(tee)
        before: tuple[int, Record, str | None] | None = None
        while True:
            with self._library():
                record = next(iterator, None)
            if before is not None:
                raw = tee.take(before[0], record.stream_pos if record is not None else None)
                if record is None and not raw.endswith(_END):
                    raise self._broken("the last record ends early (truncated file)")
                yield raw, *before[1:]
            if record is None:
                return
            before = (record.stream_pos, *self._row(record))

    @contextmanager
    def _library(self) -> Iterator[None]:
        """Turn what the libraries raise over damaged data into one kind of error."""
        try:
            yield
        except (InputError, MissingExtraError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # they are in Rust: what they panic with is no Exception
            raise self._broken((str(error).splitlines() or [type(error).__name__])[0]) from error

    def _broken(self, detail: str) -> InputError:
        return InputError(f"{self.source.name}: not readable as WARC ({detail}); fetch the file again")

    def _row(self, record: Any) -> tuple[Record, str | None]:
        header = record.headers.get
        kind = header("WARC-Type")
        row: Record = {
            "url": header("WARC-Target-URI"),
            "record_id": header("WARC-Record-ID"),
            "date": header("WARC-Date"),
            "type": kind,
            "text": None,
        }
        if kind not in _ROW_TYPES:
            return row, None
        with self._library():
            media = record.http_content_type if record.is_http else header("Content-Type")
            charset = record.http_charset if record.is_http else None
        media = (media or "").split(";")[0].strip().lower()
        if media and not media.startswith("text/") and media != "application/xhtml+xml":
            return row, None
        content = self._content(record)
        if "html" in media:
            with self._library():
                row["text"] = _text_of_html(content, charset)
            return row, None
        try:
            row["text"] = content.decode(charset or "utf-8")
        except UnicodeDecodeError as error:
            return {**row, "text": content.decode(errors="replace")}, invalid_utf8(error)
        except LookupError:  # a charset that nobody knows
            row["text"] = content.decode(errors="replace")
        return row, None

    def _content(self, record: Any) -> bytes:
        """Read a record's content, decoded: it can be longer than the record says, but not too long."""
        step = max(1024, min(record.content_length, self.source.max_row_bytes)) + 1
        pieces: list[bytes] = []
        size = 0
        with self._library():
            while piece := record.reader.read(step):
                pieces.append(piece)
                size += len(piece)
                if size > self.source.max_row_bytes:
                    raise self.source.too_long()
        return b"".join(pieces)


class WarcWriter(RowWriter):
    """Writes records as they came, each in one write, so that each is compressed on its own."""

    format_name = "warc"

    def _start(self, preamble: bytes) -> None:
        if preamble:
            self.stream.write(preamble)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the records of a chunk; there are no values."""
        for raw in chunk.raws:
            self.stream.write(raw)


class _Tee:
    """The bytes of a source as the library reads them, remembered from the start of the current record on."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._blocks = source.blocks()
        self._held = bytearray()
        self._start = 0  # offset of the first byte held
        self._given = 0  # bytes handed to the library

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, ``b""`` at the end."""
        while len(self._held) + self._start == self._given:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._held += block
            if len(self._held) > self._source.max_row_bytes + 8 * CHUNK_BYTES:
                raise self._source.too_long()
        at = self._given - self._start
        piece = bytes(self._held[at : at + size] if size >= 0 else self._held[at:])
        self._given += len(piece)
        return piece

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._given

    def take(self, start: int, end: int | None) -> bytes:
        """Return the bytes from one offset to another (or to the last one read) and forget them."""
        stop = self._given if end is None else end
        taken = bytes(self._held[start - self._start : stop - self._start])
        del self._held[: stop - self._start]
        self._start = stop
        return taken


def _iterator(tee: _Tee) -> Iterator[Any]:
    with needs_extra("warc", "WARC needs two more packages"):
        from fastwarc.warc import ArchiveIterator
    stream: Any = tee  # it is read and told, nothing else
    return iter(ArchiveIterator(stream, parse_http=True, auto_decode="all", stream_detect=False))


def _text_of_html(content: bytes, charset: str | None) -> str:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    html = bytes_to_str(content, charset or detect_encoding(content) or "utf-8")
    return str(extract_plain_text(html, main_content=True, preserve_formatting=True))
