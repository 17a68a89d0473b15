"""Vocabulary: rare and unknown words, near-misses of known ones, untranslated words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values
from mtdetect.word_lists import FOREIGN_FUNCTION_WORDS, members

_GAMON = "Gamon et al. 2005, Sentence-level MT evaluation without reference translations"
_BLATZ = "Blatz et al. 2004, Confidence estimation for machine translation"
_AHARONI = "Aharoni et al. 2014, Automatic detection of machine translated text"

FEATURES = (
    Feature("frequency_mean", "vocabulary", "its content words are unusually rare or common", _BLATZ),
    Feature("frequency_lowest", "vocabulary", "it holds a very rare word", _BLATZ),
    Feature("rare_share", "vocabulary", "many small-letter words are rare", _GAMON),
    Feature("unknown_lower", "vocabulary", "words in small letters are not English", _AHARONI),
    Feature("unknown_name", "vocabulary", "names are unknown", _AHARONI),
    Feature("near_miss", "vocabulary", "words are one letter away from an English word", "Damerau 1964"),
    Feature("lower_name", "vocabulary", "names are written in small letters", _AHARONI),
    Feature("pieces_per_word", "vocabulary", "words fall into many fragments", _BLATZ),
    Feature("foreign_words", "vocabulary", "words of another language were left in", _AHARONI),
)

RARE = 35
"""Frequency (10 log10 a billion words) under which a word is rare: about three in a million."""

_FOREIGN = members(FOREIGN_FUNCTION_WORDS)


def is_foreign(analysis: Analysis) -> NDArray[np.bool_]:
    """Return bool (W,), words that are frequent in another language and not in English."""
    return _FOREIGN.take(analysis.listed)


def unknown_lower(analysis: Analysis) -> NDArray[np.bool_]:
    """Return bool (W,), unknown words in small letters (of sentences that use capitals at all)."""
    cased = analysis.has_case.take(analysis.words.sentence)
    return analysis.is_letter & ~analysis.facts.known & ~analysis.capitalised & cased


def compute(analysis: Analysis) -> list[Values]:
    """Return the vocabulary features of a batch."""
    facts = analysis.facts
    letter = analysis.is_letter
    content = letter & ~analysis.is_function
    plain = content & facts.known & (facts.name_share < 128)
    contents = np.maximum(analysis.word_sums(plain), 1)
    frequency = analysis.word_sums(np.where(plain, facts.frequency, 0))
    lowest = np.minimum.reduceat(np.where(plain, facts.frequency, 90), analysis.words.start[:-1])
    unknown = unknown_lower(analysis)
    near = np.zeros(len(unknown), dtype=bool)
    at = np.flatnonzero(unknown & (analysis.words.end - analysis.words.begin > 3))
    if len(at):
        near[at] = analysis.resources.lexicon.near_misses(analysis.characters, at)
    names = letter & ~facts.known & analysis.capitalised
    letters = np.maximum(analysis.word_sums(letter), 1)
    cased = analysis.has_case
    lower_names = analysis.word_sums(content & facts.known & (facts.name_share > 200) & ~analysis.capitalised)
    return [
        frequency / contents / 10.0,
        np.minimum(lowest, 80) / 10.0,
        analysis.word_sums(plain & (facts.frequency < RARE)) / letters,
        _with_case(analysis.word_sums(unknown) / np.sqrt(letters), cased),
        _with_case(analysis.word_sums(names) / letters, cased),
        _with_case(analysis.word_sums(near).astype(np.float64), cased),
        _with_case(lower_names.astype(np.float64), cased),
        analysis.pieces.length / analysis.word_count,
        analysis.word_sums(is_foreign(analysis) & ~analysis.capitalised) / np.sqrt(letters),
    ]


def _with_case(values: Values, cased: NDArray[np.bool_]) -> Values:
    """Blank values that mean nothing where a sentence has no capitals."""
    return np.where(cased, values, np.nan)


FAMILY = Family("vocabulary", 1, FEATURES, compute)
