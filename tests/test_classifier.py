"""The numpy classifier says what scikit-learn says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtdetect.classifier import AdditiveClassifier, SentenceClassifier, locate, probability
from mtdetect.training.fit import design, fit_classifier, quantile_knots, recalibrate


def rows(seed: int, n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = np.stack(
        [rng.normal(size=n), rng.exponential(size=n), rng.poisson(0.2, size=n), rng.normal(size=n)], axis=1
    )
    label = (np.sin(2 * features[:, 0]) + features[:, 1] + features[:, 2] + rng.normal(size=n) > 1.2).astype(np.int8)
    features[rng.random(n) < 0.1, 3] = np.nan
    return features, label


def test_numpy_serves_what_scikit_learn_fitted() -> None:
    features, label = rows(0)
    fitted = fit_classifier(features, label, np.ones(len(label)), quantile_knots(features, 8), 1.0)
    fresh, _ = rows(1, 500)
    fresh[::7] *= 50  # far outside the knots
    expected = fitted.estimator.predict_proba(design(fresh, fitted.knots, fitted.fill))[:, 1]
    contributions = fitted.classifier.contributions(fresh)
    assert np.abs(probability(fitted.classifier.logits(contributions)) - expected).max() < 1e-6
    assert (
        np.abs(fitted.classifier.base + contributions.sum(axis=1) - fitted.classifier.logits(contributions)).max()
        < 1e-9
    )


def test_it_learns_curves_and_ignores_what_is_absent() -> None:
    features, label = rows(2)
    fitted = fit_classifier(features, label, np.ones(len(label)), quantile_knots(features, 8), 1.0).classifier
    fresh, truth = rows(3, 1000)
    right = (probability(fitted.logits(fitted.contributions(fresh))) > 0.5) == truth
    assert right.mean() > 0.75
    assert (fitted.contributions(np.full((1, 4), np.nan)) == 0).all()


def test_heads_add_up_under_their_soft_maximum() -> None:
    features, label = rows(6)
    knots = quantile_knots(features, 6)
    one = fit_classifier(features, label, np.ones(len(label)), knots, 1.0).classifier
    other = fit_classifier(features, 1 - label, np.ones(len(label)), knots, 1.0).classifier
    both = SentenceClassifier(one, other, 1.7, -0.4)
    evidence = both.evidence(features)
    heads = np.stack([head.logits(head.contributions(features)) for head in (one, other)], axis=1)
    assert np.array_equal(evidence.heads, heads)
    assert np.abs(evidence.base + evidence.contributions.sum(axis=1) - evidence.logits).max() < 1e-9
    assert (evidence.logits >= 1.7 * heads.max(axis=1) - 0.4).all()
    again = SentenceClassifier.from_arrays(both.arrays()).evidence(features)
    assert np.array_equal(again.logits, evidence.logits)


def test_scores_of_a_row_do_not_depend_on_other_rows() -> None:
    features, label = rows(4)
    fitted = fit_classifier(features, label, np.ones(len(label)), quantile_knots(features, 6), 1.0).classifier
    whole = fitted.logits(fitted.contributions(features))
    alone = np.concatenate([fitted.logits(fitted.contributions(features[i : i + 1])) for i in range(50)])
    assert np.array_equal(whole[:50], alone)


def test_recalibration_makes_scores_probabilities() -> None:
    rng = np.random.default_rng(5)
    label = rng.integers(0, 2, size=20_000).astype(np.int8)
    logits = 3 * (label * 2.0 - 1 + rng.normal(size=len(label)) * 1.5)
    line = AdditiveClassifier(np.array([[-50.0, 50.0]]), np.array([[-50.0, 50.0]]), 0.0)
    fixed = recalibrate(line, logits, label, np.ones(len(label)))
    score = probability(fixed.logits(fixed.contributions(logits[:, None])))
    for low in (0.1, 0.3, 0.5, 0.7):
        mine = (score >= low) & (score < low + 0.2)
        assert label[mine].mean() == pytest.approx(score[mine].mean(), abs=0.04)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_any_value_falls_into_an_interval(values: list[float]) -> None:
    knots = np.array([[0.0, 1.0, 1.0, 4.0]])
    interval, inside, absent = locate(np.array(values)[:, None], knots)
    assert ((interval >= 0) & (interval <= 2)).all()
    assert (absent | (inside >= 0) & (inside <= 4)).all()
    assert np.array_equal(absent[:, 0], np.isnan(values))
