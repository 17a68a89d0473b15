"""Expert evidence: what linear models over character and word n-grams of translated pairs have learnt."""

from __future__ import annotations

import numpy as np

from mtdetect.features.analysis import Analysis, running_sum
from mtdetect.features.registry import Family, Feature, Values

_SOURCE = (
    "Popescu 2011, Studying translationese at the character level; Avner et al. 2016 (morphological and character cues)"
)

FEATURES = (
    Feature("characters_garble", "experts", "letter sequences recall garbled translation", _SOURCE),
    Feature("characters_translation", "experts", "letter sequences recall machine translation", _SOURCE),
    Feature("words_garble", "experts", "word combinations recall garbled translation", _SOURCE),
    Feature("words_translation", "experts", "word combinations recall machine translation", _SOURCE),
    Feature("words_garble_peak", "experts", "a short stretch recalls garbled translation", _SOURCE),
    Feature("words_translation_peak", "experts", "a short stretch recalls machine translation", _SOURCE),
)


def compute(analysis: Analysis) -> list[Values]:
    """Return the expert features of a batch."""
    evidence = analysis.word_evidence
    assert evidence.tokens is not None
    scales = analysis.resources.word_experts.scales
    peaks = [
        analysis.word_windows.extreme(running_sum(row), 4, largest=True) * scale
        for row, scale in zip(evidence.tokens, scales, strict=True)
    ]
    return [
        *analysis.character_evidence.total,
        *evidence.total,
        *(np.asarray(peak, dtype=np.float64) for peak in peaks),
    ]


FAMILY = Family("experts", 1, FEATURES, compute, learnt=True)
