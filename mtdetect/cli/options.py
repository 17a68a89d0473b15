"""Options and argument types that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mtdetect.errors import InputError
from mtdetect.formats import FORMATS, MAX_ROW_BYTES, format_of
from mtdetect.formats.compression import strip_suffix
from mtdetect.formats.files import InputFile, find_files
from mtdetect.formats.output import check_outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtdetect.detector import Detector

    FloatType = click.ParamType[float]
else:
    FloatType = click.ParamType  # generic only from click 8.4 on

Command = TypeVar("Command", bound=Callable[..., Any])


class RowFile(click.Path):
    """A file of rows; a folder is refused with a word on what to name instead."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=True, readable=True, path_type=Path)
        self.name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check that the file is there and is no folder."""
        path = Path(str(super().convert(value, param, ctx)))
        if path.is_dir():
            self.fail(f"{path} is a folder; name the files in it, for example {path / '*.jsonl'}", param, ctx)
        return path


class Named(click.Path):
    """A path that is not empty, as that of a variable of the shell which nobody set is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path, which would mean the current folder."""
        if not str(value):
            self.fail("a name is empty; is a variable of the shell not set?", param, ctx)
        return super().convert(value, param, ctx)


class Percent(FloatType):
    """A share given as ``1%`` or ``0.01``; the value is the share, 0..1.

    Args:
        zero: whether 0 is allowed.
    """

    name = "percent"

    def __init__(self, zero: bool = False) -> None:
        self.zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse a share, refusing what is out of range or could mean two things."""
        if isinstance(value, float):
            return value
        written = str(value).strip()
        number = written.removesuffix("%").strip()
        try:
            share = float(number)
        except ValueError:
            self.fail(f"{value!r} is no percentage; write 1% or 0.01", param, ctx)
        if written.endswith("%"):
            share /= 100
        elif share >= 1:
            self.fail(f"{value!r} could be a share or a percentage; write {number}% or a number below 1", param, ctx)
        if not (0 <= share <= 1) or (share == 0 and not self.zero):
            self.fail(f"{value!r} is out of range; write a share above 0% and up to 100%", param, ctx)
        return share


PERCENT = Percent()
IN_FILES = Named(allow_dash=True, path_type=Path)
"""Files, folders and globs, for ``input_files``; ``-`` is standard input."""
ROW_FILE = RowFile()
OUT_FILE = Named(dir_okay=False, allow_dash=True, path_type=Path)
MODEL_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

model_option = click.option(
    "--model", type=MODEL_FOLDER, metavar="DIR", help="Model folder; the shipped model if not given."
)

false_positive_rate_option = click.option(
    "--false-positive-rate",
    type=PERCENT,
    default="1%",
    show_default=True,
    metavar="RATE",
    help="Flag so much that this share of clean English would be flagged.",
)


def level_option(default: str) -> Callable[[Command], Command]:
    """Add ``--level`` with the default of the command."""
    return click.option(
        "--level",
        type=click.Choice(["sentence", "document"]),
        default=default,
        show_default=True,
        help="What one row is.",
    )


def input_options(command: Command) -> Command:
    """Add the options that say how rows are read."""
    for option in reversed(
        (
            click.option(
                "--format",
                "input_format",
                type=click.Choice(["auto", *FORMATS]),
                default="auto",
                show_default=True,
                help="auto goes by the suffix, else by the first line: JSON lines or plain text.",
            ),
            click.option(
                "--text-column",
                default="text",
                show_default=True,
                metavar="NAME",
                help="Column that holds the text; in JSON lines and Parquet also a path: page.text, turns.0.text.",
            ),
            click.option(
                "--errors",
                type=click.Choice(["flag", "skip", "fail"]),
                default="flag",
                show_default=True,
                help="Rows that cannot be read: keep them marked, leave them out, or stop.",
            ),
            click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes."),
            click.option("-q", "--quiet", is_flag=True, help="No progress and no summary on standard error."),
        )
    ):
        command = option(command)
    return command


max_row_option = click.option(
    "--max-row-mb",
    type=click.IntRange(min=1),
    default=MAX_ROW_BYTES // 1_000_000,
    show_default=True,
    metavar="N",
    help="Longest row that is read, in megabytes; a longer one ends the reading of its file.",
)

