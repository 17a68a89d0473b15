"""How far a run over shards is, in one process or told by many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtdetect.cli.progress import Progress

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from mtdetect.cli.stream import Inputs


class SumOfShards:
    """Adds up the rows and bytes of one input after the other for the progress bar."""

    def __init__(self, progress: Progress, size: int) -> None:
        self._progress, self._size = progress, size
        self._rows = self._consumed = 0
        self._step = _Step()

    def show(self, inputs: Inputs) -> None:
        """Take note of the rows and bytes read so far."""
        rows, consumed = self._step.since_last(inputs)
        self._rows += rows
        self._consumed += consumed
        self._progress.update(self._rows, self._consumed, self._size)


class _Step:
    """How many rows and bytes came since the last look; rows count from 0 in a part, bytes in a file."""

    def __init__(self) -> None:
        self._tally: Any = None
        self._source: Any = None
        self._rows = self._consumed = 0

    def since_last(self, inputs: Inputs) -> tuple[int, int]:
        if inputs.tally is not self._tally:
            self._tally, self._rows = inputs.tally, 0
        if inputs.first.source is not self._source:
            self._source, self._consumed = inputs.first.source, 0
        before = self._rows, self._consumed
        self._rows, self._consumed = inputs.tally.rows, inputs.position()[0]
        return self._rows - before[0], self._consumed - before[1]


class Stopped(Exception):
    """The parent wants the worker to drop what it is doing."""


class SharedCounts:
    """Adds rows and bytes to counters that the parent reads."""

    def __init__(self, rows: Synchronized[int], consumed: Synchronized[int], stop: Event) -> None:
        self._rows, self._consumed, self._stop = rows, consumed, stop
        self._step = _Step()

    def show(self, inputs: Inputs) -> None:
        """Take note of the rows and bytes read so far.

        Raises:
            Stopped: the parent is about to end.
        """
        if self._stop.is_set():
            raise Stopped
        rows, consumed = self._step.since_last(inputs)
        with self._rows.get_lock():
            self._rows.value += rows
        with self._consumed.get_lock():
            self._consumed.value += consumed
