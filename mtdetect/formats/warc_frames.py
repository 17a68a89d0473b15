"""Where the records of a web archive begin and end, and where the next good one begins behind damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mtdetect.errors import InputError
from mtdetect.formats.source import Source

_HEADER_BYTES = 64 * 1024
_BLANKS = re.compile(rb"[\r\n]*")
_HEADER_END = re.compile(rb"\n(?:\r?\n|WARC/\d\.\d+[ \t]*\r?\n)")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*\+?(\d{1,19})[ \t]*\r?\n", re.IGNORECASE)
_BEHIND = re.compile(rb"\r?\n\r?\n|\r?\n?(?=WARC/\d)")
_NEXT = re.compile(rb"\n(?=WARC/\d\.\d+[ \t]*\r?\n[A-Za-z-]+:)")
_NEXT_BYTES = 80
"""Most bytes that are needed to see that a record begins."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A record, or a damaged stretch.

    Attributes:
        raw: its bytes, with the blank lines that end it.
        head: bytes of its header; 0 where there is none.
        length: bytes of its content.
        problem: what is wrong with the stretch, or None for a record.
        cut: whether bytes are missing at its end, where blank lines stand instead.
    """

    raw: bytes
    head: int = 0
    length: int = 0
    problem: str | None = None
    cut: bool = False


class Frames:
    """Yields the records of a source in order; a stretch that is none is one frame with a problem.

    Blank lines between records are left out.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        source.skipped = []
        self._blocks = source.blocks()
        self._held = bytearray()
        self._start = 0  # offset of the first byte held
        self._pending = b""  # comes after damage that was skipped
        self._failure: InputError | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames.

        Raises:
            InputError: the archive breaks off, or nothing that follows is a record.
        """
        while True:
            while self._drop_blanks():
                yield self._frame()
            if not self._source.skipped:
                break
            yield self._lost()
        if self._failure is not None:
            raise self._failure

    def _more(self) -> bool:
        """Hold one more block; returns False at the end and where damaged data was skipped."""
        if self._source.skipped or self._failure is not None:
            return False
        try:
            block = next(self._blocks, b"")
        except InputError as error:
            self._failure = error
            return False
        if self._source.skipped:
            self._pending = block
            return False
        self._held += block
        return bool(block)

    def _drop_blanks(self) -> bool:
        """Go to the next byte that is no line end; returns whether there is one."""
        while True:
            blanks = _BLANKS.match(self._held)
            if blanks is not None:
                self._take(blanks.end())
            if self._held:
                return True
            if not self._more():
                return False

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._start += size
        return taken

    def _lost(self, head: int = 0) -> Frame:
        """Return what is held before damaged compressed data, and go on behind it."""
        assert self._source.skipped
        problem = f"{self._source.skipped.pop()}, {self._place()}"
        raw = self._take(len(self._held))
        self._held += self._pending
        return Frame(raw and raw + b"\r\n\r\n", head, problem=problem, cut=True)

    def _frame(self) -> Frame:
        while len(self._held) < 5 and self._more():
            pass
        if not self._held.startswith(b"WARC/"):
            return self._damaged("no WARC record")
        end, scanned = None, 0
        while (end := _HEADER_END.search(self._held, scanned)) is None:
            scanned = max(0, len(self._held) - _NEXT_BYTES)
            if scanned > _HEADER_BYTES or not self._more():
                return self._damaged("a record without the end of its header")
        if not end[0].endswith(b"\n\n") and not end[0].endswith(b"\n\r\n"):
            return self._damaged("a record without the end of its header")
        head = end.end()
        given = _LENGTH.search(self._held, 0, head)
        if given is None:
            return self._damaged("a record whose header has no valid Content-Length", head)
        length = int(given[1])  # now: the match is of bytes that change
        if length > self._source.max_row_bytes:
            return self._damaged(f"a record whose Content-Length, {length}, is too long", head, too_long=True)
        while len(self._held) < head + length + 8 and self._more():
            pass
        behind = _BEHIND.match(self._held, head + length)
        if len(self._held) >= head + length and behind is not None:
            return Frame(self._take(behind.end()), head, length)
        return self._damaged(f"a record that does not end where its Content-Length, {length}, says", head)

    def _damaged(self, what: str, head: int = 0, too_long: bool = False) -> Frame:
        """Return the stretch up to the next record.

        Raises:
            InputError: no record follows, or none for as long as a row may be.
        """
        scanned = 0
        while (record := _NEXT.search(self._held, scanned)) is None:
            scanned = max(0, len(self._held) - _NEXT_BYTES)
            if len(self._held) > self._source.max_row_bytes:
                raise self._source.too_long() if too_long else self._broken(what)
            if not self._more():
                if self._source.skipped:
                    return self._lost(head)
                raise self._failure or self._broken(what)
        problem = f"{what}, {self._place()}"
        return Frame(self._take(record.end()), head, problem=problem)

    def _place(self) -> str:
        return f"at byte {self._start}{' of the decompressed data' if self._source.compressed else ''}"

    def _broken(self, what: str) -> InputError:
        return InputError(
            f"{self._source.name}: not readable as WARC from here on: {what}, {self._place()}, and no other follows "
            f"(truncated file?); fetch the file again"
        )
