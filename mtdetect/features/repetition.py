"""Repetition: doubled words and words that come back too soon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values

_SOURCE = "Bentivogli et al. 2016; Toral 2019, Post-editese (lexical variety)"
REACH = 12
"""How many words back a repetition is looked for."""

FEATURES = (
    Feature("doubled_word", "repetition", "a word stands twice in a row", _SOURCE),
    Feature("repeated_content", "repetition", "content words come back within a few words", _SOURCE),
    Feature("repeated_function", "repetition", "the same grammatical word comes back at once", _SOURCE),
    Feature("repeated_pair", "repetition", "a pair of words comes back", _SOURCE),
)


def compute(analysis: Analysis) -> list[Values]:
    """Return the repetition features of a batch."""
    words = analysis.words
    key = words.key
    # Few words come back, so that what else is asked is asked of these alone.
    found = [(key[gap:] == key[:-gap]).nonzero()[0] + gap for gap in range(1, min(REACH, len(key) - 1) + 1)]
    at = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    gap = np.arange(1, len(found) + 1).repeat(np.array([len(places) for places in found], dtype=np.int64))
    position = words.position.take(at)
    inside = position >= gap
    at, gap, position = at[inside], gap[inside], position[inside]
    letter, function = analysis.is_letter.take(at), analysis.is_function.take(at)
    long = words.end.take(at) - words.begin.take(at) > 2
    pair = (gap >= 2) & (position > gap) & (key.take(at - 1) == key[at - gap - 1])

    def count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count words by sentence, each once however often it came before."""
        flag = np.zeros(len(key), dtype=bool)
        flag[at[chosen]] = True
        return analysis.word_sums(flag)

    return [
        count(letter & (gap == 1)).astype(np.float64),
        count(letter & ~function & long) / np.sqrt(analysis.word_count),
        count(function & (gap == 2)).astype(np.float64),
        count(pair).astype(np.float64),
    ]


FAMILY = Family("repetition", 1, FEATURES, compute)
