"""Web archives (WARC, and the WET files of extracted text), read through FastWARC; HTML to text by Resiliparse.

Records that are kept are written with their own bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, cast

from mtdetect.errors import InputError, MissingExtraError, needs_extra
from mtdetect.formats.base import Chunk, Record, RowReader, RowWriter
from mtdetect.formats.html import codec_of, text_of_html
from mtdetect.formats.source import CHUNK_BYTES, CHUNK_ROWS, Source
from mtdetect.formats.txt import invalid_utf8
from mtdetect.formats.warc_frames import Frame, Frames

_COLUMNS = ("url", "record_id", "date", "type", "text")
_ROW_TYPES = ("response", "resource", "conversion")
_RESPONSE = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
_LINE_END = re.compile(rb"\r?\n")
_ENCODINGS = ("Content-Encoding", "Transfer-Encoding")


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
        if text_column not in (None, "text"):
            raise InputError(
                f"{source.name}: the text of a web archive is in the column text, and no other can be scored; "
                f"leave out --text-column {text_column}"
            )
        self._header_map, self._record = _library()
        self.columns = _COLUMNS
        self._rows = self._read()
        self._first: tuple[bytes, Record, str | None, bool] | None = None
        self._failure: InputError | None = None
        try:
            while (row := next(self._rows, None)) is not None and row[1]["type"] == "warcinfo" and row[2] is None:
                self.preamble += row[0]
                if len(self.preamble) > source.max_row_bytes:
                    raise source.too_long()
            self._first = row
        except InputError as error:
            if not source.head.startswith(b"WARC/"):
                raise
            self._failure = error  # comes when the rows would

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a record whose text cannot be had carries an error, as does a damaged stretch.

        Raises:
            InputError: the archive breaks off, or nothing that follows is a record.
        """
        number, failure = 1, self._failure
        while failure is None:
            rebuilt: set[int] = set()
            chunk = Chunk(self.source.name, [], [], [], [], {}, rebuilt)
            assert isinstance(chunk.records, list)
            size = 0
            while len(chunk) < CHUNK_ROWS and size < CHUNK_BYTES:
                try:
                    row, self._first = self._first or next(self._rows, None), None
                except InputError as error:
                    failure = error
                    break
                if row is None:
                    break
                raw, record, problem, cut = row
                if problem is not None:
                    chunk.errors[len(chunk)] = problem
                elif record["type"] not in _ROW_TYPES:
                    continue
                if cut:
                    rebuilt.add(len(chunk))
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

    def _read(self) -> Iterator[tuple[bytes, Record, str | None, bool]]:
        """Yield the bytes of every record, its row, why its text cannot be had, and whether its end is missing."""
        for frame in Frames(self.source):
            row: Record = dict.fromkeys(_COLUMNS)
            problem = frame.problem
            try:
                try:
                    self._fill(row, frame)
                except _UnreadableError as error:
                    problem = str(error)
            except (KeyboardInterrupt, SystemExit, MissingExtraError):
                raise
            except BaseException as error:  # the libraries are in Rust: what they panic with is no Exception
                problem = problem or f"a record that cannot be read ({_one_line(error)})"
            yield frame.raw, row, problem, frame.cut

    def _fill(self, row: Record, frame: Frame) -> None:
        """Fill a row from its record.

        Raises:
            _UnreadableError: its text cannot be had.
        """
        if not frame.head:
            return
        header = self._header(frame.raw[: frame.head])
        kind = header("WARC-Type")
        row |= {
            "url": header("WARC-Target-URI"),
            "record_id": header("WARC-Record-ID"),
            "date": header("WARC-Date"),
            "type": kind,
        }
        if frame.problem is not None:
            return
        if kind is None or header("Content-Length").strip().lstrip("+0") != str(frame.length or ""):
            raise _UnreadableError("a record whose header has no clear WARC-Type and Content-Length")
        if kind not in _ROW_TYPES:
            return
        content = frame.raw[frame.head : frame.head + frame.length]
        media, charset, http = header("Content-Type") or "", None, None
        if media.lower().startswith("application/http"):
            http = self._record(_RESPONSE % len(content) + content + b"\r\n\r\n")
            http.parse_http("none")
            if content and not (http.http_headers.status_line or "").startswith("HTTP/"):
                raise _UnreadableError("a response without an HTTP header")
            media, charset = http.http_content_type or "", http.http_charset
        media = media.split(";")[0].strip().lower()
        if media and not media.startswith("text/") and media != "application/xhtml+xml":
            return
        if http is not None:
            content = self._body(http, content)
        if "html" in media:
            try:
                row["text"] = text_of_html(content, charset)
            except ValueError as error:
                raise _UnreadableError(str(error)) from error
            return
        known = codec_of(charset, content)
        try:
            row["text"] = content.decode(known or "utf-8")
        except UnicodeDecodeError as error:
            row["text"] = content.decode(known or "utf-8", errors="replace")
            if known or not charset:
                raise _UnreadableError(invalid_utf8(error)) from error

    def _header(self, head: bytes) -> Callable[[str], Any]:
        """Return what looks up a field of a WARC header by its name."""
        header = self._header_map()
        header.parse(BytesIO(head if head.count(b"\n") == head.count(b"\r\n") else _LINE_END.sub(b"\r\n", head)))
        return cast(Callable[[str], Any], header.get)

    def _body(self, http: Any, content: bytes) -> bytes:
        """Return the body of a response, decoded: it can be longer than the record, but not too long."""
        limit = self.source.max_row_bytes
        encodings = [f"{name}: {value}" for name in _ENCODINGS if (value := http.http_headers.get(name))]
        if encodings:
            http = self._record(_RESPONSE % len(content) + content + b"\r\n\r\n")
        pieces: list[bytes] = []
        size = 0
        try:
            if encodings:
                http.parse_http("all")
            while size <= limit and (piece := http.reader.read(max(1024, len(content)) + 1)):
                pieces.append(piece)
                size += len(piece)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            said = _one_line(", ".join(encodings))
            raise _UnreadableError(f"content that is not encoded as its header says ({said})") from error
        if size > limit:
            raise _UnreadableError(f"content longer than {limit / 1_000_000:,.0f} MB once decoded; see --max-row-mb")
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


class _UnreadableError(Exception):
    """Why the text of a record cannot be had, in a few words."""


def _one_line(value: object) -> str:
    return " ".join(str(value).split())[:100] or type(value).__name__


def _library() -> tuple[Callable[[], Any], Callable[[bytes], Any]]:
    with needs_extra("warc", "WARC needs two more packages"):
        import resiliparse.parse.encoding  # noqa: F401
        from fastwarc.warc import HeaderMap, WarcRecord
    return HeaderMap, WarcRecord.from_bytes
