"""What the integrations share: any values in, as many results out, as Python lists and as Arrow columns."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mtdetect
from mtdetect.detector import Detector
from mtdetect.gate import Rules
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.rows import RowScorer
from mtdetect.model import load_model
from tests.integrations.contract import CLEAN, GARBLED, ODD, ODD_STATUSES, TEXTS, check_scores, many

ROOT = Path(__file__).resolve().parents[2]


def test_rows_are_those_of_the_api(detector: Detector) -> None:
    columns = RowScorer().columns(many(3))
    check_scores(columns["mtdetect_score"], columns["mtdetect_status"], many(3), detector)
    assert set(columns["mtdetect_signature"]) == {detector.signature}
    rows = RowScorer().rows(many(3))
    assert [row["mtdetect_status"] for row in rows] == columns["mtdetect_status"]
    assert list(rows[0]) == list(columns)


def test_documents(detector: Detector) -> None:
    columns = RowScorer(level="document", prefix="").columns(TEXTS)
    expected = detector.score_documents(TEXTS)
    assert columns["score"] == [None if np.isnan(score) else float(score) for score in expected]


@pytest.mark.parametrize("gated", [False, True])
def test_odd_values_become_a_status(gated: bool, detector: Detector) -> None:
    by = mtdetect.Gate(detector, level="sentence", empty="review") if gated else None
    columns = RowScorer(by).columns(ODD)
    assert columns["mtdetect_status"] == ODD_STATUSES
    assert [score is None for score in columns["mtdetect_score"]] == [False] + [True] * 6
    if gated:
        assert columns["mtdetect_action"] == ["pass"] + ["review"] * 6
        assert columns["mtdetect_reason"][1] == "not text but int"


def test_a_gate_decides_as_it_does_alone(detector: Detector) -> None:
    gate = mtdetect.Gate(detector, level="sentence")
    columns = RowScorer(gate).columns(TEXTS)
    decisions = gate.decide_batch(TEXTS)
    assert columns["mtdetect_action"] == [decision.action for decision in decisions]
    assert columns["mtdetect_reason"] == [decision.reason for decision in decisions]
    assert columns["mtdetect_action"][:3] == ["pass", "pass", "reject"]


def test_rules_by_source(detector: Detector) -> None:
    rules = Rules(false_positive_rate=0.01, review_rate=0.05, minimum_words=1000, short="reject")
    gate = mtdetect.Gate(detector, level="sentence", sources={"strict": rules})
    texts, sources = [CLEAN, CLEAN, CLEAN], ["strict", "other", None]
    columns = RowScorer(gate).columns(texts, sources)
    assert columns["mtdetect_action"] == ["reject", "pass", "pass"]
    table = pa.table({"text": texts, "site": sources})
    assert (
        ArrowScorer(by=gate, source_column="site")(table)["mtdetect_action"].to_pylist() == columns["mtdetect_action"]
    )
    assert ArrowScorer(by=gate)(table)["mtdetect_action"].to_pylist() == ["pass"] * 3
    assert RowScorer(gate).columns([CLEAN], [7])["mtdetect_action"] == ["pass"]
    with pytest.raises(mtdetect.InputError, match="no column 'host' among text, site; name the column of the source"):
        ArrowScorer(by=gate, source_column="host")(table)


def test_wrong_use_is_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="level is"):
        RowScorer(level="paragraph")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leave the level out"):
        RowScorer(mtdetect.Gate(detector), level="sentence")
    with pytest.raises(TypeError, match="a Detector or a Gate, not str"):
        RowScorer("models/default")  # type: ignore[arg-type]


@pytest.mark.parametrize("gated", [False, True])
def test_nothing_large_is_pickled(gated: bool, detector: Detector) -> None:
    scorer = RowScorer(mtdetect.Gate(detector) if gated else detector)
    sent = pickle.dumps(scorer)
    assert len(sent) < 1000
    assert pickle.loads(sent).columns(TEXTS) == scorer.columns(TEXTS)


def test_the_shipped_model_travels_without_its_path(tmp_path: Path) -> None:
    assert str(Detector().path).encode() not in pickle.dumps(Detector())
    other = Detector(tmp_path / "other")
    assert pickle.loads(pickle.dumps(other)).path == other.path


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_arrow_columns_of_every_string_type(kind: pa.DataType, detector: Detector) -> None:
    texts = many(2)
    column = pa.array(texts, pa.string()).cast(kind) if kind != pa.string_view() else pa.array(texts, kind)
    table = pa.table({"id": range(len(texts)), "body": column})
    scored = ArrowScorer("body")(table)
    assert scored.column_names == ["id", "body", "mtdetect_score", "mtdetect_status", "mtdetect_signature"]
    assert scored.select(["id", "body"]).equals(table)
    assert scored.schema.field("mtdetect_score").type == pa.float32()
    check_scores(scored["mtdetect_score"].to_pylist(), scored["mtdetect_status"].to_pylist(), texts, detector)


def test_arrow_batches_chunks_slices_and_nothing_at_all(detector: Detector) -> None:
    scorer = ArrowScorer(by=mtdetect.Gate(detector, level="sentence"))
    table = pa.concat_tables([pa.table({"text": TEXTS}), pa.table({"text": TEXTS})])
    whole = scorer(table)
    assert whole.column_names[1:] == [
        "mtdetect_action", "mtdetect_score", "mtdetect_reason", "mtdetect_status", "mtdetect_signature",
    ]  # fmt: skip
    assert scorer(table.slice(5, 9)).to_pylist() == whole.slice(5, 9).to_pylist()
    batch = scorer(pa.record_batch({"text": TEXTS}))
    assert isinstance(batch, pa.RecordBatch)
    assert batch.to_pylist() == whole.slice(0, len(TEXTS)).to_pylist()
    empty = scorer(table.slice(0, 0))
    assert (empty.num_rows, empty.schema) == (0, whole.schema)


@pytest.mark.parametrize(
    ("column", "status"),
    [
        (pa.array([1, None]), ["unreadable", "empty"]),
        (pa.array([None, None]), ["empty", "empty"]),
        (pa.array([b"\xff", b""]), ["unreadable", "empty"]),
        (pa.array([["a"], None]), ["unreadable", "empty"]),
        (pa.array([1.5, float("nan")]), ["unreadable", "empty"]),
    ],
)
def test_arrow_columns_of_other_types_become_statuses(column: pa.Array, status: list[str]) -> None:
    scored = ArrowScorer()(pa.table({"text": column}))
    assert scored["mtdetect_status"].to_pylist() == status
    assert scored["mtdetect_score"].null_count == 2


def test_text_that_is_no_utf8_becomes_a_status(detector: Detector) -> None:
    raw = pa.array([CLEAN.encode(), b"broken \xff bytes", None, GARBLED.encode()])
    broken = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    scored = ArrowScorer()(pa.table({"text": broken}))
    assert scored["mtdetect_status"].to_pylist() == ["scored", "unreadable", "empty", "scored"]
    assert scored["mtdetect_score"][3].as_py() == detector.score([GARBLED])[0]


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(mtdetect.InputError, match="no column 'text' among body, id; name the column"):
        ArrowScorer()(pa.table({"body": ["a"], "id": [1]}))
    with pytest.raises(mtdetect.InputError, match='2 columns are called "text"; rename'):
        ArrowScorer()(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]))
    with pytest.raises(mtdetect.InputError, match=r"'mtdetect_score' is there already; .* another prefix"):
        ArrowScorer()(pa.table({"text": ["a"], "mtdetect_score": [1]}))


def test_bytes_in_utf8_are_text(detector: Detector) -> None:
    columns = RowScorer().columns([GARBLED.encode(), bytearray(CLEAN.encode()), "\xe9".encode("latin-1")])
    assert columns["mtdetect_score"][:2] == detector.score([GARBLED, CLEAN]).tolist()
    assert columns["mtdetect_status"][2] == "unreadable"
    scored = ArrowScorer()(pa.table({"text": [GARBLED.encode(), None, b"\xff"]}))
    assert scored["mtdetect_score"][0].as_py() == detector.score([GARBLED])[0]
    assert scored["mtdetect_status"].to_pylist() == ["scored", "empty", "unreadable"]
    assert scored["text"].type == pa.binary()


def test_dotted_paths_lead_into_structs_unless_a_column_has_that_name(detector: Detector) -> None:
    documents = [{"body": {"text": GARBLED, "site": "strict"}}, {"body": None}, None]
    table = pa.table({"doc": documents, "doc.title": [CLEAN, GARBLED, None], "id": [1, 2, 3]})
    rules = Rules(false_positive_rate=0.01, review_rate=0.05, minimum_words=1000, short="reject")
    gate = mtdetect.Gate(detector, level="sentence", sources={"strict": rules})
    turns = table.append_column("turns", pa.array([[{"text": CLEAN}, {"text": GARBLED}], [], None]))
    assert ArrowScorer("turns.1.text")(turns)["mtdetect_status"].to_pylist() == ["scored", "empty", "empty"]
    scored = ArrowScorer("doc.body.text", by=gate, source_column="doc.body.site")(table)
    assert scored.select(table.column_names).equals(table)
    assert scored["mtdetect_status"].to_pylist() == ["too_short", "empty", "empty"]
    assert ArrowScorer("doc.body.text")(table)["mtdetect_score"][0].as_py() == detector.score([GARBLED])[0]
    batch = table.to_batches()[0]
    assert (
        ArrowScorer("doc.title")(batch)["mtdetect_score"].to_pylist()[:2] == detector.score([CLEAN, GARBLED]).tolist()
    )
    with pytest.raises(mtdetect.InputError, match=r"no column 'doc\.text' among doc, doc\.title, id"):
        ArrowScorer("doc.text")(table)


@pytest.mark.parametrize("batch", [{"text": [CLEAN]}, [CLEAN], None])
def test_what_is_no_arrow_table_is_refused_with_what_to_do(batch: object) -> None:
    with pytest.raises(mtdetect.InputError, match=r'no Arrow table but a .*datasets: with_format\("arrow"\)'):
        ArrowScorer()(batch)  # type: ignore[type-var]


def test_a_pickle_names_the_model_for_caches_that_go_by_it(tmp_path: Path, detector: Detector) -> None:
    folder = tmp_path / "model"
    shutil.copytree(detector.path, folder)
    scorers = [RowScorer(mtdetect.load(folder)), ArrowScorer(by=mtdetect.Gate(mtdetect.load(folder)))]
    before = [pickle.dumps(scorer) for scorer in scorers]
    assert [pickle.dumps(pickle.loads(data)) for data in before] == before
    assert pickle.loads(before[0]).columns([CLEAN])["mtdetect_signature"] == [detector.signature]
    manifest = folder / "manifest.json"
    line = json.dumps(detector.signature)
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(line, '"retrained 2.0"'), encoding="utf-8")
    load_model.cache_clear()
    assert all(pickle.dumps(scorer) != old for scorer, old in zip(scorers, before, strict=True))


def test_threads_that_start_together_load_the_model_once(tmp_path: Path, detector: Detector) -> None:
    shutil.copytree(detector.path, tmp_path / "model")
    scorer, start = RowScorer(Detector(tmp_path / "model")), threading.Barrier(4)

    def score(_: int) -> list[float | None]:
        start.wait()
        return scorer.columns([GARBLED])["mtdetect_score"]

    expected, loads = detector.score([GARBLED]).tolist(), load_model.cache_info().misses
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(score, range(4))) == [expected] * 4
    assert load_model.cache_info().misses == loads + 1


def test_columns_that_are_there_already_are_refused_in_any_case_where_asked() -> None:
    scorer = RowScorer()
    scorer.check_columns(["text", "MTDETECT_SCORE", 7], "text")
    with pytest.raises(mtdetect.InputError, match="'MTDETECT_SCORE' is there already; drop it"):
        scorer.check_columns(["text", "MTDETECT_SCORE"], any_case=True)
    with pytest.raises(mtdetect.InputError, match="'mtdetect_status' is there already"):
        scorer.check_columns(["mtdetect_status"])
    with pytest.raises(mtdetect.InputError, match='2 columns are called "text"'):
        scorer.check_columns(["text", "text"], "text")
    with pytest.raises(mtdetect.InputError, match="no column 'text' among id, 7; name the column of the text"):
        scorer.check_columns(["id", 7], "text")


@pytest.mark.parametrize(
    ("blocked", "call", "line"),
    [
        ("pyarrow", "arrow import ArrowScorer as made; made()", "mtdetect[parquet]"),
        ("pyspark", "spark import score_dataframe as made; made(None)", "mtdetect[spark]"),
        ("pyspark", "spark import BatchScorer as made; made(None)", "mtdetect[spark]"),
        ("pyspark", "spark import score_udf as made; made()", "mtdetect[spark]"),
        ("pyarrow", "spark import score_dataframe as made; made(None)", "mtdetect[spark]"),
        ("pyarrow", "spark import score_udf as made; made()", "mtdetect[spark]"),
        ("ray", "ray import score_dataset as made; made(None)", "mtdetect[ray]"),
        ("datatrove", "datatrove import MtdetectFilter as made; made()", "mtdetect[datatrove]"),
    ],
)
def test_a_missing_framework_is_named_with_its_pip_line(blocked: str, call: str, line: str) -> None:
    code = f"import sys; sys.modules[{blocked!r}] = None; from mtdetect.integrations.{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"pip install '{line}'" in done.stderr.splitlines()[-1]
