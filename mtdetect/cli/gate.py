"""``mtdetect gate``: split a file by verdict; the exit code states the verdict on the whole batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import orjson

from mtdetect.cli.group import EXIT_GATE_FAILED, EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILE,
    OUT_FILE,
    PERCENT,
    Percent,
    input_options,
    level_option,
    load_detector,
    model_option,
    percent,
    refuse_overwriting,
    short_scores,
    standard_or,
)
from mtdetect.cli.stream import Inputs, Progress, in_order
from mtdetect.formats import FORMATS, Chunk, RowReader, RowWriter, free_names
from mtdetect.formats.output import Output

if TYPE_CHECKING:
    from mtdetect.gate import Action, Decision
    from mtdetect.verdict import Level

_ADDED = ("action", "score", "status", "reason")
_ACTIONS: tuple[Action, ...] = ("pass", "review", "reject")


@click.command("gate")
@click.argument("file", type=IN_FILE, default="-")
@click.option(
    "--max-false-positives",
    type=PERCENT,
    default="1%",
    show_default=True,
    metavar="RATE",
    help="Share of clean English that may be rejected.",
)
@click.option(
    "--review",
    type=PERCENT,
    default="5%",
    show_default=True,
    metavar="RATE",
    help="Share of clean English that may be rejected or sent to review.",
)
@click.option("--pass", "pass_out", type=OUT_FILE, metavar="FILE", help="Write rows that pass here.")
@click.option("--reject", "reject_out", type=OUT_FILE, metavar="FILE", help="Write rejected rows here.")
@click.option("--review-out", type=OUT_FILE, metavar="FILE", help="Write rows to review here; else they pass.")
@click.option(
    "--max-rejected",
    type=Percent(zero=True),
    default="5%",
    show_default=True,
    metavar="SHARE",
    help="The batch fails (exit code 3) when more than this share of its rows is rejected.",
)
@click.option(
    "--unscorable",
    type=click.Choice(_ACTIONS),
    default="pass",
    show_default=True,
    help="What to do with rows that are too short, not English, or empty.",
)
@click.option("--annotate", is_flag=True, help="Add the columns action, score, status and reason.")
@click.option("--summary", type=OUT_FILE, metavar="FILE", help="Write the summary as JSON here.")
@level_option("document")
@input_options
@model_option
def gate(
    file: Path,
    max_false_positives: float,
    review: float,
    pass_out: Path | None,
    reject_out: Path | None,
    review_out: Path | None,
    max_rejected: float,
    unscorable: Action,
    annotate: bool,
    summary: Path | None,
    level: Level,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    model: Path | None,
) -> None:
    """Split FILE (standard input if none) into rows that pass, rows to review, and rejected rows.

    Rows keep their order and their bytes, in the format of the input; "-" writes to standard output. Rows
    that cannot be read go to the rejected ones (--errors skip leaves them out). Exit code 0: the batch
    passed; 3: too large a share was rejected; 4: it passed, but some rows could not be read.
    """
    from mtdetect.gate import Gate

    outputs: dict[Action, Path | None] = {"pass": pass_out, "review": review_out, "reject": reject_out}
    source = standard_or(file)
    given = [path for path in (*outputs.values(), summary) if path is not None]
    refuse_overwriting([source], [standard_or(path) for path in given])
    if [str(path) for path in given].count("-") > 1:
        raise click.UsageError("only one output can be standard output; name files for the others")
    if review < max_false_positives:
        if click.get_current_context().get_parameter_source("review") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--review counts rejected rows too: make it at least --max-false-positives")
        review = max_false_positives
    detector = load_detector(model)
    try:
        decider = Gate(detector, max_false_positives, review, level, unscorable)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    inputs = Inputs([source], input_format, text_column, errors)
    if annotate and FORMATS[inputs.first.format_name].writer is None:
        raise click.UsageError("--annotate needs columns: jsonl, csv or tsv input")

    tally, counts = inputs.tally, Counter[str]()
    progress = Progress(not quiet)
    incoming = inputs.chunks()
    first = next(incoming, None)
    with ExitStack() as stack:
        streams: dict[Action, BinaryIO] = {
            action: stack.enter_context(Output(standard_or(path)))
            for action, path in outputs.items()
            if path is not None
        }
        routes = _Routes(streams, inputs.first, first, annotate)
        for chunk, decisions in in_order(
            decider.decide_batch, chain(() if first is None else (first,), incoming), jobs
        ):
            actions = [decision.action for decision in decisions]
            readable = decisions
            if chunk.errors:
                readable = [decision for i, decision in enumerate(decisions) if i not in chunk.errors]
            counts.update([decision.action for decision in readable])
            tally.rows += len(readable)
            tally.statuses.update([decision.status for decision in readable])
            for position in chunk.errors:
                actions[position] = "reject"
            routes.write(chunk, actions, decisions)
            progress.show(inputs)
    progress.clear()
    share = counts["reject"] / tally.rows if tally.rows else 0.0
    failed = share > max_rejected
    facts = {
        "verdict": "failed" if failed else "passed",
        "rows": tally.rows,
        **{name: counts[action] for action, name in zip(_ACTIONS, ("passed", "review", "rejected"), strict=True)},
        "unreadable": tally.unreadable,
        "share_rejected": share,
        "max_rejected": max_rejected,
        "max_false_positives": max_false_positives,
        "review_rate": review,
        "level": level,
        "statuses": dict(sorted(tally.statuses.items())),
        "signature": detector.signature,
    }
    if summary is not None:
        with Output(standard_or(summary)) as stream:
            stream.write(orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n")
    if not quiet:
        click.echo(
            f"batch {facts['verdict']}: {percent(share)} of {tally.rows:,} rows rejected, "
            f"{percent(max_rejected)} allowed; "
            f"{counts['pass']:,} pass, {counts['review']:,} to review, {counts['reject']:,} rejected\n"
            f"{tally.counts()}; {tally.speed()}; {detector.signature}",
            err=True,
        )
    unreadable = tally.report_unreadable()
    if failed:
        click.get_current_context().exit(EXIT_GATE_FAILED)
    if unreadable:
        click.get_current_context().exit(EXIT_UNREADABLE)


class _Routes:
    """Sends each row to the output of its action, as it came or with the decision added."""

    def __init__(self, streams: dict[Action, BinaryIO], reader: RowReader, first: Chunk | None, annotate: bool) -> None:
        self._streams = streams
        self._writers: dict[Action, RowWriter] = {}
        if not annotate:
            for stream in streams.values():
                stream.write(reader.preamble)
            return
        columns = reader.columns or tuple(dict.fromkeys(chain.from_iterable(first.records if first else ())))
        make = FORMATS[reader.format_name].writer
        assert make is not None  # checked before anything was opened
        self._added = free_names(_ADDED, columns)
        for action, stream in streams.items():
            self._writers[action] = make(stream, columns, self._added, reader.preamble)

    def write(self, chunk: Chunk, actions: Sequence[Action], decisions: Sequence[Decision]) -> None:
        """Write the rows of a chunk to their outputs; without an output for review they pass."""
        for action, stream in self._streams.items():
            takes = {action, "review"} if action == "pass" and "review" not in self._streams else {action}
            keep = [position for position, decided in enumerate(actions) if decided in takes]
            if action not in self._writers:
                stream.write(b"".join([chunk.raws[position] for position in keep]))
                continue
            values = [dict(zip(self._added, _cells(chunk, i, actions[i], decisions[i]), strict=True)) for i in keep]
            self._writers[action].write(chunk.select(keep), values)


def _cells(chunk: Chunk, position: int, action: Action, decision: Decision) -> tuple[Any, ...]:
    if position in chunk.errors:
        return action, None, "unreadable", chunk.errors[position]
    score = short_scores([decision.score])[0]
    return action, score, decision.status, decision.reason
