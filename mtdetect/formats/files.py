"""Which files the arguments of a command mean: files, folders and globs; and how outputs are named after them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtdetect.errors import InputError
from mtdetect.formats import FORMATS, format_of
from mtdetect.formats.compression import strip_suffix

JOURNAL = "_mtdetect_journal.jsonl"
"""Name of the journal in the output folder of a run over shards."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input of a command.

    Attributes:
        path: the file.
        name: its path below the folder that all arguments share, with ``/``: outputs are named after it.
    """

    path: Path
    name: str

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
    folders and output folders of runs over shards. What is no file and has ``*``, ``?`` or ``[`` in it is a
    glob, ``**`` over folders.

    Raises:
        InputError: an argument means no file.
    """
    found: list[Path] = []
    bases: list[str] = []
    for argument in arguments:
        if argument.is_dir():
            files, base = sorted(_below(argument, format)), argument
            if not files:
                kinds = ", ".join(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
                raise InputError(f"{argument}: no file of a known format in this folder ({kinds}); see --format")
        elif argument.exists():
            files, base = [argument], argument.parent
        elif not glob.has_magic(str(argument)):
            raise InputError(f"{argument} does not exist; check the path")
        else:
            matches = map(Path, glob.glob(str(argument), recursive=True))
            files, base = sorted(path for path in matches if path.is_file()), _fixed_part(argument)
            if not files:
                raise InputError(f"{argument}: no file matches; check the pattern")
        found += files
        bases.append(os.path.abspath(base))
    root = os.path.commonpath(bases)
    unique = {os.path.abspath(path): path for path in reversed(found)}
    paths = [path for path in found if unique.pop(os.path.abspath(path), None) is not None]
    return [InputFile(path, Path(os.path.relpath(os.path.abspath(path), root)).as_posix()) for path in paths]


def is_output(folder: Path) -> bool:
    """Tell whether a folder holds the outputs of a run over shards."""
    return (folder / JOURNAL).exists()


def _below(folder: Path, format: str) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_")) and not is_output(Path(place, name))]
        for name in names:
            path = Path(place, name)
            if not name.startswith((".", "_")) and (format != "auto" or format_of(path)) and path.is_file():
                yield path


def _fixed_part(pattern: Path) -> Path:
    """Return the folder above the first step of a pattern that is not a plain name."""
    for place in reversed(pattern.parents):
        if glob.has_magic(place.name):
            return place.parent
    return pattern.parent
