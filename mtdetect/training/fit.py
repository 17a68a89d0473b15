"""Fit the additive classifier with scikit-learn and turn it into curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mtdetect.classifier import AdditiveClassifier, locate


@dataclass
class FittedClassifier:
    """The scikit-learn object and the curves it gave.

    Attributes:
        estimator: logistic regression on the design matrix of :func:`design`.
        classifier: the same as curves.
        knots: float64 (F, K).
        fill: float64 (F, K), design row of an absent value (the mean over the values that are there).
    """

    estimator: LogisticRegression
    classifier: AdditiveClassifier
    knots: NDArray[np.float64]
    fill: NDArray[np.float64]


def quantile_knots(features: NDArray[np.float64], knots: int) -> NDArray[np.float64]:
    """Return float64 (F, K) knots: quantiles of each feature, denser towards both ends."""
    inner = np.linspace(0.0, 1.0, knots - 2)
    levels = np.concatenate([[0.001], 0.5 - 0.49 * np.cos(np.pi * inner), [0.999]])
    rows = np.empty((features.shape[1], knots))
    for f in range(features.shape[1]):
        column = features[:, f]
        column = column[~np.isnan(column)]
        if len(column) == 0:
            rows[f] = np.arange(knots)
            continue
        row = np.quantile(column, levels)
        if row[0] == row[-1] or len(np.unique(row)) < knots // 2:
            # A count that is mostly zero: knots at its distinct values, then evenly to its high quantile.
            low, high = float(column.min()), float(np.quantile(column, 0.9995))
            row = np.linspace(low, high if high > low else low + 1.0, knots)
        rows[f] = row
    return rows


def design(features: NDArray[np.float64], knots: NDArray[np.float64], fill: NDArray[np.float64] | None) -> csr_matrix:
    """Return the sparse (N, F * K) matrix of hat functions; absent values take the row of ``fill``."""
    n, f = features.shape
    k = knots.shape[1]
    column, inside, absent = locate(features, knots)
    flat = knots.ravel()
    low = flat.take(column)
    width = flat.take(column + 1) - low
    fraction = np.divide(inside - low, width, out=np.ones_like(width), where=width > 0)
    data = np.stack([1.0 - fraction, fraction], axis=-1)
    data[absent] = 0.0
    index = np.stack([column, column + 1], axis=-1).astype(np.int32)
    matrix = csr_matrix(
        (data.reshape(-1), index.reshape(-1), np.arange(0, n * f * 2 + 1, f * 2, dtype=np.int64)),
        shape=(n, f * k),
    )
    if fill is None or not absent.any():
        return matrix
    rows, columns = np.nonzero(absent)
    filled = csr_matrix(
        (
            fill[columns].ravel(),
            (np.repeat(rows, k), (columns[:, None] * k + np.arange(k)).ravel()),
        ),
        shape=(n, f * k),
    )
    return (matrix + filled).tocsr()


def fit_classifier(
    features: NDArray[np.float64],
    label: NDArray[np.int8],
    weight: NDArray[np.float64],
    at: NDArray[np.float64],
    inverse_regularisation: float,
) -> FittedClassifier:
    """Fit curves to N labelled feature rows.

    Args:
        features: float64 (N, F), NaN where a feature does not apply.
        label: int8 (N,), 1 for machine translation.
        weight: float64 (N,).
        at: float64 (F, K), points of each curve (see :func:`quantile_knots`).
        inverse_regularisation: larger values let the curves bend more (scikit-learn's ``C``, in units of
            one for each 10,000 rows of weight).
    """
    plain = design(features, at, None)
    present = (~np.isnan(features)).T.astype(np.float64) @ weight
    total = np.asarray(plain.T @ weight).reshape(at.shape)
    fill = total / np.maximum(present, 1e-12)[:, None]
    matrix = design(features, at, fill)
    scale = weight.sum() / 10_000.0
    estimator = LogisticRegression(C=inverse_regularisation, max_iter=1000, tol=1e-6)
    with threadpool_limits(1):
        estimator.fit(matrix, label, sample_weight=weight / scale)
    coefficients = estimator.coef_[0].reshape(at.shape)
    centre = (coefficients * fill).sum(axis=1)
    values = coefficients - centre[:, None]
    base = float(estimator.intercept_[0] + centre.sum())
    return FittedClassifier(estimator, AdditiveClassifier(at, values, base), at, fill)


def platt(logits: NDArray[np.float64], label: NDArray[np.int8], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and shift that turn log-odds into probabilities at even prior (Platt 1999)."""
    balanced = weight.copy()
    for side in (0, 1):
        balanced[label == side] /= max(float(weight[label == side].sum()), 1e-12)
    estimator = LogisticRegression(C=1e6)
    with threadpool_limits(1):
        estimator.fit(logits[:, None], label, sample_weight=balanced * len(label))
    return max(float(estimator.coef_[0, 0]), 1e-3), float(estimator.intercept_[0])


def recalibrate(
    classifier: AdditiveClassifier,
    logits: NDArray[np.float64],
    label: NDArray[np.int8],
    weight: NDArray[np.float64],
) -> AdditiveClassifier:
    """Scale and shift the curves so that the score is a probability at even prior."""
    slope, shift = platt(logits, label, weight)
    return classifier.scaled(slope, shift)
