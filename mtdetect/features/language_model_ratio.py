"""Two-sided language models: which side of garbled pairs the wording comes from.

The machine side's log-probability minus the human side's, over word pieces and over word classes.
"""

from __future__ import annotations

import numpy as np

from mtdetect.batch import segment_sums
from mtdetect.features.analysis import Analysis, Segments, running_sum
from mtdetect.features.registry import Family, Feature, Values

_SOURCE = (
    "Kurokawa et al. 2009; Lembersky et al. 2012, Language models for machine translation: original vs. translated"
)
_STATISTICS = (
    ("mean", "its {} on the whole is"),
    ("strength", "its {}, taken word by word, is"),
    ("peak", "the {} of a short stretch is"),
    ("long_peak", "the {} of a longer stretch is"),
    ("low", "even where it is most natural, its {} is"),
    ("share", "in many places its {} is"),
)
_RATIO = 1
_UNITS = (("piece", "wording"), ("class", "grammar"))


def _family(unit: str, name: str) -> Family:
    features = tuple(
        Feature(f"{unit}_garble_{statistic}", name, f"{subject.format(name)} typical of garbled translation", _SOURCE)
        for statistic, subject in _STATISTICS
    )

    def compute(analysis: Analysis) -> list[Values]:
        segments = analysis.pieces if unit == "piece" else analysis.classes
        scales = (analysis.resources.pieces if unit == "piece" else analysis.resources.classes).scales
        return ratio_statistics(segments, float(scales[_RATIO]))

    return Family(name, 1, features, compute, learnt=True)


def ratio_statistics(segments: Segments, scale: float) -> list[Values]:
    """Return the six statistics of the ratio channel."""
    ratio = segments.scores.values[_RATIO] * (segments.position > 0)
    running = running_sum(ratio)
    total = segments.sums(running)
    positive = segment_sums(ratio > int(0.4 / scale), segments.start)
    length = segments.length
    peaks = [segments.windows.extreme(running, width, largest) for width, largest in ((3, True), (7, True), (7, False))]
    return [
        total / length * scale,
        total / np.sqrt(length) * scale,
        *(np.asarray(peak * scale, dtype=np.float64) for peak in peaks),
        positive / length,
    ]


FAMILIES = tuple(_family(*unit) for unit in _UNITS)
