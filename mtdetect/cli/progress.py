"""Progress of long work on standard error: rows, bytes, rate and time left, when that is a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    import rich.progress

    from mtdetect.cli.stream import Inputs

_INTERVAL = 0.25  # seconds between two pictures


class Reporter(Protocol):
    """What is told how far the reading of inputs has come, after every chunk."""

    def show(self, inputs: Inputs) -> None:
        """Take note of the rows and bytes read so far."""


class Progress:
    """A bar on standard error; nothing at all where that is no terminal.

    Inside a click command it is removed when the command ends, however it ends.

    Args:
        wanted: False shows nothing.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr.isatty()
        self._last = 0.0
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._started = time.perf_counter()
        context = click.get_current_context(silent=True)
        if self._wanted and context is not None:
            context.call_on_close(self.clear)

    def show(self, inputs: Inputs) -> None:
        """Redraw for the rows and bytes read from the inputs so far."""
        self.update(inputs.tally.rows, *inputs.position())

    def update(self, rows: int, consumed: int, total: int | None) -> None:
        """Redraw, a few times a second at most.

        Args:
            rows: rows done.
            consumed: bytes of the inputs read.
            total: bytes there are, or None where that is unknown.
        """
        now = time.perf_counter()
        if not self._wanted or now - self._last < _INTERVAL:
            return
        self._last = now
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task("", total=total, rows="", rate="")
            self._bar.start()
        assert self._task is not None
        rate = rows / max(now - self._started, 1e-9)
        self._bar.update(self._task, completed=consumed, total=total, rows=f"{rows:,}", rate=f"{rate:,.0f}")
        self._bar.refresh()

    def clear(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(stderr=True)
    figures = 60  # columns that the figures of a long run take, on one line
    return Progress(
        BarColumn(bar_width=max(1, min(24, console.width - figures))),
        TaskProgressColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rows]} rows", table_column=Column(no_wrap=True)),
        DownloadColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rate]} rows/s", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
