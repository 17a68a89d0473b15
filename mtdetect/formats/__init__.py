"""Reading and writing rows of text: plain text, JSON lines, csv, tsv, Parquet and WARC, compressed or not.

Readers stream: memory is bounded by a few thousand rows, or by the longest one. Rows that cannot be read
carry an error instead of stopping the file, and the bytes of every row are kept, so that what is not ours
stays as it was.

>>> import io
>>> reader = open_rows(None, stream=io.BytesIO(b'{"text": "Good morning."}\\n'))
>>> [chunk.texts for chunk in reader]
[['Good morning.']]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from mtdetect.errors import InputError
from mtdetect.formats.base import AddedColumns, Chunk, RawWriter, Record, RowReader, RowWriter, free_names
from mtdetect.formats.compression import strip_suffix
from mtdetect.formats.csv import CsvReader, CsvWriter
from mtdetect.formats.delimited import DelimitedWriter
from mtdetect.formats.jsonl import JsonLinesReader, JsonLinesWriter
from mtdetect.formats.parquet import ParquetReader
from mtdetect.formats.parquet_writer import ParquetWriter
from mtdetect.formats.source import MAX_ROW_BYTES, Source
from mtdetect.formats.tsv import TsvReader, TsvWriter
from mtdetect.formats.txt import TxtReader
from mtdetect.formats.warc import WarcReader, WarcWriter

__all__ = [
    "FORMATS",
    "MAX_ROW_BYTES",
    "AddedColumns",
    "Chunk",
    "Format",
    "Record",
    "RowReader",
    "RowWriter",
    "format_of",
    "free_names",
    "open_rows",
    "open_writer",
    "read_rows",
    "sniffed_format",
]


@dataclass(frozen=True, slots=True)
class Format:
    """One entry of the registry.

    Attributes:
        name: what ``--format`` calls it.
        suffixes: file suffixes it is recognised by, before a compression suffix.
        reader: its reader.
        writer: its writer, if rows with added columns can be written in it.
        keeper: its writer of rows as they came.
        compressible: whether files of it can be compressed from outside.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: type[RowReader]
    writer: type[RowWriter] | None
    keeper: type[RowWriter] = RawWriter
    compressible: bool = True


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("txt", (".txt", ".text"), TxtReader, None),
        Format("jsonl", (".jsonl", ".ndjson", ".jl"), JsonLinesReader, JsonLinesWriter),
        Format("csv", (".csv",), CsvReader, CsvWriter),
        Format("tsv", (".tsv", ".tab"), TsvReader, TsvWriter),
        Format("parquet", (".parquet", ".pq"), ParquetReader, ParquetWriter, ParquetWriter, compressible=False),
        Format("warc", (".warc", ".wet"), WarcReader, None, WarcWriter),
    )
}
"""Every format by name."""


def format_of(path: Path) -> str | None:
    """Return the format that a file's suffix names (compression suffix aside), or None.

    >>> format_of(Path("crawl/part-01.jsonl.zst"))
    'jsonl'
    """
    suffix = strip_suffix(path).suffix.lower()
    return next((entry.name for entry in FORMATS.values() if suffix in entry.suffixes), None)


def open_rows(
    path: Path | None,
    format: str = "auto",
    text_column: str | None = "text",
    stream: BinaryIO | None = None,
    max_row_bytes: int = MAX_ROW_BYTES,
) -> RowReader:
    """Open a file, or standard input where ``path`` is None, and return its reader.

    Args:
        path: the file; its suffix names the format when ``format`` is ``"auto"``. Without a known suffix,
            data whose first line is a JSON object is JSON lines, anything else is plain text.
        format: ``"auto"`` or a name in ``FORMATS``.
        text_column: column that holds the text (a dotted path in JSON lines), or None for whole records.
        stream: read these bytes instead of opening the file.
        max_row_bytes: a longer row stops the reading with an error.

    Raises:
        InputError: the file cannot be read, its header lacks the text column, or it would be taken for plain text
            although a text column is asked for, or its first line looks like a header with that column.
        MissingExtraError: it is compressed in a way that needs an optional package.
    """
    source = Source(path, stream, max_row_bytes)
    try:
        name = format if format != "auto" else format_of(path) if path is not None else None
        if name is None:
            name = _sniffed(source.head)
            if name == "txt" and text_column is not None and source.head.strip():
                _refuse_table(source, text_column)
        return FORMATS[name].reader(source, text_column)
    except BaseException:
        source.close()
        raise


def sniffed_format(path: Path) -> str:
    """Return the format of a file: by its suffix, else by its first bytes.

    Raises:
        InputError: the file cannot be read.
    """
    name = format_of(path)
    if name is None:
        with Source(path) as source:
            name = _sniffed(source.head)
    return name


def open_writer(
    format: str,
    stream: BinaryIO,
    columns: Sequence[str],
    added: Sequence[str] = (),
    like: RowReader | None = None,
    escape_formulas: bool = False,
    added_types: Sequence[type] = (),
) -> RowWriter:
    """Return a writer of rows; call its ``close()`` behind the last row.

    Args:
        format: a name in ``FORMATS``.
        stream: binary stream to write to; left open.
        columns: columns of the input, in order.
        added: names of the columns that are added after them; none: rows are written as they came.
        like: the reader that the rows come from, if it has this format and its rows keep their bytes.
        escape_formulas: put ``'`` before cells that a spreadsheet would run (csv and tsv only).
        added_types: types of the added values, where the format has typed columns: see ``RowWriter``.
    """
    entry = FORMATS[format]
    anew = escape_formulas and entry.writer is not None and issubclass(entry.writer, DelimitedWriter)
    make = entry.writer if added or anew else entry.keeper
    if make is None:
        raise ValueError(f"{format} has no place for added columns")
    return make(stream, columns, added, like.preamble if like is not None else b"", escape_formulas, added_types)


def read_rows(path: str | Path, format: str = "auto") -> Iterator[Record]:
    """Yield every row of a file as a dictionary, stopping at the first that cannot be read.

    Args:
        path: a file in any registered format.
        format: ``"auto"`` goes by the suffix.

    Raises:
        InputError: naming the file and the row that cannot be read.
        MissingExtraError: the file needs an optional package that is not installed.
    """
    reader = open_rows(Path(path), format, text_column=None)
    try:
        for chunk in reader:
            for position, record in enumerate(chunk.records):
                if position in chunk.errors:
                    raise InputError(f"{chunk.describe_error(position)}; fix or remove this row")
                yield record
    finally:
        reader.close()


def _refuse_table(source: Source, text_column: str) -> None:
    """Refuse to take for plain text what nothing else was found to be, where rows of columns are expected."""
    header = source.head.split(b"\n", 1)[0].decode(errors="replace").rstrip("\r")
    for kind, delimiter in (("csv", ","), ("tsv", "\t")):
        names = [name.strip('"') for name in header.split(delimiter)]
        if len(names) > 1 and text_column in names:
            raise InputError(
                f'{source.name} begins like {kind} with a column "{text_column}"; say --format {kind}, or --format txt '
                f"where each line is a text"
            )
    if text_column != "text":
        raise InputError(
            f'{source.name} looks like plain text, which has no column "{text_column}"; name its format with --format, '
            f"or leave --text-column out"
        )


def _sniffed(head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"WARC/"):
        return "warc"
    line = head.lstrip().split(b"\n", 1)[0]
    if not line.startswith(b"{"):
        return "txt"
    try:
        return "jsonl" if isinstance(orjson.loads(line), dict) else "txt"
    except ValueError:
        return "jsonl" if line.startswith(b'{"') else "txt"
