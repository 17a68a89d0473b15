"""``mtdetect score``: every row with its score, verdict and reasons."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mtdetect.cli.added_columns import check_names, naming_options, output_format_option, written_format
from mtdetect.cli.group import EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILES,
    OUT_FILE,
    check_shard_options,
    false_positive_rate_option,
    formulas_option,
    input_files,
    input_options,
    input_paths,
    level_option,
    load_detector,
    max_row_option,
    model_option,
    refuse_overwriting,
    shard_options,
    short_scores,
    standard_or,
    usable_threshold,
)
from mtdetect.cli.progress import Progress, Reporter
from mtdetect.cli.sentences import SplitChunk
from mtdetect.cli.shards import Facts, run_shards
from mtdetect.cli.stream import Inputs, in_order
from mtdetect.cli.tally import Tally
from mtdetect.cli.workers import start_no_threads
from mtdetect.formats import (
    AddedColumns,
    Chunk,
    RowReader,
    RowWriter,
    free_names,
    open_writer,
    sniffed_format,
)
from mtdetect.formats.files import InputFile
from mtdetect.formats.output import Output
from mtdetect.shares import percent

if TYPE_CHECKING:
    from mtdetect.detector import Detector
    from mtdetect.verdict import Level

UNREADABLE = "unreadable"
"""Status of a row that could not be read; its reasons say why."""


@dataclass(slots=True)
class Scores:
    """Results for the N texts of one chunk, as plain Python values.

    Attributes:
        scores: N scores, None where not scored.
        statuses: N statuses.
        flagged: N flags.
        reasons: position of a flagged text to its reasons, strongest first.
    """

    scores: list[float | None]
    statuses: list[str]
    flagged: list[bool]
    reasons: dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """How to score inputs: everything that decides about the output. Picklable; see ``ShardTask``.

    Attributes:
        detector: the detector.
        level: what one row is.
        rate: false-positive rate of the flag.
        with_reasons: whether reasons are written.
        split: whether rows are cut into sentences.
        input_format: ``"auto"`` or a format name.
        text_column: column that holds the text.
        errors: ``"flag"``, ``"skip"`` or ``"fail"``.
        max_row_bytes: longest row.
        output_format: ``"auto"``, ``"table"`` or a format name.
        score_column: name of the column with the score.
        prefix: what stands before the names of all added columns.
        columns: columns of csv, tsv and Parquet; none: those of the input, or of its first rows.
        escape_formulas: whether formulas in csv and tsv are made harmless.
    """

    detector: Detector
    level: Level
    rate: float
    with_reasons: bool
    split: bool
    input_format: str
    text_column: str
    errors: str
    max_row_bytes: int
    output_format: str
    score_column: str
    prefix: str
    columns: tuple[str, ...]
    escape_formulas: bool

    def settings(self) -> dict[str, Any]:
        """Return all that decides about the bytes of the output."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "detector"}
        return {"command": "score", "model": self.detector.signature, **own}

    def open(self, *paths: Path | None) -> Inputs:
        """Open inputs."""
        return Inputs(paths, self.input_format, self.text_column, self.errors, self.split, self.max_row_bytes)

    def targets(self, shard: InputFile, part: int | None) -> list[str]:
        """Name the one output of a shard."""
        read = self.input_format if self.input_format != "auto" else sniffed_format(shard.path)
        return [shard.output_name(written_format(self.output_format, read, None), part)]

    def run(self, inputs: Inputs, targets: Sequence[Path], jobs: int, progress: Reporter) -> Facts:
        """Score a shard into its output."""
        (target,) = targets
        self.write(inputs, target, jobs, progress)
        return inputs.tally.facts()

    def write(self, inputs: Inputs, target: Path | None, jobs: int, progress: Reporter) -> None:
        """Score inputs into a file, or to standard output where the target is None."""
        threshold = usable_threshold(self.detector, self.level, self.rate)
        work = partial(
            score_texts, self.detector, level=self.level, threshold=threshold, with_reasons=self.with_reasons
        )
        made = written_format(self.output_format, inputs.first.format_name, target)
        if self.columns and made in ("jsonl", "table"):
            raise click.UsageError("--columns is for csv, tsv and Parquet; JSON lines keep the fields of each row")
        found, rows = inputs.first_rows(settled=made not in ("jsonl", "table"))
        columns = self.columns or found
        same = made == inputs.first.format_name and not self.columns
        keep_bytes = same and not self.split
        before, after = _besides_score(self.split, self.with_reasons)
        added = free_names((*before, self.score_column, *after), columns, self.prefix)
        with Output(target) as stream:
            like = inputs.first if keep_bytes or (same and made == "parquet") else None
            writer = self._writer(made, stream, columns, added, like)
            writer.take_types(rows)
            for chunk, result in in_order(work, inputs.chunks(writer.misfits), jobs):
                if not keep_bytes:
                    chunk.rebuilt = range(len(chunk))
                mark_unreadable(chunk, result)
                _count(inputs.tally, result)
                writer.write(chunk, _values(chunk, result, added))
                progress.show(inputs)
            writer.close()

    def _writer(
        self, made: str, stream: BinaryIO, columns: Sequence[str], added: Sequence[str], like: RowReader | None
    ) -> RowWriter:
        if made == "table":
            from mtdetect.cli.table import TableWriter

            return TableWriter(stream, columns, added, terminal=stream is sys.stdout.buffer and sys.stdout.isatty())
        types = [*([int] * 3 if self.split else []), float, bool, str, *([list] if self.with_reasons else [])]
        return open_writer(made, stream, columns, added, like, self.escape_formulas, types)


