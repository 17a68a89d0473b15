"""Fluency: how probable general English finds the word pieces. Garble is improbable in places, not throughout."""

from __future__ import annotations

import numpy as np

from mtdetect.batch import segment_sums
from mtdetect.features.analysis import Analysis, running_sum
from mtdetect.features.registry import Family, Feature, Values

_PAULS = "Pauls and Klein 2012, Large-scale syntactic language modeling; SLOR: Kann et al. 2018"
_GAMON = "Gamon et al. 2005, Sentence-level MT evaluation without reference translations"

FEATURES = (
    Feature("fluency_mean", "fluency", "the wording as a whole is unusual for English", _GAMON),
    Feature("fluency_gain", "fluency", "words do not follow from the words before them", _PAULS),
    Feature("fluency_worst_token", "fluency", "one word does not fit at all where it stands", _GAMON),
    Feature("fluency_worst_window", "fluency", "a short stretch reads like no English sentence", _GAMON),
    Feature("fluency_worst_long_window", "fluency", "a longer stretch reads like no English sentence", _GAMON),
    Feature("fluency_spread", "fluency", "smooth and broken passages alternate", "Guo et al. 2023, HC3"),
    Feature("fluency_new_pairs", "fluency", "many neighbouring words never meet in English", _GAMON),
    Feature("fluency_long_matches", "fluency", "few longer phrases are known English", _GAMON),
    Feature("fluency_bad_share", "fluency", "many words fit badly where they stand", _PAULS),
)
_GENERAL = 0
_FIELD = 1 << 20  # several counts travel in one integer, 20 bits each


def compute(analysis: Analysis) -> list[Values]:
    """Return the fluency features of a batch."""
    segments = analysis.pieces
    scale = analysis.resources.pieces.scales[_GENERAL]
    inner = segments.position > 0
    value = segments.scores.values[_GENERAL] * inner
    gain = (segments.scores.values[_GENERAL] - segments.scores.unigram[_GENERAL]) * inner
    length = segments.length
    total = segment_sums(value, segments.start)
    squares = segment_sums(np.square(value, dtype=np.int32), segments.start)
    running = running_sum(gain)
    gains = segments.sums(running)
    order = segments.scores.order
    flags = (inner & (order == 1)) + (order >= 3) * _FIELD + (gain < -int(1.0 / scale)) * _FIELD**2
    packed = segment_sums(flags, segments.start)
    mean = total / length
    spread = np.sqrt(np.maximum(squares / length - mean * mean, 0.0))
    worst = {width: segments.windows.extreme(running, width, largest=False) for width in (1, 3, 7)}
    return [
        mean * scale,
        gains / length * scale,
        worst[1] * scale,
        worst[3] * scale,
        worst[7] * scale,
        spread * scale,
        packed % _FIELD / length,
        packed // _FIELD % _FIELD / length,
        packed // _FIELD**2 / length,
    ]


FAMILY = Family("fluency", 1, FEATURES, compute)
