"""``mtdetect corpus``: make and check training text."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mtdetect.cli.group import EXIT_GATE_FAILED, EXIT_UNREADABLE
from mtdetect.cli.options import ROW_FILE
from mtdetect.errors import InputError

if TYPE_CHECKING:
    from mtdetect.training.roundtrip import Progress

LOG_INTERVAL = 60.0
"""Seconds between progress lines where stderr is not a terminal."""


@click.group()
def corpus() -> None:
    """Make training text from human text, and check rows before training."""


@corpus.command()
@click.argument("files", nargs=-1, required=True, type=ROW_FILE)
@click.option("--test", type=ROW_FILE, multiple=True, metavar="FILE",
              help="Rows kept for measuring: they must share no content with FILES; repeat for more.")  # fmt: skip
@click.option("--examples", type=click.IntRange(min=0), default=3, show_default=True, help="Rows shown a finding.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings, and all figures on form, as JSON.")
def check(files: tuple[Path, ...], test: tuple[Path, ...], examples: int, as_json: bool) -> None:
    """Check labelled rows of FILES before training: what is wrong, with examples and what to do.

    Looks for rows without text or label, duplicated and conflicting text, content in more than one split,
    unpaired rows, unbalanced sources, labels that disagree with the system, and form that gives the label
    away (quotes, spacing, entities, casing, length). Exit code 0: nothing but notes; 3: there are problems;
    4: some rows cannot be used at all.
    """
    import orjson

    from mtdetect.training.corpus_check import check_corpus
    from mtdetect.training.corpus_check_rows import ERROR, PROBLEM

    result = check_corpus(files, test, examples)
    if as_json:
        click.echo(orjson.dumps(result.to_dict(), option=orjson.OPT_INDENT_2))
    else:
        for finding in result.findings:
            click.echo(f"{finding.severity}: {finding.check}: {finding.message}")
            for example in finding.examples:
                click.echo(f"    {example}")
            click.echo(f"    -> {finding.advice}")
        counts = Counter(finding.severity for finding in result.findings)
        listed = ", ".join(f"{counts[kind]} {kind}{'s' * (counts[kind] > 1)}" for kind in counts) or "nothing found"
        click.echo(f"{result.rows:,} rows, {result.human:,} human and {result.mt:,} machine: {listed}")
    worst = result.worst()
    if worst in (ERROR, PROBLEM):
        raise click.exceptions.Exit(EXIT_UNREADABLE if worst == ERROR else EXIT_GATE_FAILED)


@corpus.command()
@click.argument("files", nargs=-1, required=True, type=ROW_FILE)
@click.option(
    "--chain",
    "chains",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="Languages to go through, such as en-es-en; repeat for more. A sentence goes to one chain, drawn by "
    "weight (default 1). Default: every known chain.",
)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="Pairs as JSON lines, one a row; .gz and .xz compress.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Sentences to send, at most.")
@click.option("--balance", metavar="FIELD", help="Let no value of this field have more than --balance-share.")
@click.option("--balance-share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True,
              help="Largest share of one value of the --balance field.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random order.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="all cores",
              help="Blocks translated at the same time.")  # fmt: skip
@click.option("--block", type=click.IntRange(min=1), default=1000, show_default=True,
              help="Sentences a block.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=600.0, show_default=True,
              help="Seconds for one step of a block; a block that takes longer is halved.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped, with the same options.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the plan and the journal. Default: OUTPUT.state.")  # fmt: skip
def roundtrip(
    files: tuple[Path, ...],
    chains: tuple[str, ...],
    output: Path,
    limit: int | None,
    balance: str | None,
    balance_share: float,
    seed: int,
    jobs: int,
    block: int,
    timeout: float,
    resume: bool,
    state: Path | None,
) -> None:
    """Send sentences of human English FILES through Apertium and back; write pairs for training.

    FILES are plain text (a paragraph a line, an empty line between documents) or rows with a column text, of
    which group, doc_id, domain, collection and licence are kept. The output grows by whole blocks and can be
    read meanwhile; a run that was killed goes on with --resume. Needs Apertium, which is no Python package.
    """
    from mtdetect.training.apertium import KNOWN_CHAINS
    from mtdetect.training.roundtrip import Options, generate

    options = Options(
        files=tuple(str(path) for path in files),
        chains=tuple(_weighted(chain) for chain in chains or KNOWN_CHAINS),
        seed=seed,
        limit=limit,
        balance=balance,
        balance_share=balance_share,
        block_size=block,
    )
    reporter = _Reporter()
    try:
        progress = generate(options, output, state or Path(f"{output}.state"), jobs, resume, timeout, reporter.report)
    except (KeyboardInterrupt, SystemExit):
        click.echo("\nmtdetect: stopped; the same command with --resume goes on", err=True)
        raise
    reporter.finish(progress)


def _weighted(chain: str) -> tuple[str, float]:
    from mtdetect.training.apertium import parse_chain

    name, _, weight = chain.partition("=")
    try:
        value = float(weight or 1)
        parse_chain(name)
    except InputError as problem:
        raise click.UsageError(str(problem)) from problem
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise click.UsageError(f"--chain {chain}: the weight must be a number above 0, as in en-es-en=2")
    return name, value


class _Reporter:
    """Progress on stderr: one line that is rewritten on a terminal, else a line a minute."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._started = self._last = time.monotonic()
        self._sent_before: int | None = None

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        sent = progress.sent.total()
        if self._sent_before is None:  # what earlier sittings sent says nothing about today's speed
            self._sent_before, self._started = sent, now
        if now - self._last < (0.5 if self._terminal else LOG_INTERVAL):
            return
        self._last = now
        line = f"{progress.blocks_done:,} of {progress.blocks:,} blocks, {progress.pairs.total():,} pairs"
        speed = (sent - self._sent_before) / max(now - self._started, 1e-9)
        if speed:
            left = (progress.blocks - progress.blocks_done) * sent / progress.blocks_done / speed
            line += f", {speed:,.0f} sentences/s, about {left / 60:,.0f} min left"
        if self._terminal:
            click.echo(f"\r{line}\x1b[K", nl=False, err=True)
        else:
            click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", err=True)

    def finish(self, progress: Progress) -> None:
        if self._terminal:
            click.echo("", err=True)
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in progress.dropped.items() if count)
        pairs, sent = progress.pairs.total(), progress.sent.total()
        click.echo(f"{pairs:,} pairs from {sent:,} sentences; dropped: {dropped or 'none'}", err=True)
        for chain, count in progress.sent.items():
            pairs, speed = progress.pairs[chain], count / max(progress.seconds[chain], 1e-9)
            click.echo(f"  {chain}: {pairs:,} pairs, {speed:,.0f} sentences/s a job", err=True)
