"""Features: the registry is complete, and each hand-built pattern sees what it claims to see."""

from __future__ import annotations

import numpy as np
import pytest

from mtdetect.detector import Detector
from mtdetect.document import DOCUMENT_FEATURES, document_features
from mtdetect.features import FEATURES, compute
from mtdetect.text import normalise

NAMES = [feature.name for feature in FEATURES]


def value(detector: Detector, feature: str, text: str) -> float:
    analysis = detector.model.resources.analyse(normalise([text]))
    return float(compute(analysis)[0, NAMES.index(feature)])


def test_every_feature_explains_itself() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for feature in (*FEATURES, *DOCUMENT_FEATURES):
        assert feature.sentence[0].islower() or feature.sentence[0] == "'"
        assert not feature.sentence.endswith(".")
        assert len(feature.sentence.split()) >= 3
        assert len(feature.source) > 8
    families = {feature.family for feature in FEATURES}
    assert {
        "fluency",
        "wording",
        "grammar",
        "word_classes",
        "vocabulary",
        "repetition",
        "patterns",
        "surface",
    } <= families


@pytest.mark.parametrize(
    ("feature", "text", "expected"),
    [
        ("doubled_word", "He said that that the the end was near", 2),
        ("doubled_word", "He said that the end was near", 0),
        ("of_chain", "The house of the father of the boy", 2),
        ("of_chain", "The boy of nine lived in the house of a father", 0),
        ("article_clash", "He gave the to him and a they", 2),
        ("article_clash", "He gave it to the man", 0),
        ("preposition_clash", "The meeting of in Paris was for with them", 2),
        ("article_vowel", "He ate a apple and an pear in a university", 2),
        ("article_vowel", "He ate an apple and a pear for an hour", 0),
        ("title_pattern", "Yesterday the American president Jones spoke to us", 1),
        ("title_pattern", "Yesterday the American president spoke to us", 0),
        ("plural_number", "There were more thousands of people here", 1),
        ("dangling_end", "They went to the house of the", 1),
        ("foreign_words", "He went con los amigos to the house", 2 / np.sqrt(8)),
        ("capital_function", "We Have Been told that it rains", 2 / 7),
        ("mixed_case", "The reSult was a sucCess for NASA again", 2 / 8),
        ("longest_content_run", "the big red wooden boat of my father", 4),
        ("repeated_function", "the house of the man of the of of it", 1),
    ],
)
def test_pattern(detector: Detector, feature: str, text: str, expected: float) -> None:
    assert value(detector, feature, text) == pytest.approx(expected)


def test_patterns_do_not_reach_across_sentences(detector: Detector) -> None:
    analysis = detector.model.resources.analyse(["He saw the", "the end of it", "They spoke of", "in the end"])
    matrix = compute(analysis)
    for feature in ("doubled_word", "preposition_clash", "article_clash"):
        assert matrix[:, NAMES.index(feature)].tolist() == [0, 0, 0, 0]


def test_features_of_a_sentence_do_not_depend_on_its_batch(detector: Detector) -> None:
    texts = normalise(["The boy of nine lived here.", "x", "A Much longer sentence, of many words", "He", "I"])
    resources = detector.model.resources
    together = compute(resources.analyse(texts))
    alone = np.concatenate([compute(resources.analyse([text])) for text in texts])
    assert np.array_equal(together, alone, equal_nan=True)


def test_case_features_are_absent_without_case(detector: Detector) -> None:
    assert np.isnan(value(detector, "unknown_lower", "the zzyzx was all over the place again"))
    assert value(detector, "unknown_lower", "The zzyzx was all over the place again") > 0


def test_document_features_do_not_depend_on_neighbours() -> None:
    rng = np.random.default_rng(0)
    logits, heads = rng.normal(size=30), rng.normal(size=(30, 2))
    start = np.array([0, 1, 8, 30])
    together = document_features(logits, heads, start)
    assert together.shape == (3, len(DOCUMENT_FEATURES))
    for d in range(3):
        mine = slice(start[d], start[d + 1])
        alone = document_features(logits[mine], heads[mine], np.array([0, start[d + 1] - start[d]]))
        assert np.array_equal(alone[0], together[d], equal_nan=True)
