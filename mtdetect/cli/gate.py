"""``mtdetect gate``: split rows by verdict; the exit code states the verdict on the whole batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from mtdetect.cli.added_columns import check_names, naming_options, output_format_option
from mtdetect.cli.gate_options import make_gate, policy_options, read_policy
from mtdetect.cli.group import EXIT_GATE_FAILED, EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILES,
    OUT_FILE,
    check_output_name,
    check_shard_options,
    formulas_option,
    input_files,
    input_options,
    input_paths,
    load_detector,
    max_row_option,
    model_option,
    refuse_overwriting,
    shard_options,
    standard_or,
)
from mtdetect.cli.progress import Progress
from mtdetect.cli.shards import Outcome, run_shards
from mtdetect.cli.stream import NothingReadable
from mtdetect.cli.tally import Tally
from mtdetect.cli.workers import start_no_threads
from mtdetect.errors import InputError, PolicyError, one_line
from mtdetect.formats import format_of, open_rows
from mtdetect.formats.base import encodable, shown_names
from mtdetect.formats.output import Output
from mtdetect.shares import percent

if TYPE_CHECKING:
    from mtdetect.cli.gate_task import GateTask
    from mtdetect.gate import Action

_EXIT_CODES = {"passed": 0, "failed": EXIT_GATE_FAILED, "incomplete": EXIT_UNREADABLE}


@click.command("gate")
@click.argument("files", nargs=-1, type=IN_FILES)
@policy_options
@click.option("--pass", "pass_out", type=OUT_FILE, metavar="FILE", help="Write rows that pass here.")
@click.option("--review-out", type=OUT_FILE, metavar="FILE", help="Write rows to review here; else they pass.")
@click.option("--reject", "reject_out", type=OUT_FILE, metavar="FILE", help="Write rejected rows here.")
@shard_options
@click.option(
    "--annotate", is_flag=True, help="Add the columns action, score, status, reason, spans and signature to the rows."
)
@click.option(
    "--spans/--no-spans",
    default=True,
    show_default=True,
    help="Whether --annotate looks for spans in rows that do not pass.",
)
@naming_options
@output_format_option(text="Format of annotated rows. auto: the suffix of the output, else as the input or JSON lines.")
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
@max_row_option
@formulas_option
@model_option
def gate(
    files: tuple[Path, ...],
    pass_out: Path | None,
    review_out: Path | None,
    reject_out: Path | None,
    output_dir: Path | None,
    resume: bool,
    moved_from: Path | None,
    part_rows: int | None,
    annotate: bool,
    spans: bool,
    score_column: str,
    prefix: str,
    output_format: str,
    summary: Path | None,
    metrics: Path | None,
    write_baseline: Path | None,
    dry_run: bool,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    max_row_mb: int,
    csv_formulas: str,
    model: Path | None,
    **stated: Any,
) -> None:
    """Split FILES (standard input if none) into rows that pass, rows to review, and rejected rows.

    FILES are files, folders, or globs in quotes. Rows keep their order and their bytes, in the format of the
    input; "-" writes to standard output. With --annotate the decision stands behind the columns of each row, in
    the format that score would write. With --output-dir every file has outputs of its own, in the folders
    pass, review and reject, and a run that was stopped, however it was stopped, goes on with --resume. Rows
    that cannot be read go to the rejected ones (--errors skip leaves them out).

    Exit code 0: the batch passed; 3: it failed, because too large a share was rejected or could not be read,
    because the share rejected drifted from the baseline, or because no row had a source; 4: it is incomplete:
    some rows or files could not be read.
    """
    start_no_threads()
    from mtdetect.cli.gate_outputs import added_columns
    from mtdetect.cli.gate_task import GateTask
    from mtdetect.gate import Baseline, Batch
    from mtdetect.gate.metrics import check_installed, prometheus_text

    policy_file = stated.pop("policy")
    policy = read_policy(policy_file, **stated)
    routes: dict[Action, Path | None] = {"pass": pass_out, "review": review_out, "reject": reject_out}
    outputs = {action: path for action, path in routes.items() if path is not None}
    reports = [path for path in (summary, metrics, write_baseline) if path is not None]
    paths = input_paths(files, input_format)
    shards = input_files(files, input_format) if output_dir is not None and None not in paths else []
    _check_outputs(paths, [policy_file, policy.baseline], [*outputs.values(), *reports])
    check_shard_options(output_dir, resume, part_rows, moved_from)
    if output_dir is not None and (outputs or None in paths):
        raise click.UsageError(
            "--output-dir makes outputs of its own for every file: name input files, and leave out --pass, "
            "--review-out and --reject"
        )
    if not annotate and (score_column, prefix, output_format) != ("score", "", "auto"):
        raise click.UsageError(
            "--score-column, --prefix and --output-format are for what --annotate adds; add it, or leave them out"
        )
    check_names([name for name in added_columns(spans) if name != "score"], score_column, prefix)
    if metrics is not None:
        check_installed()

    detector = load_detector(model)
    task = GateTask(
        make_gate(detector, policy), policy, annotate, spans, input_format, text_column, errors, max_row_mb * 1_000_000,
        output_format, score_column, prefix, csv_formulas == "escape",
    )  # fmt: skip
    try:
        batch = Batch(policy, detector.signature, Baseline.load(policy.baseline) if policy.baseline else None)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error
    if dry_run:
        outputs = {action: path for action, path in outputs.items() if standard_or(path) is None}
        reports = [path for path in reports if standard_or(path) is None]

    progress, tally = Progress(not quiet), Tally()
    if output_dir is None or dry_run:
        outcome = _gate_here(task, [shard.path for shard in shards] or paths, outputs, jobs, progress)
    else:
        outcome = run_shards(
            shards, output_dir, task, task.settings(), resume=resume, moved_from=moved_from, part_rows=part_rows,
            jobs=jobs, keep_going=errors != "fail", progress=progress,
        )  # fmt: skip
    progress.clear()
    outcome.count_into(tally)
    for counted in outcome.facts:
        batch.add_counts(counted["batch"])
    batch.broken_files = list(_broken_files(tally.broken, paths))
    facts = batch.facts()
    usual = batch.to_baseline() if facts["verdict"] != "failed" and not batch.broken_files else None
    for path, contents in (
        (summary, partial(orjson.dumps, facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)),
        (metrics, partial(prometheus_text, facts)),
        (write_baseline, usual.to_json if usual is not None else None),
    ):
        if path in reports and path is not None and contents is not None:
            with Output(standard_or(path)) as stream:
                stream.write(contents())
    if not quiet:
        _report(facts, tally)
        if write_baseline is not None and usual is None:
            why = "the batch failed" if facts["verdict"] == "failed" else "files could not be read"
            click.echo(f"no baseline written: {why if batch.rows else 'there was no row'}", err=True)
    tally.report_unreadable()
    tally.report_no_text(text_column)
    if code := _EXIT_CODES[facts["verdict"]]:
        click.get_current_context().exit(code)


def _check_outputs(paths: list[Path | None], read: list[Path | None], outputs: list[Path]) -> None:
    """Refuse, as wrong usage, outputs over what is read, and more than one on standard output."""
    if [str(path) for path in outputs].count("-") > 1:
        raise click.UsageError("only one output can be standard output; name files for the others")
    refuse_overwriting([*paths, *(path for path in read if path is not None)], [standard_or(path) for path in outputs])


def _gate_here(
    task: GateTask, paths: list[Path | None], outputs: dict[Action, Path], jobs: int, progress: Progress
) -> Outcome:
    """Gate all inputs as one, into the given outputs."""
    if outputs and len(paths) > 1 and not task.annotate:
        _check_alike(task, paths)
    targets = {action: standard_or(path) for action, path in outputs.items()}
    outcome = Outcome()
    try:
        inputs = task.open(*paths)
        first = inputs.first_path
        for target in () if task.annotate else filter(None, targets.values()):
            check_output_name(target, inputs.first.format_name, *([format_of(first)] if first is not None else []))
        outcome.facts.append(task.decide(inputs, targets, jobs, progress))
    except InputError as error:
        if task.errors == "fail":
            raise
        outcome.failed += error.lines if isinstance(error, NothingReadable) else [str(error)]
    return outcome


def _check_alike(task: GateTask, paths: list[Path | None]) -> None:
    """Refuse, as wrong usage, rows that cannot stand in one output as they came."""
    kinds: dict[tuple[str, bytes], Path] = {}
    for path in paths:
        if path is None:
            raise click.UsageError("standard input goes alone; leave out the other files")
        with suppress(InputError), closing(open_rows(path, task.input_format, task.text_column)) as reader:
            kinds.setdefault((reader.format_name, reader.preamble), path)
    if len(kinds) > 1:
        one, other, *_ = kinds.values()
        raise click.UsageError(
            f"{one} and {other} differ in format or header, so that their rows cannot stand in one file as they "
            f"came; use --output-dir, or --annotate"
        )


def _broken_files(lines: list[str], paths: list[Path | None]) -> Iterator[dict[str, str]]:
    """Tell the name of a file from the reason in lines about files that could not be read."""
    names = {one_line(path): str(path) for path in paths}
    for line in lines:
        ends = (found.start() for found in re.finditer("[:,] ", line))
        end = next((end for end in ends if line[:end] in names), 0)
        name = names[line[:end]] if end else "standard input"
        yield {"name": encodable(name), "reason": encodable(line[end:].lstrip(":, "))}


def _report(facts: dict[str, Any], tally: Tally) -> None:
    """Say on standard error what became of the batch."""
    lines = [
        f"batch {facts['verdict']}: {percent(facts['share_rejected'])} of {facts['rows']:,} rows rejected, "
        f"{percent(facts['max_rejected'])} allowed; {facts['passed']:,} pass, {facts['review']:,} to review, "
        f"{facts['rejected']:,} rejected"
    ]
    lost = []
    if facts["unreadable"]:
        rows = f"{facts['unreadable']:,} row{'s' * (facts['unreadable'] != 1)}"
        lost.append(f"{rows} ({percent(facts['share_unreadable'])}, {percent(facts['max_unreadable'])} allowed)")
    if files := len(facts["broken_files"]):
        lost.append(f"{files:,} file{'s' * (files != 1)} whole or in part")
    if lost:
        lines.append(f"not read: {', '.join(lost)}")
    column = facts["policy"]["sources.column"]
    unused = [source for source, counts in facts["sources"].items() if not any(counts.values())]
    if "sources.column" in facts["failed_on"]:
        lines.append(
            f'no row has a source in "{column}", so that no override applied; --source-column names the column'
        )
    elif facts["without_source"]:
        lines.append(f'{facts["without_source"]:,} of {facts["rows"]:,} rows have no source in "{column}"')
    if unused and facts["rows"] > facts["without_source"]:
        lines.append(f"overrides that no row used: {shown_names(unused)}")
    drift = facts["drift"]
    if drift is not None:
        lines.append(
            f"{'drift' if drift['alarm'] else 'no drift'}: {percent(drift['share'])} rejected "
            f"({percent(drift['low'])} to {percent(drift['high'])}), usually {percent(drift['baseline_share'])} "
            f"({percent(drift['baseline_low'])} to {percent(drift['baseline_high'])})"
        )
    lines.append(f"{tally.counts()}; {tally.speed()}; {facts['signature']}")
    click.echo("\n".join(lines), err=True)
