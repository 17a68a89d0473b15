"""Evaluation on small rows with known answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mtdetect.training.comparison import BETTER, MIXED, SAME, WORSE, compare, comparison_table
from mtdetect.training.documents import assemble
from mtdetect.training.evaluation import Evaluation, evaluate
from mtdetect.training.evaluation_sets import build, evaluation_rows
from mtdetect.training.rows import Rows

SEGMENTS = 40


def marked(texts: Sequence[str]) -> list[float]:
    """Share of words that hold "zz"; no score for a text that says it has none."""
    return [
        float("nan") if "unscorable" in text else sum("zz" in word for word in text.split()) / len(text.split())
        for text in texts
    ]


def blind(texts: Sequence[str]) -> list[float]:
    return [0.5] * len(texts)


def make_rows(records: list[dict[str, Any]]) -> Rows:
    names = sorted({name for record in records for name in record} - {"text", "label", "content"})
    return Rows(
        text=[record["text"] for record in records],
        label=np.array([record["label"] for record in records], dtype=np.int8),
        weight=np.ones(len(records)),
        content=np.array([record["content"] for record in records], dtype=np.int64),
        columns={name: np.array([record.get(name, "") for record in records], dtype=object) for name in names},
    )


@pytest.fixture
def rows() -> Rows:
    records: list[dict[str, Any]] = []
    for i in range(SEGMENTS):
        base = {"group": f"g{i}", "content": i, "doc_id": f"d{i // 10}", "split": "test", "source_lang": "de"}
        records.append({**base, "text": f"plain words number {i}", "label": 0, "origin": "translation"})
        records.append({**base, "text": f"zz zz number {i}", "label": 1, "engine": "rbmt", "system": "a"})
        records.append({**base, "text": f"plain words number {i}", "label": 1, "engine": "nmt", "system": "b"})
        if i < 35:
            held = {**base, "held_out": "engine:smt", "engine": "smt", "system": "c"}
            records.append({**held, "text": f"zz words number {i}", "label": 1})
        records.append({**base, "split": "fit", "text": f"zz zz zz {i}", "label": 1, "engine": "seen"})
    for i in range(200):
        place = "clean_news" if i < 180 else "clean_blogs"
        text = "one zz here now" if i == 0 else f"clean text {i}"
        records.append({"text": text, "label": 0, "content": 100 + i, "collection": place, "split": "test"})
    records += [
        {
            "text": "me zz go home" if i < 4 else "me go home",
            "label": 0,
            "content": 400 + i,
            "collection": "clean_learner",
            "domain": "sms",
            "split": "test",
        }
        for i in range(40)
    ]
    return make_rows(records)


def find(evaluation: Evaluation, kind: str, name: str, level: str = "sentence", part: str = "sets") -> Any:
    found = evaluation.data["levels"][level][part]
    return next(one for one in found if (one["kind"], one["name"]) == (kind, name))


def test_training_rows_are_never_measured(rows: Rows) -> None:
    assert not (evaluation_rows(rows).column("split") == "fit").any()
    result = evaluate({"marked": marked}, rows, resamples=5)
    assert "seen" not in {one["name"] for one in result.data["levels"]["sentence"]["sets"]}


def test_clean_rows_can_be_limited_by_collection(rows: Rows) -> None:
    kept = evaluation_rows(rows, clean_limit=50).column("collection")
    assert [(kept == name).sum() for name in ("clean_news", "clean_blogs", "clean_learner")] == [50, 20, 40]
    assert (kept == "").sum() == (evaluation_rows(rows).column("collection") == "").sum()


def test_known_answers(rows: Rows) -> None:
    result = evaluate({"marked": marked, "blind": blind}, rows, resamples=20)
    smt = find(result, "held_out", "engine:smt")
    assert (smt["mt"], smt["human"], smt["groups"], smt["against_clean"]) == (35, 35, 35, False)
    assert smt["scorers"]["marked"]["auc"]["value"] == 1.0
    assert smt["scorers"]["marked"]["pair_wins"]["value"] == 1.0
    assert smt["scorers"]["blind"]["auc"]["value"] == 0.5
    assert smt["scorers"]["blind"]["flagged_at_1%"]["value"] == 0.0
    everything = find(result, "all", "test")
    assert everything["mt"] == 2 * SEGMENTS
    assert everything["scorers"]["marked"]["auc"]["value"] == pytest.approx(0.75)
    assert everything["scorers"]["marked"]["pair_wins"]["value"] == pytest.approx(0.75)
    assert everything["scorers"]["marked"]["flagged_at_1%"]["value"] == pytest.approx(0.5)
    assert everything["scorers"]["blind"]["calibration_error"]["value"] == pytest.approx(0.0)
    assert find(result, "engine", "nmt")["scorers"]["marked"]["auc"]["value"] == pytest.approx(0.5)


def test_thresholds_balance_collections_and_learners_are_counted_apart(rows: Rows) -> None:
    result = evaluate(
        {"marked": marked},
        rows,
        resamples=5,
        thresholds={"marked": {"sentence": 0.2, "document": 0.9}},
    )
    level = result.data["levels"]["sentence"]
    assert (level["clean"], level["clean_domains"]) == (200, 2)
    # One of 180 news rows is 0.28% of the balanced clean rows, so its score of 0.25 may be flagged.
    assert 0 < level["thresholds"]["marked"]["0.01"] <= 0.25
    assert level["thresholds"]["marked"]["own"] == 0.2
    news = find(result, "clean", "clean_news", part="false_positives")["scorers"]["marked"]
    assert news["flagged_at_1%"]["value"] == pytest.approx(1 / 180)
    assert news["flagged_at_own_1%"]["value"] == pytest.approx(1 / 180)
    learner = find(result, "learner", "all learner", part="false_positives")
    assert learner["scorers"]["marked"]["flagged_at_own_1%"]["value"] == pytest.approx(0.1)
    assert find(result, "translation", "all translation", part="false_positives")["human"] == SEGMENTS


def test_documents_are_assembled_and_paired(rows: Rows) -> None:
    tested = evaluation_rows(rows)
    pieces, members = assemble(tested)
    assert members.shape == (len(pieces), 10)
    assert all(text.count("\n") == 9 for text in pieces.text)
    result = evaluate({"marked": marked}, rows, document_scorers={"marked": marked}, resamples=5, by=("engine",))
    everything = find(result, "all", "test", level="document")
    assert (everything["mt"], everything["human"]) == (8, 4)
    assert everything["scorers"]["marked"]["pair_wins"]["value"] == pytest.approx(0.75)
    assert everything["scorers"]["marked"]["pair_wins"]["size"] == 8


def test_rows_without_a_score_are_counted_and_never_flagged(rows: Rows) -> None:
    rows.text = [text.replace("number 3", "unscorable") for text in rows.text]
    result = evaluate({"marked": marked}, rows, resamples=5)
    everything = find(result, "all", "test")
    assert everything["scorers"]["marked"]["unscored"] == 2 * 11
    assert everything["scorers"]["marked"]["flagged_at_1%"]["value"] == pytest.approx(29 / 80)


def test_a_baseline_can_abstain_where_a_detector_does(rows: Rows) -> None:
    rows.text = [text.replace("number 3", "unscorable") for text in rows.text]
    result = evaluate({"marked": marked, "blind": blind}, rows, abstain_with={"blind": "marked"}, resamples=2)
    assert find(result, "all", "test")["scorers"]["blind"]["unscored"] == 2 * 11
    assert "Baselines leave unscored every row that marked leaves unscored." in result.markdown()


def test_missing_sets_are_left_out_with_a_line() -> None:
    small = make_rows([{"text": "zz here", "label": 1, "content": 0}, {"text": "plain", "label": 0, "content": 1}])
    result = evaluate({"marked": marked}, small, by=("engine", "length", "rating"), resamples=3)
    lines = "\n".join(result.data["levels"]["sentence"]["left_out"])
    for reason in ("held_out:", "engine:", "length", "rating:", "documents:", "learner", "fewer than 100"):
        assert reason in lines
    assert [one["kind"] for one in result.data["levels"]["sentence"]["sets"]] == ["all"]
    assert find(result, "all", "test")["against_clean"]


def test_segments_are_pairs_before_groups() -> None:
    made = make_rows(
        [
            {"text": "a", "label": 0, "content": 0, "group": "doc", "pair": "1"},
            {"text": "b", "label": 1, "content": 0, "group": "doc", "pair": "1"},
            {"text": "c", "label": 1, "content": 0, "group": "doc", "pair": "2"},
            {"text": "d", "label": 0, "content": 0, "group": "doc"},
            {"text": "e", "label": 0, "content": 0},
        ]
    )
    segment = build(made).segment.tolist()
    assert segment[0] == segment[1]
    assert len(set(segment)) == 4


def test_worst_rated_rows_make_a_set() -> None:
    made = make_rows(
        [
            {"text": "t", "label": i % 2, "content": i // 2, "group": f"{i // 2}"}
            | ({"quality": f"{i}", "quality_kind": "DA"} if i % 2 else {})
            for i in range(400)
        ]
    )
    names = {one.name: len(one.mt) for one in build(made, ("rating",)).sets}
    assert names["DA: worst quarter"] == 50
    assert names["DA: the rest"] == 150


def test_result_is_json_and_tables_show_size_and_interval(rows: Rows) -> None:
    result = evaluate({"marked": marked, "blind": blind}, rows, resamples=5)
    text = json.dumps(result.data, allow_nan=False)
    assert json.loads(text) == result.data
    page = result.markdown()
    assert "| held_out: engine:smt | 35 | 35 | 35 | 1.000 [1.000, 1.000] | 0.500 [0.500, 0.500] |" in page
    assert "left out: length 10-19 words" in page
    assert len(result.tables()) == page.count("### ")


def test_same_seed_same_figures(rows: Rows) -> None:
    first, second, other = (
        evaluate({"marked": marked}, rows, resamples=10, seed=seed).data["levels"] for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_a_scorer_of_the_wrong_length_is_refused(rows: Rows) -> None:
    with pytest.raises(ValueError, match="one score a text"):
        evaluate({"broken": lambda texts: [0.1]}, rows)


def test_comparison_verdicts(rows: Rows) -> None:
    learners = rows.column("collection") == "clean_learner"
    assert compare(blind, marked, rows, resamples=50)["verdict"] == MIXED  # it flags learner English
    rows = rows.take(~learners)
    better = compare(blind, marked, rows, resamples=50)
    assert better["verdict"] == BETTER
    assert compare(marked, blind, rows, resamples=50)["verdict"] == WORSE
    same = compare(marked, marked, rows, resamples=50)
    assert same["verdict"] == SAME
    assert {one["verdict"] for one in same["differences"]} == {SAME}
    assert {one["difference"]["value"] for one in same["differences"]} == {0.0}
    json.dumps(better, allow_nan=False)
    table = comparison_table(better)
    assert "Overall: better" in table.markdown()
    smt = next(one for one in better["differences"] if one["name"] == "engine:smt" and one["metric"] == "auc")
    assert (smt["old"], smt["new"], smt["difference"]["value"]) == (0.5, 1.0, 0.5)
