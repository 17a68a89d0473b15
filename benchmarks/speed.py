"""Speed on one core: library, command line, latency, start-up, and scaling to two processes.

Rates that are set in relation are measured in turns within one run, and the ratio is the median over turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from common import (
    Figure,
    case_rows,
    json_option,
    median,
    model_arguments,
    model_option,
    one_core,
    publish,
    seconds,
    text_option,
    texts,
)


@click.command()
@model_option
@text_option
@json_option
@click.option("--sentences", "count", type=int, default=40_000, show_default=True, help="Sentences scored a turn.")
@click.option("--turns", type=int, default=5, show_default=True, help="Turns of each measurement.")
def main(model: Path | None, text: Path | None, json_out: Path | None, count: int, turns: int) -> None:
    """Measure speed on one core (and on two, for jobs=2)."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    rows = texts(text, count)
    startup = _startup(turns, model)
    scaling = _scaling(rows * max(1, 400_000 // len(rows)), model) if len(cores) > 1 else []
    one_core()
    import sentencepiece

    import mtdetect

    detector = mtdetect.load(model) if model else mtdetect.load()
    folder = Path(detector.path)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
    detector.score(rows[:2000])
    pieces.encode(rows[:2000])
    cases = [case["text"] for name, case in case_rows() if name in ("in_the_wild", "synthetic")]
    garbled = (cases * (10_000 // len(cases) + 1))[:10_000]
    detector.spans(garbled)
    encode, score, command, spans, again = [], [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "rows.txt")
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        for _ in range(turns):
            encode.append(len(rows) / seconds(lambda: pieces.encode(rows, num_threads=1)))
            score.append(len(rows) / seconds(lambda: detector.score(rows)))
            command.append(len(rows) / seconds(lambda: _score_file(path, model)))
            spans.append(len(garbled) / seconds(lambda: detector.spans(garbled)))
            again.append(len(garbled) / seconds(lambda: detector.score(garbled)))
    single, checked = [], []
    for one in rows[:1000]:
        single.append(seconds(lambda one=one: detector.score([one])))
        checked.append(seconds(lambda one=one: detector.check(one)))
    words = sum(len(row.split()) for row in rows) / len(rows)
    figures = [
        Figure("sentencepiece encoding alone", median(encode), "sentences/s"),
        Figure("Detector.score", median(score), "sentences/s", "20,000 or more"),
        Figure(
            "Detector.score to sentencepiece",
            median([a / b for a, b in zip(score, encode, strict=True)]),
            "ratio",
            "0.25 or more",
        ),
        Figure(f"mtdetect score, {len(rows):,} lines with start-up", median(command), "sentences/s"),
        Figure("score([one sentence]), median", 1000 * median(single), "ms", "below 1"),
        Figure("check(one sentence), median", 1000 * median(checked), "ms"),
        Figure("Detector.spans, garbled sentences", median(spans), "sentences/s"),
        Figure(
            "Detector.spans to Detector.score, the same sentences",
            median([a / b for a, b in zip(spans, again, strict=True)]),
            "ratio",
        ),
        *startup,
        *scaling,
    ]
    publish("Speed", figures, json_out, signature=detector.signature, words_a_sentence=round(words, 1))


def _score_file(path: Path, model: Path | None) -> None:
    arguments = ["score", "-q", "--output-format", "jsonl", *model_arguments(model), str(path)]
    subprocess.run([sys.executable, "-m", "mtdetect", *arguments], check=True, stdout=subprocess.DEVNULL)


def _startup(turns: int, model: Path | None) -> list[Figure]:
    """Fresh processes: what importing, loading and --help take, and what Python alone takes."""
    name = "" if model is None else repr(str(model))
    timed = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    load = "import mtdetect; " + timed.replace("{}", "mtdetect.load({})")

    def printed(code: str) -> float:
        return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)

    def wall(*arguments: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL))

    printed(load.format(name))  # bytecode and file cache
    rounds = [
        (
            printed(timed.format("import mtdetect")),
            printed(load.format(name)),
            wall("-m", "mtdetect", "--help"),
            wall("-c", ""),
        )
        for _ in range(turns)
    ]
    imported, loaded, helped, bare = (median(values) for values in zip(*rounds, strict=True))
    return [
        Figure("import mtdetect", imported, "s", "below 0.25"),
        Figure("mtdetect.load(), imports included", loaded, "s", "below 0.3"),
        Figure("mtdetect --help", helped, "s", "below 0.3"),
        Figure("python -c '' (part of the line above)", bare, "s"),
    ]


def _scaling(rows: list[str], model: Path | None) -> list[Figure]:
    """One process against two on the same rows, in turns, in a process of its own with both cores."""
    code = (
        "import sys, time, json, mtdetect\n"
        "rows = sys.stdin.read().splitlines()\n"
        f"detector = mtdetect.load({'' if model is None else repr(str(model))})\n"
        "detector.score(rows[:40000], jobs=2)\n"
        "times = {1: [], 2: []}\n"
        "for _ in range(3):\n"
        "    for jobs in (1, 2):\n"
        "        start = time.perf_counter(); detector.score(rows, jobs=jobs)\n"
        "        times[jobs].append(time.perf_counter() - start)\n"
        "print(json.dumps(sorted(a / b for a, b in zip(times[1], times[2]))[1]))\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(rows).encode(),
        capture_output=True,
        check=True,
        env=environment,
    )
    return [Figure(f"jobs=2 against jobs=1, {len(rows):,} sentences", float(done.stdout), "times", "1.8 or more")]


if __name__ == "__main__":
    main()
