"""Surface: lengths, marks and capitals. Quotation marks and final stops are gone before features are computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import DIGIT, MARK
from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values

_VOLANSKY = "Volansky et al. 2015, On the features of translationese"

FEATURES = (
    Feature("length", "surface", "sentences of this length are judged more or less strictly", _VOLANSKY),
    Feature("word_length", "surface", "words are unusually long or short", _VOLANSKY),
    Feature("comma_share", "surface", "commas are unusually many or few", _VOLANSKY),
    Feature("other_mark_share", "surface", "marks other than commas are unusually many", _VOLANSKY),
    Feature("digit_share", "surface", "numbers are unusually many or few", _VOLANSKY),
    Feature("capital_share", "surface", "capitals inside the sentence are unusually many or few", _VOLANSKY),
    Feature("capital_function", "surface", "small grammatical words carry capitals", _VOLANSKY),
    Feature("mixed_case", "surface", "capitals stand inside words", _VOLANSKY),
)


def compute(analysis: Analysis) -> list[Values]:
    """Return the surface features of a batch."""
    words, characters = analysis.words, analysis.characters
    letter = analysis.is_letter
    count = analysis.word_count
    letters = np.maximum(analysis.word_sums(letter), 1)
    mark = words.kind == MARK
    comma = characters.folded.take(words.begin) == ord(",")  # always a mark
    inside = (words.position > 0) & analysis.capitalised
    function = analysis.is_function
    length = words.end - words.begin
    cased = analysis.has_case

    def with_case(values: Values) -> Values:
        return np.where(cased, values, np.nan)

    return [
        np.log(count),
        analysis.word_sums(length * letter) / letters,
        analysis.word_sums(comma) / count,
        analysis.word_sums(mark ^ comma) / count,
        analysis.word_sums(words.kind == DIGIT) / count,
        with_case(analysis.word_sums(inside) / letters),
        with_case(analysis.word_sums(inside & function & (length > 1)) / letters),
        with_case(_mixed_case(analysis, length) / letters),
    ]


def _mixed_case(analysis: Analysis, length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64 (N,) words with a capital after their first letter that are not all capitals."""
    words = analysis.words
    later = analysis.characters.cased - np.uint8(ord("A")) < 26
    later[words.begin] = False
    word, capitals = np.unique(words.begin.searchsorted(later.nonzero()[0], side="right") - 1, return_counts=True)
    mixed = word[capitals + analysis.capitalised.take(word) < length.take(word)]
    before = mixed.searchsorted(words.start)
    return before[1:] - before[:-1]


FAMILY = Family("surface", 1, FEATURES, compute)
