"""What an evaluation draws: distributions of scores, trade-off curves, and scores beside human ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.training import metrics
from mtdetect.training.evaluation_sets import EvaluationSets
from mtdetect.training.pairing import rating_values
from mtdetect.training.resampling import Draws, auc_samples, correlation_samples, threshold_samples
from mtdetect.training.rows import Rows

Floats = NDArray[np.float64]

BINS = 25
"""Equally wide bins of the score in a distribution."""

CURVE_RATES = tuple(float(rate) for rate in np.round(np.geomspace(0.0005, 0.5, 31), 6))
"""False-positive rates on clean English at which a trade-off curve has a point."""

MINIMUM_RATED = 100
"""Fewest rated machine rows that a correlation is computed from."""


def distributions(scores: Mapping[str, Floats], sets: EvaluationSets) -> dict[str, list[dict[str, Any]]]:
    """Return, by scorer, how the scores of each kind of text spread.

    Each distribution has ``kind`` (``"machine"`` or ``"human"``), ``name``, ``rows`` and ``share``, the shares
    of the scored rows in :data:`BINS` bins between 0 and 1. Scores outside 0..1 are no probabilities and are
    left out.
    """
    parts = [
        ("machine", one.name if one.kind == "engine" else f"{one.kind}: {one.name}", one.mt)
        for one in sets.sets
        if one.kind in ("all", "held_out", "engine")
    ]
    parts += [("human", one.name, one.rows) for one in sets.human_sets]
    result: dict[str, list[dict[str, Any]]] = {}
    for scorer, values in scores.items():
        known = values[np.isfinite(values)]
        if not len(known) or known.min() < 0 or known.max() > 1:
            continue
        result[scorer] = []
        for kind, name, index in parts:
            inside = values[index][np.isfinite(values[index])]
            counts = np.histogram(inside, BINS, (0.0, 1.0))[0]
            share = [round(float(count), 5) for count in counts / max(len(inside), 1)]
            result[scorer].append({"kind": kind, "name": name, "rows": len(inside), "share": share})
    return result


def trade_off(scores: Mapping[str, Floats], sets: EvaluationSets) -> dict[str, list[dict[str, Any]]]:
    """Return, by scorer, the share of machine text flagged at each of :data:`CURVE_RATES`.

    Each curve has ``name`` and ``points``, pairs of false-positive rate on clean English (every collection
    weighing the same) and share flagged; rates that fewer than one clean row could show are left out.
    """
    if not len(sets.clean):
        return {}
    weights = sets.clean_weights()
    rates = [rate for rate in CURVE_RATES if rate * len(sets.clean) >= 1]
    result = {}
    for scorer, values in scores.items():
        cuts = [float(threshold_samples(values[sets.clean], rate, weights=weights, resamples=0)[0]) for rate in rates]
        result[scorer] = [
            {
                "name": one.name if one.kind == "engine" else f"{one.kind}: {one.name}",
                "points": [
                    [rate, round(float((values[one.mt] >= cut).mean()), 5)]
                    for rate, cut in zip(rates, cuts, strict=True)
                ],
            }
            for one in sets.sets
            if one.kind in ("all", "held_out", "engine")
        ]
    return result


def rating_figures(rows: Rows, scores: Mapping[str, Floats], resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return how scores go with what people thought of machine rows, for each kind of rating.

    Each has ``kind``, ``rows``, and by scorer ``correlation`` (Spearman's, of score with rating; good
    detection is negative) and ``worst_against_best`` (AUC of the worst-rated third against the best third).
    """
    kinds = rows.column("quality_kind").astype(str)
    quality = rating_values(rows)
    found = []
    for kind in sorted(set(kinds[np.isfinite(quality)])):
        rated = np.flatnonzero((kinds == kind) & np.isfinite(quality) & (rows.label == 1))
        if len(rated) < MINIMUM_RATED or np.ptp(quality[rated]) == 0:
            continue
        low, high = np.quantile(quality[rated], [1 / 3, 2 / 3])
        worst, best = rated[quality[rated] <= low], rated[quality[rated] >= high]
        if low >= high:
            worst, best = rated[quality[rated] <= low], rated[quality[rated] > low]
        content = rows.content
        figures = {}
        for name, values in scores.items():
            scored = rated[np.isfinite(values[rated])]
            if len(scored) < MINIMUM_RATED:
                continue
            draws = Draws(values[scored], (), content[scored], None, resamples, seed)
            ranked = correlation_samples(values[scored], quality[scored], draws)
            figures[name] = {"correlation": metrics.Interval.of(ranked, len(scored)).to_dict()}
            if len(worst) and len(best):
                draws = Draws(values[worst], values[best], content[worst], content[best], resamples, seed)
                apart = auc_samples(values[worst], values[best], draws)
                figures[name]["worst_against_best"] = metrics.Interval.of(apart, len(worst) + len(best)).to_dict()
        found.append({"kind": kind, "rows": len(rated), "scorers": figures})
    return found
