"""The detector's promises: shape, order, batching, statuses, form, evidence."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtdetect
from conftest import load_cases
from mtdetect.detector import Detector
from mtdetect.text import split_sentences

NATURAL = [case["text"] for case in load_cases("must_not_flag")]
GARBLED = [case["text"] for case in load_cases("in_the_wild")]
MIXED = [*NATURAL[:30], None, "", "Hi there.", *GARBLED[:30], "Ceci est une phrase française, et elle est longue."]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a.view(np.int32), b.view(np.int32)))


def test_as_many_scores_as_texts(detector: Detector) -> None:
    scores = detector.score(MIXED)
    assert scores.shape == (len(MIXED),)
    assert scores.dtype == np.float32
    there = scores[~np.isnan(scores)]
    assert ((there >= 0) & (there <= 1)).all()
    assert detector.score([]).shape == (0,)
    assert detector.score_documents([]).shape == (0,)


def test_a_start_imports_nothing_that_scoring_has_no_use_for() -> None:
    code = """if True:
        import sys, numpy
        before = set(sys.modules)
        import mtdetect
        mtdetect.load().score(["The minister said on Thursday that the House would vote on it again."])
        mtdetect.load().score_documents(["The minister said on Thursday that the House would vote on it again."])
        idle = {"numpy.ma", "click", "rich", "scipy", "sklearn", "joblib", "multiprocessing", "pyarrow", "pandas"}
        print(sorted(idle & (set(sys.modules) - before)))
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_batching_changes_no_bit(detector: Detector, size: int) -> None:
    whole = detector.score(MIXED)
    parts = np.concatenate([detector.score(MIXED[i : i + size]) for i in range(0, len(MIXED), size)])
    assert same(whole, parts)
    documents = [" ".join(str(t) for t in MIXED[i : i + 5]) for i in range(40)]
    whole = detector.score_documents(documents)
    assert same(whole, np.concatenate([detector.score_documents(documents[i : i + size]) for i in range(0, 40, size)]))


def test_order_changes_no_bit(detector: Detector) -> None:
    backwards = detector.score(MIXED[::-1])[::-1]
    assert same(detector.score(MIXED), np.ascontiguousarray(backwards))


def test_long_batches_and_processes_change_no_bit(detector: Detector) -> None:
    many = (MIXED * 80)[:5000]
    once = detector.score(many)
    assert same(once[: len(MIXED)], detector.score(MIXED))
    assert same(once, detector.score(many, jobs=2))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(max_size=80), max_size=8))
def test_any_text_gets_a_score_or_a_status(detector: Detector, texts: list[str | None]) -> None:
    scored = detector.score_batch(texts)
    assert len(scored.scores) == len(texts)
    assert [status == "scored" for status in scored.statuses] == [not math.isnan(score) for score in scored.scores]
    assert len(detector.score_documents(texts)) == len(texts)
    for text in texts:
        if text is not None:
            verdict = detector.check(text)
            for span in verdict.spans:
                assert text[span.start : span.end] == span.text


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \n\t ", "empty"),
        ("...", "empty"),
        ("Hello there.", "too_short"),
        ("12 345 67", "too_short"),
        ("Это предложение написано по-русски.", "not_english"),
        ("这是一个用中文写的句子，讲的是天气。", "not_english"),
        ("هذه جملة مكتوبة باللغة العربية عن الطقس", "not_english"),
        ("Ceci est une phrase écrite en français pour les lecteurs.", "not_english"),
        ("Dies ist ein Satz, der auf Deutsch geschrieben wurde und nicht auf Englisch.", "not_english"),
        ("El presidente dijo que no iba a la reunión por los problemas.", "not_english"),
        ("Zarząd zatwierdził fuzję po długiej debacie we wtorek.", "not_english"),
        ("Hon gick hem i regnet utan paraply.", "not_english"),
        ("Gallia est omnis divisa in partes tres.", "not_english"),
        ("Rais alisema kwamba serikali itaongeza kodi mwaka ujao.", "not_english"),
        ("Me and my brother was going down the shops when it started chucking it down.", "scored"),
        ("lol no way dude thats the same guy who sold me the broken gpu", "scored"),
        ("The committee will meet again on Thursday.", "scored"),
        ("the committee will meet again on thursday", "scored"),
        ("THE COMMITTEE WILL MEET AGAIN ON THURSDAY", "scored"),
    ],
)
def test_status(detector: Detector, text: str | None, status: str) -> None:
    assert detector.score_batch([text]).statuses == [status]


