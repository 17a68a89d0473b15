"""Additive classifiers: each feature moves the log-odds by a piecewise linear curve; the curves add up.

Trained by scikit-learn (:mod:`mtdetect.training.fit`), served by numpy alone. Each is a generalised additive
model (Hastie and Tibshirani 1986): what a feature contributes can be read off its curve. A sentence is judged
by two of them, one that knows garble and one that knows fluent machine translation, because the two pull a
single classifier in opposite directions; the score follows whichever is surer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Place = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]
"""Where N rows of F features stand among F x K knots: flat number of the interval, value, and whether absent."""


@dataclass(frozen=True)
class AdditiveClassifier:
    """F curves over K knots each.

    Attributes:
        knots: float64 (F, K), not decreasing along each row.
        values: float64 (F, K), log-odds at the knots; constant outside.
        base: log-odds before any feature.
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    base: float

    def arrays(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            f"{prefix}_knots": self.knots,
            f"{prefix}_values": self.values,
            f"{prefix}_base": np.array(self.base),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> AdditiveClassifier:
        """Rebuild a classifier from :meth:`arrays`."""
        return cls(
            np.asarray(arrays[f"{prefix}_knots"], dtype=np.float64),
            np.asarray(arrays[f"{prefix}_values"], dtype=np.float64),
            float(arrays[f"{prefix}_base"]),
        )

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64 (N, F) log-odds that each feature adds; 0 where a feature is NaN."""
        return self.contributions_at(locate(features, self.knots))

    def contributions_at(self, place: Place) -> NDArray[np.float64]:
        """Return what :meth:`contributions` does, for features that were already placed among the knots."""
        interval, inside, absent = place
        intercepts, slopes = self._lines
        result = slopes.take(interval)
        result *= inside
        result += intercepts.take(interval)
        result[absent] = 0.0
        return result

    @cached_property
    def _lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Intercept and slope of the line over each interval; an interval without width has the value of its end."""
        width = np.diff(self.knots, axis=1, append=self.knots[:, -1:])
        rise = np.diff(self.values, axis=1, append=self.values[:, -1:])
        end = np.append(self.values[:, 1:], self.values[:, -1:], axis=1)
        slopes = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
        intercepts = np.where(width > 0, self.values - slopes * self.knots, end)
        return intercepts.ravel(), slopes.ravel()

    def scaled(self, slope: float, shift: float) -> AdditiveClassifier:
        """Return the classifier whose log-odds are ``slope`` times these plus ``shift``."""
        return AdditiveClassifier(self.knots, self.values * slope, self.base * slope + shift)

    def logits(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64 (N,) log-odds: base plus contributions."""
        total: NDArray[np.float64] = self.base + contributions.sum(axis=1)
        return total


@dataclass(frozen=True)
class Evidence:
    """What a sentence classifier says of N sentences; ``logits == base + contributions.sum(axis=1)``.

    Attributes:
        heads: float64 (N, 2), log-odds of garble and of machine translation, each by itself.
        logits: float64 (N,), calibrated log-odds of the score.
        added: float64 (N, F) for each head, log-odds that each feature adds to it.
        slope: factor of the calibration.
    """

    heads: NDArray[np.float64]
    logits: NDArray[np.float64]
    added: tuple[NDArray[np.float64], NDArray[np.float64]]
    slope: float

    @cached_property
    def contributions(self) -> NDArray[np.float64]:
        """float64 (N, F), log-odds that each feature adds to the score.

        The soft maximum ``log(exp(g) + exp(t))`` equals ``w g + (1 - w) t`` plus the entropy of ``w``, with
        ``w`` the share of the garble head; so the features keep adding up to the score.
        """
        share = probability(self.heads[:, 0] - self.heads[:, 1])[:, None]
        result: NDArray[np.float64] = self.slope * (share * self.added[0] + (1.0 - share) * self.added[1])
        return result

    @cached_property
    def base(self) -> NDArray[np.float64]:
        """float64 (N,), log-odds before any feature (they depend on which head speaks)."""
        result: NDArray[np.float64] = self.logits - self.contributions.sum(axis=1)
        return result


@dataclass(frozen=True)
class SentenceClassifier:
    """Two additive heads with the same knots, under a soft maximum.

    Attributes:
        garble: head for garbled (rule-based) translation.
        translation: head for fluent machine translation.
        slope: factor that calibrates the soft maximum of the heads.
        shift: log-odds added by calibration.
    """

    garble: AdditiveClassifier
    translation: AdditiveClassifier
    slope: float = 1.0
    shift: float = 0.0

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            **self.garble.arrays("garble"),
            **self.translation.arrays("translation"),
            "sentence_calibration": np.array([self.slope, self.shift]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> SentenceClassifier:
        """Rebuild a classifier from :meth:`arrays`."""
        slope, shift = (float(value) for value in arrays["sentence_calibration"])
        return cls(
            AdditiveClassifier.from_arrays(arrays, "garble"),
            AdditiveClassifier.from_arrays(arrays, "translation"),
            slope,
            shift,
        )

    def evidence(self, features: NDArray[np.float64]) -> Evidence:
        """Weigh the features (float64 (N, F)) of N sentences."""
        place = locate(features, self.garble.knots)
        added = (self.garble.contributions_at(place), self.translation.contributions_at(place))
        garble, translation = self.garble.logits(added[0]), self.translation.logits(added[1])
        logits = self.slope * np.logaddexp(garble, translation) + self.shift
        return Evidence(np.stack([garble, translation], axis=1), logits, added, self.slope)


def locate(features: NDArray[np.float64], knots: NDArray[np.float64]) -> Place:
    """Return for each value its interval (flat, row of the feature first), the value itself and whether it is NaN.

    Args:
        features: float64 (N, F).
        knots: float64 (F, K); values outside are moved to the nearest end.
    """
    absent = np.isnan(features)
    inside = np.clip(features, knots[:, 0], knots[:, -1])
    interval = np.zeros(features.shape, dtype=np.int8)
    for k in range(1, knots.shape[1] - 1):
        interval += inside >= knots[:, k]
    return interval + np.arange(0, knots.size, knots.shape[1]), inside, absent


def probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log-odds, without overflow.

    >>> probability(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    with np.errstate(over="ignore"):
        result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -700, 700)))
    return np.where(logits < -700, 0.0, result)