@click.command("score")
@click.argument("files", nargs=-1, type=IN_FILES)
@level_option("sentence")
@input_options
@max_row_option
@output_format_option(
    "table", text="auto: a table on a terminal, else the suffix of -o, else as the input or JSON lines."
)
@click.option("-o", "--output", type=OUT_FILE, metavar="FILE", help="Write here instead of standard output.")
@shard_options
@false_positive_rate_option
@click.option("--reasons/--no-reasons", default=True, show_default=True, help="Say why rows are flagged.")
@click.option("--split", is_flag=True, help="Cut every row into sentences: one output row each.")
@naming_options
@click.option(
    "--columns",
    default="",
    metavar="NAMES",
    help="Columns of csv, tsv and Parquet, with commas between; otherwise the first rows set them.",
)
@formulas_option
@model_option
def score(
    files: tuple[Path, ...],
    level: Level,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    max_row_mb: int,
    output_format: str,
    output: Path | None,
    output_dir: Path | None,
    resume: bool,
    moved_from: Path | None,
    part_rows: int | None,
    false_positive_rate: float,
    reasons: bool,
    split: bool,
    score_column: str,
    prefix: str,
    columns: str,
    csv_formulas: str,
    model: Path | None,
) -> None:
    """Score every row of FILES (standard input if none), in order.

    FILES are files, folders, or globs in quotes. Rows keep their columns, byte for byte where input and
    output have the same format, and get the columns score (0 to 1, higher is more garbled), flagged, status
    and reasons. If the input has a column of one of these names, all four are called mtdetect_score and so
    on. Compressed input (gz, xz, zst) is recognised.

    With --output-dir every file has an output of its own, and a run that was stopped, however it was
    stopped, goes on with --resume.
    """
    start_no_threads()
    if split and level == "document":
        raise click.UsageError("--split makes sentences; leave out --level document")
    if output is not None and output_dir is not None:
        raise click.UsageError("-o is for one output, --output-dir for one output a file; leave out one of them")
    check_shard_options(output_dir, resume, part_rows, moved_from)
    check_names(sum(_besides_score(split, reasons), ()), score_column, prefix)
    target = standard_or(output)
    on_terminal = target is None and output_dir is None and sys.stdout.isatty()
    if output_format == "auto" and on_terminal:
        output_format = "table"
    shards: list[InputFile] = []
    paths: list[Path | None] = []
    if output_dir is None:
        paths = input_paths(files, input_format)
        refuse_overwriting(paths, [target])
    elif not files or any(standard_or(path) is None for path in files) or output_format == "table":
        raise click.UsageError("--output-dir turns files of rows into files of rows: name input files, and no table")
    else:
        shards = input_files(files, input_format)
    detector = load_detector(model)
    usable_threshold(detector, level, false_positive_rate)  # a rate without figures is refused at once
    task = ScoreTask(
        detector, level, false_positive_rate, reasons, split, input_format, text_column, errors,
        max_row_mb * 1_000_000, output_format, score_column, prefix, column_names(columns), csv_formulas == "escape",
    )  # fmt: skip
    progress = Progress(not quiet and not on_terminal)
    if output_dir is None:
        inputs = task.open(*paths)
        tally = inputs.tally
        task.write(inputs, target, jobs, progress)
    else:
        tally = Tally()
        outcome = run_shards(
            shards, output_dir, task, task.settings(), resume=resume, moved_from=moved_from, part_rows=part_rows,
            jobs=jobs, keep_going=errors != "fail", progress=progress,
        )  # fmt: skip
        outcome.count_into(tally)
    progress.clear()
    if not quiet:
        _summarise(tally, false_positive_rate, detector.signature)
    tally.report_no_text(text_column)
    if tally.report_unreadable():
        click.get_current_context().exit(EXIT_UNREADABLE)