@pytest.mark.parametrize("wrong", ["a bare string", b"bytes"])
def test_a_bare_string_is_refused_with_advice(detector: Detector, wrong: object) -> None:
    for method in (detector.score, detector.score_documents, detector.score_batch):
        with pytest.raises(TypeError, match=r"write .*\(\[text\]\)"):
            method(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 5, {"a": 1}, {"a"}])
def test_what_has_no_order_is_refused(detector: Detector, wrong: object) -> None:
    with pytest.raises(TypeError, match="takes a list of texts"):
        detector.score(wrong)  # type: ignore[arg-type]


def test_an_element_of_another_type_is_named(detector: Detector) -> None:
    with pytest.raises(TypeError, match="text 1 is int"):
        detector.score(["fine", 5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="one string"):
        detector.check(None)  # type: ignore[arg-type]
    assert math.isnan(detector.score([float("nan")])[0])  # type: ignore[list-item]


def test_hostile_texts(detector: Detector) -> None:
    texts = [
        "a" * 10_000_000,
        "\ud800 lone surrogate in a sentence of words",
        "nul\x00 bytes in a longer sentence here",
    ]
    texts += [
        "&" * 100_000,
        "' " * 100_000,
        "\u202eright to left marks in this long sentence",
        "😀" * 5000,
        "https://" * 9000,
    ]
    scores = detector.score(texts)
    assert len(scores) == len(texts)
    assert len(detector.score_documents(texts)) == len(texts)


def test_verdict_carries_evidence_that_adds_up(detector: Detector) -> None:
    for text in GARBLED[:10] + NATURAL[:10]:
        if detector.score_batch([text]).statuses != ["scored"]:
            continue
        explanation = detector.contributions(text)
        total = explanation.base + sum(part.contribution for part in explanation.features)
        assert total == pytest.approx(explanation.logit, abs=1e-9)
        assert explanation.score == pytest.approx(1 / (1 + math.exp(-total)), abs=1e-9)
        verdict = detector.check(text)
        assert verdict.score == pytest.approx(explanation.score, abs=1e-6)
        assert verdict.score == float(detector.score([text])[0])
        assert verdict.signature == detector.signature
        assert verdict.flagged == (verdict.score >= detector.threshold("sentence", 0.01))


def test_document_verdict(detector: Detector) -> None:
    text = f"{NATURAL[0]} {NATURAL[1]}\n\n{GARBLED[0]}"
    verdict = detector.check_document(text)
    assert verdict.score == float(detector.score_documents([text])[0])
    assert [text[s.start : s.start + len(s.text)] for s in verdict.sentences] == [
        text[a:b] for a, b in split_sentences(text)
    ]
    assert 0 <= verdict.flagged_share <= 1
    for sentence in verdict.sentences:
        for span in sentence.spans:
            assert sentence.text[span.start : span.end] == span.text
    empty = detector.check_document("")
    assert (empty.status, empty.sentences, empty.flagged) == ("empty", (), False)
    assert empty.to_dict()["score"] is None


def test_a_document_with_some_scorable_sentence_is_scored(detector: Detector) -> None:
    scored = detector.score_batch(
        ["Yes. No.", "Да. Нет, никогда не было такого.", f"Yes.\n{NATURAL[0]}"], level="document"
    )
    assert scored.statuses == ["too_short", "not_english", "scored"]


def test_thresholds_fall_with_the_rate(detector: Detector) -> None:
    for level in ("sentence", "document"):
        at = [detector.threshold(level, rate) for rate in (0.001, 0.01, 0.02, 0.05, 0.2)]  # type: ignore[arg-type]
        assert at == sorted(at, reverse=True)
        assert len(set(at)) == len(at)
    with pytest.raises(ValueError, match="level"):
        detector.threshold("word", 0.01)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="false_positive_rate"):
        detector.threshold("sentence", 1.5)
    with pytest.raises(TypeError, match=r"such as 0\.01"):
        detector.threshold("sentence", "1%")  # type: ignore[arg-type]


def test_pickling_keeps_scores(detector: Detector) -> None:
    again = pickle.loads(pickle.dumps(detector))
    assert len(pickle.dumps(detector)) < 1000
    assert same(again.score(MIXED), detector.score(MIXED))


def test_public_names() -> None:
    for name in mtdetect.__all__:
        assert getattr(mtdetect, name) is not None
    with pytest.raises(AttributeError):
        _ = mtdetect.no_such_name
