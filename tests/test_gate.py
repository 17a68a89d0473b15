from __future__ import annotations

import math
import pickle

import pytest
from fake_detector import FakeDetector

from mtdetect.gate import Decision, Gate

CLEAN = "the cat sat on the mat all day"
MIDDLING = "the zzcat sat on the zzmat all zzday"  # above the review threshold only
GARBLED = "zzthe zzcat zzsat on zzthe zzmat all zzday"


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
    assert gate(unscorable="reject").decide(text).action == "reject"


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
        ({"unscorable": "drop"}, "unscorable"),
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
    copy = pickle.loads(pickle.dumps(gate(review_rate=0.2, unscorable="review")))
    assert copy.decide(GARBLED) == gate().decide(GARBLED)
    assert copy.decide("").action == "review"
    assert isinstance(pickle.loads(pickle.dumps(copy.decide(GARBLED))), Decision)


def test_a_rate_is_a_number() -> None:
    with pytest.raises(TypeError, match="false_positive_rate is a number such as"):
        Gate(FakeDetector(), false_positive_rate="1%")  # type: ignore[arg-type]
