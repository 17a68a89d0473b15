"""Spark on a local cluster: a master and two executors, each in a process of its own."""

from __future__ import annotations

import datetime
import decimal
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.integrations.recipes import NO_JAVA, java_version

pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'mtdetect[spark]'")


if java_version() < 17:
    pytest.skip(NO_JAVA, allow_module_level=True)

import pyspark.sql.functions
from pyspark.sql import DataFrame, SparkSession

import mtdetect
from mtdetect.detector import Detector
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.spark import BatchScorer, score_dataframe, score_udf
from tests.integrations.contract import CLEAN, GARBLED, TEXTS, check_scores, many

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("spark")
    # pandas cannot be imported in the workers
    (folder / "pandas.py").write_text("raise ImportError('no pandas here')\n", encoding="utf-8")
    environment = pytest.MonkeyPatch()
    environment.setenv("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.master("local-cluster[2,1,768]")
        .config("spark.executor.memory", "768m")
        .config("spark.driver.memory", "768m")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "100")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.executorEnv.PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
    environment.undo()


def _frame(spark: SparkSession, texts: list[str | None], partitions: int = 4) -> DataFrame:
    rows = list(enumerate(texts))
    return spark.createDataFrame(spark.sparkContext.parallelize(rows, partitions), "id long, text string")


def test_data_frame(spark: SparkSession, detector: Detector) -> None:
    texts = many(60)
    rows = score_dataframe(_frame(spark, texts), "text").collect()
    assert [row["id"] for row in rows] == list(range(len(texts)))
    assert [row["text"] for row in rows] == texts
    check_scores([row["mtdetect_score"] for row in rows], [row["mtdetect_status"] for row in rows], texts, detector)
    assert {row["mtdetect_signature"] for row in rows} == {detector.signature}


def test_gate_filters_and_rows_without_score_are_not_above_every_number(
    spark: SparkSession, detector: Detector
) -> None:
    gate = mtdetect.Gate(detector, level="sentence")
    scored = score_dataframe(_frame(spark, TEXTS), "text", by=gate, prefix="")
    kept = scored.filter("action != 'reject'").select("id", "action").collect()
    decisions = gate.decide_batch(TEXTS)
    assert [row["id"] for row in kept] == [i for i, each in enumerate(decisions) if each.action != "reject"]
    assert GARBLED in {row["text"] for row in scored.filter("action = 'reject'").collect()}
    high = scored.filter(f"score >= {gate.reject_threshold}").select("id").collect()
    assert [row["id"] for row in high] == [i for i, each in enumerate(decisions) if each.action == "reject"]
    assert [row["reason"] for row in scored.collect()] == [each.reason for each in decisions]


@pytest.mark.skipif(not hasattr(pyspark.sql.functions, "arrow_udf"), reason="score_udf needs Spark 4.1")
def test_udf_gives_the_same_and_scores_once(spark: SparkSession, detector: Detector) -> None:
    score = score_udf(level="document")
    frame = _frame(spark, many(5)).withColumn("garble", score("text"))
    rows = frame.select("id", "garble.*").collect()
    assert [row["id"] for row in rows] == list(range(len(many(5))))
    expected = detector.score_batch(many(5), "document")
    assert [row["score"] for row in rows] == [None if s != s else s for s in expected.scores.tolist()]
    assert [row["status"] for row in rows] == expected.statuses
    filtered = frame.filter("garble.score > 0.5").select("garble.score", "garble.status")
    assert filtered._jdf.queryExecution().executedPlan().toString().count("ArrowEvalPython") == 1


def test_udf_of_an_older_spark_is_refused_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pyspark.sql.functions, "arrow_udf", raising=False)
    with pytest.raises(mtdetect.MissingExtraError, match=r"needs Spark 4\.1 \(score_dataframe runs from 3\.5 on\)"):
        score_udf()


def test_other_columns_come_back_as_they_went(spark: SparkSession) -> None:
    frame = spark.sql(
        f"""select '{CLEAN}' as text, 1.10 as amount, timestamp'2026-03-29 02:30:00' as moment, date'1600-01-01' as day,
        map('a', array(1, null)) as nested, X'00ff' as raw, named_struct('b', cast(null as int)) as part,
        double('NaN') as ratio, cast(null as void) as nothing"""
    )
    row = score_dataframe(frame).collect()[0]
    assert row[: len(frame.columns) - 2] == frame.collect()[0][: len(frame.columns) - 2]
    assert row["amount"] == decimal.Decimal("1.10")
    assert row["day"] == datetime.date(1600, 1, 1)
    assert row["ratio"] != row["ratio"]