formulas_option = click.option(
    "--csv-formulas",
    type=click.Choice(["keep", "escape"]),
    default="keep",
    show_default=True,
    help="In csv and tsv output: escape puts ' before cells that a spreadsheet would run as a formula.",
)


def shard_options(command: Command) -> Command:
    """Add the options of runs over many files (``mtdetect.cli.shards``)."""
    for option in reversed(
        (
            click.option(
                "--output-dir",
                type=Named(path_type=Path),
                metavar="DIR",
                help="Write one output for each input file here, each whole or not at all.",
            ),
            click.option(
                "--resume", is_flag=True, help="Go on with the stopped run in --output-dir; what is done stays."
            ),
            click.option(
                "--moved-from",
                type=Named(path_type=Path),
                metavar="DIR",
                help="With --resume: the inputs are those of the run, which were in this folder then.",
            ),
            click.option(
                "--part-rows",
                type=click.IntRange(min=1),
                metavar="N",
                help="With --output-dir: cut every file into outputs of N rows, so that a large file resumes too.",
            ),
        )
    ):
        command = option(command)
    return command


def check_shard_options(output_dir: Path | None, resume: bool, part_rows: int | None, moved_from: Path | None) -> None:
    """Refuse, as wrong usage, shard options without ``--output-dir``, and inputs that moved before they were read."""
    for name, given in (("--resume", resume), ("--part-rows", part_rows)):
        if given and output_dir is None:
            raise click.UsageError(f"{name} is for runs into a folder; add --output-dir DIR")
    if moved_from is not None and not resume:
        raise click.UsageError("--moved-from is for runs that go on; add --resume")


def input_files(arguments: Sequence[Path], input_format: str) -> list[InputFile]:
    """Return the files that arguments stand for; what is no file at all is wrong usage."""
    try:
        return find_files(arguments, input_format)
    except InputError as error:
        raise click.UsageError(str(error)) from error


def input_paths(arguments: Sequence[Path], input_format: str) -> list[Path | None]:
    """Return the files that arguments stand for, to be read as one input; None is standard input."""
    paths: list[Path | None] = []
    for argument in arguments:
        if standard_or(argument) is None:
            paths.append(None)
        else:
            paths += [file.path for file in input_files([argument], input_format)]
    return paths or [None]


def standard_or(path: Path | None) -> Path | None:
    """Turn ``-`` into None, which stands for the standard stream."""
    return None if path is None or str(path) == "-" else path


def refuse_overwriting(inputs: list[Path | None], outputs: list[Path | None]) -> None:
    """Refuse, as wrong usage, outputs that are inputs or that are one file."""
    try:
        check_outputs(inputs, outputs)
    except InputError as error:
        raise click.UsageError(str(error)) from error


def check_output_name(path: Path, made: str, *also: str | None) -> None:
    """Refuse, as wrong usage, the name of an output that promises another format than it would hold.

    Args:
        path: the output.
        made: the format it would hold.
        also: formats that it may be called besides.
    """
    plain = strip_suffix(path)
    if made in FORMATS and not FORMATS[made].compressible and plain != path:
        raise click.UsageError(f"{made} is compressed inside; name the output {plain}")
    named = format_of(path)
    if named not in (None, made, *also):
        better = plain.with_suffix(FORMATS[made].suffixes[0]).name + path.name[len(plain.name) :]
        raise click.UsageError(f"{path} would hold {made}, which is what these rows are written as; name it {better}")


def load_detector(model: Path | None) -> Detector:
    """Load a model folder, or the shipped model."""
    import mtdetect

    return mtdetect.load(model) if model is not None else mtdetect.load()


def usable_threshold(detector: Detector, level: Any, rate: float) -> float:
    """Return the score threshold for a false-positive rate, or refuse a rate the model has no figures for."""
    try:
        return float(detector.threshold(level, rate))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def short_scores(scores: Sequence[float] | NDArray[np.float32]) -> list[float | None]:
    """Return scores as the shortest floats that are the same float32, and None for NaN.

    >>> short_scores([0.10000000149011612, float("nan")])
    [0.1, None]
    """
    import numpy as np
    import orjson

    dumped = orjson.dumps(np.asarray(scores, dtype=np.float32), option=orjson.OPT_SERIALIZE_NUMPY)
    short: list[float | None] = orjson.loads(dumped)
    return short
