"""Scores of a batch with what is needed to explain them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.registry import Feature
from mtdetect.status import STATUSES
from mtdetect.verdict import Reason, Status

MINIMUM_REASON = 0.15
"""Log-odds under which a contribution is not worth a sentence."""


@dataclass(frozen=True)
class Scored:
    """Scores of N texts.

    Attributes:
        scores: float32 (N,), NaN where not scorable.
        codes: uint8 (N,), positions in :data:`mtdetect.status.STATUSES`.
        contributions: float32 (N, F), log-odds a feature; zeros where not scorable.
        features: the F features.
    """

    scores: NDArray[np.float32]
    codes: NDArray[np.uint8]
    contributions: NDArray[np.float32]
    features: tuple[Feature, ...]

    @property
    def statuses(self) -> list[Status]:
        """Status of each text, in words."""
        return [STATUSES[code] for code in self.codes.tolist()]

    def reasons(self, index: int, limit: int = 3) -> tuple[Reason, ...]:
        """Return the strongest evidence for translation in one text, at most one reason a family."""
        return reasons(self.contributions[index], self.features, limit)


def reasons(contributions: NDArray[np.floating], features: tuple[Feature, ...], limit: int) -> tuple[Reason, ...]:
    """Return the strongest positive contributions as reasons.

    A family speaks once, through its strongest feature, with what its features add up to.
    """
    total: dict[str, float] = {}
    strongest: dict[str, int] = {}
    values = contributions.tolist()
    for position in (-contributions).argsort(kind="stable").tolist():
        family = features[position].family
        if family in total:
            total[family] += values[position]
        else:
            total[family], strongest[family] = values[position], position
    by_weight = sorted(total, key=lambda family: -total[family])
    return tuple(
        Reason(
            features[strongest[family]].name,
            family,
            features[strongest[family]].sentence,
            round(total[family], 3),
        )
        for family in by_weight[:limit]
        if total[family] >= MINIMUM_REASON and values[strongest[family]] > 0
    )