def _besides_score(split: bool, with_reasons: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the added columns before that with the score, and after it."""
    before = ("row", "start", "end") if split else ()
    return before, ("flagged", "status", "reasons") if with_reasons else ("flagged", "status")


def score_texts(
    detector: Detector, texts: list[str | None], level: Level, threshold: float, with_reasons: bool
) -> Scores:
    """Score the texts of one chunk; reasons are computed for flagged texts only."""
    import numpy as np

    scored = detector.score_batch(texts, level=level)
    flagged: list[bool] = (scored.scores.astype(np.float64) >= threshold).tolist()  # NaN is never flagged
    why: dict[int, list[str]] = {}
    if with_reasons:
        for position in np.flatnonzero(flagged).tolist():
            why[position] = [reason.sentence for reason in scored.reasons(position, limit=3)]
    return Scores(short_scores(scored.scores), list(scored.statuses), flagged, why)


def column_names(given: str) -> tuple[str, ...]:
    """Take apart the names of ``--columns``, which are one row of csv.

    >>> column_names('id,"first, second",text')
    ('id', 'first, second', 'text')
    """
    names = tuple(next(csv.reader([given]), ()))
    if len(set(names)) < len(names) or "" in names:
        raise click.UsageError(f"--columns {given!r} repeats or leaves out a name; write --columns id,text,date")
    return names


def mark_unreadable(chunk: Chunk, result: Scores) -> None:
    """Give rows that could not be read their status, and the error as the reason."""
    for position, error in chunk.errors.items():
        result.statuses[position] = UNREADABLE
        result.reasons[position] = [error]


def _values(chunk: Chunk, result: Scores, added: Sequence[str]) -> AddedColumns:
    none: list[str] = []
    columns: list[Sequence[Any]] = [result.scores, result.flagged, result.statuses]
    columns.append([result.reasons.get(position, none) for position in range(len(chunk))])
    if isinstance(chunk, SplitChunk):
        columns = [chunk.rows, chunk.starts, chunk.ends, *columns]
    return AddedColumns(added, columns[: len(added)])


def _count(tally: Tally, result: Scores) -> None:
    tally.statuses.update(result.statuses)
    tally.rows += len(result.statuses) - result.statuses.count(UNREADABLE)
    tally.flagged += sum(result.flagged)


def _summarise(tally: Tally, rate: float, signature: str) -> None:
    share = f" ({percent(tally.flagged / tally.scored)} of scored)" if tally.scored else ""
    click.echo(
        f"{tally.counts()}; {tally.flagged:,} flagged{share} at {percent(rate)} false positives; "
        f"{tally.speed()}; {signature}",
        err=True,
    )
