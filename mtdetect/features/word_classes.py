"""Word classes and function words: grammar without topic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import segment_sums
from mtdetect.features.analysis import Analysis, running_sum
from mtdetect.features.registry import Family, Feature, Values
from mtdetect.word_lists import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    LISTED,
    PREPOSITIONS,
    PRONOUNS,
    members,
)

_BARONI = "Baroni and Bernardini 2006, A new approach to the study of translationese"
_KOPPEL = "Koppel and Ordan 2011, Translationese and its dialects"
_GAMON = "Gamon et al. 2005, Sentence-level MT evaluation without reference translations"

FEATURES = (
    Feature("class_gain", "word_classes", "the order of word kinds is unusual for English", _GAMON),
    Feature("class_worst_window", "word_classes", "a stretch puts word kinds in an order English does not", _GAMON),
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


_GROUPS = (DETERMINERS, PREPOSITIONS, PRONOUNS, AUXILIARIES, CONJUNCTIONS)
_FIELD = 1 << 12  # counts of all groups travel in one integer, 12 bits each: a sentence has fewer words


def _packed_groups() -> NDArray[np.int64]:
    packed = np.zeros(len(LISTED) + 1, dtype=np.int64)
    for place, words in enumerate(_GROUPS):
        packed += members(words) * np.int64(_FIELD**place)
    return packed


_PACKED = _packed_groups()


def compute(analysis: Analysis) -> list[Values]:
    """Return the word class features of a batch."""
    segments = analysis.classes
    scale = float(analysis.resources.classes.scales[0])
    inner = segments.position > 0
    gain = (segments.scores.values[0] - segments.scores.unigram[0]) * inner
    running = running_sum(gain)
    total = segments.sums(running)
    squares = segment_sums(np.square(gain, dtype=np.int32), segments.start)
    new = segment_sums(inner & (segments.scores.order <= 2), segments.start)
    length = segments.length
    mean = total / length
    worst = segments.windows.extreme(running, 4, largest=False)
    words = analysis.word_count
    counts = analysis.word_sums(_PACKED.take(analysis.listed))
    return [
        mean * scale,
        worst * scale,
        new / length,
        np.sqrt(np.maximum(squares / length - mean * mean, 0.0)) * scale,
        analysis.word_sums(analysis.is_function) / words,
        *(counts // _FIELD**place % _FIELD / words for place in range(len(_GROUPS))),
        _longest_run(analysis.is_letter & ~analysis.is_function, analysis).astype(np.float64),
    ]


def _longest_run(flag: NDArray[np.bool_], analysis: Analysis) -> NDArray[np.int64]:
    """Return int64 (N,) the longest run of flagged words of each sentence."""
    index = np.arange(len(flag))
    barrier = np.where(flag, -1, index)
    first = analysis.words.start[:-1]
    barrier[first] = first - flag[first]
    last = np.maximum.accumulate(barrier)
    result: NDArray[np.int64] = np.maximum.reduceat(index - last, first)
    return result


FAMILY = Family("word_classes", 1, FEATURES, compute)
