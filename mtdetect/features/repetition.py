"""Repetition: doubled words and words that come back too soon."""

from __future__ import annotations

import numpy as np

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
    key, position = words.key, words.position
    function = analysis.is_function
    content = analysis.is_letter & ~function & (words.end - words.begin > 2)
    pair = np.zeros_like(key)
    pair[1:] = key[1:] + key[:-1] * np.uint64(0xA0761D6478BD642F)
    doubled = np.zeros(len(key), dtype=bool)
    again_content = np.zeros(len(key), dtype=bool)
    again_function = np.zeros(len(key), dtype=bool)
    again_pair = np.zeros(len(key), dtype=bool)
    for gap in range(1, min(REACH, len(key) - 1) + 1):
        same = (key[gap:] == key[:-gap]) & (position[gap:] >= gap)
        if gap == 1:
            doubled[gap:] |= same & analysis.is_letter[gap:]
        if gap == 2:
            again_function[gap:] |= same & function[gap:]
        again_content[gap:] |= same & content[gap:]
        if gap >= 2:
            again_pair[gap:] |= (pair[gap:] == pair[:-gap]) & (position[gap:] > gap)
    count = analysis.word_count
    return [
        analysis.word_sums(doubled).astype(np.float64),
        analysis.word_sums(again_content) / np.sqrt(count),
        analysis.word_sums(again_function).astype(np.float64),
        analysis.word_sums(again_pair).astype(np.float64),
    ]


FAMILY = Family("repetition", 1, FEATURES, compute)
