"""``mtdetect score``: every row with its score, verdict and reasons."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mtdetect.cli.group import EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILE,
    OUT_FILE,
    PERCENT,
    input_options,
    level_option,
    load_detector,
    model_option,
    percent,
    refuse_overwriting,
    short_scores,
    standard_or,
    usable_threshold,
)
from mtdetect.cli.sentences import SplitChunk
from mtdetect.cli.stream import Inputs, Progress, Tally, in_order
from mtdetect.formats import FORMATS, Chunk, Record, RowWriter, format_of, free_names
from mtdetect.formats.output import Output

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


@click.command("score")
@click.argument("files", nargs=-1, type=IN_FILE)
@level_option("sentence")
@input_options
@click.option(
    "--output-format",
    type=click.Choice(["auto", "table", *(f.name for f in FORMATS.values() if f.writer)]),
    default="auto",
    show_default=True,
    help="auto: a table on a terminal, else the suffix of -o, else as the input (csv, tsv) or JSON lines.",
)
@click.option("-o", "--output", type=OUT_FILE, metavar="FILE", help="Write here instead of standard output.")
@click.option(
    "--false-positive-rate",
    type=PERCENT,
    default="1%",
    show_default=True,
    metavar="RATE",
    help="Flag so much that this share of clean English would be flagged.",
)
@click.option("--reasons/--no-reasons", default=True, show_default=True, help="Say why rows are flagged.")
@click.option("--split", is_flag=True, help="Cut every row into sentences: one output row each.")
@click.option("--prefix", default="", metavar="TEXT", help="Put this before the names of the added columns.")
@model_option
def score(
    files: tuple[Path, ...],
    level: Level,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    output_format: str,
    output: Path | None,
    false_positive_rate: float,
    reasons: bool,
    split: bool,
    prefix: str,
    model: Path | None,
) -> None:
    """Score every row of FILES (standard input if none), in order.

    Rows keep their columns, byte for byte where input and output have the same format, and get the columns
    score (0 to 1, higher is more garbled), flagged, status and reasons. If the input has a column of one of
    these names, all four are called mtdetect_score and so on. Compressed input (gz, xz, zst) is recognised.
    """
    paths = [standard_or(path) for path in files] or [None]
    target = standard_or(output)
    on_terminal = target is None and sys.stdout.isatty()
    refuse_overwriting(paths, [target])
    if split and level == "document":
        raise click.UsageError("--split makes sentences; leave out --level document")
    detector = load_detector(model)
    threshold = usable_threshold(detector, level, false_positive_rate)
    inputs = Inputs(paths, input_format, text_column, errors, split)
    made = _output_format(output_format, output, on_terminal, inputs.first.format_name)
    work = partial(score_texts, detector, level=level, threshold=threshold, with_reasons=reasons)
    names = (*(("row", "start", "end") if split else ()), "score", "flagged", "status")
    names += ("reasons",) if reasons else ()

    incoming = inputs.chunks()
    first = next(incoming, None)
    columns = inputs.first.columns or tuple(dict.fromkeys(chain.from_iterable(first.records if first else ())))
    added = free_names(names, columns, prefix)
    progress = Progress(not quiet and not on_terminal)
    chunks = chain(() if first is None else (first,), incoming)
    with Output(target) as stream:
        keep_bytes = made == inputs.first.format_name and not split
        writer = _writer(made, stream, columns, added, inputs.first.preamble if keep_bytes else b"", on_terminal)
        for chunk, result in in_order(work, chunks, jobs):
            if not keep_bytes:
                chunk.rebuilt = range(len(chunk))
            mark_unreadable(chunk, result)
            _count(inputs.tally, result)
            writer.write(chunk, _values(chunk, result, added))
            progress.show(inputs)
    progress.clear()
    if not quiet:
        _summarise(inputs.tally, false_positive_rate, detector.signature)
    if inputs.tally.report_unreadable():
        click.get_current_context().exit(EXIT_UNREADABLE)


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


def mark_unreadable(chunk: Chunk, result: Scores) -> None:
    """Give rows that could not be read their status, and the error as the reason."""
    for position, error in chunk.errors.items():
        result.statuses[position] = UNREADABLE
        result.reasons[position] = [error]


def _values(chunk: Chunk, result: Scores, added: Sequence[str]) -> list[Record]:
    none: list[str] = []
    columns: list[Sequence[Any]] = [result.scores, result.flagged, result.statuses]
    columns.append([result.reasons.get(position, none) for position in range(len(chunk))])
    if isinstance(chunk, SplitChunk):
        columns = [chunk.rows, chunk.starts, chunk.ends, *columns]
    return [dict(zip(added, row, strict=False)) for row in zip(*columns, strict=True)]


def _output_format(wanted: str, output: Path | None, on_terminal: bool, input_format: str) -> str:
    if wanted != "auto":
        return wanted
    by_suffix = format_of(output) if output is not None else None
    if by_suffix is not None and FORMATS[by_suffix].writer is not None:
        return by_suffix
    if on_terminal:
        return "table"
    return input_format if FORMATS[input_format].writer is not None else "jsonl"


def _writer(
    name: str,
    stream: BinaryIO,
    columns: Sequence[str],
    added: Sequence[str],
    preamble: bytes,
    on_terminal: bool,
) -> RowWriter:
    if name == "table":
        from mtdetect.cli.table import TableWriter

        return TableWriter(stream, columns, added, terminal=on_terminal)
    make = FORMATS[name].writer
    assert make is not None  # formats without a writer are no choice of --output-format
    return make(stream, columns, added, preamble)


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
