"""The journal of a run over shards: what is done, in a file that a killed process cannot spoil.

JSON lines: the settings of the run, then one line for every finished shard or part. A line is appended with
one write and synchronised after its outputs are; a line that was cut by a crash is no line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import click
import orjson

from mtdetect.errors import InputError
from mtdetect.formats.files import JOURNAL, InputFile
from mtdetect.formats.output import is_temporary, synchronise_folder

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished part of a shard (the whole shard, where it has no parts).

    Attributes:
        part: its number, from 0.
        outputs: name below the folder to size in bytes.
        facts: what the command noted.
        last: whether the shard ends with it.
    """

    part: int
    outputs: dict[str, int]
    facts: dict[str, Any]
    last: bool = False

    def as_last(self) -> Entry:
        """Return the entry as the last of its shard."""
        return replace(self, last=True)


@dataclass(slots=True)
class _Shard:
    identity: list[int]
    entries: dict[int, Entry] = field(default_factory=dict)


class Journal:
    """The journal of an output folder, held by one run at a time: a context manager. Picklable for workers.

    Args:
        folder: the output folder, made if needed.
        settings: what the run does, as plain JSON values.
        resume: go on with the journal that is there.

    Raises:
        click.UsageError: there is a journal and ``resume`` is false, or its settings are others, or a run
            that is still going on holds it.
        InputError: the journal cannot be read.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool) -> None:
        self.folder = folder
        self.path = folder / JOURNAL
        self._settings = orjson.loads(orjson.dumps(dict(settings)))
        self._resume = resume
        self._shards: dict[str, _Shard] = {}
        self._lock: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}

    def __enter__(self) -> Journal:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(self._lock, self.folder)
            if b"\n" not in self.path.read_bytes():  # new, or killed before anything was done
                os.ftruncate(self._lock, 0)
                os.write(self._lock, orjson.dumps({"journal": _VERSION, "settings": self._settings}) + b"\n")
                os.fsync(self._lock)
                synchronise_folder(self.folder)
            elif not self._resume:
                raise click.UsageError(
                    f"{self.folder} holds a run already; go on with --resume, or name another folder for a new one"
                )
            self._compare(self.read())
            self._remove_left_over()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def read(self) -> dict[str, Any]:
        """Read the file anew; returns the settings it was started with."""
        lines = self.path.read_bytes().split(b"\n")
        try:
            head = orjson.loads(lines[0])
            if head["journal"] != _VERSION:
                raise ValueError
            settings: dict[str, Any] = head["settings"]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{self.path} is no journal of this version; name another folder") from error
        self._shards = {}
        for line in lines[1:]:
            with suppress(ValueError, TypeError, KeyError):  # cut by a crash: what it was about is done again
                self._take(orjson.loads(line))
        return settings

    def finished(self, shard: InputFile) -> bool:
        """Tell whether all of a shard is done, from the input as it is now, and its outputs are there."""
        return any(entry.last for entry in self.entries(shard))

    def entries(self, shard: InputFile) -> list[Entry]:
        """Return what is done of a shard in order of its parts, up to the first part that is missing."""
        known = self._shards.get(shard.name)
        found: list[Entry] = []
        if known is None or known.identity != identity(shard.path):
            return found
        while len(found) in known.entries and self._stands(known.entries[len(found)]):
            found.append(known.entries[len(found)])
        return found

    def begin(self, shard: InputFile) -> list[Entry]:
        """Return what is done of a shard and can stay; outputs made from another state of it are removed."""
        known = self._shards.get(shard.name)
        valid = self.entries(shard)
        for entry in known.entries.values() if known is not None else ():
            if entry not in valid:
                for name in entry.outputs:
                    (self.folder / name).unlink(missing_ok=True)
        return valid

    def add(self, shard: InputFile, state: list[int], entry: Entry) -> None:
        """Note that a part is done; call it when the outputs are in their places.

        Args:
            shard: the input.
            state: its ``identity`` when it was opened.
            entry: what was done.
        """
        line = orjson.dumps(
            {
                "shard": shard.name,
                "input": state,
                "part": entry.part,
                "outputs": entry.outputs,
                "facts": entry.facts,
                "last": entry.last,
            }
        )
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, b"\n" + line + b"\n")  # the first end closes a line that a crash left open
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _take(self, line: dict[str, Any]) -> None:
        entry = Entry(line["part"], line["outputs"], line["facts"], line["last"])
        shard = self._shards.get(line["shard"])
        if shard is None or shard.identity != line["input"]:
            shard = self._shards[line["shard"]] = _Shard(line["input"])
        shard.entries[entry.part] = entry

    def _stands(self, entry: Entry) -> bool:
        for name, size in entry.outputs.items():
            try:
                if (self.folder / name).stat().st_size != size:
                    return False
            except OSError:
                return False
        return True

    def _compare(self, before: dict[str, Any]) -> None:
        for name, value in self._settings.items():
            if before.get(name) != value:
                raise click.UsageError(
                    f"the run in {self.folder} has {name.replace('_', ' ')} {_shown(before.get(name))}, not "
                    f"{_shown(value)}; resume it with its own options, or name another folder"
                )

    def _remove_left_over(self) -> None:
        """Remove the temporary files of runs that were killed; no other run is at work in this folder."""
        for place, _, names in os.walk(self.folder):
            for name in names:
                if is_temporary(name):
                    Path(place, name).unlink(missing_ok=True)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def identity(path: Path) -> list[int]:
    """Return what tells a file from a later state of it: size and time of modification."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


def _lock(descriptor: int, folder: Path) -> None:
    """Lock an open file until it is closed; does nothing where the system has no such locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise click.UsageError(f"another run is writing to {folder}; wait for it or stop it first") from error
