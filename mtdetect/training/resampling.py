"""Bootstrap over content groups: what each metric gives on the rows and on resamples of them.

Every function returns bare values (1 + R,), value 0 being the plain estimate and the rest one value a
resample. Two scorers measured with the same groups, number of resamples and seed see the same draws, so the
difference of their values is a paired comparison. :mod:`mtdetect.training.metrics` turns the values into
intervals.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

RESAMPLES = 200
"""Default number of bootstrap resamples."""

CALIBRATION_BINS = 15
"""Default number of equally wide score bins in the calibration error."""


class Draws:
    """Bootstrap draws of content groups shared by machine and human rows.

    Attributes:
        mt: int64 (M,), group number of each machine row.
        human: int64 (H,), group number of each human row.
        groups: number of groups.
        resamples: number of resamples.
    """

    def __init__(
        self,
        scores_mt: ArrayLike,
        scores_human: ArrayLike,
        groups_mt: ArrayLike | None,
        groups_human: ArrayLike | None,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        """Number the groups of both sides together; a side without groups gets one group a row.

        Raises:
            ValueError: groups and scores differ in length.
        """
        sizes = (len(floats(scores_mt)), len(floats(scores_human)))
        known = [None if groups is None else np.asarray(groups) for groups in (groups_mt, groups_human)]
        for size, groups in zip(sizes, known, strict=True):
            if groups is not None and len(groups) != size:
                raise ValueError(f"{size} scores but {len(groups)} groups: give one group a score")
        stated = [groups for groups in known if groups is not None]
        numbered: list[NDArray[np.int64]] = []
        total = used = 0
        if stated:
            names, codes = np.unique(np.concatenate(stated), return_inverse=True)
            total = len(names)
        for size, groups in zip(sizes, known, strict=True):
            if groups is None:
                numbered.append(np.arange(total, total + size))
                total += size
            else:
                numbered.append(codes[used : used + size].astype(np.int64))
                used += size
        self.mt, self.human = numbered
        self.groups = total
        self.resamples = resamples
        self._seed = seed

    def __iter__(self) -> Iterator[Floats]:
        """Yield how often each group is drawn, (groups,): first all ones, then each resample."""
        yield np.ones(self.groups)
        generator = np.random.default_rng(self._seed)
        for _ in range(self.resamples):
            drawn = generator.integers(0, max(self.groups, 1), self.groups)
            yield np.bincount(drawn, minlength=self.groups).astype(np.float64)


def whole_groups(content: NDArray[np.int64], limit: int, seed: int) -> NDArray[np.int64]:
    """Return positions of at most ``limit`` rows: groups in random order, each whole, while they fit."""
    _, codes, sizes = np.unique(content, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    fits = np.zeros(len(sizes), dtype=np.bool_)
    fits[order] = np.cumsum(sizes[order]) <= limit
    return np.flatnonzero(fits[codes])


def auc_samples(
    scores_mt: ArrayLike, scores_human: ArrayLike, draws: Draws, weights_human: ArrayLike | None = None
) -> Floats:
    """Return the AUC of the rows and of each resample, (1 + R,); NaN where a side is empty."""
    mt, human = _ranked(scores_mt), _ranked(scores_human)
    scores = np.concatenate([mt, human])
    weights = np.concatenate([np.ones(len(mt)), _weights(weights_human, len(human))])
    order = np.argsort(scores, kind="stable")
    codes = np.concatenate([draws.mt, draws.human])[order]
    weights = weights[order]
    is_human = (order >= len(mt)).astype(np.float64)
    starts = _tie_starts(scores[order])
    tied = len(starts) < len(scores)
    values = np.full(draws.resamples + 1, np.nan)
    for number, counts in enumerate(draws):
        weight = counts[codes] * weights
        below = weight * is_human
        above = weight - below
        if tied:
            below, above = np.add.reduceat(below, starts), np.add.reduceat(above, starts)
        total = above.sum() * below.sum()
        if total > 0:
            values[number] = (above * (np.cumsum(below) - 0.5 * below)).sum() / total
    return values


def pair_win_samples(
    scores_mt: ArrayLike, scores_human: ArrayLike, pairs_mt: ArrayLike, pairs_human: ArrayLike, draws: Draws
) -> tuple[Floats, int]:
    """Return the share of pairs won, (1 + R,), and the number of pairs.

    Args:
        scores_mt: (M,) scores of machine rows.
        scores_human: (H,) scores of human rows.
        pairs_mt: (M,) segment of each machine row: it is paired with every human row of the segment.
        pairs_human: (H,) segment of each human row.
        draws: draws of content groups; a segment counts with the group of its first row.
    """
    mt, human = _ranked(scores_mt), _ranked(scores_human)
    scores = np.concatenate([mt, human])
    if not len(mt) or not len(human):
        return np.full(draws.resamples + 1, np.nan), 0
    names, first, pair = np.unique(
        np.concatenate([np.asarray(pairs_mt), np.asarray(pairs_human)]),
        return_index=True,
        return_inverse=True,
    )
    order = np.lexsort((scores, pair))
    scores, pair = scores[order], pair[order]
    is_human = (order >= len(mt)).astype(np.float64)
    # One cell is one score within one segment: rows inside a cell tie with each other.
    changed = np.flatnonzero((np.diff(pair) != 0) | (scores[1:] != scores[:-1])) + 1
    starts = np.concatenate([[0], changed]).astype(np.int64)
    humans = np.add.reduceat(is_human, starts)
    machines = np.add.reduceat(1.0 - is_human, starts)
    segment = pair[starts]
    human_total = np.bincount(segment, humans, minlength=len(names))
    machine_total = np.bincount(segment, machines, minlength=len(names))
    before = np.cumsum(humans) - humans - (np.cumsum(human_total) - human_total)[segment]
    wins = np.bincount(segment, machines * (before + 0.5 * humans), minlength=len(names))
    group = np.concatenate([draws.mt, draws.human])[first]
    group_wins = np.bincount(group, wins, minlength=draws.groups)
    group_pairs = np.bincount(group, human_total * machine_total, minlength=draws.groups)
    values = np.full(draws.resamples + 1, np.nan)
    for number, counts in enumerate(draws):
        total = (counts * group_pairs).sum()
        if total > 0:
            values[number] = (counts * group_wins).sum() / total
    return values, int(group_pairs.sum())


def threshold_samples(
    clean_scores: ArrayLike,
    false_positive_rate: float,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Floats:
    """Return the lowest threshold within the rate, on the rows and on each resample, (1 + R,).

    Raises:
        ValueError: there is no clean row, or the rate is outside 0..1.
    """
    clean = _ranked(clean_scores)
    if not len(clean):
        raise ValueError("no clean rows: a threshold needs scores of clean English")
    if not 0.0 <= false_positive_rate <= 1.0:
        raise ValueError(f"false_positive_rate is {false_positive_rate}: give a share between 0 and 1")
    draws = Draws(clean, (), groups, None, resamples, seed)
    order = np.argsort(-clean, kind="stable")
    clean, codes, weight = clean[order], draws.mt[order], _weights(weights, len(clean))[order]
    ends = np.append(_tie_starts(clean)[1:], len(clean)) - 1
    values = np.empty(draws.resamples + 1)
    for number, counts in enumerate(draws):
        flagged = np.cumsum(counts[codes] * weight)
        # The first score, from the top, whose flagging would go past the rate must stay unflagged. The
        # margin absorbs rounding of the running sum, so that one row in a hundred is 1%.
        too_many = flagged[ends] > false_positive_rate * flagged[-1] * (1 + 1e-9)
        first = int(np.argmax(too_many)) if too_many.any() else -1
        values[number] = np.nextafter(clean[ends[first]], np.inf) if first >= 0 else clean[-1]
    return values


def flagged_samples(scores: ArrayLike, thresholds: Floats, draws: Draws) -> Floats:
    """Return the share of rows at or above the threshold of each resample, (1 + R,)."""
    ranked = _ranked(scores)
    values = np.full(draws.resamples + 1, np.nan)
    for number, counts in enumerate(draws):
        weight = counts[draws.mt]
        total = weight.sum()
        if total > 0:
            values[number] = weight[ranked >= thresholds[number]].sum() / total
    return values


def calibration_samples(scores_mt: ArrayLike, scores_human: ArrayLike, draws: Draws) -> Floats:
    """Return the prior-balanced expected calibration error, (1 + R,)."""
    mt, human = floats(scores_mt), floats(scores_human)
    scores = np.concatenate([mt, human])
    side = np.concatenate([np.ones(len(mt), np.int64), np.zeros(len(human), np.int64)])
    codes = np.concatenate([draws.mt, draws.human])
    values = np.full(draws.resamples + 1, np.nan)
    scored = np.isfinite(scores)
    scores, side, codes = scores[scored], side[scored], codes[scored]
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return values
    bins = CALIBRATION_BINS
    cell = 2 * np.minimum((scores * bins).astype(np.int64), bins - 1) + side
    for number, counts in enumerate(draws):
        weight = counts[codes]
        mass = np.bincount(cell, weight, minlength=2 * bins).reshape(bins, 2)
        score = np.bincount(cell, weight * scores, minlength=2 * bins).reshape(bins, 2)
        total = mass.sum(axis=0)
        if (total > 0).all():
            expected = (score / (2 * total)).sum(axis=1)
            values[number] = np.abs(expected - mass[:, 1] / (2 * total[1])).sum()
    return values


def correlation_samples(scores: ArrayLike, ratings: ArrayLike, draws: Draws) -> Floats:
    """Return Spearman's rank correlation of scores and ratings, (1 + R,); resamples keep the ranks of all rows.

    Args:
        scores: (M,) scores, none of them NaN.
        ratings: (M,) what people said of the same rows.
        draws: draws over the groups of these rows, as the machine side.
    """
    ranks = [rankdata(floats(values)) for values in (scores, ratings)]
    values = np.full(draws.resamples + 1, np.nan)
    for number, counts in enumerate(draws):
        weight = counts[draws.mt]
        if weight.sum() > 0:
            first, second = (rank - np.average(rank, weights=weight) for rank in ranks)
            spread = np.sqrt((weight * first**2).sum() * (weight * second**2).sum())
            values[number] = (weight * first * second).sum() / spread if spread > 0 else np.nan
    return values


def floats(scores: ArrayLike) -> Floats:
    """Return scores as float64, NaN kept."""
    return np.asarray(scores, dtype=np.float64)


def _ranked(scores: ArrayLike) -> Floats:
    """Scores for ranking: a row without a score stands below every other."""
    values = floats(scores)
    return np.where(np.isnan(values), -np.inf, values)


def _weights(weights: ArrayLike | None, size: int) -> Floats:
    return np.ones(size) if weights is None else np.asarray(weights, dtype=np.float64)


def _tie_starts(ordered: Floats) -> NDArray[np.int64]:
    if not len(ordered):
        return np.empty(0, np.int64)
    return np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1]).astype(np.int64)
