"""The journal of a run over shards: what is done, in a file that a killed process cannot spoil.

JSON lines: the root and the settings of the run, the inputs whose outputs are this run's, then one line for every
finished shard or part. A line is appended with one write and synchronised after its outputs are; a line that was
cut by a crash is no line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from mtdetect.errors import InputError
from mtdetect.formats.files import EARLIER_JOURNAL, JOURNAL, InputFile
from mtdetect.formats.output import is_temporary, synchronise_folder, try_lock

_VERSION = 2
_PART = re.compile(r"-\d{5,}(?=[^-/]*$)")  # number of a part in the name of an output


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

    @property
    def broken(self) -> bool:
        """Whether the input broke off here, by what a command noted; another time it may not."""
        return bool(self.facts.get("broken"))

    def as_last(self) -> Entry:
        """Return the entry as the last of its shard."""
        return replace(self, last=True)


@dataclass(slots=True)
class _Shard:
    identity: list[int | str]
    entries: dict[int, Entry] = field(default_factory=dict)


class Journal:
    """The journal of an output folder, held by one run at a time: a context manager. Picklable for workers.

    Args:
        folder: the output folder, made if needed.
        root: the folder that the names of the shards start from.
        settings: what the run does, as plain JSON values.
        resume: go on with the journal that is there.
        moved_from: where the root was when the run started, if it is the same one.

    Raises:
        click.UsageError: there is a journal and ``resume`` is false, or its root or settings are others, or a
            run that is still going on holds it.
        InputError: the journal cannot be read.
    """

    def __init__(
        self, folder: Path, root: Path, settings: Mapping[str, Any], resume: bool, moved_from: Path | None = None
    ) -> None:
        self.folder = folder
        self.path = folder / JOURNAL
        self._root = os.path.realpath(root)
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        self._resume, self._moved_from = resume, moved_from
        self._head: dict[str, Any] = {}  # as it stands in the file
        self._claimed: set[str] = set()
        self._shards: dict[str, _Shard] = {}
        self._lock: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_claimed": set()}

    def __enter__(self) -> Journal:
        if (self.folder / EARLIER_JOURNAL).exists():
            raise click.UsageError(
                f"{self.folder} holds a run of an earlier version, in {EARLIER_JOURNAL}, that does not say where its "
                f"inputs were; name another folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if try_lock(descriptor) is False or not self.path.exists():
                raise click.UsageError(f"another run is writing to {self.folder}; wait for it or stop it first")
        except BaseException:
            os.close(descriptor)
            raise
        self._lock = descriptor
        try:
            if b"\n" not in self.path.read_bytes():  # new, or killed before anything was done
                os.ftruncate(descriptor, 0)
            elif not self._resume:
                raise click.UsageError(
                    f"{self.folder} holds a run already; go on with --resume, or name another folder for a new one"
                )
            else:
                self.read()
                self._compare()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def read(self) -> None:
        """Read the file anew.

        Raises:
            InputError: it is not a journal of this version.
        """
        lines = self.path.read_bytes().split(b"\n")
        self._head, self._claimed, self._shards = {}, set(), {}
        for line in lines:
            with suppress(ValueError, TypeError, KeyError, RecursionError):  # a crash cut it: done again
                self._take(json.loads(line))
            if self._head.get("journal") != _VERSION:
                raise InputError(f"{self.path} is no journal of this version; name another folder")

    def claim(self, plan: Mapping[str, Sequence[str]]) -> None:
        """Note that outputs are this run's, before the first of them is made.

        Args:
            plan: name of a shard to its outputs; where it has parts, to those of its first.

        Raises:
            click.UsageError: in the place of one is a file that this run has not made, or not of this shard.
        """
        shards = {output: shard for shard, outputs in plan.items() for output in outputs}
        owners = {output: shard for shard, entry in self._entries() for output in entry.outputs}
        in_parts = self._settings["part_rows"] is not None
        for place in sorted({os.path.dirname(output) for output in shards}):
            for found in os.listdir(self.folder / place) if (self.folder / place).is_dir() else ():
                output = f"{place}/{found}" if place else found
                shard = shards.get(_PART.sub("-00000", output) if in_parts else output)
                owner = owners.get(output, shard if shard in self._claimed else None)
                if shard is not None and owner != shard:
                    whose = f"holds the rows of {owner}" if owner is not None else "is there already"
                    raise click.UsageError(
                        f"{self.folder / output} {whose} and would be overwritten by those of {shard}; "
                        f"name another folder, or move that file away"
                    )
        lines: list[dict[str, Any]] = []
        head = {"journal": _VERSION, "root": self._root, "settings": self._settings}
        if self._head != head:
            lines.append(head)
        if new := [shard for shard in plan if shard not in self._claimed]:
            lines.append({"claimed": new})
        if lines:
            self._append(*lines, first=not self._head)
            synchronise_folder(self.folder)
            self.read()
        self._remove_left_over()

    def outputs_of_others(self, shards: Iterable[InputFile]) -> list[Path]:
        """Return the outputs that are there of inputs that are not among these."""
        named = {shard.name for shard in shards}
        paths = [self.folder / name for owner, entry in self._entries() if owner not in named for name in entry.outputs]
        return sorted(path for path in paths if path.exists())

    def finished(self, shard: InputFile) -> bool:
        """Tell whether all of a shard is done, from the input as it is now, and its outputs are there."""
        entries = self.entries(shard)
        return any(entry.last for entry in entries) and not any(entry.broken for entry in entries)

    def entries(self, shard: InputFile) -> list[Entry]:
        """Return what is done of a shard in order of its parts, up to the first part that is missing."""
        known = self._shards.get(shard.name)
        found: list[Entry] = []
        if known is None or known.identity != self.identity(shard):
            return found
        while len(found) in known.entries and self._stands(known.entries[len(found)]):
            found.append(known.entries[len(found)])
        return found

    def begin(self, shard: InputFile) -> list[Entry]:
        """Return what is done of a shard and can stay; outputs made from another state of it are removed.

        What was made up to where the input broke off does not stay, but is there until it is made again.
        """
        known = self._shards.get(shard.name)
        entries = self.entries(shard)
        for entry in known.entries.values() if known is not None else ():
            if entry not in entries:
                for name in entry.outputs:
                    (self.folder / name).unlink(missing_ok=True)
        return [entry for entry in entries if not entry.broken]

    def identity(self, shard: InputFile) -> list[int | str]:
        """Return what tells an input from a later state of it: size, time of modification, and where links lead."""
        status = shard.path.stat()
        return [status.st_size, status.st_mtime_ns, os.path.realpath(shard.path).removeprefix(self._root)]

    def add(self, shard: InputFile, state: list[int | str], entry: Entry) -> None:
        """Note that a part is done; call it when the outputs are in their places.

        Args:
            shard: the input.
            state: its ``identity`` when it was opened.
            entry: what was done.
        """
        self._append(
            {
                "shard": shard.name,
                "input": state,
                "part": entry.part,
                "outputs": entry.outputs,
                "facts": entry.facts,
                "last": entry.last,
            }
        )

    def _append(self, *lines: dict[str, Any], first: bool = False) -> None:
        """Write lines behind what is there, and wait until they are on the disk."""
        # not orjson, which takes no file name that is not UTF-8; in front, the end of a line that a crash left open
        data = (b"" if first else b"\n") + b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            while data:  # a disk that is getting full takes a part
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        except OSError as error:
            error.filename = str(self.path)
            raise
        finally:
            os.close(descriptor)

    def _take(self, line: dict[str, Any]) -> None:
        if "journal" in line:
            self._head = {key: line[key] for key in ("journal", "root", "settings")}
        elif "claimed" in line:
            self._claimed.update(line["claimed"])
        else:
            entry = Entry(line["part"], line["outputs"], line["facts"], line["last"])
            shard = self._shards.get(line["shard"])
            if shard is None or shard.identity != line["input"]:
                shard = self._shards[line["shard"]] = _Shard(line["input"])
            shard.entries[entry.part] = entry

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield the name of a shard and an entry of it, for all that the journal has."""
        for name, shard in self._shards.items():
            for entry in shard.entries.values():
                yield name, entry

    def _stands(self, entry: Entry) -> bool:
        for name, size in entry.outputs.items():
            try:
                if (self.folder / name).stat().st_size != size:
                    return False
            except OSError:
                return False
        return True

    def _compare(self) -> None:
        """Refuse to go on with a run over other inputs, or with other settings."""
        root, before = self._head["root"], self._head["settings"]
        moved_from = [os.path.abspath(self._moved_from), os.path.realpath(self._moved_from)] if self._moved_from else []
        if root not in (self._root, *moved_from):
            raise click.UsageError(
                f"the run in {self.folder} is over {root}, not {self._root}, and outputs are named by the place of an "
                f"input below that folder. For other inputs name another folder. If these are the inputs of that run "
                f"in another place, add --moved-from {shlex.quote(root)}. To go on when there are more inputs, name "
                f"the folder itself or a glob in quotes"
            )
        for name, value in self._settings.items():
            if before.get(name) == value or (name == "errors" and before.get(name) == "fail"):
                continue  # nothing that is finished under "fail" would be another under "flag" or "skip"
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
            if not os.fstat(self._lock).st_size:  # refused before there was anything to note
                self.path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)
