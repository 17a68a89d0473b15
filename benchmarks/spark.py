"""A Spark job over a few million rows, beside one process that scores the same rows without Spark.

The rows are generated and written to Parquet first. What is timed is a whole job: read the Parquet files, judge every
row by a gate, write what is kept. Spark and the single process are timed in turns within one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from common import Figure, json_option, median, model_option, publish, seconds, sentences

_DISTINCT = 50_000  # sentences; they come again under other ids, and every row is scored

_ALONE = """
import sys
sys.path.insert(0, {here!r})
from common import one_core, seconds, sentences
one_core()
import mtdetect
detector, rows = mtdetect.load({model!r}), sentences(20_000)
detector.score(rows[:2000])
print(len(rows) / seconds(lambda: detector.score(rows)))
"""


@click.command()
@model_option
@json_option
@click.option("--rows", type=int, default=3_000_000, show_default=True, help="Rows of the job.")
@click.option("--executors", type=int, default=2, show_default=True, help="Spark executors, each with one core.")
@click.option("--turns", type=int, default=3, show_default=True, help="Turns of each measurement.")
def main(model: Path | None, json_out: Path | None, rows: int, executors: int, turns: int) -> None:
    """Measure rows a second and core of a Spark job (needs the extra spark, and Java 17)."""
    import mtdetect
    from mtdetect.integrations.spark import score_dataframe

    gate = mtdetect.Gate(mtdetect.load(model), level="sentence")
    with tempfile.TemporaryDirectory() as scratch:
        source, kept = Path(scratch, "rows"), str(Path(scratch, "kept"))
        _generate(rows, 4 * executors, source)
        spark = _session(executors)

        def job() -> None:
            scored = score_dataframe(spark.read.parquet(str(source)), by=gate)
            scored.filter("mtdetect_action != 'reject'").write.mode("overwrite").parquet(kept)

        def idle() -> None:
            frame = spark.read.parquet(str(source))
            frame.mapInArrow(_unchanged, frame.schema).write.mode("overwrite").parquet(kept)

        job()  # workers start and load the model
        alone, whole, empty = [], [], []
        for _ in range(turns):
            alone.append(_alone(model))
            whole.append(rows / seconds(job))
            empty.append(rows / seconds(idle))
        counted = score_dataframe(spark.read.parquet(str(source)), by=gate).groupBy("mtdetect_action").count().collect()
        actions = {row["mtdetect_action"]: row["count"] for row in counted}
        spark.stop()
    if sum(actions.values()) != rows:
        raise click.ClickException(f"{rows:,} rows went in, {sum(actions.values()):,} came out")
    ratio = median([a / executors / b for a, b in zip(whole, alone, strict=True)])
    figures = [
        Figure("Detector.score, one process on one core", median(alone), "rows/s"),
        Figure(f"Spark job, {rows:,} rows, {executors} executors", median(whole), "rows/s"),
        Figure("the same, a core", median(whole) / executors, "rows/s"),
        Figure("a core of the job to one process", ratio, "ratio"),
        Figure("the job without scoring: read, to Python and back, write", median(empty), "rows/s"),
    ]
    publish("Spark", figures, json_out, signature=gate.detector.signature, actions=actions)


def _generate(rows: int, files: int, target: Path) -> None:
    """Write Parquet files with an id and a sentence a row."""
    import pyarrow
    import pyarrow.parquet

    target.mkdir()
    made = pyarrow.array(sentences(min(rows, _DISTINCT)))
    for number in range(files):
        ids = range(rows * number // files, rows * (number + 1) // files)
        texts = made.take(pyarrow.array([i % len(made) for i in ids], pyarrow.int64()))
        table = pyarrow.table({"id": pyarrow.array(ids, pyarrow.int64()), "text": texts})
        pyarrow.parquet.write_table(table, target / f"{number}.parquet")


def _session(executors: int) -> Any:
    """Start a master and executors with a core each, in processes of their own."""
    here = Path(__file__).resolve().parent
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local-cluster[{executors},1,1024]")
    for name, value in {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join((str(here), str(here.parent))),
        "spark.ui.enabled": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _alone(model: Path | None) -> float:
    code = _ALONE.format(here=str(Path(__file__).resolve().parent), model=model and str(model))
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)


def _unchanged(batches: Iterator[Any]) -> Iterator[Any]:
    return batches


if __name__ == "__main__":
    main()
