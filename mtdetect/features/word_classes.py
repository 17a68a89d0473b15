"""Word classes and function words: grammar without topic."""

from __future__ import annotations

import numpy as np

from mtdetect.batch import segment_sums
from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values, window_extreme
from mtdetect.function_words import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    PREPOSITIONS,
    PRONOUNS,
    QUANTIFIERS,
)

_BARONI = "Baroni and Bernardini 2006, A new approach to the study of translationese"
_KOPPEL = "Koppel and Ordan 2011, Translationese and its dialects"
_GAMON = "Gamon et al. 2005, Sentence-level MT evaluation without reference translations"

FEATURES = (
    Feature("class_gain", "word_classes", "the order of word kinds is unusual for English", _GAMON),
    Feature(
        "class_worst_window", "word_classes", "a stretch puts word kinds in an order English does not", _GAMON
    ),
    Feature("class_new", "word_classes", "word kinds stand side by side that seldom do", _GAMON),
    Feature("class_spread", "word_classes", "grammar is smooth in places and broken in others", _GAMON),
    Feature("function_share", "word_classes", "the share of grammatical words is unusual", _KOPPEL),
    Feature("determiner_share", "word_classes", "articles are missing or too many", _KOPPEL),
    Feature("preposition_share", "word_classes", "prepositions are unusually many or few", _KOPPEL),
    Feature("pronoun_share", "word_classes", "pronouns are unusually many or few", _BARONI),
    Feature("auxiliary_share", "word_classes", "auxiliary verbs are unusually many or few", _KOPPEL),
    Feature("conjunction_share", "word_classes", "linking words are unusually many or few", _KOPPEL),
    Feature("longest_content_run", "word_classes", "many words in a row without a grammatical word", _KOPPEL),
)


def _member(words: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    listed = set(words)
    return np.array([*(word in listed for word in FUNCTION_WORDS), False])


_GROUPS = np.stack(
    [_member(g) for g in (DETERMINERS, PREPOSITIONS, PRONOUNS, AUXILIARIES, CONJUNCTIONS, QUANTIFIERS)]
)


def compute(analysis: Analysis) -> list[Values]:
    """Return the word class features of a batch."""
    segments = analysis.classes
    scale = float(analysis.resources.classes.scales[0])
    inner = segments.position > 0
    gain = np.where(inner, segments.scores.values[0] - segments.scores.unigram[0], 0).astype(np.int64)
    total, squares, new = segment_sums(
        np.stack([gain, gain * gain, inner & (segments.scores.order <= 2)]), segments.start
    )
    length = segments.length
    mean = total / length
    worst = window_extreme(gain, segments.start, segments.position, 4, largest=False)
    is_function = analysis.function < len(FUNCTION_WORDS)
    groups = _GROUPS[:5, analysis.function]
    counts = [analysis.word_sums(row) for row in groups]
    words = analysis.word_count
    run = _longest_run(analysis.is_letter & ~is_function, analysis)
    return [
        mean * scale,
        worst * scale,
        new / length,
        np.sqrt(np.maximum(squares / length - mean * mean, 0.0)) * scale,
        analysis.word_sums(is_function) / words,
        *(count / words for count in counts),
        run.astype(np.float64),
    ]


def _longest_run(
    flag: np.ndarray[tuple[int], np.dtype[np.bool_]], analysis: Analysis
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return int64 (N,) the longest run of flagged words of each sentence."""
    index = np.arange(len(flag))
    barrier = np.where(flag, -1, index)
    first = analysis.words.start[:-1]
    barrier[first] = np.maximum(barrier[first], first - flag[first])
    last = np.maximum.accumulate(barrier)
    run = np.where(flag, index - last, 0)
    return np.maximum.reduceat(run, first)


FAMILY = Family("word_classes", 1, FEATURES, compute)
