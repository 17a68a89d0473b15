"""Rows in, results out, in order: the error policy, worker processes and counting."""

from __future__ import annotations

import copy
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from mtdetect.cli.sentences import split_rows
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
_STATUS_WORDS = {"too_short": "too short", "not_english": "not English", "empty": "empty"}


@dataclass(slots=True)
class Tally:
    """What was read so far.

    Attributes:
        rows: rows that could be read.
        statuses: how many of them had which status.
        flagged: how many were flagged.
        unreadable: rows that could not be read.
        first_error: place and error of the first of them.
        broken: inputs that broke off, one line each.
        earlier: how many of the rows an earlier run had done.
    """

    rows: int = 0
    earlier: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    unreadable: int = 0
    first_error: str = ""
    broken: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    @property
    def scored(self) -> int:
        """How many rows got a score."""
        return self.statuses["scored"]

    def facts(self) -> dict[str, Any]:
        """Return the counts as plain JSON values, for the journal of a run over shards."""
        return {
            "rows": self.rows,
            "statuses": dict(sorted(self.statuses.items())),
            "flagged": self.flagged,
            "unreadable": self.unreadable,
            "first_error": self.first_error,
            "broken": self.broken,
        }

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add the counts of a shard, as ``facts()`` returned them."""
        self.rows += facts["rows"]
        self.statuses.update(facts["statuses"])
        self.flagged += facts["flagged"]
        self.unreadable += facts["unreadable"]
        self.first_error = self.first_error or facts["first_error"]
        self.broken += facts["broken"]

    def counts(self) -> str:
        """Describe rows, statuses and unreadable rows in one phrase."""
        parts = [f"{self.rows:,} row{'s' if self.rows != 1 else ''}: {self.scored:,} scored"]
        parts += [f"{n:,} {_STATUS_WORDS[s]}" for s, n in sorted(self.statuses.items()) if n and s in _STATUS_WORDS]
        if self.unreadable:
            parts.append(f"{self.unreadable:,} more unreadable")
        return ", ".join(parts)

    def speed(self) -> str:
        """Describe the time taken."""
        seconds = time.perf_counter() - self.started
        rate = (self.rows - self.earlier) / max(seconds, 1e-9)
        return f"{seconds:.1f} s, {rate:,.0f} rows/s" + (f"; {self.earlier:,} done before" if self.earlier else "")

    def report_unreadable(self) -> bool:
        """Say on standard error what could not be read; returns whether there was anything."""
        if self.unreadable:
            rows = "row" if self.unreadable == 1 else "rows"
            click.echo(f"mtdetect: {self.unreadable:,} {rows} could not be read; {self.first_error}", err=True)
        for line in self.broken:
            click.echo(f"mtdetect: {line}", err=True)
        return bool(self.unreadable or self.broken)

    def report_no_text(self, text_column: str) -> None:
        """Say on standard error that no row has a text, where that is so: the column may be another one."""
        if 0 < self.rows == self.statuses["empty"]:
            click.echo(f'mtdetect: no row has text in "{text_column}"; --text-column names another column', err=True)


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
        first: reader of the first file, opened at once: its format and columns decide about the output.
        tally: counts unreadable rows; commands add the rest.
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
        self.first = self._open(paths[0])
        self._reader = self.first
        self._chunks: Iterator[Chunk] | None = None  # what was read ahead, and the rest

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
            rows, size = rows + len(chunk), size + sum(map(len, chunk.raws))
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
