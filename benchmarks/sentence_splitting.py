"""Sentence splitting: speed and errors of mtdetect's splitter beside others that are installed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from itertools import accumulate
from pathlib import Path
from typing import Any

import click
from common import json_option, machine, median, one_core, sentences

Splitter = Callable[[str], list[str]]

CASES = Path(__file__).with_name("sentence_cases.json")
KINDS = ("news", "quotes", "abbreviations", "lists")
PARAGRAPH = 5  # generated sentences a paragraph, for speed


def ours() -> Splitter:
    from mtdetect.text import split_sentences

    return lambda text: [text[start:end] for start, end in split_sentences(text)]


def blingfire() -> Splitter:
    import blingfire

    return lambda text: blingfire.text_to_sentences(text).split("\n")


def syntok() -> Splitter:
    from syntok import segmenter

    def split(text: str) -> list[str]:
        return [
            "".join(token.spacing + token.value for token in sentence)
            for paragraph in segmenter.process(text)
            for sentence in paragraph
        ]

    return split


def pysbd() -> Splitter:
    from pysbd import Segmenter

    return Segmenter(language="en", clean=False).segment  # type: ignore[no-any-return]


SPLITTERS: dict[str, Callable[[], Splitter]] = {
    "sentencex": ours,
    "blingfire": blingfire,
    "syntok": syntok,
    "pysbd": pysbd,
}
"""Name of the package to a function that returns its splitter; the first is what mtdetect uses."""


def by_line(split: Splitter, text: str) -> list[str]:
    """Split line by line, as mtdetect does: a line break always ends a sentence."""
    return [sentence for line in text.splitlines() for sentence in split(line)]


def ends(parts: Sequence[str]) -> set[int]:
    """Return where sentences end, in characters other than white space: what splitters do to spaces is no error."""
    return set(accumulate(len("".join(part.split())) for part in parts if part.strip()))


def errors(split: Splitter, cases: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return, by kind of text, how many boundaries are missed and how many are invented."""
    found = dict.fromkeys(KINDS, (0, 0))
    for case in cases:
        expected = ends(case["sentences"])
        given = ends(by_line(split, case["join"].join(case["sentences"])))
        missed, invented = found[case["kind"]]
        found[case["kind"]] = missed + len(expected - given), invented + len(given - expected)
    return found


def speed(split: Splitter, paragraphs: Sequence[str], limit: float) -> float:
    """Return sentences a second over as many paragraphs as fit into ``limit`` seconds."""
    begin, done = time.perf_counter(), 0
    for paragraph in paragraphs:
        split(paragraph)
        done += PARAGRAPH
        if time.perf_counter() - begin > limit:
            break
    return done / (time.perf_counter() - begin)


@click.command()
@json_option
@click.option("--rounds", type=int, default=5, show_default=True, help="Times each splitter is timed, in turns.")
@click.option("--seconds", "limit", type=float, default=0.5, show_default=True, help="Length of one timing, at most.")
def main(json_out: Path | None, rounds: int, limit: float) -> None:
    """Count wrong sentence boundaries on written cases, and time the splitters on generated paragraphs.

    Splitters that are not installed are left out: pip install blingfire syntok pysbd.
    """
    one_core()
    from rich.console import Console
    from rich.table import Table

    splitters: dict[str, Splitter] = {}
    for name, make in SPLITTERS.items():
        try:
            splitters[name] = make()
        except ImportError:
            click.echo(f"{name} is not installed and is left out", err=True)
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    lines = sentences(100_000)
    paragraphs = [" ".join(lines[i : i + PARAGRAPH]) for i in range(0, len(lines), PARAGRAPH)]
    rates: dict[str, list[float]] = {name: [] for name in splitters}
    for _ in range(rounds):
        for name, split in splitters.items():
            rates[name].append(speed(split, paragraphs, limit))

    first = median(rates["sentencex"])
    count = {kind: sum(len(case["sentences"]) for case in cases if case["kind"] == kind) for kind in KINDS}
    table = Table("splitter", "version", "sentences/s", "relative", *KINDS, "all", title_justify="left")
    table.title = f"Missed + invented boundaries in {sum(count.values())} sentences, and speed on one core"
    results = []
    for name, split in splitters.items():
        wrong = errors(split, cases)
        total = tuple(map(sum, zip(*wrong.values(), strict=True)))
        rate, version = median(rates[name]), metadata.version(name)
        cells = [f"{missed} + {invented}" for missed, invented in (*wrong.values(), total)]
        table.add_row(name, version, f"{rate:,.0f}", f"{rate / first:.3g}", *cells)
        results.append({"splitter": name, "version": version, "sentences_per_second": rate, "errors": wrong})
    Console(width=120).print(table)
    if json_out is not None:
        data = {"cases": count, "results": results, "machine": machine()}
        json_out.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
