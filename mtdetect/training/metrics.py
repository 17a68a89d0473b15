"""Detection metrics in numpy, each with a bootstrap interval over content groups.

Rows that say the same thing (a sentence and its eight machine translations) are not independent: the
bootstrap draws whole content groups with replacement, so intervals are as wide as the content deserves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mtdetect.training.resampling import (
    CALIBRATION_BINS,
    RESAMPLES,
    Draws,
    Floats,
    auc_samples,
    flagged_samples,
    floats,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value with its 95% bootstrap interval.

    Attributes:
        value: the estimate on the rows as they are (NaN when it cannot be computed).
        low: 2.5th percentile over resamples of content groups.
        high: 97.5th percentile.
        size: number of rows (for pair wins: of pairs) behind the value.
    """

    value: float
    low: float
    high: float
    size: int

    @classmethod
    def of(cls, samples: Floats, size: int) -> Interval:
        """Summarise samples (1 + R,), the estimate first, as an interval over the R resamples."""
        resampled = samples[1:][np.isfinite(samples[1:])]
        low, high = np.percentile(resampled, (2.5, 97.5)) if len(resampled) else (samples[0], samples[0])
        return cls(float(samples[0]), float(low), float(high), int(size))

    def to_dict(self) -> dict[str, Any]:
        """Return the interval as plain types, ready for JSON (NaN becomes None)."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: number if np.isfinite(number) else None for name, number in numbers.items()} | {"size": self.size}


def auc(
    scores_mt: ArrayLike,
    scores_human: ArrayLike,
    *,
    groups_mt: ArrayLike | None = None,
    groups_human: ArrayLike | None = None,
    weights_human: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the area under the ROC curve: how often a machine row outscores a human row, ties half.

    Args:
        scores_mt: (M,) scores of machine rows; NaN ranks below every number.
        scores_human: (H,) scores of human rows.
        groups_mt: (M,) content group of each machine row; each row its own group when left out.
        groups_human: (H,) content group of each human row, numbered as in ``groups_mt``.
        weights_human: (H,) weight of each human row, for instance to balance domains.
        resamples: number of bootstrap resamples.
        seed: seed of the resamples.

    >>> auc([0.9, 0.8], [0.1, 0.8], resamples=0).value
    0.875
    """
    draws = Draws(scores_mt, scores_human, groups_mt, groups_human, resamples, seed)
    samples = auc_samples(scores_mt, scores_human, draws, weights_human)
    return Interval.of(samples, len(draws.mt) + len(draws.human))


def share_above(
    scores: ArrayLike,
    threshold: float,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the share of rows that reach a fixed threshold; on human rows, the false-positive rate."""
    draws = Draws(scores, (), groups, None, resamples, seed)
    samples = flagged_samples(scores, np.full(resamples + 1, threshold), draws)
    return Interval.of(samples, len(draws.mt))


def reliability(scores_mt: ArrayLike, scores_human: ArrayLike) -> list[dict[str, float]]:
    """Return the points of a reliability curve at even prior: one mapping a bin that holds rows.

    Each has ``score`` (mean score), ``share`` (share of machine rows at even prior) and ``rows``.
    """
    sides = [scores[np.isfinite(scores)] for scores in (floats(scores_mt), floats(scores_human))]
    cells = [np.clip((scores * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1) for scores in sides]
    points = []
    for number in range(CALIBRATION_BINS):
        inside = [cell == number for cell in cells]
        mass = [mask.sum() / max(len(mask), 1) for mask in inside]
        if sum(mass) > 0:
            total = [side[mask].sum() / len(side) for side, mask in zip(sides, inside, strict=True) if len(side)]
            points.append(
                {
                    "score": float(sum(total) / sum(mass)),
                    "share": float(mass[0] / sum(mass)),
                    "rows": int(sum(mask.sum() for mask in inside)),
                }
            )
    return points
