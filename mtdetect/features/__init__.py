"""Feature families and their registry: every feature has a name, a family, a plain sentence and a source."""

from __future__ import annotations

import numpy as np

from mtdetect.features import (
    experts,
    fluency,
    language_model_ratio,
    patterns,
    repetition,
    surface,
    vocabulary,
    word_classes,
)
from mtdetect.features.analysis import Analysis, Resources
from mtdetect.features.registry import Family, Feature, Values

FAMILIES: tuple[Family, ...] = (
    fluency.FAMILY,
    *language_model_ratio.FAMILIES,
    experts.FAMILY,
    word_classes.FAMILY,
    vocabulary.FAMILY,
    repetition.FAMILY,
    patterns.FAMILY,
    surface.FAMILY,
)
"""All families, in the order of the feature matrix."""

FEATURES: tuple[Feature, ...] = tuple(feature for family in FAMILIES for feature in family.features)
"""All features, in the order of the columns of the feature matrix."""


LEARNT = np.array([family.learnt for family in FAMILIES for _ in family.features])
"""bool (F,), features that recognise the translations of the training pairs."""


def compute(analysis: Analysis) -> Values:
    """Return float64 (N, F) all features of a batch; NaN where a feature does not apply."""
    columns = [values for family in FAMILIES for values in family.compute(analysis)]
    return np.ascontiguousarray(np.concatenate(columns).reshape(len(FEATURES), analysis.size).T)


__all__ = ["FAMILIES", "FEATURES", "LEARNT", "Analysis", "Family", "Feature", "Resources", "compute"]
