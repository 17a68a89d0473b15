from __future__ import annotations

import math
import pickle

import pytest
from fake_detector import CLEAN, GARBLED, MIDDLING, FakeDetector
from hypothesis import given
from hypothesis import strategies as st

import mtdetect
from mtdetect.gate import ACTIONS, Decision, Gate, Policy, Rules


def gate(**options: object) -> Gate:
    return Gate(FakeDetector(), **{"level": "sentence", **options})  # type: ignore[arg-type]


def test_three_actions() -> None:
    decisions = gate().decide_batch([CLEAN, MIDDLING, GARBLED])
    assert [decision.action for decision in decisions] == ["pass", "review", "reject"]
    assert [decision.status for decision in decisions] == ["scored"] * 3
    assert decisions[0].reason == ""
    assert decisions[2].reason == "words with zz in them"
    assert {decision.signature for decision in decisions} == {FakeDetector.signature}
    assert all(0 <= decision.score <= 1 for decision in decisions)


def test_equal_rates_leave_nothing_to_review() -> None:
    assert gate(false_positive_rate=0.05, review_rate=0.05).decide(MIDDLING).action == "reject"
    assert gate(false_positive_rate=0.01, review_rate=0.01).decide(MIDDLING).action == "pass"


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        (None, "empty", "no text"),
        ("", "empty", "no text"),
        (" \n", "empty", "no text"),
        ("two words", "too_short", "too short to score"),
        ("это не английский", "not_english", "not English"),
    ],
)
def test_texts_without_a_score_pass_unless_told_otherwise(text: str | None, status: str, reason: str) -> None:
    decision = gate().decide(text)
    assert (decision.action, decision.status, decision.reason) == ("pass", status, reason)
    assert math.isnan(decision.score)
    rule = {"too_short": "short", "not_english": "foreign", "empty": "empty"}[status]
    assert gate(**{rule: "reject"}).decide(text).action == "reject"
    others = {"short", "foreign", "empty"} - {rule}
    assert gate(**dict.fromkeys(others, "reject")).decide(text).action == "pass"


def test_one_text_and_a_batch_agree() -> None:
    texts = [CLEAN, None, GARBLED, "", MIDDLING]
    assert gate().decide_batch([]) == []
    for text, decision in zip(texts, gate().decide_batch(texts), strict=True):
        alone = gate().decide(text)
        assert (alone.action, alone.reason, alone.status) == (
            decision.action,
            decision.reason,
            decision.status,
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"false_positive_rate": 0}, "false_positive_rate"),
        ({"false_positive_rate": 1.5}, "false_positive_rate"),
        ({"false_positive_rate": float("nan")}, "false_positive_rate"),
        ({"review_rate": -0.1}, "review_rate"),
        ({"false_positive_rate": 0.1, "review_rate": 0.05}, "review_rate"),
        ({"level": "paragraph"}, "level"),
        ({"short": "drop"}, 'short is \'drop\'; allowed: "pass", "review", "reject"'),
        ({"foreign": ""}, "foreign"),
        ({"minimum_words": -1}, "minimum_words is -1; allowed: a whole number from 0"),
    ],
)
def test_arguments_are_checked_early(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gate(**options)


def test_wrong_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="bare string"):
        gate().decide_batch(CLEAN)
    with pytest.raises(TypeError, match="not int"):
        gate().decide(3)  # type: ignore[arg-type]


def test_pickles() -> None:
    copy = pickle.loads(pickle.dumps(gate(review_rate=0.2, empty="review")))
    assert copy.decide(GARBLED) == gate().decide(GARBLED)
    assert copy.decide("").action == "review"
    assert isinstance(pickle.loads(pickle.dumps(copy.decide(GARBLED))), Decision)


def test_a_rate_is_a_number() -> None:
    with pytest.raises(TypeError, match="false_positive_rate is '1%'; allowed: a share"):
        Gate(FakeDetector(), false_positive_rate="1%")  # type: ignore[arg-type]


