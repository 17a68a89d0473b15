"""Surface: lengths, marks and capitals. Quotation marks and final stops are gone before features are computed."""

from __future__ import annotations

import numpy as np

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
    comma = characters.folded[words.begin] == ord(",")
    inside = (words.position > 0) & analysis.capitalised
    function = analysis.is_function
    long_enough = words.end - words.begin > 1
    capital = (characters.cased >= ord("A")) & (characters.cased <= ord("Z"))
    running = np.zeros(len(capital) + 1, dtype=np.int64)
    capital.cumsum(out=running[1:])
    capitals = running[words.end] - running[words.begin] - analysis.capitalised
    all_capitals = capitals + analysis.capitalised == words.end - words.begin
    cased = analysis.has_case

    def with_case(values: Values) -> Values:
        return np.where(cased, values, np.nan)

    return [
        np.log(count),
        analysis.word_sums(np.where(letter, words.end - words.begin, 0)) / letters,
        analysis.word_sums(mark & comma) / count,
        analysis.word_sums(mark & ~comma) / count,
        analysis.word_sums(words.kind == DIGIT) / count,
        with_case(analysis.word_sums(inside) / letters),
        with_case(analysis.word_sums(inside & function & long_enough) / letters),
        with_case(analysis.word_sums((capitals > 0) & ~all_capitals) / letters),
    ]


FAMILY = Family("surface", 1, FEATURES, compute)
