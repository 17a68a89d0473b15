"""Which files the arguments of a command mean: files, folders and globs; and how outputs are named after them."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NoReturn

from mtdetect.errors import InputError
from mtdetect.formats import FORMATS, format_of
from mtdetect.formats.compression import strip_suffix, unsupported_compression

JOURNAL = ".mtdetect_journal"
"""Name of the journal in the output folder of a run over shards: one that globs and readers of folders leave out."""

EARLIER_JOURNAL = "_mtdetect_journal.jsonl"
"""Its name up to version 0.2.0."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input of a command.

    Attributes:
        path: the file.
        name: its path below the folder that all arguments share, with ``/``: outputs are named after it.
    """

    path: Path
    name: str

    @property
    def root(self) -> Path:
        """The folder that the name starts from."""
        return Path(os.path.abspath(self.path)).parents[self.name.count("/")]

    @property
    def suffixes(self) -> str:
        """The suffix of the format, if it has one, with that of the compression.

        >>> InputFile(Path("crawl/a/x.y.txt.gz"), "a/x.y.txt.gz").suffixes
        '.txt.gz'
        """
        plain = strip_suffix(self.path)
        return plain.suffix + self.path.name[len(plain.name) :]

    def output_name(self, format: str, part: int | None = None) -> str:
        """Return the name of an output with its rows: format suffix exchanged where needed, compression kept.

        >>> InputFile(Path("crawl/a/x.txt.gz"), "a/x.txt.gz").output_name("jsonl", part=3)
        'a/x-00003.jsonl.gz'
        """
        name = Path(self.name)
        plain = strip_suffix(name)
        compression = name.name[len(plain.name) :] if FORMATS[format].compressible else ""
        known = format_of(plain)
        stem = plain.name.removesuffix(plain.suffix) if known else plain.name
        suffix = plain.suffix if known == format else FORMATS[format].suffixes[0]
        number = "" if part is None else f"-{part:05d}"
        return name.with_name(f"{stem}{number}{suffix}{compression}").as_posix()


def find_files(arguments: Sequence[Path], format: str = "auto") -> list[InputFile]:
    """Return the files that arguments mean, each once, in the order of the arguments.

    A folder stands for the files below it whose suffix names a format (any suffix when ``format`` is not
    ``"auto"``), sorted by path; names that start with a dot or an underscore are left out, as are links to
    folders. What is no file and has ``*``, ``?`` or ``[`` in it is a glob, ``**`` over folders that are no links. Both
    leave out the output folders of runs over shards that are below them.

    Raises:
        InputError: an argument means no file, or a folder below it cannot be read.
    """
    found: list[Path] = []
    bases: list[str] = []
    for argument in arguments:
        try:
            files, base = _meant(argument, format)
        except OSError as error:
            where = error.filename or argument
            raise InputError(f"{where}: {error.strerror or error}; nothing was read: check its permissions") from error
        found += files
        bases.append(os.path.abspath(base))
    root = os.path.commonpath(bases)
    unique = {os.path.abspath(path): path for path in reversed(found)}
    paths = [path for path in found if unique.pop(os.path.abspath(path), None) is not None]
    return [InputFile(path, Path(os.path.relpath(os.path.abspath(path), root)).as_posix()) for path in paths]


def is_output(folder: Path) -> bool:
    """Tell whether a folder holds the outputs of a run over shards."""
    return any(os.path.exists(folder / name) for name in (JOURNAL, EARLIER_JOURNAL))


def _meant(argument: Path, format: str) -> tuple[list[Path], Path]:
    """Return the files that an argument means, and the folder from which they are named."""
    if argument.is_dir():
        files = sorted(_below(argument, format))
        if not files:
            kinds = ", ".join(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
            raise InputError(f"{argument}: no file of a known format in this folder ({kinds}); see --format")
        return files, argument
    if argument.exists():
        return [argument], argument.parent
    if not glob.has_magic(str(argument)):
        raise InputError(f"{argument} does not exist; check the path")
    base = _fixed_part(argument)
    files = sorted(_matching(argument, base))
    if not files:
        raise InputError(f"{argument}: no file matches; check the pattern")
    return files, base


def _below(folder: Path, format: str) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith((".", "_")) and not is_output(Path(place, name))]
        for name in names:
            path = Path(place, name)
            if name.startswith((".", "_")) or not path.is_file():
                continue
            if format != "auto" or format_of(path):
                yield path
            elif (kind := unsupported_compression(path)) and format_of(path.with_suffix("")):
                raise InputError(
                    f"{path}: {kind} is not supported; decompress it, or leave it out by naming files or a glob"
                )


def _matching(pattern: Path, base: Path) -> Iterator[Path]:
    for step in (pattern, *pattern.parents):
        if step.is_relative_to(base) and step != base:  # glob passes over folders that it may not look into
            for folder in filter(Path.is_dir, _expanded(step.parent)):
                if not os.access(folder, os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
                if glob.has_magic(step.name):
                    os.scandir(folder).close()
    output = cache(is_output)
    for path in dict.fromkeys(_expanded(pattern)):
        if path.is_file() and not any(map(output, takewhile(lambda place: place != base, path.parents))):
            yield path


def _expanded(pattern: Path) -> Iterator[Path]:
    """Yield what a glob matches; ``**`` does not follow links to folders, which can lead round in circles."""
    if "**" not in pattern.parts:
        yield from map(Path, glob.glob(str(pattern)))
        return
    at = pattern.parts.index("**")
    for top in filter(os.path.isdir, glob.glob(str(Path(*pattern.parts[:at])))):
        for place, folders, _ in os.walk(top, onerror=_fail):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from _expanded(Path(glob.escape(place), *(pattern.parts[at + 1 :] or "*")))


def _fail(error: OSError) -> NoReturn:
    raise error


def _fixed_part(pattern: Path) -> Path:
    """Return the folder above the first step of a pattern that is not a plain name."""
    for place in reversed(pattern.parents):
        if glob.has_magic(place.name):
            return place.parent
    return pattern.parent
