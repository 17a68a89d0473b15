"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import io
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

from mtdetect.errors import InputError
from mtdetect.formats.compression import compressing, unsupported_compression

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BUFFER = 1024 * 1024


class Output:
    """A binary output used as a context manager: ``with Output(path) as stream: stream.write(...)``.

    A file is written under a temporary name in the same folder, and takes its place only when the block ends
    without an exception; otherwise it is removed and what stood there before is untouched. What a killed
    process left under that name is removed too, by the next one that writes the file. Links are followed.
    Devices and named pipes are written directly. Errors of the system carry the name of the file.

    Args:
        path: the file, or None for standard output. A compression suffix compresses.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path)) if path is not None else None
        self._temporary: Path | None = None
        self._lock: int | None = None  # tells other processes that the temporary file is in use
        self._file: BinaryIO | None = None
        self._stream: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        if self.path is None or self._target is None:
            self._stream = sys.stdout.buffer
            return self._stream
        try:
            with _naming(self.path):
                self._file = self._open(self.path, self._target)
            self._stream = compressing(self._file, self.path)
        except BaseException:
            self._discard()
            raise
        return self._stream

    def _open(self, path: Path, target: Path) -> BinaryIO:
        if _is_special(path):  # by its own name: what /dev/stdout leads to may have none
            return cast(BinaryIO, io.BufferedWriter(_File(path, path)))
        token = "0" * 8  # the same each time, so that what a killed process left is found
        while self._temporary is None:
            temporary = target.with_name(f".{target.name}.{token}.part")
            # O_EXCL: never reuse what somebody else put there; 0o666: the umask decides, as for any new file
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            try:
                descriptor = os.open(temporary, flags, 0o666)
            except FileExistsError:
                if not _remove_left_over(temporary):
                    token = secrets.token_hex(4)
                continue
            except BaseException:  # Ctrl-C can come when the file is there and the call has not returned
                _remove_left_over(temporary)
                raise
            self._temporary = temporary
            file = io.BufferedWriter(_File(descriptor, path), _BUFFER)
            if try_lock(descriptor) is False or not os.path.lexists(temporary):
                self._temporary = None  # another process took it for left over
                file.close()
                continue
            self._lock = os.dup(descriptor)
        if target.exists():
            os.chmod(self._temporary, stat.S_IMODE(target.stat().st_mode))
        return cast(BinaryIO, file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            if self._stream is not None and error is None:
                self._stream.flush()
            return
        try:
            if error is None:
                with _naming(self.path):
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
            self._temporary = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _File(io.FileIO):
    """A file to write to whose errors carry a name."""

    def __init__(self, file: Path | int, shown: Path) -> None:
        super().__init__(file, "wb")
        self._shown = shown

    def write(self, data: ReadableBuffer, /) -> int:
        with _naming(self._shown):
            return super().write(data)


@contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Give errors of the system the name of the file that the user knows."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file until it is closed.

    Returns:
        Whether it is locked now; False: another process has it. None: this system has no such locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def _remove_left_over(path: Path) -> bool:
    """Remove a temporary file that no process has locked; returns whether its name is free."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            if not try_lock(descriptor) or not os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return False
            path.unlink()
        finally:
            os.close(descriptor)
    except OSError:
        return not os.path.lexists(path)
    return True


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
        InputError: naming the two, a folder that does not exist or may not be written to, or a compression that is
            not supported.
    """
    seen: dict[tuple[object, ...], str] = {}
    for path in inputs:
        for key in _identities(path, 0):
            seen[key] = "the input " + ("(standard input)" if path is None else str(path))
    for path in outputs:
        shown = "standard output" if path is None else str(path)
        if path is not None and path.is_dir():
            raise InputError(f"{path} is a folder; name a file to write to")
        if path is not None and (kind := unsupported_compression(path)):
            raise InputError(
                f"{path}: {kind} is not supported; name the output {path.stem}, or that with .gz, .xz or .zst"
            )
        if path is not None and not Path(os.path.realpath(path)).parent.is_dir():
            raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
        if path is not None and not _is_special(path) and not os.access(Path(os.path.realpath(path)).parent, os.W_OK):
            raise InputError(f"{path}: the folder {path.parent} may not be written to; write elsewhere")
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
