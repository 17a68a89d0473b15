"""What speaks against promoting a model: it is worse beyond noise, or flags too much clean English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.detector import Detector
from mtdetect.shares import exact_interval, percent
from mtdetect.training import metrics
from mtdetect.training.calibration import CleanScores
from mtdetect.training.comparison import WORSE
from mtdetect.training.documents import assemble
from mtdetect.training.evaluation_sets import build, evaluation_rows
from mtdetect.training.evaluation_tables import METRICS, SHARES, interval
from mtdetect.training.rows import Rows
from mtdetect.training.thresholds import DOMAIN_FACTOR

SMALLEST_SET = 100
"""Human rows in a set that is judged on its own."""


@dataclass(frozen=True)
class FalsePositives:
    """How much of one set of human text a model flags at its own threshold.

    Attributes:
        level: ``"sentence"`` or ``"document"``.
        name: the set.
        share: share flagged, with its 95% interval.
        limit: share allowed.
    """

    level: str
    name: str
    share: metrics.Interval
    limit: float

    @property
    def broken(self) -> bool:
        """Whether the limit is broken beyond noise: the whole interval lies above it."""
        return self.share.low > self.limit

    def __str__(self) -> str:
        return (
            f"{self.level}s of {self.name}: {interval(self.share.to_dict(), True)} of {self.share.size:,} flagged, "
            f"allowed {percent(self.limit)}"
        )


def worse(comparison: Mapping[str, Any]) -> list[str]:
    """Return one line for each headline metric of a comparison that is worse beyond noise."""
    lines = []
    for one in comparison["differences"]:
        if one["headline"] and one["verdict"] == WORSE:
            metric = METRICS.get(one["metric"], "false positives")
            share = one["metric"] in SHARES or one["metric"] == "false_positives"
            difference = interval(one["difference"], share)
            lines.append(f"{one['level']}, {one['kind']}: {one['name']}: {metric} changes by {difference}")
    return lines


def false_positives(
    detector: Detector, rows: Rows, limit: float, *, jobs: int = 1, resamples: int = 200, seed: int = 0
) -> list[FalsePositives]:
    """Measure false positives on the human rows an evaluation reads, at the model's own threshold for ``limit``.

    All clean English together may reach the limit; one domain, learner English or human translations may
    reach twice as much (as in the threshold table). Sets under :data:`SMALLEST_SET` rows are left out.
    """
    rows = evaluation_rows(rows)
    measured = list(_of_level("sentence", rows, partial(detector.score, jobs=jobs), detector, limit, resamples, seed))
    documents, _ = assemble(rows)
    if len(documents):
        score = partial(detector.score_documents, jobs=jobs)
        measured += _of_level("document", documents, score, detector, limit, resamples, seed)
    return measured


def _of_level(
    level: Any, rows: Rows, score: Any, detector: Detector, limit: float, resamples: int, seed: int
) -> Iterator[FalsePositives]:
    sets = build(rows, ())
    named: list[tuple[str, NDArray[np.int64], float]] = [("all clean English", sets.clean, limit)]
    named += [(f"{one.kind} {one.name}", one.rows, DOMAIN_FACTOR * limit) for one in sets.human_sets]
    named = [(name, chosen, allowed) for name, chosen, allowed in named if len(chosen) >= SMALLEST_SET]
    if not named:
        return
    scores = np.full(len(rows), np.nan)
    wanted = np.unique(np.concatenate([chosen for _, chosen, _ in named]))
    scores[wanted] = score([rows.text[i] for i in wanted.tolist()])
    threshold = detector.threshold(level, limit)
    for name, chosen, allowed in named:
        share = metrics.share_above(
            scores[chosen], threshold, groups=rows.content[chosen], resamples=resamples, seed=seed
        )
        yield FalsePositives(level, name, share, allowed)


def false_positives_on_clean(detector: Detector, clean: CleanScores, limit: float) -> list[FalsePositives]:
    """Measure false positives on clean text without labels (see :func:`mtdetect.training.calibration.score_clean`)."""
    measured = []
    for level, logits in clean.logits.items():
        if len(logits) >= SMALLEST_SET:
            threshold = detector.threshold(level, limit)
            count = int((logits >= np.log(threshold / (1 - threshold)) - 1e-9).sum())
            low, high = exact_interval(count, len(logits))
            share = metrics.Interval(count / len(logits), low, high, len(logits))
            measured.append(FalsePositives(level, "the clean text", share, limit))
    return measured
