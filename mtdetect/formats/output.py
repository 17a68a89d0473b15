"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mtdetect.errors import InputError
from mtdetect.formats.compression import compressing


class Output:
    """A binary output used as a context manager: ``with Output(path) as stream: stream.write(...)``.

    A file is written under a temporary name in the same folder, and takes its place only when the block ends
    without an exception; otherwise it is removed and what stood there before is untouched. Links are
    followed. Devices and named pipes are written directly.

    Args:
        path: the file, or None for standard output. A compression suffix compresses.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path)) if path is not None else None
        self._temporary: Path | None = None
        self._file: BinaryIO | None = None
        self._stream: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        if self.path is None or self._target is None:
            self._stream = sys.stdout.buffer
            return self._stream
        if _is_special(self._target):
            self._file = self._target.open("wb")
        else:
            self._temporary = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}.part")
            # O_EXCL: never reuse what somebody else put there; 0o666: the umask decides, as for any new file
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self._temporary, flags, 0o666), "wb", buffering=1024 * 1024)
            if self._target.exists():
                os.chmod(self._temporary, stat.S_IMODE(self._target.stat().st_mode))
        self._stream = compressing(self._file, self.path)
        return self._stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            if self._stream is not None and error is None:
                self._stream.flush()
            return
        try:
            if error is None:
                self._finish()
        finally:
            self._discard()

    def _finish(self) -> None:
        assert self._file is not None
        if self._stream is not None and self._stream is not self._file:
            self._stream.close()
        self._file.flush()
        if self._temporary is not None and self._target is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._target)
            self._temporary = None
            synchronise_folder(self._target.parent)
        else:
            self._file.close()

    def _discard(self) -> None:
        """Close and remove what is left of an output that was not finished."""
        for stream in (self._stream, self._file):
            with suppress(OSError, ValueError):  # a full disk refuses the last bytes too; one error is enough
                if stream is not None:
                    stream.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Tell whether a file name is one under which ``Output`` writes before the file is whole.

    >>> is_temporary(".scores.jsonl.0123abcd.part"), is_temporary("scores.jsonl")
    (True, False)
    """
    return re.fullmatch(r"\..+\.[0-9a-f]{8}\.part", name) is not None


def synchronise(path: Path) -> None:
    """Make the contents of a file, or the names in a folder, outlast a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def synchronise_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power failure, where the system can."""
    with suppress(OSError):  # Windows opens no folders; some network file systems refuse to synchronise them
        synchronise(folder)


def check_outputs(inputs: Iterable[Path | None], outputs: Sequence[Path | None]) -> None:
    """Refuse outputs that would destroy an input or each other, links followed; None: a standard stream.

    Raises:
        InputError: naming the two, or a folder that does not exist.
    """
    seen: dict[tuple[object, ...], str] = {}
    for path in inputs:
        for key in _identities(path, 0):
            seen[key] = "the input " + ("(standard input)" if path is None else str(path))
    for path in outputs:
        shown = "standard output" if path is None else str(path)
        if path is not None and path.is_dir():
            raise InputError(f"{path} is a folder; name a file to write to")
        if path is not None and not Path(os.path.realpath(path)).parent.is_dir():
            raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
        keys = _identities(path, 1)
        for key in keys:
            if key in seen:
                raise InputError(f"{shown} is also {seen[key]}; write to another file")
        for key in keys:
            seen[key] = f"the output {shown}"


def _identities(path: Path | None, descriptor: int) -> list[tuple[object, ...]]:
    """Everything that tells whether two names mean one file; nothing for devices and pipes."""
    try:
        if path is None:
            status = os.fstat(descriptor)
            return [(status.st_dev, status.st_ino)] if stat.S_ISREG(status.st_mode) else []
        real = os.path.realpath(path)
        if not os.path.exists(real):
            return [(os.path.normcase(real),)]
        status = os.stat(real)
    except OSError:  # a closed standard stream is nobody's file
        return []
    if not stat.S_ISREG(status.st_mode):
        return []
    return [(os.path.normcase(real),), (status.st_dev, status.st_ino)]


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()
