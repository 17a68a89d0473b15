"""Rows in, results out, in order: the error policy, worker processes and counting."""

from __future__ import annotations

import copy
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from mtdetect.cli.sentences import split_rows
from mtdetect.cli.tally import Tally
from mtdetect.cli.workers import WORKER_KILLED, interrupts_held, make_pool
from mtdetect.errors import InputError, MtdetectError
from mtdetect.formats import MAX_ROW_BYTES, Chunk, Record, RowReader, open_rows
from mtdetect.formats.parts import parts
from mtdetect.formats.source import CHUNK_ROWS

if TYPE_CHECKING:
    from concurrent.futures import Future

Result = TypeVar("Result")


class WithTexts(Protocol):
    """Anything with texts: chunks of rows, batches of documents."""

    @property
    def texts(self) -> list[str | None]:
        """The texts, in order."""


Work = TypeVar("Work", bound=WithTexts)

_AHEAD = 3  # chunks that wait for a worker or are with it, so that it has work while this process scores one
_AHEAD_BYTES = 32 * 1024 * 1024  # of rows that are read before the first is written, to learn their columns


class NothingReadable(InputError):
    """None of several inputs can be read.

    Attributes:
        lines: what is wrong with each.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\nmtdetect: ".join(lines))
        self.lines = lines


class Inputs:
    """The input files one after the other, as chunks under one error policy.

    Args:
        paths: files, None for standard input; at least one.
        input_format: ``"auto"`` or a format name.
        text_column: column that holds the text.
        errors: ``"flag"``, ``"skip"`` or ``"fail"``.
        split: cut every row into its sentences; chunks are then ``SplitChunk``.
        max_row_bytes: a longer row stops its file.
        check: raises InputError for files that cannot be used, though they can be read.

    Attributes:
        first: reader of the first file that can be opened, at once: its format and columns decide about the output.
        tally: counts unreadable rows, and files before the first; commands add the rest.

    Raises:
        InputError: no file can be opened or, under ``"fail"``, not the first.
    """

    def __init__(
        self,
        paths: Sequence[Path | None],
        input_format: str,
        text_column: str,
        errors: str,
        split: bool = False,
        max_row_bytes: int = MAX_ROW_BYTES,
        check: Callable[[RowReader], None] | None = None,
    ) -> None:
        self._check = check
        self._paths, self._format, self._column, self._errors = paths, input_format, text_column, errors
        self._split, self._max_row_bytes = split, max_row_bytes
        if None in paths and sys.stdin.isatty():
            click.echo("reading from the terminal, one text a line; end with Ctrl-D", err=True)
        sizes = [path.stat().st_size if path is not None and path.is_file() else None for path in paths]
        self._total = None if None in sizes else sum(size or 0 for size in sizes)
        self._done = 0  # bytes of the files before the current one
        self.tally = Tally()
        self.first = self._open_first()
        self._reader = self.first
        self._chunks: Iterator[Chunk] | None = None  # what was read ahead, and the rest

    def _open_first(self) -> RowReader:
        while True:
            try:
                return self._open(self._paths[0])
            except InputError as error:
                if self._errors == "fail" or not (self.tally.broken or self._paths[1:]):
                    raise
                self.tally.broken.append(str(error))
                self._paths = self._paths[1:]
                if not self._paths:
                    raise NothingReadable(self.tally.broken) from error

    @property
    def first_path(self) -> Path | None:
        """The file that ``first`` reads; None for standard input."""
        return self._paths[0]

    def _open(self, path: Path | None) -> RowReader:
        reader = open_rows(path, self._format, self._column, max_row_bytes=self._max_row_bytes)
        try:
            if self._check is not None:
                self._check(reader)
        except BaseException:
            reader.close()
            raise
        return reader

    def parts(self, rows: int | None) -> Iterator[Inputs]:
        """Yield inputs of at most so many rows each, to be read one after the other; None: this object alone.

        Only for a single file. A file without rows is one part.
        """
        if rows is None:
            yield self
            return
        for reader in parts(self.first, rows):
            part = copy.copy(self)
            part.first = part._reader = reader
            part.tally, part._chunks = Tally(), None
            yield part

    def first_rows(self, settled: bool) -> tuple[tuple[str, ...], list[Record]]:
        """Return the columns of the rows, and the readable ones of the rows that set them.

        A format without fixed columns has those of its first chunk or, where columns are ``settled`` for all
        rows, of its first ``CHUNK_ROWS`` rows, from as many files as hold them.
        """
        if self.first.columns is not None:
            return self.first.columns, []
        chunks, ahead = self._read(), list[Chunk]()
        rows = size = 0
        for chunk in chunks:
            ahead.append(chunk)
            rows += len(chunk)
            size += sum(map(len, chunk.raws)) + sum(len(text) for text in chunk.texts if text)
            if not settled or rows >= CHUNK_ROWS or size >= _AHEAD_BYTES:
                break
        self._chunks = chain(ahead, chunks)
        columns: dict[str, None] = {}
        readable: list[Record] = []
        for chunk in ahead:
            for position, record in enumerate(chunk.records):
                if position not in chunk.errors:
                    readable.append(record)
                elif self._errors != "flag":
                    continue
                columns |= dict.fromkeys(record)
        return tuple(columns), readable

    def chunks(self, misfits: Callable[[Chunk], Mapping[int, str]] | None = None) -> Iterator[Chunk]:
        """Yield chunks; a file that breaks off is noted after its readable rows, and the next one follows.

        Args:
            misfits: tells which rows have no place in the output, and why: they count as rows that cannot be read.

        Raises:
            InputError: under ``"fail"``, at the first row that cannot be read, after the rows before it.
        """
        for chunk in self._chunks or self._read():
            if misfits is not None and (found := misfits(chunk)):
                chunk.errors = {**found, **chunk.errors}
                chunk.texts = [None if i in found else text for i, text in enumerate(chunk.texts)]
            for kept in self._policed(chunk):
                if self._split:
                    yield from split_rows(kept, self.first.text_column or "text")
                else:
                    yield kept

    def _read(self) -> Iterator[Chunk]:
        """Yield the chunks of all files as they come."""
        for position, path in enumerate(self._paths):
            try:
                if position:
                    self._done += self._reader.size or 0
                    self._reader = self._open(path)
                reader = self._reader
                same = reader.format_name == self.first.format_name and reader.columns == self.first.columns
                for chunk in reader:
                    if not same:
                        chunk.rebuilt = range(len(chunk))
                    yield chunk
            except InputError as error:
                if self._errors == "fail":
                    raise
                self.tally.broken.append(str(error))
            finally:
                self._reader.close()

    def _policed(self, chunk: Chunk) -> Iterator[Chunk]:
        if chunk.errors:
            worst = min(chunk.errors)
            if self._errors == "fail":
                if worst:
                    yield chunk.select(range(worst))
                raise InputError(
                    f"{chunk.describe_error(worst)}; fix this row, or go on with --errors flag (kept and "
                    f"marked) or --errors skip (left out)"
                )
            self.tally.first_error = self.tally.first_error or chunk.describe_error(worst)
            self.tally.unreadable += len(chunk.errors)
            if self._errors == "skip":
                chunk = chunk.select([i for i in range(len(chunk)) if i not in chunk.errors])
        yield chunk

    def position(self) -> tuple[int, int | None]:
        """Return the bytes read so far, of all files, and how many there are where that is known."""
        return self._done + self._reader.consumed, self._total


def in_order(
    function: Callable[[list[str | None]], Result], chunks: Iterable[Work], jobs: int
) -> Iterator[tuple[Work, Result]]:
    """Apply a function to the texts of every chunk and yield (chunk, result) in the order of the chunks.

    With ``jobs`` > 1 the function is pickled into one process fewer than that, and this process takes the chunks
    that would have to wait: reading and writing leave it time, and a process more would only contend for a core.
    A few chunks a process are under way at a time. An InputError of ``chunks`` is raised after the results of all
    chunks before it.

    Raises:
        MtdetectError: a worker process was killed.
    """
    if jobs == 1:
        for chunk in chunks:
            yield chunk, function(chunk.texts)
        return
    from concurrent.futures.process import BrokenProcessPool

    pending: deque[tuple[Work, Future[Result]]] = deque()
    failure: InputError | None = None
    incoming = iter(chunks)
    pool = make_pool(jobs - 1, _prepare, function)
    try:
        while True:
            try:
                chunk = next(incoming)
            except StopIteration:
                break
            except InputError as error:
                failure = error
                break
            if sum(not future.done() for _, future in pending) < _AHEAD * (jobs - 1):
                with interrupts_held():  # submitting starts processes
                    pending.append((chunk, pool.submit(_run, chunk.texts)))
            else:
                pending.append((chunk, _done(function, chunk.texts)))
            while pending and (len(pending) > 4 * jobs + 4 or pending[0][1].done()):
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    except BrokenProcessPool as error:
        raise MtdetectError(f"{WORKER_KILLED}; run this again, with fewer --jobs") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if failure is not None:
        raise failure


def _done(function: Callable[[list[str | None]], Result], texts: list[str | None]) -> Future[Result]:
    """Apply the function here and now; an error waits for its turn, as one in a worker does."""
    from concurrent.futures import Future

    future: Future[Result] = Future()
    try:
        future.set_result(function(texts))
    except Exception as error:
        future.set_exception(error)
    return future


_function: Callable[[list[str | None]], Any] | None = None  # set once in each worker process


def _prepare(function: Callable[[list[str | None]], Any]) -> None:
    global _function
    _function = function


def _run(texts: list[str | None]) -> Any:
    assert _function is not None
    return _function(texts)
