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
    calibration_samples,
    flagged_samples,
    floats,
    pair_win_samples,
    threshold_samples,
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


def pair_wins(
    scores_mt: ArrayLike,
    scores_human: ArrayLike,
    *,
    pairs_mt: ArrayLike,
    pairs_human: ArrayLike,
    groups_mt: ArrayLike | None = None,
    groups_human: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the share of pairs of the same content in which the machine row scores higher, ties half.

    A pair is one machine row and one human row of the same segment; every pair counts once.

    Args:
        scores_mt: (M,) scores of machine rows.
        scores_human: (H,) scores of human rows.
        pairs_mt: (M,) segment of each machine row.
        pairs_human: (H,) segment of each human row, named as in ``pairs_mt``.
        groups_mt: (M,) content group, for the resamples; the segment itself when left out.
        groups_human: (H,) content group of each human row.
        resamples: number of bootstrap resamples.
        seed: seed of the resamples.
    """
    if groups_mt is None or groups_human is None:
        groups_mt, groups_human = pairs_mt, pairs_human
    draws = Draws(scores_mt, scores_human, groups_mt, groups_human, resamples, seed)
    samples, pairs = pair_win_samples(scores_mt, scores_human, pairs_mt, pairs_human, draws)
    return Interval.of(samples, pairs)


def share_flagged(
    scores_mt: ArrayLike,
    clean_scores: ArrayLike,
    false_positive_rate: float,
    *,
    groups_mt: ArrayLike | None = None,
    clean_groups: ArrayLike | None = None,
    clean_weights: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the share of machine rows flagged at the threshold that flags a given share of clean English.

    Machine and clean rows are resampled independently of each other, the threshold with the clean rows.

    Args:
        scores_mt: (M,) scores of machine rows; NaN is never flagged.
        clean_scores: (C,) scores of clean English rows.
        false_positive_rate: largest share of clean rows that may be flagged, 0..1.
        groups_mt: (M,) content groups; each row its own when left out.
        clean_groups: (C,) content groups; each row its own when left out.
        clean_weights: (C,) weights, for instance to balance domains.
        resamples: number of bootstrap resamples.
        seed: seed of the resamples.
    """
    thresholds = threshold_samples(
        clean_scores,
        false_positive_rate,
        groups=clean_groups,
        weights=clean_weights,
        resamples=resamples,
        seed=seed + 1,
    )
    draws = Draws(scores_mt, (), groups_mt, None, resamples, seed)
    return Interval.of(flagged_samples(scores_mt, thresholds, draws), len(draws.mt))


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


def calibration_error(
    scores_mt: ArrayLike,
    scores_human: ArrayLike,
    *,
    groups_mt: ArrayLike | None = None,
    groups_human: ArrayLike | None = None,
    bins: int = CALIBRATION_BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the expected calibration error at even prior: mean distance between score and share of machine.

    Machine and human rows carry equal weight in total. Rows without a score are left out; scores outside
    0..1 are no probabilities and give NaN.
    """
    draws = Draws(scores_mt, scores_human, groups_mt, groups_human, resamples, seed)
    samples = calibration_samples(scores_mt, scores_human, draws, bins)
    scored = np.isfinite(floats(scores_mt)).sum() + np.isfinite(floats(scores_human)).sum()
    return Interval.of(samples, int(scored))


def reliability(scores_mt: ArrayLike, scores_human: ArrayLike, bins: int = CALIBRATION_BINS) -> list[dict[str, float]]:
    """Return the points of a reliability curve at even prior: one mapping a bin that holds rows.

    Each has ``score`` (mean score), ``share`` (share of machine rows at even prior) and ``rows``.
    """
    sides = [scores[np.isfinite(scores)] for scores in (floats(scores_mt), floats(scores_human))]
    cells = [np.clip((scores * bins).astype(np.int64), 0, bins - 1) for scores in sides]
    points = []
    for number in range(bins):
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


def threshold_at(clean_scores: ArrayLike, false_positive_rate: float, weights: ArrayLike | None = None) -> float:
    """Return the lowest threshold that flags at most a given (weighted) share of clean rows.

    A row is flagged when its score reaches the threshold. NaN scores count as clean rows never flagged.

    >>> threshold_at([0.1, 0.2, 0.3, 0.4], 0.25) > 0.3
    True
    """
    return float(threshold_samples(clean_scores, false_positive_rate, weights=weights, resamples=0)[0])
