"""``mtdetect gate``: split a file by verdict; the exit code states the verdict on the whole batch."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import orjson

from mtdetect.cli.gate_options import make_gate, policy_options, read_policy
from mtdetect.cli.gate_outputs import Routes, Sources
from mtdetect.cli.group import EXIT_GATE_FAILED, EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILE,
    OUT_FILE,
    input_options,
    load_detector,
    model_option,
    percent,
    refuse_overwriting,
    standard_or,
)
from mtdetect.cli.stream import Inputs, Progress, Tally, in_order
from mtdetect.errors import PolicyError
from mtdetect.formats import FORMATS
from mtdetect.formats.output import Output

if TYPE_CHECKING:
    from mtdetect.gate import Action, Batch, Gate


@click.command("gate")
@click.argument("file", type=IN_FILE, default="-")
@policy_options
@click.option("--pass", "pass_out", type=OUT_FILE, metavar="FILE", help="Write rows that pass here.")
@click.option("--review-out", type=OUT_FILE, metavar="FILE", help="Write rows to review here; else they pass.")
@click.option("--reject", "reject_out", type=OUT_FILE, metavar="FILE", help="Write rejected rows here.")
@click.option(
    "--annotate", is_flag=True, help="Add the columns action, score, status, reason, spans and signature to the rows."
)
@click.option("--summary", type=OUT_FILE, metavar="FILE", help="Write the summary as JSON here.")
@click.option("--metrics", type=OUT_FILE, metavar="FILE", help="Write the summary as Prometheus text here.")
@click.option(
    "--write-baseline",
    type=OUT_FILE,
    metavar="FILE",
    help="Store the share rejected for --baseline, if the batch passes.",
)
@click.option("--dry-run", is_flag=True, help="Decide, but write no file.")
@input_options
@model_option
def gate(
    file: Path,
    pass_out: Path | None,
    review_out: Path | None,
    reject_out: Path | None,
    annotate: bool,
    summary: Path | None,
    metrics: Path | None,
    write_baseline: Path | None,
    dry_run: bool,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    model: Path | None,
    **stated: Any,
) -> None:
    """Split FILE (standard input if none) into rows that pass, rows to review, and rejected rows.

    Rows keep their order and their bytes, in the format of the input; "-" writes to standard output. Rows
    that cannot be read go to the rejected ones (--errors skip leaves them out). Exit code 0: the batch
    passed; 3: it failed, because too large a share was rejected, or because that share drifted from the
    baseline; 4: it passed, but some rows could not be read.
    """
    from mtdetect.gate import Baseline, Batch
    from mtdetect.gate.metrics import check_installed, prometheus_text

    policy_file = stated.pop("policy")
    policy = read_policy(policy_file, **stated)
    outputs: dict[Action, Path | None] = {"pass": pass_out, "review": review_out, "reject": reject_out}
    source = standard_or(file)
    given = [path for path in (*outputs.values(), summary, metrics, write_baseline) if path is not None]
    read = [path for path in (policy_file, policy.baseline) if path is not None]
    refuse_overwriting([source, *map(standard_or, read)], [standard_or(path) for path in given])
    if [str(path) for path in given].count("-") > 1:
        raise click.UsageError("only one output can be standard output; name files for the others")
    if metrics is not None:
        check_installed()
    if dry_run:
        given = [path for path in given if str(path) == "-"]

    detector = load_detector(model)
    decider = make_gate(detector, policy)
    try:
        batch = Batch(policy, detector.signature, Baseline.load(policy.baseline) if policy.baseline else None)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error
    inputs = Inputs([source], input_format, text_column, errors)
    if annotate and FORMATS[inputs.first.format_name].writer is None:
        raise click.UsageError("--annotate needs columns: jsonl, csv or tsv input")
    sources = Sources(policy["sources.column"], inputs.first) if policy.overrides else None

    with ExitStack() as stack:
        streams: dict[Action, BinaryIO] = {
            action: stack.enter_context(Output(standard_or(path)))
            for action, path in outputs.items()
            if path in given and path is not None
        }
        _run(decider, inputs, streams, sources, annotate, batch, Progress(not quiet), jobs)
    facts = batch.facts()
    usual = batch.to_baseline() if facts["verdict"] == "passed" else None
    for path, contents in (
        (summary, partial(orjson.dumps, facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)),
        (metrics, partial(prometheus_text, facts)),
        (write_baseline, usual.to_json if usual is not None else None),
    ):
        if path is not None and path in given and contents is not None:
            with Output(standard_or(path)) as stream:
                stream.write(contents())
    if not quiet:
        _report(facts, inputs.tally)
        if write_baseline is not None and usual is None:
            click.echo(f"no baseline written: {'the batch failed' if batch.rows else 'there was no row'}", err=True)
    unreadable = inputs.tally.report_unreadable()
    if facts["verdict"] == "failed":
        click.get_current_context().exit(EXIT_GATE_FAILED)
    if unreadable:
        click.get_current_context().exit(EXIT_UNREADABLE)


def _run(
    decider: Gate,
    inputs: Inputs,
    streams: dict[Action, BinaryIO],
    sources: Sources | None,
    annotate: bool,
    batch: Batch,
    progress: Progress,
    jobs: int,
) -> None:
    """Decide about every row, write it where it goes, and count."""
    incoming = inputs.chunks()
    first = next(incoming, None)
    routes = Routes(streams, inputs.first, first, annotate)
    chunks = chain(() if first is None else (first,), incoming)
    for chunk, evidence in in_order(partial(decider.weigh, spans=annotate), chunks, jobs):
        names = sources.of(chunk) if sources is not None else None
        decisions = decider.judge(chunk.texts, evidence, names)
        routes.write(chunk, decisions)
        readable = [i for i in range(len(chunk)) if i not in chunk.errors]
        batch.add([decisions[i] for i in readable], None if names is None else [names[i] for i in readable])
        inputs.tally.rows = batch.rows
        inputs.tally.statuses = batch.statuses
        progress.show(inputs)
    batch.unreadable = inputs.tally.unreadable
    progress.clear()


def _report(facts: dict[str, Any], tally: Tally) -> None:
    """Say on standard error what became of the batch."""
    lines = [
        f"batch {facts['verdict']}: {percent(facts['share_rejected'])} of {facts['rows']:,} rows rejected, "
        f"{percent(facts['max_rejected'])} allowed; {facts['passed']:,} pass, {facts['review']:,} to review, "
        f"{facts['rejected']:,} rejected"
    ]
    drift = facts["drift"]
    if drift is not None:
        lines.append(
            f"{'drift' if drift['alarm'] else 'no drift'}: {percent(drift['share'])} rejected "
            f"({percent(drift['low'])} to {percent(drift['high'])}), usually {percent(drift['baseline_share'])} "
            f"({percent(drift['baseline_low'])} to {percent(drift['baseline_high'])})"
        )
    lines.append(f"{tally.counts()}; {tally.speed()}; {facts['signature']}")
    click.echo("\n".join(lines), err=True)
