"""An output file that grows in whole blocks, with a journal, so that a killed run can resume."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mtdetect.errors import MtdetectError
from mtdetect.formats.compression import compressing


class BlockLog:
    """Appends blocks of JSON lines to one file and records each in ``STATE/journal.jsonl``.

    A block counts once its journal line is whole. Opening cuts off whatever stands behind the last journalled
    block, so a block that was half written when the process died is written again: no row is lost or doubled.
    A compressed output is one compressed stream a block, which every reader of these formats joins.

    Args:
        out: the output; its suffix chooses the compression.
        state: an existing folder for the journal and the lock.
        resume: go on where the journal ends; without it an existing output or journal is refused.

    Raises:
        MtdetectError: another process writes here, something is there already, or the two files disagree.
    """

    def __init__(self, out: Path, state: Path, resume: bool) -> None:
        self._lock = (state / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise MtdetectError(f"another run is writing {out}; wait for it or choose another -o") from None
        try:
            self._open(out, state, resume)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, out: Path, state: Path, resume: bool) -> None:
        journal = state / "journal.jsonl"
        size = out.stat().st_size if out.exists() else 0
        known = _whole_lines(journal)
        if size and not known:
            raise MtdetectError(f"{out} exists and {state} knows nothing of it; choose another -o")
        head: dict[str, Any] = known[0] if known else {"output": out.name}
        self.records = known[1:]
        end = self.records[-1]["end"] if self.records else 0
        if head["output"] != out.name:
            raise MtdetectError(f"{state} belongs to {head['output']}; choose another --state")
        if (size or self.records) and not resume:
            raise MtdetectError(f"{out} exists; add --resume to go on, or choose another -o")
        if size < end:
            raise MtdetectError(f"{out} is shorter than its journal; delete it and {state} to start again")
        self._path = out
        self._out = out.open("ab")
        self._out.truncate(end)
        self._journal = journal.open("ab")
        if not self._journal.tell():
            self._journal.write(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE))
            _settle(self._journal)

    def append(self, rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
        """Write one block, then journal it with its record (an ``end`` offset is added to it)."""
        data = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        packed = compressing(self._out, self._path)
        packed.write(data)
        if packed is not self._out:
            packed.close()  # ends the compressed stream, not the file
        _settle(self._out)
        entry = {**record, "end": self._out.tell()}
        self._journal.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        _settle(self._journal)
        self.records.append(entry)

    def close(self) -> None:
        """Close the files and release the lock."""
        for file in (self._out, self._journal, self._lock):
            file.close()


def _whole_lines(journal: Path) -> list[dict[str, Any]]:
    """Read the journal; a last line that is not whole is cut off the file."""
    if not journal.exists():
        return []
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    os.truncate(journal, len(whole))
    return [orjson.loads(line) for line in whole.splitlines()]


def _settle(file: BinaryIO) -> None:
    """Bring what was written to the disk: the journal may never be ahead of the output."""
    file.flush()
    os.fsync(file.fileno())
