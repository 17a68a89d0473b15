"""``mtdetect explain``: the suspicious words of a text, the reasons, and how the score adds up."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtdetect.cli.options import load_detector, model_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from mtdetect.detector import Detector
    from mtdetect.verdict import SentenceVerdict, Span

_SHOWN = 10  # features listed by name; the others are summed up in one line


@click.command("explain")
@click.argument("text", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="List every feature, also those that add nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a sentence.")
@model_option
def explain(text: tuple[str, ...], everything: bool, as_json: bool, model: Path | None) -> None:
    """Explain the score of TEXT, one sentence (words may be given without quotes).

    Without TEXT, every line of standard input is explained. Suspicious words stand in [brackets]. The base
    and the contributions add up to the logit, and the logit gives the score.
    """
    sentences = [" ".join(text)] if text else _lines()
    detector = load_detector(model)
    if as_json:
        import orjson

        for sentence in sentences:
            click.echo(orjson.dumps(_facts(detector, sentence), option=orjson.OPT_INDENT_2))
        return

    from rich.console import Console

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 100
    console = Console(force_terminal=terminal, width=max(width, 60), highlight=False)
    for position, sentence in enumerate(sentences):
        with console.capture() as shown:  # rich itself would end the program at a closed pipe
            if position:
                console.print()
            _show(console, detector, sentence, everything)
        click.echo(shown.get(), nl=False)
    click.echo(f"model: {detector.signature}", err=True)


def _lines() -> list[str]:
    if sys.stdin.isatty():
        click.echo("reading from the terminal, one sentence a line; end with Ctrl-D", err=True)
    data = sys.stdin.buffer.read().decode(errors="replace")
    return [line.removesuffix("\r") for line in data.split("\n") if line.strip()]


def _facts(detector: Detector, sentence: str) -> dict[str, Any]:
    verdict = detector.check(sentence)
    facts: dict[str, Any] = verdict.to_dict()
    if verdict.status == "scored":
        explanation = detector.contributions(sentence)
        facts["base"] = explanation.base
        facts["logit"] = explanation.logit
        facts["contributions"] = [asdict(part) for part in explanation.features]
    return facts


def _show(console: Console, detector: Detector, sentence: str, everything: bool) -> None:
    from rich.text import Text

    verdict = detector.check(sentence)
    console.print(mark(verdict.text, verdict.spans))
    if verdict.status != "scored":
        why = {"too_short": "it is too short", "not_english": "it is not English"}.get(verdict.status, "it is empty")
        console.print(f"no score: {why}", style="yellow")
        return
    word, style = ("garbled", "bold red") if verdict.flagged else ("ok", "green")
    console.print(Text.assemble("score ", (f"{verdict.score:.3f}", "bold"), "  verdict ", (word, style)))
    for reason in verdict.reasons:
        console.print(Text(f"- {reason.sentence}"))
    for span in verdict.spans:
        console.print(Text.assemble("  [", (_plain(span.text), "bold red underline"), f"] {span.reason}"))
    console.print()
    _show_sum(console, detector, verdict, everything)


def _show_sum(console: Console, detector: Detector, verdict: SentenceVerdict, everything: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    explanation = detector.contributions(verdict.text)
    rows = sorted(explanation.features, key=lambda part: -abs(part.contribution))
    shown = rows if everything else rows[:_SHOWN]
    digits = 6 if everything else 3
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("adds", justify="right", no_wrap=True)
    table.add_column("feature", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("what it notices")
    table.add_row(f"{explanation.base:+.{digits}f}", "base", "", "where this sentence starts")
    for part in shown:
        style = "red" if part.contribution > 0 else "green"
        value = "" if math.isnan(part.value) else f"{part.value:.4g}"
        added = Text(f"{part.contribution:+.{digits}f}", style=style)
        table.add_row(added, part.name, value, Text(part.sentence))
    if len(rows) > len(shown):
        # as the difference of what is printed, so that the printed column adds up to the last digit
        printed = sum(round(part.contribution, digits) for part in shown) + round(explanation.base, digits)
        rest = round(round(explanation.logit, digits) - printed, digits) + 0.0  # + 0.0: no minus before zero
        table.add_row(f"{rest:+.{digits}f}", f"{len(rows) - len(shown)} others", "", "the remaining features together")
    table.add_row(
        f"{explanation.logit:+.{digits}f}",
        "= logit",
        "",
        f"score = 1 / (1 + exp(-logit)) = {explanation.score:.3f}",
    )
    console.print(table)


def mark(text: str, spans: Sequence[Span]) -> Text:
    """Return the text with suspicious stretches in brackets, underlined and red.

    Overlapping stretches become one.
    """
    from rich.text import Text

    marked = Text()
    at = 0
    for start, end in _merged(spans):
        marked.append(_plain(text[at:start]))
        marked.append("[" + _plain(text[start:end]) + "]", style="bold red underline")
        at = end
    marked.append(_plain(text[at:]))
    return marked


def _merged(spans: Sequence[Span]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _plain(text: str) -> str:
    from mtdetect.cli.table import visible

    return visible(text, len(text))
