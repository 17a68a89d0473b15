"""A large file through ``mtdetect score``: rate against the library's, and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from common import (
    Figure,
    json_option,
    model_arguments,
    model_option,
    one_core,
    publish,
    seconds,
    text_option,
    texts,
)

POOL = 50_000


@click.command()
@model_option
@text_option
@json_option
@click.option("--size", type=float, default=1000.0, show_default=True, help="Size of the file in MB.")
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for the file; the system's temporary folder if not given.",
)
@click.option(
    "--output-format",
    type=click.Choice(["jsonl", "csv", "tsv"]),
    default="jsonl",
    show_default=True,
    help="Output.",
)
def main(
    model: Path | None,
    text: Path | None,
    json_out: Path | None,
    size: float,
    scratch: Path | None,
    output_format: str,
) -> None:
    """Score a file of the given size, and a tenth of it, on one core."""
    one_core()
    import mtdetect

    pool = texts(text, POOL)
    detector = mtdetect.load(model) if model else mtdetect.load()
    detector.score(pool[:2000])
    library = [len(pool) / seconds(lambda: detector.score(pool))]
    figures: list[Figure] = []
    rate = 0.0
    for megabytes in (size / 10, size):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            path = Path(folder, "rows.txt")
            lines = _write(path, pool, int(megabytes * 1e6))
            wall, peak = _score(path, model, output_format)
        library.append(len(pool) / seconds(lambda: detector.score(pool)))
        rate = lines / wall
        name = f"mtdetect score, {megabytes:,.0f} MB, {lines:,} lines"
        figures.append(Figure(name, rate, "sentences/s"))
        figures.append(Figure(f"peak memory at {megabytes:,.0f} MB", peak / 1e6, "MB", "below 400, same at any size"))
    around = sum(library[-2:]) / 2
    figures.append(Figure("Detector.score before and after the large file", around, "sentences/s"))
    figures.append(Figure("command to library", rate / around, "ratio", "0.8 or more"))
    publish("Large files", figures, json_out, signature=detector.signature)


def _write(path: Path, pool: list[str], size: int) -> int:
    """Write lines of the pool until the file has ``size`` bytes; return the number of lines."""
    block = ("\n".join(pool) + "\n").encode()
    lines = written = 0
    with path.open("wb") as out:
        while written + len(block) <= size:
            out.write(block)
            written += len(block)
            lines += len(pool)
        for text in pool:
            if written >= size:
                break
            line = f"{text}\n".encode()
            out.write(line)
            written += len(line)
            lines += 1
    return lines


def _score(path: Path, model: Path | None, output_format: str) -> tuple[float, float]:
    """Run the command; return its wall time in seconds and its peak resident memory in bytes."""
    arguments = ["score", "-q", "--output-format", output_format, *model_arguments(model), str(path)]
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "mtdetect", *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise click.ClickException(f"mtdetect score ended with exit code {process.returncode}")
    return wall, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
