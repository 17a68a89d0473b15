"""The rows of one input in consecutive parts of equal size."""

from __future__ import annotations

from collections.abc import Iterator

from mtdetect.formats.base import Chunk, RowReader


def parts(reader: RowReader, rows: int) -> Iterator[RowReader]:
    """Yield readers of at most so many rows each, to be read one after the other; at least one.

    What a part's consumer leaves unread, the next part does not see. An error of the reader is raised in the
    part where it happens, which is then the last. Closing a part leaves the reader open.
    """
    rest = _Rest(reader)
    while True:
        part = _Part(reader, rest, rows)
        yield part
        for _ in part:
            pass
        if not rest.more():
            return


class _Rest:
    """What is left of a reader's rows, with a chunk that was taken too early put back in front."""

    def __init__(self, reader: RowReader) -> None:
        self._chunks = iter(reader)
        self.held: Chunk | None = None

    def next(self) -> Chunk | None:
        chunk, self.held = self.held or next(self._chunks, None), None
        return chunk

    def more(self) -> bool:
        self.held = self.next()
        return self.held is not None


class _Part(RowReader):
    def __init__(self, reader: RowReader, rest: _Rest, rows: int) -> None:
        self.format_name = reader.format_name  # type: ignore[misc]
        self.source, self.text_column = reader.source, reader.text_column
        self.columns, self.preamble = reader.columns, reader.preamble
        self.reader = reader
        self._rest = rest
        self._left = rows

    def __iter__(self) -> Iterator[Chunk]:
        while self._left and (chunk := self._rest.next()) is not None:
            if len(chunk) > self._left:
                self._rest.held = chunk.select(range(self._left, len(chunk)))
                chunk = chunk.select(range(self._left))
            self._left -= len(chunk)
            yield chunk
        self._rest.more()  # looked at here, so that an error right behind the part is the part's

    @property
    def consumed(self) -> int:
        return self.reader.consumed

    @property
    def size(self) -> int | None:
        return self.reader.size

    def close(self) -> None:
        """Leave the reader open for the next part."""
