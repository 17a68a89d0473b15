"""What a command read so far, and how it says so."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

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
