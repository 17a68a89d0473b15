"""Every recipe of docs/integrations.md runs as it stands, and gives what the API gives."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import mtdetect
from mtdetect.detector import Detector
from tests.integrations.contract import CLEAN, ODD, ODD_STATUSES, bits
from tests.integrations.recipes import NO_JAVA, PAGE, ROOT, code, java_version, run

EXAMPLES = ROOT / "examples"
ARTICLES = [json.loads(line) for line in (EXAMPLES / "articles.jsonl").read_text(encoding="utf-8").splitlines()]
with (EXAMPLES / "comments.csv").open(encoding="utf-8", newline="") as lines:
    COMMENTS = list(csv.DictReader(lines))


def _check(rows: list[dict[str, Any]], given: list[dict[str, Any]], detector: Detector) -> None:
    texts = [row["text"] for row in given]
    assert [str(row["id"]) for row in rows] == [row["id"] for row in given]
    assert [row["text"] if isinstance(row["text"], str) else "" for row in rows] == texts
    assert bits([row["mtdetect_score"] for row in rows]) == bits(detector.score(texts).tolist())
    assert [row["mtdetect_status"] for row in rows] == detector.score_batch(texts).statuses
    assert {row["mtdetect_signature"] for row in rows} == {detector.signature}


@pytest.mark.parametrize(
    ("heading", "package", "rows", "given"),
    [
        ("Hugging Face datasets", "datasets", "list(scored)", ARTICLES),
        ("polars", "polars", "scored.to_dicts()", COMMENTS),
        ("pandas", "pandas", "scored.to_dict('records')", COMMENTS),
        ("Dask", "dask.dataframe", "scored.compute().to_dict('records')", ARTICLES),
    ],
)
def test_table_recipes(
    heading: str, package: str, rows: str, given: list[dict[str, Any]], tmp_path: Path, detector: Detector
) -> None:
    pytest.importorskip(package)
    _check(run(f"{code(heading)}\nrows = {rows}", tmp_path), given, detector)


def test_odd_values_in_pandas(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    frame = f"pandas.DataFrame({{'text': {[CLEAN, *ODD[1:4], None, None, True]!r}}})"
    extra = f"given = {frame}\ngiven.loc[4, 'text'] = pandas.NA\nrows = add_scores(given).drop(columns='text')"
    rows = run(f"{code('pandas')}\n{extra}.to_dict('records')", tmp_path)
    assert [row["mtdetect_status"] for row in rows] == ODD_STATUSES


def test_pandas_frames_without_rows_have_the_same_types(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    rows = "rows = [{name: str(kind) for name, kind in each.dtypes.items()} for each in (scored, add_scores(EMPTY))]"
    empty = "pandas.read_csv('examples/comments.csv')[:0]"
    full, none = run(f"{code('pandas')}\n{rows.replace('EMPTY', empty)}", tmp_path)
    assert none == full
    assert full["mtdetect_score"] == "float32"


def test_polars_streams_and_leaves_columns_of_every_type(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("polars")
    _check(
        run(f"{code('polars')}\nrows = polars.read_parquet('scored.parquet').to_dicts()", tmp_path), COMMENTS, detector
    )
    given = (
        "given = scored.select('text').with_columns(thing=polars.Series([print] * len(scored), dtype=polars.Object))"
    )
    rows = "rows = [[each is print for each in add_scores(given)['thing']]]"
    assert run(f"{code('polars')}\n{given}\n{rows}", tmp_path) == [[True] * len(COMMENTS)]


def test_the_cache_of_datasets_knows_the_model(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("datasets")
    shutil.copytree(detector.path, tmp_path / "model")
    script = code("Hugging Face datasets").replace('ArrowScorer("text")', 'ArrowScorer("text", mtdetect.load("model"))')
    script = f"import mtdetect\n{script}\nrows = [[scored._fingerprint, scored[0]['mtdetect_signature']]]"
    first = run(script, tmp_path)
    assert run(script, tmp_path) == first
    manifest = tmp_path / "model" / "manifest.json"
    line = json.dumps(detector.signature)
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(line, '"retrained 2.0"'), encoding="utf-8")
    ((fingerprint, signature),) = run(script, tmp_path)
    assert fingerprint != first[0][0]
    assert signature == "retrained 2.0"


def test_beam(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("apache_beam")
    rows = run(f"{code('Beam')}\nrows = [json.loads(line) for line in open('scored.jsonl')]", tmp_path)
    _check(sorted(rows, key=lambda row: [each["id"] for each in ARTICLES].index(row["id"])), ARTICLES, detector)


def test_dolma(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("dolma", reason="dolma wants an environment of its own")
    (tmp_path / "documents").mkdir()
    with gzip.open(tmp_path / "documents" / "0.jsonl.gz", "wt", encoding="utf-8") as file:
        for row in ARTICLES:
            file.write(json.dumps({"id": row["id"], "text": row["text"], "source": "example"}) + "\n")
    (tmp_path / "tagger.py").write_text(code("dolma"), encoding="utf-8")
    command = re.findall(r"^PYTHONPATH=. (dolma tag .*)$", PAGE, flags=re.MULTILINE)
    assert len(command) == 1
    script = (
        f"import gzip, json, shlex, subprocess, sys\nfrom pathlib import Path\ncommand = shlex.split({command[0]!r})\n"
    )
    script += "subprocess.run([Path(sys.executable).with_name('dolma'), *command[1:]], check=True)\n"
    script += "rows = [json.loads(line) for line in gzip.open(next(Path('attributes').rglob('*.gz')), 'rt')]"
    rows = run(script, tmp_path)
    assert [row["id"] for row in rows] == [row["id"] for row in ARTICLES]
    expected = detector.score_documents([row["text"] for row in ARTICLES]).tolist()
    for row, given, score in zip(rows, ARTICLES, expected, strict=True):
        ((name, spans),) = row["attributes"].items()
        assert name.endswith("__scored")
        assert spans[0][:2] == [0, len(given["text"])]
        assert spans[0][2] == pytest.approx(score, abs=1e-5)  # dolma rounds what it writes


def test_datatrove(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("datatrove")
    collect = "import gzip, json\nfrom pathlib import Path\nrows = [json.loads(line) | {'folder': folder} "
    collect += "for folder in ('kept', 'rejected') for file in Path(folder).rglob('*.gz') for line in gzip.open(file)]"
    rows = run(f"{code('datatrove')}\n{collect}", tmp_path)
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in ARTICLES)
    scores = dict(
        zip([r["id"] for r in ARTICLES], detector.score_documents([r["text"] for r in ARTICLES]), strict=True)
    )
    assert all(row["metadata"]["mtdetect_score"] == scores[row["id"]] for row in rows)
    rejected = {row["id"] for row in rows if row["folder"] == "rejected"}
    assert rejected == {row["id"] for row in rows if row["metadata"]["mtdetect_action"] == "reject"} != set()


def test_ray(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("ray.data")
    collect = "import pyarrow.parquet\nfrom pathlib import Path\n"
    collect += (
        "parts = [pyarrow.parquet.ParquetFile(file).read() for file in sorted(Path('scored').glob('*.parquet'))]\n"
    )
    collect += "rows = [row for part in parts for row in part.to_pylist()]"
    rows = run(f"{code('Ray Data')}\n{collect}", tmp_path)
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in ARTICLES)
    expected = mtdetect.Gate(detector).decide_batch([row["text"] for row in rows])
    assert [row["mtdetect_score"] for row in rows] == [each.score for each in expected]
    assert [row["mtdetect_action"] for row in rows] == [each.action for each in expected]


@pytest.mark.skipif(java_version() < 17, reason=NO_JAVA)
def test_spark(tmp_path: Path, detector: Detector) -> None:
    pytest.importorskip("pyspark")
    kept = "[row.asDict() for row in spark.read.parquet('kept.parquet').collect()]"
    rows = run(f"{code('Spark')}\nrows = {kept} + [row.asDict() for row in garble.collect()]", tmp_path)
    decisions = mtdetect.Gate(detector).decide_batch([row["text"] for row in ARTICLES])
    passed = [row["id"] for row, each in zip(ARTICLES, decisions, strict=True) if each.action != "reject"]
    assert 0 < len(passed) < len(ARTICLES)
    assert [row["id"] for row in rows] == passed + [row["id"] for row in ARTICLES]
    assert [row["score"] for row in rows[len(passed) :]] == [each.score for each in decisions]
    assert [row["status"] for row in rows[len(passed) :]] == [each.status for each in decisions]