def test_texts_below_the_minimum_are_short_whatever_their_score() -> None:
    texts = [GARBLED, "zz 12 -- zzb zzc", "zz 12 -- zzb zzc zzd", "это не английский вовсе"]
    decisions = gate(minimum_words=4, short="review", foreign="reject").decide_batch(texts)
    assert [decision.action for decision in decisions] == ["reject", "review", "reject", "reject"]
    assert decisions[1].reason == "shorter than 4 words"
    assert (decisions[1].status, math.isnan(decisions[1].score)) == ("too_short", True)
    assert decisions[3].reason == "not English"


def test_sources_have_rules_of_their_own() -> None:
    sources = {"forum": Rules(0.05, 0.05, short="reject"), "": Rules(empty="review")}
    made = gate(sources=sources)
    texts = [MIDDLING, MIDDLING, "a b", "a b", "", ""]
    names = ["forum", "news", "forum", None, "forum", None]
    assert [d.action for d in made.decide_batch(texts, names)] == [
        "reject",
        "review",
        "reject",
        "pass",
        "pass",
        "review",
    ]
    assert made.decide(MIDDLING, "forum").action == "reject"
    assert made.decide(MIDDLING).action == "review"
    with pytest.raises(ValueError, match="2 texts come with 1 sources"):
        made.decide_batch(["a", "b"], ["forum"])


def test_a_gate_of_a_policy_decides_by_it() -> None:
    policy = Policy(
        {"level": "sentence", "short": "reject", "sources.column": "site"}, {"forum": {"review.sentence": 0.01}}
    )
    made = pickle.loads(pickle.dumps(Gate.from_policy(FakeDetector(), policy)))  # type: ignore[arg-type]
    assert made.decide("a b").action == "reject"
    assert [made.decide(MIDDLING, source).action for source in (None, "forum")] == ["review", "pass"]


def test_spans_are_found_in_what_does_not_pass() -> None:
    text = f"{CLEAN}. {GARBLED}. {GARBLED}. {GARBLED}."
    for level in ("sentence", "document"):
        passed, held = gate(level=level).decide_batch([CLEAN, text], spans=True)
        assert passed.spans == ()
        assert held.spans
        assert all(text[span.start : span.end] == span.text and "zz" in span.text for span in held.spans)
        assert gate(level=level).decide(text).spans == ()


def test_documents_of_the_real_model_have_spans(detector: mtdetect.Detector) -> None:
    text = (
        "The visit has been of much use. The nurses were praised for the spirit of self-secrification.\n"
        "They has worked the all night of the Tuesday at the hospital of the city for make to pass the snow."
    )
    made = Gate(detector, 0.4, 0.5)
    for decision in (made.decide(text, spans=True), made.decide_batch([None, text, ""], spans=True)[1]):
        assert decision.action == "reject"
        assert any("self-secrification" in span.text for span in decision.spans)
        assert all(text[span.start : span.end] == span.text for span in decision.spans)


_TEXT = st.sampled_from([CLEAN, MIDDLING, GARBLED, "", "a b", "это не английский"]) | st.text("az .\n", max_size=40)
_RATE = st.floats(1e-5, 1.0)


@given(st.lists(_TEXT | st.none(), max_size=12), st.lists(_RATE, min_size=4, max_size=4), st.integers(0, 5))
def test_more_budget_never_lets_more_through(texts: list[str | None], rates: list[float], words: int) -> None:
    low_reject, low_review, high_reject, high_review = sorted(rates)[0], sorted(rates)[1], *sorted(rates)[2:]
    strict = gate(false_positive_rate=high_reject, review_rate=high_review, minimum_words=words)
    mild = gate(false_positive_rate=low_reject, review_rate=low_review, minimum_words=words)
    for before, after in zip(mild.decide_batch(texts), strict.decide_batch(texts), strict=True):
        assert ACTIONS.index(before.action) <= ACTIONS.index(after.action)


@given(st.lists(_TEXT, max_size=12), st.integers(1, 12))
def test_batches_of_any_size_decide_alike(texts: list[str], size: int) -> None:
    made = gate(minimum_words=3, short="review", sources={"a": Rules(0.05, 0.1)})
    names = [("a", "b", None)[len(text) % 3] for text in texts]
    whole = made.decide_batch(texts, names, spans=True)
    parts = [
        decision
        for start in range(0, len(texts), size)
        for decision in made.decide_batch(texts[start : start + size], names[start : start + size], spans=True)
    ]
    assert repr(whole) == repr(parts)  # NaN differs from itself, its name does not
