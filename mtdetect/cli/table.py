"""A readable table of results for a terminal, written chunk by chunk."""

from __future__ import annotations

import io
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import BinaryIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtdetect.formats import Chunk, Record, RowWriter

_VERDICTS = {
    "too_short": ("too short", "dim"),
    "not_english": ("not English", "dim"),
    "empty": ("empty", "dim"),
    "unreadable": ("unreadable", "yellow"),
}
_PLAIN_WIDTH = 120  # columns where there is no terminal to ask


class TableWriter(RowWriter):
    """Writes row number, score, verdict, text and main reason; a word marks flagged rows, not colour alone.

    Args:
        terminal: whether the stream is a terminal (colours, its width).
    """

    format_name = "table"

    def __init__(self, stream: BinaryIO, columns: Sequence[str], added: Sequence[str], terminal: bool = False) -> None:
        self._screen = io.StringIO()
        width = shutil.get_terminal_size().columns if terminal else _PLAIN_WIDTH
        self._console = Console(
            file=self._screen,
            force_terminal=terminal,
            width=max(width, 60),
            highlight=False,
            legacy_windows=False,
        )
        self._encoding = (terminal and sys.stdout.encoding) or "utf-8"
        self._header = True
        # row, start and end may stand before the score, and all names may have a prefix
        self._score_at = next(i for i, name in enumerate(added) if name.endswith("score"))
        super().__init__(stream, columns, added)

    def _start(self, preamble: bytes) -> None:
        """Write nothing: the header comes with the first rows."""

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Print the rows of a chunk."""
        width = self._console.width
        table = Table(box=None, show_header=self._header, pad_edge=False, padding=(0, 2, 0, 0), width=width)
        table.add_column("row", justify="right", width=7, no_wrap=True)
        table.add_column("score", justify="right", width=5, no_wrap=True)
        table.add_column("verdict", width=11, no_wrap=True)
        table.add_column("text", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("main reason", width=width * 3 // 10, no_wrap=True, overflow="ellipsis")
        for position, value in enumerate(values):
            score, flagged, status, *rest = list(value.values())[self._score_at :]
            word, style = _VERDICTS.get(status, ("garbled", "bold red") if flagged else ("ok", "green"))
            reason = rest[0][0] if rest and rest[0] else ""
            text = chunk.texts[position]
            if text is None:  # an unreadable row: whatever it has
                text = next((cell for cell in chunk.records[position].values() if isinstance(cell, str)), "")
            table.add_row(
                str(chunk.rows[position]),
                "" if score is None else f"{score:.3f}",
                Text(word, style=style),
                Text(visible(text, width)),
                Text(visible(reason, width)),
            )
        if len(chunk):
            self._console.print(table)
            self._header = False
            self.stream.write(self._screen.getvalue().encode(self._encoding, "replace"))
            self.stream.flush()
            self._screen.seek(0)
            self._screen.truncate()


def visible(text: str, limit: int) -> str:
    """Return the first ``limit`` characters without what could move the cursor or turn the reading order."""
    shown = []
    for character in text[: limit + 1]:
        control = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        shown.append(" " if character in "\t\n\r" else "\ufffd" if control else character)
    return "".join(shown)
