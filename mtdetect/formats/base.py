"""What every format shares: chunks of rows, and the reader and writer interfaces."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any, BinaryIO, ClassVar

from mtdetect.errors import InputError, one_line
from mtdetect.formats.source import Source

Record = dict[str, Any]
"""One row as a dictionary: column name to value, in column order."""

RAW_COLUMN = "raw"
"""Column that carries a row which could not be taken apart into columns."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Chunk:
    """Up to a few thousand consecutive rows, column by column. All lists have one entry a row.

    Attributes:
        source: name of the input, for messages.
        rows: row numbers, counted from 1 without header and blank lines.
        raws: the exact bytes of each row, with its line end.
        texts: the text to score; None where the row has none or has an error.
        records: each row as a dictionary.
        errors: position in the chunk to one line that says why the row cannot be used.
        rebuilt: positions whose ``raws`` entry is no well-formed row of the format, or not what ``records``
            holds: nothing can be appended to these bytes.
    """

    source: str
    rows: Sequence[int]
    raws: list[bytes]
    texts: list[str | None]
    records: Sequence[Record]
    errors: dict[int, str] = field(default_factory=dict)
    rebuilt: Container[int] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, keep: Sequence[int]) -> Chunk:
        """Return a chunk of the rows at the given positions, in that order."""
        return Chunk(
            self.source,
            [self.rows[i] for i in keep],
            [self.raws[i] for i in keep],
            [self.texts[i] for i in keep],
            [self.records[i] for i in keep],
            {new: self.errors[old] for new, old in enumerate(keep) if old in self.errors},
            {new for new, old in enumerate(keep) if old in self.rebuilt},
        )

    def describe_error(self, position: int) -> str:
        """Return the error of a row with the place where it stands."""
        return f"{self.source}, row {self.rows[position]}: {self.errors[position]}"


class AddedColumns(Sequence[Record]):
    """Added values of N rows, column by column: a sequence of dictionaries that are made when asked for.

    Args:
        names: names of the columns.
        columns: N values of each.
    """

    def __init__(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
        self.names, self.columns = tuple(names), columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Record]:
        return map(dict, map(zip, repeat(self.names), zip(*self.columns, strict=True)))

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return AddedColumns(self.names, [column[position] for column in self.columns])
        return {name: column[position] for name, column in zip(self.names, self.columns, strict=True)}


def added_columns(names: Sequence[str], values: Sequence[Record]) -> Sequence[Sequence[Any]]:
    """Return the values of each added column, N values each."""
    if isinstance(values, AddedColumns):
        return values.columns
    return [[value[name] for value in values] for name in names]


class RowReader:
    """Base of the readers: iterate over it to get chunks.

    Args:
        source: where the bytes come from; closed by ``close()``.
        text_column: column that holds the text; None reads whole records and leaves ``texts`` empty.

    Attributes:
        columns: column names, where the format fixes them for the whole file; else None.
        preamble: bytes that stand before the first row (byte-order mark, header line).
    """

    format_name: ClassVar[str]

    def __init__(self, source: Source, text_column: str | None) -> None:
        self.source = source
        self.text_column = text_column
        self.columns: tuple[str, ...] | None = None
        self.preamble = source.bom

    def __iter__(self) -> Iterator[Chunk]:
        raise NotImplementedError

    @property
    def size(self) -> int | None:
        """Size of the input in bytes, as it is on disk; None where that is unknown."""
        return self.source.size

    @property
    def consumed(self) -> int:
        """How many of these bytes have been read."""
        return self.source.consumed

    def close(self) -> None:
        """Close the input."""
        self.source.close()


