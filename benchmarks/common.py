"""What the benchmarks share: text to score, options, tables and JSON."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent


def sentences(count: int, seed: int = 0) -> list[str]:
    """Return sentences of news length (about 25 words), the same for the same count and seed.

    People and places get made-up names, so that rare words come up as often as in news.
    """
    generator = random.Random(seed)
    phrases: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("phrases.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            part = phrases.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            part.append(line)
    words = {name: lines[0].split() for name, lines in phrases.items() if len(lines) == 1}

    def name() -> str:
        start = "".join(generator.choices(words["syllables"], k=generator.choice((1, 2))))
        return (start + generator.choice(words["endings"])).capitalize()

    def sentence() -> str:
        parts = (generator.choice(phrases[part]) for part in ("who", "said", "what", "fate", "tail"))
        who, said, what, fate, tail = parts
        filled = f"{who} {said} {what} {fate}{tail}".rstrip(".").format(
            person=f"{name()} {name()}",
            place=name(),
            day=generator.choice(words["days"]),
            month=generator.choice(words["months"]),
            count=generator.choice(words["counts"]),
            number=generator.randint(2, 980),
        )
        return f"{filled}."

    return [sentence() for _ in range(count)]


def texts(path: Path | None, count: int) -> list[str]:
    """Return ``count`` texts: lines of a file (repeated if it is short), or generated sentences."""
    if path is None:
        return sentences(count)
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise click.UsageError(f"{path}: no lines of text")
    return [lines[i % len(lines)] for i in range(count)]


def case_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file name, case) for every written case in tests/cases."""
    for path in sorted((ROOT / "tests" / "cases").glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            yield path.stem, case


def example_sentences() -> list[str]:
    """Return every sentence of the example files and the written cases, each once."""
    import csv

    from mtdetect.text import split_sentences

    examples = ROOT / "examples"
    found = (examples / "news.txt").read_text(encoding="utf-8").splitlines()
    articles = (examples / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line)["text"] for line in articles if line.strip()]
    with (examples / "comments.csv").open(encoding="utf-8", newline="") as rows:
        documents += [row["text"] for row in csv.DictReader(rows)]
    for document in documents:
        found += [document[start:end] for start, end in split_sentences(document)]
    for _, case in case_rows():
        found += [case["text"], case.get("pair", "")]
    return list(dict.fromkeys(text.strip() for text in found if text.strip()))


@dataclass(frozen=True)
class Figure:
    """One measured figure: what, how much, in which unit, and what it should be."""

    name: str
    value: float
    unit: str
    target: str = ""


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median(values: Sequence[float]) -> float:
    """Return the median, or NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def one_core() -> None:
    """Keep this process and its children on one core; call before numpy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def machine() -> dict[str, Any]:
    """Describe the machine that figures were measured on."""
    return {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}


def publish(title: str, figures: Sequence[Figure], json_out: Path | None, **context: Any) -> None:
    """Print figures as a table and, where asked for, write them as JSON."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("figure", "value", "unit", "aim", title=title, title_justify="left")
    for figure in figures:
        digits = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.4g}"
        table.add_row(*(Text(cell) for cell in (figure.name, digits, figure.unit, figure.target)))
    console = Console(width=None if os.isatty(1) else 120)
    console.print(table)
    for name, value in context.items():
        console.print(f"{name}: {value}", style="dim", highlight=False, markup=False)
    if json_out is not None:
        data = {
            "title": title,
            "figures": [asdict(figure) for figure in figures],
            "machine": machine(),
            **context,
        }
        json_out.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")


model_option = click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Model folder; the shipped model if not given.",
)
json_option = click.option(
    "--json", "json_out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here."
)
text_option = click.option(
    "--text",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Score the lines of this file instead of generated sentences.",
)


def model_arguments(model: Path | None) -> list[str]:
    """Return the command-line arguments that name a model."""
    return [] if model is None else ["--model", str(model)]
