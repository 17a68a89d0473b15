"""Paired comparison of two scorers on the same rows: better, worse, or no difference beyond noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.training import metrics
from mtdetect.training.documents import assemble
from mtdetect.training.evaluation import RATES, Scorer, clean_thresholds, flagged_name, metric_samples
from mtdetect.training.evaluation_sets import (
    DEFAULT_BREAKDOWNS,
    EvaluationSets,
    build,
    evaluation_rows,
)
from mtdetect.training.evaluation_tables import METRICS, SHARES, Table, interval
from mtdetect.training.resampling import RESAMPLES, Draws, flagged_samples
from mtdetect.training.rows import Rows

Floats = NDArray[np.float64]

LOWER_IS_BETTER = frozenset({"calibration_error", "false_positives"})
"""Metrics that improve when they fall; the others improve when they rise."""

BETTER, WORSE, SAME, MIXED = "better", "worse", "no difference beyond noise", "mixed"


def compare(
    old: Scorer,
    new: Scorer,
    rows: Rows,
    *,
    old_documents: Scorer | None = None,
    new_documents: Scorer | None = None,
    by: Sequence[str] = DEFAULT_BREAKDOWNS,
    clean_limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two scorers on the same rows with the same bootstrap resamples.

    A metric is better or worse when the 95% interval of the difference (new minus old) leaves out zero. The
    overall verdict looks at the whole test split and at each held-out set, AUC and shares flagged, and at
    false positives on learner English and human translations: better when at least one of them is better and
    none is worse, worse the other way round, mixed when there are both.

    Returns:
        Plain types, ready for JSON: ``verdict``, ``rows``, ``resamples``, ``seed`` and ``differences``, each
        with ``level``, ``kind``, ``name``, ``metric``, ``old``, ``new``, ``difference`` (an interval),
        ``verdict`` and whether it is a ``headline``.
    """
    rows = evaluation_rows(rows, clean_limit, seed)
    both = [np.asarray(scorer(rows.text), dtype=np.float64) for scorer in (old, new)]
    differences = _differences("sentence", rows, both, build(rows, by), resamples, seed)
    if old_documents is not None and new_documents is not None:
        pieces, _ = assemble(rows)
        if len(pieces):
            whole = [np.asarray(scorer(pieces.text), dtype=np.float64) for scorer in (old_documents, new_documents)]
            breakdowns = [name for name in by if name not in ("length", "rating")]
            differences += _differences("document", pieces, whole, build(pieces, breakdowns), resamples, seed)
    return {
        "verdict": overall([one["verdict"] for one in differences if one["headline"]]),
        "rows": len(rows),
        "resamples": resamples,
        "seed": seed,
        "differences": differences,
    }


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict over several.

    >>> overall(["better", "no difference beyond noise"]), overall(["better", "worse"])
    ('better', 'mixed')
    """
    found = set(verdicts) & {BETTER, WORSE}
    return SAME if not found else MIXED if len(found) == 2 else found.pop()


def verdict_of(difference: Floats, lower_is_better: bool) -> str:
    """Return the verdict on samples (1 + R,) of a difference, new minus old."""
    found = metrics.Interval.of(difference, 0)
    if found.low <= 0 <= found.high:
        return SAME
    return BETTER if (found.value < 0) == lower_is_better else WORSE


def _differences(
    level: str, rows: Rows, both: Sequence[Floats], sets: EvaluationSets, resamples: int, seed: int
) -> list[dict[str, Any]]:
    cuts = [clean_thresholds(rows, scores, sets, resamples, seed) for scores in both]
    found: list[dict[str, Any]] = []
    for one in sets.sets:
        old, new = (
            metric_samples(one, rows, scores, sets, thresholds, resamples, seed)
            for scores, thresholds in zip(both, cuts, strict=True)
        )
        headline = one.kind in ("all", "held_out")
        for name in METRICS:
            if name in old and name in new:
                counts = headline and name not in ("calibration_error", "pair_wins")
                found.append(_difference(level, one.kind, one.name, name, old[name], new[name], counts))
    for human in sets.human_sets:
        draws = Draws(both[0][human.rows], (), rows.content[human.rows], None, resamples, seed)
        flagged = [
            (
                flagged_samples(scores[human.rows], np.full(resamples + 1, thresholds[RATES[0]][0]), draws),
                len(draws.mt),
            )
            for scores, thresholds in zip(both, cuts, strict=True)
            if RATES[0] in thresholds
        ]
        if len(flagged) == 2:
            counts = human.kind in ("learner", "translation") and human.name.startswith("all ")
            found.append(_difference(level, human.kind, human.name, "false_positives", flagged[0], flagged[1], counts))
    return found


def _difference(
    level: str,
    kind: str,
    name: str,
    metric: str,
    old: tuple[Floats, int],
    new: tuple[Floats, int],
    headline: bool,
) -> dict[str, Any]:
    change = new[0] - old[0]
    return {
        "level": level,
        "kind": kind,
        "name": name,
        "metric": metric,
        "old": float(old[0][0]),
        "new": float(new[0][0]),
        "difference": metrics.Interval.of(change, new[1]).to_dict(),
        "verdict": verdict_of(change, metric in LOWER_IS_BETTER),
        "headline": headline,
    }


def comparison_table(result: Mapping[str, Any]) -> Table:
    """Return the differences of :func:`compare` as one table."""
    rows = []
    for one in result["differences"]:
        share = one["metric"] in SHARES or one["metric"] == "false_positives"
        old, new = (f"{100 * one[side]:.2f}%" if share else f"{one[side]:.4f}" for side in ("old", "new"))
        metric = METRICS.get(one["metric"], f"false positives at {flagged_name(RATES[0]).removeprefix('flagged_at_')}")
        rows.append(
            [
                f"{one['level']}, {one['kind']}: {one['name']}",
                metric,
                f"{one['difference']['size']:,}",
                old,
                new,
                interval(one["difference"], share),
                one["verdict"],
            ]
        )
    return Table(
        f"Overall: {result['verdict']}",
        ["set", "metric", "size", "old", "new", "new minus old", "verdict"],
        rows,
        f"Paired bootstrap over content groups, {result['resamples']} resamples, {result['rows']:,} rows.",
    )