class RowWriter:
    """Base of the writers: rows as they came, followed by the added columns.

    Args:
        stream: binary stream to write to; left open.
        columns: columns of the input, in order.
        added: names of the columns that are added after them.
        preamble: the input's bytes before the first row, if it has this format and these columns.
        escape_formulas: put ``'`` before cells that a spreadsheet would run (csv and tsv only).
        added_types: types of the added values, for formats with typed columns: ``str``, ``bool``, ``int``,
            ``float`` (may be None; written with 32 bits, as scores are), ``list`` (of strings) or ``Span``
            (lists of spans, as dictionaries). If not given, they are those of the first rows.

    Rows keep their bytes unless their chunk calls them ``rebuilt``: then they are written from the record.
    The caller marks rows so that come from another format or have other columns.
    """

    format_name: ClassVar[str]

    def __init__(
        self,
        stream: BinaryIO,
        columns: Sequence[str],
        added: Sequence[str],
        preamble: bytes = b"",
        escape_formulas: bool = False,
        added_types: Sequence[type] = (),
    ) -> None:
        self.stream = stream
        self.columns = tuple(columns)
        self.added = tuple(added)
        self.added_types = tuple(added_types)
        self.escape_formulas = escape_formulas
        self._start(preamble)

    def _start(self, preamble: bytes) -> None:
        """Write what stands before the first row."""
        raise NotImplementedError

    def take_types(self, rows: Sequence[Record]) -> None:
        """Take the types of the columns from these rows, where the format has types and nothing has set them yet."""

    def misfits(self, chunk: Chunk) -> dict[int, str]:
        """Return which rows have no place in the columns of the output: position to reason.

        Such a row is written whole, into one column, if its chunk calls it an error; else writing it is one.
        """
        return {}

    def without_column(self, chunk: Chunk, columns: Sequence[str]) -> dict[int, str]:
        """Return the rows of a chunk that have a field beyond these columns: position to reason."""
        known, found = frozenset(columns), dict[int, str]()
        if known.issuperset(getattr(chunk.records, "columns", ("",))):  # the same in every row
            return found
        for position, record in enumerate(chunk.records):
            if not known.issuperset(record):
                name = shown_names(name for name in record if name not in known)
                found[position] = (
                    f'"{name}" is no column of the output; use --output-format jsonl, or name it in --columns of score'
                )
        return found

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the rows of a chunk; ``values`` holds one dictionary of added columns a row."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what stands behind the last row. The stream stays open."""


class RawWriter(RowWriter):
    """Writes rows of a text format as they came, and adds nothing."""

    def _start(self, preamble: bytes) -> None:
        self.stream.write(preamble)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the bytes of a chunk's rows; there are no values."""
        self.stream.write(b"".join(chunk.raws))


def kind_of(value: object) -> str:
    """Name the type of a JSON value the way a person would.

    >>> kind_of(3.5), kind_of(True), kind_of("3"), kind_of([1])
    ('a number', 'a boolean', 'a string', 'a list')
    """
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "null"


def position_of(name: str, names: Sequence[str], source: str = "") -> int | None:
    """Return where the column of a name stands; None: there is none. ``source`` is named where there are two.

    Raises:
        InputError: two columns have that name.

    >>> position_of("text", ["id", "text"])
    1
    """
    if (found := names.count(name)) > 1:
        place = source and f"{source}: "
        raise InputError(f'{place}{found} columns are called "{shown_names([name])}"; rename all but the one you mean')
    return names.index(name) if found else None


def encodable(text: str) -> str:
    """Replace lone surrogates, which no encoding can hold, by U+FFFD; offsets stay the same."""
    return _SURROGATE.sub("\ufffd", text)


def shown_names(names: Iterable[str]) -> str:
    """List names of columns in a message: the first dozen, on one line whatever is in them.

    >>> shown_names(["id", "two\\nlines", "x" * 100])
    'id, two?lines, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'
    """
    return ", ".join(one_line(name[:30]) for name in islice(names, 12)) or "none"


def free_names(names: Sequence[str], taken: Container[str], prefix: str = "") -> tuple[str, ...]:
    """Return names for added columns; if an existing column has one of them, all get ``mtdetect_`` in front.

    >>> free_names(["score", "status"], ["id", "score"])
    ('mtdetect_score', 'mtdetect_status')
    """
    free = tuple(prefix + name for name in names)
    while any(name in taken for name in free):
        free = tuple("mtdetect_" + name for name in free)
    return free


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Make header names distinct, so that a record keeps every column.

    >>> unique_names(["id", "text", "text", ""])
    ('id', 'text', 'text_2', 'column_4')
    """
    unique: dict[str, None] = {}
    copies: dict[str, int] = {}  # a header of a hundred thousand equal names takes no longer than another
    for position, name in enumerate(names, 1):
        base = candidate = name or f"column_{position}"
        while candidate in unique:
            copies[base] = copies.get(base, 1) + 1
            candidate = f"{base}_{copies[base]}"
        unique[candidate] = None
    return tuple(unique)
