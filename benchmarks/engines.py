"""What the parts for other engines cost: rows/s of one core through each, beside the library on the same rows.

Each runs in this process on one core, by processor time, in turns with the library: what an engine's worker does with
the rows it is given. What the engine itself costs comes on top; ``spark.py`` measures a whole job.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from common import Figure, json_option, median, model_option, one_core, publish, sentences


@click.command()
@model_option
@json_option
@click.option("--rows", type=int, default=30_000, show_default=True, help="Rows of each measurement.")
@click.option("--turns", type=int, default=5, show_default=True, help="Turns of each measurement; the median counts.")
def main(model: Path | None, json_out: Path | None, rows: int, turns: int) -> None:
    """Measure rows a second and core through each part (those whose packages are installed)."""
    one_core()
    import mtdetect

    gate = mtdetect.Gate(mtdetect.load(model), level="sentence")
    texts = sentences(rows)
    parts = {"Gate.decide_batch": lambda: gate.decide_batch(texts)} | _parts(gate, texts)
    library: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in parts}
    gate.decide_batch(texts[:2000])
    for _ in range(turns):
        for name, call in parts.items():
            alone = _rate(rows, lambda: gate.detector.score(texts))
            library.append(alone)
            ratios[name].append(_rate(rows, call) / alone)
    figures = [Figure("Detector.score", median(library), "rows/s")]
    figures += [Figure(name, median(found), "of Detector.score") for name, found in ratios.items()]
    publish("Engines, a gate over sentences, one core", figures, json_out, signature=gate.detector.signature)


def _parts(gate: Any, texts: list[str]) -> dict[str, Callable[[], Any]]:
    from mtdetect.integrations.rows import RowScorer

    rows = RowScorer(gate)
    parts: dict[str, Callable[[], Any]] = {
        "pandas, Dask: RowScorer.columns": lambda: rows.columns(texts),
        "Beam: RowScorer.rows, 4096 at a time": lambda: [rows.rows(texts[i : i + 4096]) for i in _steps(texts, 4096)],
    }
    if find_spec("pyarrow"):
        import pyarrow

        from mtdetect.integrations.arrow import ArrowScorer

        scorer, table = ArrowScorer(by=gate), pyarrow.table({"text": texts})
        for names, size in (("Spark, polars", 10_000), ("Ray", 4096), ("datasets", 1000)):
            parts[f"{names}: ArrowScorer, {size} at a time"] = lambda size=size: [
                scorer(table.slice(i, size)) for i in _steps(texts, size)
            ]
    if find_spec("datatrove"):
        from datatrove.data import Document

        from mtdetect.integrations.datatrove import MtdetectFilter

        step = MtdetectFilter(gate)
        parts["datatrove: the filter, 1024 at a time"] = lambda: sum(
            1 for _ in step.run(Document(text=text, id=str(i)) for i, text in enumerate(texts))
        )
    return parts


def _steps(texts: list[str], size: int) -> range:
    return range(0, len(texts), size)


def _rate(rows: int, call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return rows / (time.process_time() - start)


if __name__ == "__main__":
    main()
