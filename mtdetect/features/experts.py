"""Expert evidence: what linear models over n-grams of fluent translations have learnt."""

from __future__ import annotations

import numpy as np

from mtdetect.features.analysis import Analysis, running_sum
from mtdetect.features.registry import Family, Feature, Values

_SOURCE = (
    "Popescu 2011, Studying translationese at the character level; Avner et al. 2016 (morphological and character cues)"
)

FEATURES = (
    Feature("characters_translation", "experts", "letter sequences recall machine translation", _SOURCE),
    Feature("words_translation", "experts", "word combinations recall machine translation", _SOURCE),
    Feature("words_translation_peak", "experts", "a short stretch recalls machine translation", _SOURCE),
)


def compute(analysis: Analysis) -> list[Values]:
    """Return the expert features of a batch."""
    words = analysis.word_evidence
    assert words.tokens is not None
    peak = analysis.word_windows.extreme(running_sum(words.tokens), 4, largest=True)
    scaled = np.asarray(peak * analysis.resources.word_expert.scale, dtype=np.float64)
    return [analysis.character_evidence.total, words.total, scaled]


FAMILY = Family("experts", 1, FEATURES, compute, learnt=True)
