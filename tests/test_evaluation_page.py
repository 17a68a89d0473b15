"""The page of a model: whole, self-contained, and nothing that a row says runs or hides."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mtdetect.report import evaluation_plots
from mtdetect.report.evaluation import render_evaluation
from mtdetect.report.evaluation_examples import worst_alarms, worst_misses
from mtdetect.training.evaluation import Evaluation, evaluate
from mtdetect.training.rows import rows_from_records
from mtdetect.verdict import Reason, Span

HOSTILE = "<script>alert(1)</script> & $x^2$ \u202e"


class Judge:
    """Scores by the share of words with zz; gives a span and a reason for the first of them."""

    def score(self, texts: Sequence[str]) -> Any:
        return np.array([min(0.99, 0.05 + text.count("zz") / 4) for text in texts])

    def check(self, text: str) -> Any:
        at = text.find("zz")
        spans = () if at < 0 else (Span(at, at + 2, "zz", 1.0, "zz"),)
        reasons = () if at < 0 else (Reason("zz", "words", "it has zz in it", 2.0),)
        return SimpleNamespace(score=float(self.score([text])[0]), spans=spans, reasons=reasons)


@pytest.fixture(scope="module")
def measured() -> Evaluation:
    draw = np.random.default_rng(0)
    records: list[dict[str, Any]] = []
    for i in range(400):
        human = {
            "text": f"Text {i} {HOSTILE} here.",
            "label": "human",
            "group": i,
            "collection": f"clean_{'ab'[i % 2]}",
        }
        engine = ("nmt", HOSTILE)[i % 2]
        words = " zz" * int(draw.integers(0, 4))
        records += [human, {"text": f"Text {i}{words}.", "label": "mt", "group": i, "engine": engine, "quality": i}]
    records[0]["text"] += " zz zz zz"  # the worst false alarm
    judge = Judge()
    rows = rows_from_records(records, "rows.jsonl")
    scorers = {"new 2.0": judge.score, "old 1.0": lambda texts: judge.score(texts) / 2}
    result = evaluate(scorers, rows, thresholds={"new 2.0": {"sentence": 0.5}}, resamples=5)
    result.data["signatures"] = {"new 2.0": "new 2.0 sha256:1", "old 1.0": "old 1.0 sha256:2"}
    return result


@pytest.fixture(scope="module")
def page(measured: Evaluation) -> str:
    scores = measured.scores["new 2.0"]
    judge: Any = Judge()
    return render_evaluation(
        measured.data,
        misses=worst_misses(judge, measured.rows, scores, 6),
        alarms=worst_alarms(judge, measured.rows, scores, 6),
    )


def test_the_page_shows_the_model_beside_the_other(page: str) -> None:
    assert "<h1>new 2.0</h1>" in page
    assert "old 1.0 sha256:2" in page
    for heading in ("Scores", "What a false-positive budget buys", "False positives", "What it finds", "All figures"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count('class="plot"') >= 7
    assert page.count("var(--series-2)") > 5  # the second scorer stands in the plots


def test_the_page_is_one_file_and_texts_run_nothing(page: str) -> None:
    assert "alert(1)</script>" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<span class="control">U+202E</span>' in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"<[^>]* style=", page)  # the policy lets no inline style through


def test_plots_are_whole_and_take_their_colours_from_the_page(page: str) -> None:
    plots = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    ids: list[str] = []
    for plot in plots:
        root = ElementTree.fromstring(plot.replace("xlink:href", "href"))
        assert root.get("role") == "img"
        assert root.get("aria-label")
        ids += [found.get("id", "") for found in root.iter() if found.get("id")]
        assert not re.search(r"#0[0-9a-f]{5}\b", plot)  # every stand-in was replaced
    assert len(ids) == len(set(ids))


def test_the_worst_errors_come_first_with_words_and_reasons(page: str, measured: Evaluation) -> None:
    scores = measured.scores["new 2.0"]
    judge: Any = Judge()
    alarms = worst_alarms(judge, measured.rows, scores, 6)
    assert alarms[0].score == "0.80"
    assert ("zz", True) in alarms[0].parts
    assert alarms[0].reasons == ("it has zz in it",)
    misses = worst_misses(judge, measured.rows, scores, 6)
    assert {one.score for one in misses} == {"0.05"}
    assert len({one.place.split(",")[0] for one in misses}) == 2  # engines in turns
    assert "<mark>zz</mark>" in page
    assert "it has zz in it" in page


def test_texts_can_be_left_out_and_a_study_be_added(measured: Evaluation) -> None:
    figure = {"value": 0.7, "low": 0.6, "high": 0.8, "size": 9}
    scorers = {"all families": {"auc": figure}, "without words": {"auc": {**figure, "value": 0.65}}}
    one = {"kind": "all", "name": "test", "mt": 5, "human": 5, "groups": 5, "against_clean": False, "scorers": scorers}
    study = {
        "signature": "new 2.0 sha256:1",
        "recipe": "mine",
        "corpus_rows": 10,
        "settings": {"share": 0.5, "baseline_rows": 10},
        "ablation": {"scorers": list(scorers), "levels": {"sentence": {"sets": [one]}}},
    }
    page = render_evaluation(measured.data, study=study)
    assert "Worst misses" not in page
    assert "Text 0" not in page
    assert "Ablation by feature family" in page
    assert "Without a family of features" in page


def test_a_curve_of_one_point_and_a_set_without_figures_draw() -> None:
    svg = evaluation_plots.dots([("a", [None]), ("b", [None])], ["x"], "AUC", "nothing", None)
    assert svg.startswith("<svg")
    assert evaluation_plots.trade_off({"x": [[0.1, 0.5]]}, "one point").startswith("<svg")
