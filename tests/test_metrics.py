"""Metrics against scikit-learn, hand-computed cases, and what must hold for any scores."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mtdetect.training import metrics
from mtdetect.training.resampling import (
    RESAMPLES,
    Draws,
    auc_samples,
    calibration_samples,
    flagged_samples,
    pair_win_samples,
    threshold_samples,
)

coarse = st.lists(st.integers(0, 8), min_size=1, max_size=40)


def threshold_at(clean: Any, rate: float, weights: Any = None) -> float:
    return float(threshold_samples(clean, rate, weights=weights, resamples=0)[0])


def pair_wins(mt: Any, human: Any, pairs_mt: Any, pairs_human: Any, resamples: int = RESAMPLES) -> metrics.Interval:
    draws = Draws(mt, human, pairs_mt, pairs_human, resamples)
    return metrics.Interval.of(*pair_win_samples(mt, human, pairs_mt, pairs_human, draws))


def share_flagged(mt: Any, clean: Any, rate: float, groups: Any = None) -> metrics.Interval:
    thresholds = threshold_samples(clean, rate, groups=groups, seed=1)
    return metrics.Interval.of(flagged_samples(mt, thresholds, Draws(mt, (), groups, None)), len(mt))


def calibration_error(mt: Any, human: Any, groups: Any = None, resamples: int = RESAMPLES) -> metrics.Interval:
    draws = Draws(mt, human, groups, groups, resamples)
    return metrics.Interval.of(calibration_samples(mt, human, draws), len(mt) + len(human))


@given(coarse, coarse)
@settings(max_examples=60, deadline=None)
def test_auc_agrees_with_scikit_learn_with_ties(mt: list[int], human: list[int]) -> None:
    expected = roc_auc_score([1] * len(mt) + [0] * len(human), mt + human)
    assert metrics.auc(mt, human, resamples=0).value == pytest.approx(expected)


@given(coarse, coarse, st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_weights_count_as_copies(mt: list[int], human: list[int], extra: int) -> None:
    weights = [1 + (i + extra) % 3 for i in range(len(human))]
    copies = [score for score, weight in zip(human, weights, strict=True) for _ in range(weight)]
    weighted = metrics.auc(mt, human, weights_human=weights, resamples=0).value
    assert weighted == pytest.approx(roc_auc_score([1] * len(mt) + [0] * len(copies), mt + copies))


@given(coarse, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_threshold_never_passes_the_rate_and_is_the_lowest(clean: list[int], rate: float) -> None:
    threshold = threshold_at(clean, rate)
    scores = np.array(clean, dtype=float)
    assert (scores >= threshold).mean() <= rate + 1e-9
    unflagged = scores[scores < threshold]
    if len(unflagged):
        assert (scores >= unflagged.max()).mean() > rate


def test_one_row_in_a_hundred_is_one_percent() -> None:
    threshold = threshold_at(np.arange(100.0), 0.01)
    assert 98 < threshold <= 99
    assert metrics.share_above(np.arange(100.0), threshold).value == pytest.approx(0.01)


def test_threshold_balances_domains_by_weight() -> None:
    small, large = np.array([0.9, 0.1]), np.full(98, 0.2)
    scores = np.concatenate([small, large])
    balanced = np.concatenate([np.full(2, 1 / 2), np.full(98, 1 / 98)])
    assert threshold_at(scores, 0.02) <= 0.9
    assert threshold_at(scores, 0.02, balanced) > 0.9


def test_share_flagged_by_hand() -> None:
    clean = np.linspace(0.0, 0.99, 100)
    share = share_flagged([0.995, 0.985, 0.5, np.nan], clean, 0.01)
    assert share.value == pytest.approx(0.5)
    assert share.size == 4
    assert share.low <= share.value <= share.high


def test_pair_wins_by_hand() -> None:
    wins = pair_wins(
        [0.9, 0.2, 0.5, 0.7],
        [0.5, 0.5, 0.1],
        pairs_mt=["a", "a", "b", "alone"],
        pairs_human=["a", "b", "lonely"],
    )
    assert wins.value == pytest.approx((1 + 0 + 0.5) / 3)
    assert wins.size == 3


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_pair_wins_agree_with_counting(rows: list[tuple[int, int, bool]]) -> None:
    mt = [(group, score) for group, score, is_mt in rows if is_mt]
    human = [(group, score) for group, score, is_mt in rows if not is_mt]
    results = [
        (score > other) + 0.5 * (score == other) for group, score in mt for partner, other in human if group == partner
    ]
    wins = pair_wins(
        [score for _, score in mt],
        [score for _, score in human],
        pairs_mt=[group for group, _ in mt],
        pairs_human=[group for group, _ in human],
        resamples=2,
    )
    assert wins.size == len(results)
    if results:
        assert wins.value == pytest.approx(np.mean(results))
    else:
        assert np.isnan(wins.value)


def test_calibration_error_by_hand_and_prior_balanced() -> None:
    # Every row says 0.8. At even prior half of the mass is machine, however many rows a side has.
    few = calibration_error([0.8], [0.8])
    many = calibration_error([0.8] * 9, [0.8])
    assert few.value == pytest.approx(0.3)
    assert many.value == pytest.approx(0.3)
    assert calibration_error([1.0, 1.0], [0.0]).value == 0.0


def test_calibration_of_a_calibrated_scorer_is_near_zero() -> None:
    generator = np.random.default_rng(1)
    scores = generator.uniform(size=60_000)
    is_mt = generator.uniform(size=len(scores)) < scores
    assert calibration_error(scores[is_mt], scores[~is_mt], resamples=5).value < 0.01


def test_calibration_of_scores_that_are_no_probabilities_is_unknown() -> None:
    interval = calibration_error([3.0], [-1.0])
    assert np.isnan(interval.value)
    assert interval.to_dict() == {"value": None, "low": None, "high": None, "size": 2}


def test_rows_without_a_score_rank_lowest() -> None:
    assert metrics.auc([np.nan], [0.1]).value == 0.0
    assert metrics.auc([np.nan], [np.nan]).value == 0.5
    assert metrics.share_above([np.nan, 1.0], 0.5).value == 0.5


def test_empty_side_gives_nan_not_an_error() -> None:
    assert np.isnan(metrics.auc([], [0.1]).value)
    assert np.isnan(pair_wins([], [], pairs_mt=[], pairs_human=[]).value)
    assert np.isnan(metrics.share_above([], 0.5).value)
    with pytest.raises(ValueError, match="no clean rows"):
        threshold_at([], 0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at([0.1], 1.5)
    with pytest.raises(ValueError, match="one group a score"):
        metrics.auc([0.1], [0.2], groups_mt=["a", "b"])


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.760  # P(N(1,1) > N(0,1))
    held = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        interval = metrics.auc(generator.normal(1, 1, 150), generator.normal(0, 1, 150), seed=seed)
        held += interval.low <= truth <= interval.high
    assert held >= 51


def test_grouped_intervals_are_wider_than_row_intervals() -> None:
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), 20)
    mt = np.repeat(generator.normal(1, 1, 60), 20)
    human = np.repeat(generator.normal(0, 1, 60), 20)
    rows = metrics.auc(mt, human)
    grouped = metrics.auc(mt, human, groups_mt=groups, groups_human=groups)
    assert grouped.high - grouped.low > 2 * (rows.high - rows.low)


def test_same_seed_same_draws_so_differences_are_paired() -> None:
    generator = np.random.default_rng(4)
    mt, human = generator.normal(1, 1, 400), generator.normal(0, 1, 400)
    draws = Draws(mt, human, None, None, resamples=50, seed=7)
    old = auc_samples(mt, human, draws)
    new = auc_samples(mt * 3 + 5, human * 3 + 5, draws)
    assert np.array_equal(old, new)


def test_large_input_takes_seconds() -> None:
    generator = np.random.default_rng(5)
    mt, human = generator.uniform(size=50_000), generator.uniform(size=50_000)
    groups = generator.integers(0, 20_000, 50_000)
    start = time.perf_counter()
    metrics.auc(mt, human, groups_mt=groups, groups_human=groups)
    pair_wins(mt, human, pairs_mt=groups, pairs_human=groups)
    share_flagged(mt, human, 0.01, groups)
    calibration_error(mt, human, groups)
    assert time.perf_counter() - start < 10
