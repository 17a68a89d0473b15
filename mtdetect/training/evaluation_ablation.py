"""Ablation: what each family of features is worth, by a classifier fitted without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.classifier import probability
from mtdetect.features import FAMILIES, Resources
from mtdetect.model import load_model
from mtdetect.training.evaluation import Evaluation, evaluate
from mtdetect.training.evaluation_sets import evaluation_rows
from mtdetect.training.pairing import pair_key
from mtdetect.training.recipe import Recipe
from mtdetect.training.resampling import whole_groups
from mtdetect.training.rows import Rows
from mtdetect.training.sentence_classifier import (
    FeatureSource,
    Report,
    calibrated_sentence,
    feature_matrix,
    fit_heads,
)

WHOLE = "all families"
"""Name of the classifier that nothing was taken from."""


def ablation(
    model: Path,
    corpus: Rows,
    plan: Recipe,
    *,
    limit: int,
    clean_limit: int,
    jobs: int,
    resamples: int,
    seed: int,
    report: Report,
) -> Evaluation:
    """Refit the sentence classifier without each family in turn, and measure all of them on the same test rows.

    What features stand on (language models, lexicon, experts) stays that of the model; features are computed
    once. Rows are a random share of each part, so figures differ a little from those of the model itself.

    Args:
        model: the model's folder.
        corpus: rows with the columns ``split`` and ``held_out``.
        plan: recipe of the model.
        limit: at most this many rows of each part (fit, calibrate, test).
        clean_limit: at most this many test rows of each clean collection.
        jobs: processes for feature computation.
        resamples: bootstrap resamples.
        seed: seed of samples and resamples.
        report: takes progress lines.
    """
    resources = load_model(model.absolute()).resources
    split, held_out = corpus.column("split"), corpus.column("held_out") != ""
    fit, calibrate = (
        _at_most(corpus.take((split == part) & ~held_out & _paired(corpus)), limit, seed)
        for part in ("fit", "calibrate")
    )
    tested = evaluation_rows(corpus, clean_limit, seed)
    alone = ~_paired(tested)
    tested = tested.take(np.sort(np.concatenate([np.flatnonzero(alone), _chosen(tested, ~alone, limit, seed)])))
    remembered = _Remembered()
    scorers: dict[str, Callable[[Sequence[str]], NDArray[np.float64]]] = {}
    for name in (WHOLE, *(family.name for family in FAMILIES)):
        report(f"ablation: {name}" if name == WHOLE else f"ablation: without {name}")
        source = remembered.without(name)
        heads = fit_heads(fit, plan, resources, jobs, lambda _: None, source)
        sentence = calibrated_sentence(heads, calibrate, plan, resources, jobs, source)

        def score(texts: Sequence[str], source: FeatureSource = source, sentence: Any = sentence) -> Any:
            matrix, scorable = source(texts, resources, jobs)
            return np.where(scorable, probability(sentence.evidence(matrix).logits), np.nan)

        scorers[name if name == WHOLE else f"without {name}"] = score
    return evaluate(scorers, tested, by=("engine",), resamples=resamples, seed=seed)


class _Remembered:
    """Feature matrices, computed once for the same texts."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}

    def without(self, family: str) -> FeatureSource:
        """Return a source of features in which those of a family are blank."""
        blank = np.array([one.name == family for one in FAMILIES for _ in one.features])

        def features(
            texts: Sequence[str], resources: Resources, jobs: int
        ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
            key = hash(tuple(texts))
            if key not in self._known:
                matrix, scorable = feature_matrix(texts, resources, jobs)
                self._known[key] = matrix.astype(np.float32), scorable
            matrix, scorable = self._known[key]
            return np.where(blank, np.nan, matrix.astype(np.float64)), scorable

        return features


def _paired(rows: Rows) -> NDArray[np.bool_]:
    """Rows of a segment that has both sides, and machine rows."""
    key = pair_key(rows)
    paired: NDArray[np.bool_] = (rows.label == 1) | np.isin(key, key[rows.label == 1])
    return paired


def _chosen(rows: Rows, mask: NDArray[np.bool_], limit: int, seed: int) -> NDArray[np.int64]:
    at = np.flatnonzero(mask)
    return at[whole_groups(rows.content[at], limit, seed)]


def _at_most(rows: Rows, limit: int, seed: int) -> Rows:
    return rows.take(np.sort(_chosen(rows, np.ones(len(rows), dtype=np.bool_), limit, seed)))
