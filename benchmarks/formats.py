"""Every format through ``mtdetect score`` against the library on the same texts, and two processes against one.

On one core rates are by processor time, which other work on the machine disturbs less than the clock, with the
command called in this process; its start (on a file of one row) is taken off. Two processes are measured by the
clock, as processes of their own.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from common import (
    Figure,
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

SENTENCES = 20  # in a document of the web archive


@click.command()
@model_option
@text_option
@json_option
@click.option("--rows", type=int, default=200_000, show_default=True, help="Sentences in each file.")
@click.option("--repeats", type=int, default=3, show_default=True, help="Turns of each measurement; the median counts.")
@click.option("--only", multiple=True, help="Measure only this; jobs: two processes against one.")
def main(
    model: Path | None, text: Path | None, json_out: Path | None, rows: int, repeats: int, only: Sequence[str]
) -> None:
    """Score one file of each format on one core, the library before and after each, in one run."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    one_core()
    import mtdetect

    pool = texts(text, 50_000)
    lines = (pool * (rows // len(pool) + 1))[:rows]
    documents = ["\n".join(lines[i : i + SENTENCES]) for i in range(0, rows, SENTENCES)]
    detector = mtdetect.load(model) if model else mtdetect.load()
    detector.score(pool[:2000])
    sample, sampled = lines[:50_000], documents[: 50_000 // SENTENCES]
    library: dict[str, Callable[[], float]] = {
        "sentence": lambda: len(sample) / _own_seconds(lambda: detector.score(sample)),
        "document": lambda: len(sampled) * SENTENCES / _own_seconds(lambda: detector.score_documents(sampled)),
    }
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for format, make in MAKERS.items():
            if only and format not in only:
                continue
            level = "document" if format == "warc" else "sentence"
            source = folder / f"in.{format}"
            make(source, documents if format == "warc" else lines)
            target = folder / f"out.{format if format not in ('txt', 'warc') else 'jsonl'}"
            rates, ratios = [], []
            short = folder / f"short.{format}"
            make(short, lines[:1])
            _score(model, str(short), "--level", level, "-o", str(target))  # imports
            for _ in range(repeats):
                start = _score(model, str(short), "--level", level, "-o", str(target))
                before = library[level]()
                took = _score(model, str(source), "--level", level, "-o", str(target)) - start
                around = (before + library[level]()) / 2
                rates.append(rows / took)
                ratios.append(rows / took / around)
            aim = "0.9 or more" if format == "parquet" else "0.8 or more"
            figures.append(Figure(f"{format} to {target.suffix[1:]}", median(rates), "sentences/s"))
            figures.append(Figure(f"{format}: command to library, {level}s", median(ratios), "ratio", aim))
            source.unlink()
            target.unlink()
        if not only or "jobs" in only:
            if cores is not None:
                os.sched_setaffinity(0, cores)
            figures += _two_processes(folder, model, lines, repeats)
    publish("Formats", figures, json_out, signature=detector.signature, rows=rows, cores=len(cores or ()))


def _two_processes(folder: Path, model: Path | None, lines: Sequence[str], repeats: int) -> list[Figure]:
    """Eight shards in one process and in two, one file in two; runs of one and of two take turns."""
    shards = folder / "shards"
    shards.mkdir()
    step = len(lines) // 8
    for i in range(8):
        MAKERS["jsonl"](shards / f"part-{i}.jsonl", lines[i * step : (i + 1) * step])
    MAKERS["jsonl"](folder / "whole.jsonl", lines)
    by_shard, by_chunk = [], []
    out = folder / "out"

    def took(jobs: int, source: Path, option: str) -> float:
        spent = seconds(lambda: _run(model, str(source), "--jobs", str(jobs), option, str(out)))
        shutil.rmtree(out) if out.is_dir() else out.unlink()  # what nobody reads need not go to the disk
        return spent

    for _ in range(repeats):
        by_shard.append(took(1, shards, "--output-dir") / took(2, shards, "--output-dir"))
        by_chunk.append(took(1, folder / "whole.jsonl", "-o") / took(2, folder / "whole.jsonl", "-o"))
    return [
        Figure("two processes to one, 8 shards", median(by_shard), "ratio", "1.8 or more"),
        Figure("two processes to one, one file", median(by_chunk), "ratio", "1.8 or more"),
    ]


def _command(model: Path | None, *arguments: str) -> list[str]:
    return ["score", "-q", *model_arguments(model), *arguments]


def _score(model: Path | None, *arguments: str) -> float:
    """Call the command; return its processor time in seconds."""
    from mtdetect.cli import main as mtdetect_main

    return _own_seconds(lambda: mtdetect_main(_command(model, *arguments), standalone_mode=False))


def _run(model: Path | None, *arguments: str) -> None:
    """Run the command as a process of its own."""
    subprocess.run([sys.executable, "-m", "mtdetect", *_command(model, *arguments)], check=True)


def _own_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _txt(path: Path, rows: Sequence[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _jsonl(path: Path, rows: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for i, row in enumerate(rows):
            out.write(json.dumps({"id": i, "url": f"https://example.org/{i}", "text": row}) + "\n")


def _delimited(path: Path, rows: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        if path.suffix == ".tsv":
            out.write("id\turl\ttext\n")
            out.writelines(f"{i}\thttps://example.org/{i}\t{row}\n" for i, row in enumerate(rows))
        else:
            writer = csv.writer(out)
            writer.writerow(["id", "url", "text"])
            writer.writerows([i, f"https://example.org/{i}", row] for i, row in enumerate(rows))


def _parquet(path: Path, rows: Sequence[str]) -> None:
    import pyarrow
    from pyarrow import parquet

    urls = [f"https://example.org/{i}" for i in range(len(rows))]
    parquet.write_table(pyarrow.table({"id": range(len(rows)), "url": urls, "text": rows}), path)


def _warc(path: Path, rows: Sequence[str]) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with path.open("wb") as out:
        for i, row in enumerate(rows):
            content = row.encode()
            head = (
                f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://example.org/{i}\r\nWARC-Date: {now}\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{i:012d}>\r\nContent-Type: text/plain\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            out.write(head.encode() + content + b"\r\n\r\n")


MAKERS: dict[str, Callable[[Path, Sequence[str]], None]] = {
    "txt": _txt,
    "jsonl": _jsonl,
    "csv": _delimited,
    "tsv": _delimited,
    "parquet": _parquet,
    "warc": _warc,
}


if __name__ == "__main__":
    main()
