"""One input as a stream of bytes: opened, decompressed, its byte-order mark taken off, cut into lines.

Memory stays bounded by the longest line, never by the size of the file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mtdetect.errors import InputError, one_line
from mtdetect.formats.compression import compression_of, decompressed

CHUNK_ROWS = 4096
"""Most rows that one chunk holds."""

CHUNK_BYTES = 512 * 1024
"""Bytes after which a chunk is closed, whatever its number of rows (one row can be longer)."""

MAX_ROW_BYTES = 64_000_000
"""Longest row, in bytes, that is read unless the caller says otherwise."""

_BLOCK = 256 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Source:
    """The bytes of one input file or of standard input.

    Args:
        path: a file, or None for standard input.
        stream: read from here instead of opening anything (left open); ``path`` then only gives the name.
        max_row_bytes: a longer row stops the input, so that no data (compressed, perhaps) fills the memory.

    Attributes:
        path: the file, if it was opened by its name.
        name: what messages call the input.
        size: bytes on disk, or None where that is unknown (a pipe).
        consumed: bytes read so far, before decompression.
        compressed: whether the bytes are compressed on disk.
        bom: the UTF-8 byte-order mark the data started with, or ``b""``.
        head: the first decompressed bytes, after the mark (for guessing the format).
        skipped: None stops at damaged compressed data. A list makes it go on with the next compressed member, if
            there is one: before the first block of that member a line is added that says what is wrong.

    Raises:
        InputError: the file cannot be opened, is a folder, or is not UTF-8 text but UTF-16.
    """

    def __init__(self, path: Path | None, stream: BinaryIO | None = None, max_row_bytes: int = MAX_ROW_BYTES) -> None:
        self.path = path if stream is None else None
        self.max_row_bytes = max_row_bytes
        self.name = one_line(path) if path is not None else "standard input"
        self.size: int | None = None
        self.consumed = 0
        self.compressed = False
        self.skipped: list[str] | None = None
        self._owned = stream is None and path is not None
        self._stream = stream if stream is not None else self._open(path)
        try:
            self._blocks = self._decompressed()
            self.bom, self.head = self._start()
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path | None) -> BinaryIO:
        if path is None:
            return sys.stdin.buffer
        if path.is_dir():
            raise InputError(f"{self.name} is a folder; name the files in it, for example {self.name}/*.jsonl")
        try:
            stream = path.open("rb")
            self.size = path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror or error}; check the path and its permissions") from error
        return stream

    def _read(self) -> Iterator[bytes]:
        while block := self._stream.read(_BLOCK):
            self.consumed += len(block)
            yield block

    def _decompressed(self) -> Iterator[bytes]:
        blocks = self._read()
        first = next(blocks, b"")
        kind = compression_of(first)
        if kind is None:
            return chain([first], blocks)
        self.compressed = True
        return decompressed(first, _Counted(self), kind, self.name, lambda: self.skipped)

    def _start(self) -> tuple[bytes, bytes]:
        head = b""
        try:
            for block in self._blocks:
                head += block
                if len(head) >= len(_UTF8_BOM):
                    break
        except InputError as error:  # what was readable comes first, then the error
            self._blocks = _failing(error)
        if head.startswith(_UTF16_BOMS):
            raise InputError(f"{self.name}: this is UTF-16, UTF-8 is needed; convert it with: iconv -f UTF-16 -t UTF-8")
        bom = _UTF8_BOM if head.startswith(_UTF8_BOM) else b""
        head = head[len(bom) :]
        self._blocks = chain([head], self._blocks)
        return bom, head

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes as they are, without a byte-order mark."""
        return self._blocks

    def line_batches(self) -> Iterator[list[bytes]]:
        r"""Yield lists of at most ``CHUNK_ROWS`` lines with their ``\n``; only the last line may lack it.

        When the data breaks off, all complete lines are yielded before the error is raised.

        Raises:
            InputError: compressed data is damaged or ends early, or a line is too long.
        """
        parts: list[bytes] = []
        size, has_line, failure = 0, False, None
        try:
            for block in self._blocks:
                parts.append(block)
                size += len(block)
                has_line = has_line or b"\n" in block
                if not has_line and size > self.max_row_bytes:
                    raise self.too_long()
                if not has_line or size < CHUNK_BYTES:
                    continue  # parts of one huge line are joined once, at its end
                data = b"".join(parts)
                cut = data.rfind(b"\n") + 1
                parts, size, has_line = [data[cut:]], len(data) - cut, False
                yield from self._bounded(data[:cut])
        except InputError as error:
            failure = error
        data = b"".join(parts)
        if failure is not None:  # the unfinished last line is not a row
            yield from _batches(data[: data.rfind(b"\n") + 1])
            raise failure
        yield from self._bounded(data)

    def _bounded(self, data: bytes) -> Iterator[list[bytes]]:
        """Yield lines up to the first that is too long, which is an error."""
        if len(data) > self.max_row_bytes:  # most blocks as a whole are shorter
            start = 0
            for line in BytesIO(data):
                if len(line) > self.max_row_bytes:
                    yield from _batches(data[:start])
                    raise self.too_long()
                start += len(line)
        yield from _batches(data)

    def too_long(self) -> InputError:
        """Return the error for a row that is longer than allowed."""
        megabytes = self.max_row_bytes / 1_000_000
        return InputError(
            f"{self.name}: a row is longer than {megabytes:,.0f} MB, so the rest was not read; "
            f"if the file is as it should be, allow more with --max-row-mb"
        )

    def close(self) -> None:
        """Close the file if this object opened it."""
        if self._owned:
            self._stream.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Counted(BytesIO):
    """Just enough of a binary stream for the decompressor, counting what is read."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def read(self, size: int | None = -1) -> bytes:
        block = self._source._stream.read(-1 if size is None else size)
        self._source.consumed += len(block)
        return block


def _failing(error: InputError) -> Iterator[bytes]:
    raise error
    yield b""  # makes this a generator: the error comes when the data would


def _batches(data: bytes) -> Iterator[list[bytes]]:
    lines = BytesIO(data).readlines()  # splits at \n only, unlike bytes.splitlines
    for start in range(0, len(lines), CHUNK_ROWS):
        yield lines[start : start + CHUNK_ROWS]