def test_text_that_is_no_utf8_becomes_a_status(spark: SparkSession) -> None:
    frame = spark.sql(f"select cast(X'66ff66' as string) as text union all select '{CLEAN}'")
    assert [row["mtdetect_status"] for row in score_dataframe(frame).collect()] == ["unreadable", "scored"]


def test_columns_that_do_not_fit_are_refused_before_anything_runs(spark: SparkSession) -> None:
    frame = _frame(spark, TEXTS)
    with pytest.raises(mtdetect.InputError, match="no column 'body' among id, text"):
        score_dataframe(frame, "body")
    with pytest.raises(mtdetect.InputError, match="'id' holds bigint, not string"):
        score_dataframe(frame, "id")
    with pytest.raises(mtdetect.InputError, match="another prefix"):
        score_dataframe(score_dataframe(frame), "text")


def test_names_that_sql_would_take_apart_and_names_twice(spark: SparkSession, detector: Detector) -> None:
    frame = spark.createDataFrame([(CLEAN, 1, 2, 3)], "`a.b text` string, `x``y` int, n int, m int")
    frame = frame.toDF("a.b text", "x`y", "n", "n")
    scored = score_dataframe(frame, "a.b text")
    assert scored.columns == [*frame.columns, "mtdetect_score", "mtdetect_status", "mtdetect_signature"]
    (row,) = scored.collect()
    assert row[:5] == (CLEAN, 1, 2, 3, detector.score([CLEAN])[0])
    with pytest.raises(mtdetect.InputError, match='2 columns are called "n"; rename'):
        score_dataframe(frame, "n")


def test_text_in_structs_and_as_bytes(spark: SparkSession, detector: Detector) -> None:
    kinds = "doc struct<text: string>, raw binary, turns array<struct<text: string>>"
    frame = spark.createDataFrame([((GARBLED,), bytearray(CLEAN.encode()), [(CLEAN,), (GARBLED,)])], kinds)
    scored = score_dataframe(score_dataframe(frame, "doc.text"), "raw", prefix="raw_")
    (row,) = score_dataframe(scored, "turns.1.text", prefix="turn_").collect()
    assert row["turn_score"] == row["mtdetect_score"]
    assert [row["mtdetect_score"], row["raw_score"]] == detector.score([GARBLED, CLEAN]).tolist()
    assert row["doc"]["text"] == GARBLED


@pytest.mark.skipif(pyspark.__version__ < "4", reason="Spark 3 has no collations")
def test_text_with_a_collation(spark: SparkSession, detector: Detector) -> None:
    frame = spark.sql(f"select '{GARBLED}' collate UTF8_LCASE as text, 'a' collate UNICODE_CI as other")
    (row,) = score_dataframe(frame).collect()
    assert row[:3] == (GARBLED, "a", detector.score([GARBLED])[0])


def test_an_added_name_in_capitals_is_refused(spark: SparkSession) -> None:
    frame = _frame(spark, TEXTS).withColumnRenamed("id", "MTDETECT_SCORE")
    with pytest.raises(mtdetect.InputError, match="'MTDETECT_SCORE' is there already; drop it"):
        score_dataframe(frame)


def test_a_worker_loads_the_model_once_without_pandas(spark: SparkSession) -> None:
    scorer = BatchScorer(ArrowScorer())
    assert len(pickle.dumps(scorer)) < 1000

    def with_process(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import sys

        from mtdetect.model import load_model

        for batch in scorer(batches):
            facts = (os.getpid(), load_model.cache_info().misses, int("pandas" in sys.modules), batch.num_rows)
            yield pa.record_batch(
                {"process": [facts[0]], "loads": [facts[1]], "pandas": [facts[2]], "rows": [facts[3]]}
            )

    frame = _frame(spark, many(100), partitions=6)
    rows = frame.mapInArrow(with_process, "process long, loads long, pandas long, rows long").collect()
    assert sum(row["rows"] for row in rows) == len(many(100))
    assert len(rows) > 6
    assert {row["loads"] for row in rows} == {1}
    assert {row["pandas"] for row in rows} == {0}
    assert os.getpid() not in {row["process"] for row in rows}
