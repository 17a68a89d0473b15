"""Fluency: how probable general English finds the word pieces. Garble is improbable in places, not throughout."""

from __future__ import annotations

import numpy as np

from mtdetect.batch import segment_sums
from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values, window_extreme

_PAULS = "Pauls and Klein 2012, Large-scale syntactic language modeling; SLOR: Kann et al. 2018"
_GAMON = "Gamon et al. 2005, Sentence-level MT evaluation without reference translations"

FEATURES = (
    Feature("fluency_mean", "fluency", "the wording as a whole is unusual for English", _GAMON),
    Feature("fluency_gain", "fluency", "words do not follow from the words before them", _PAULS),
    Feature("fluency_worst_token", "fluency", "one word does not fit at all where it stands", _GAMON),
    Feature("fluency_worst_window", "fluency", "a short stretch reads like no English sentence", _GAMON),
    Feature(
        "fluency_worst_long_window", "fluency", "a longer stretch reads like no English sentence", _GAMON
    ),
    Feature("fluency_spread", "fluency", "smooth and broken passages alternate", "Guo et al. 2023, HC3"),
    Feature("fluency_new_pairs", "fluency", "many neighbouring words never meet in English", _GAMON),
    Feature("fluency_long_matches", "fluency", "few longer phrases are known English", _GAMON),
    Feature("fluency_bad_share", "fluency", "many words fit badly where they stand", _PAULS),
)
_GENERAL = 0


def compute(analysis: Analysis) -> list[Values]:
    """Return the fluency features of a batch."""
    segments = analysis.pieces
    scale = analysis.resources.pieces.scales[_GENERAL]
    inner = segments.position > 0
    value = np.where(inner, segments.scores.values[_GENERAL], 0).astype(np.int64)
    gain = np.where(inner, segments.scores.values[_GENERAL] - segments.scores.unigram[_GENERAL], 0).astype(
        np.int64
    )
    length = segments.length
    total, squares, gains, new, long, bad = segment_sums(
        np.stack(
            [
                value,
                value * value,
                gain,
                inner & (segments.scores.order == 1),
                segments.scores.order >= 3,
                gain * scale < -1.0,
            ]
        ),
        segments.start,
    )
    mean = total / length
    spread = np.sqrt(np.maximum(squares / length - mean * mean, 0.0))
    worst = {
        width: window_extreme(gain, segments.start, segments.position, width, largest=False)
        for width in (1, 3, 7)
    }
    return [
        mean * scale,
        gains / length * scale,
        worst[1] * scale,
        worst[3] * scale,
        worst[7] * scale,
        spread * scale,
        new / length,
        long / length,
        bad / length,
    ]


FAMILY = Family("fluency", 1, FEATURES, compute)
