"""The false-positive table: which score so much of clean English reaches."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
"""False-positive rates of the table."""

DOMAIN_FACTOR = 2.0
"""No clean domain may exceed the stated rate by more than this factor."""

_MINIMUM_DOMAIN = 400
_TAIL = 0.1


def weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """Return the value that a share of the weight lies at or above."""
    order = np.argsort(-values, kind="stable")
    above = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(above, share)), len(values) - 1)])


def domain_weights(domain: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return float64 (N,) weights that give every domain of some size the same say."""
    _, inverse, count = np.unique(domain.astype(str), return_inverse=True, return_counts=True)
    return (1.0 / np.maximum(count, _MINIMUM_DOMAIN))[inverse]


def threshold_table(
    logits: NDArray[np.float64], domain: NDArray[np.object_], length: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the false-positive table of clean texts.

    The score of a rate is the larger of the score that this share of all clean text reaches (domains weighing
    the same) and, for each domain of some size, the score that twice this share of it reaches. Rates too
    small for the number of texts are read off a straight line through the tail, of log-odds against log-rate.

    Args:
        logits: float64 (N,), log-odds of clean texts.
        domain: N domain names.
        length: int64 (N,), words (or sentences) of each text, for the rates by length.
    """
    weights = domain_weights(domain)
    names, inverse, count = np.unique(domain.astype(str), return_inverse=True, return_counts=True)
    rows = []
    for rate in RATES:
        logit = _quantile(logits, weights, rate)
        for number in np.flatnonzero(count >= _MINIMUM_DOMAIN):
            mine = inverse == number
            if rate * DOMAIN_FACTOR * count[number] >= 5 and rate * DOMAIN_FACTOR < 1:
                logit = max(logit, weighted_quantile(logits[mine], np.ones(int(count[number])), rate * DOMAIN_FACTOR))
        rows.append({"false_positive_rate": rate, "logit": logit})
    for i in range(len(rows) - 2, -1, -1):  # a smaller rate never has a lower score
        rows[i]["logit"] = max(rows[i]["logit"], rows[i + 1]["logit"] + 1e-9)
    for row in rows:
        row["logit"] = round(row["logit"], 9)
    at = next(row["logit"] for row in rows if row["false_positive_rate"] == 0.01)
    edges = np.unique(np.quantile(length, [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]).astype(np.int64))
    by_length = []
    for low, high in itertools.pairwise(edges):
        mine = (length >= low) & ((length < high) | (high == edges[-1]))
        if mine.any():
            by_length.append(
                {
                    "from": int(low),
                    "to": int(high),
                    "texts": int(mine.sum()),
                    "rate": float((logits[mine] >= at).mean()),
                }
            )
    by_domain = {
        str(name): {"texts": int(count[n]), "rate": float((logits[inverse == n] >= at).mean())}
        for n, name in enumerate(names)
    }
    return {
        "texts": len(logits),
        "rates": rows,
        "at_1_percent": {"by_length": by_length, "by_domain": by_domain},
    }


def _quantile(logits: NDArray[np.float64], weights: NDArray[np.float64], rate: float) -> float:
    if rate * len(logits) >= 10:
        return weighted_quantile(logits, weights, rate)
    shares = np.geomspace(max(10 / len(logits), 0.01), max(_TAIL, 20 / len(logits)), 6)
    shares = np.minimum(shares, 0.9)
    tail = np.array([weighted_quantile(logits, weights, float(share)) for share in shares])
    slope = min(float(np.polyfit(np.log(shares), tail, 1)[0]), -0.1)
    return float(tail[0] + slope * (np.log(rate) - np.log(shares[0])))
