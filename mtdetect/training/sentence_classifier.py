"""Fit the sentence classifier: features of paired rows, one head a kind of translation, one calibration."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from mtdetect.classifier import Evidence, SentenceClassifier
from mtdetect.errors import InputError
from mtdetect.features import FEATURES, LEARNT, Resources, compute
from mtdetect.model import resource_arrays, resources_from
from mtdetect.status import SCORED, status_codes
from mtdetect.text import normalise
from mtdetect.training.fit import FittedClassifier, fit_classifier, platt, quantile_knots
from mtdetect.training.pairing import is_low_rated, pair_key, pair_weights
from mtdetect.training.recipe import Recipe
from mtdetect.training.resources import expert_tasks
from mtdetect.training.rows import Rows, concatenate

MINIMUM_ROWS = 40
"""Rows on each side without which nothing can be fitted."""

Report = Callable[[str], None]
"""Takes lines that tell how far a run is."""

FeatureSource = Callable[[Sequence[str], Resources, int], tuple[NDArray[np.float64], NDArray[np.bool_]]]
"""What :func:`feature_matrix` is, or gives features in its place."""


def require_both_sides(rows: Rows, part: str) -> None:
    """Refuse a part of the rows that one side is missing from.

    Raises:
        InputError: fewer than :data:`MINIMUM_ROWS` rows on a side; the message names the part.
    """
    machine = int((rows.label == 1).sum())
    if min(machine, len(rows) - machine) < MINIMUM_ROWS:
        raise InputError(
            f"the {part} part has {len(rows) - machine} human and {machine} machine rows; add rows until it has"
            f" {MINIMUM_ROWS} of each"
        )


def feature_matrix(
    texts: Sequence[str], resources: Resources, jobs: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return float64 (N, F) features and bool (N,) which texts can be scored (other rows are NaN)."""
    size = max(2048, -(-len(texts) // max(1, joblib.effective_n_jobs(jobs))))
    slices = [texts[i : i + size] for i in range(0, len(texts), size)]
    if jobs == 1 or len(slices) == 1:
        parts = [_features(part, resources) for part in slices]
    else:
        with tempfile.TemporaryDirectory() as folder:
            parts = joblib.Parallel(n_jobs=jobs, temp_folder=folder)(
                joblib.delayed(_features_of_arrays)(
                    part, resources.encoder.processor.serialized_model_proto(), resource_arrays(resources)
                )
                for part in slices
            )
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _features_of_arrays(
    texts: Sequence[str], pieces: bytes, arrays: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return _features(texts, resources_from(pieces, arrays))


def _features(texts: Sequence[str], resources: Resources) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    matrix = np.full((len(texts), len(FEATURES)), np.nan)
    scorable = np.zeros(len(texts), dtype=bool)
    for start, plain in _plain(texts):
        filled = np.array([i for i, text in enumerate(plain) if text], dtype=np.int64)
        if not len(filled):
            continue
        analysis = resources.analyse([plain[i] for i in filled])
        scorable[start + filled] = status_codes(analysis) == SCORED
        matrix[start + filled] = compute(analysis)
    return matrix, scorable


def _plain(texts: Sequence[str], size: int = 512) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(texts), size):
        yield start, normalise(texts[start : start + size])


def weighted_pairs(rows: Rows, plan: Recipe) -> tuple[Rows, NDArray[np.float64]]:
    """Return the rows that have a counterpart, and their weights."""
    weight = pair_weights(rows, plan.weights)
    return rows.take(weight > 0), weight[weight > 0]


def fit_heads(
    rows: Rows,
    plan: Recipe,
    resources: Resources,
    jobs: int,
    report: Report,
    feature_matrix: FeatureSource = feature_matrix,
) -> dict[str, FittedClassifier]:
    """Fit the garble head and the translation head, each on its own kind of pairs."""
    pairs, weight = weighted_pairs(rows, plan)
    require_both_sides(pairs, "fit")
    samples = {}
    for name, (part, part_weight) in expert_tasks(pairs, weight).items():
        if len(part) > plan.classifier_rows:
            kept = np.sort(np.random.default_rng(plan.seed).permutation(len(part))[: plan.classifier_rows])
            part, part_weight = part.take(kept), part_weight[kept]
        report(f"{name} head: {len(part):,} rows")
        matrix, scorable = feature_matrix(part.text, resources, jobs)
        samples[name] = Sample(part.take(scorable), part_weight[scorable], matrix[scorable])
    knots = quantile_knots(np.concatenate([sample.matrix for sample in samples.values()]), plan.classifier_knots)
    garble = samples["garble"]
    if plan.low_rated_share > 0:
        garble = garble.joined(badly_rated(samples["translation"]), plan.low_rated_share)
    if plan.unfamiliar_share > 0:
        blank = Sample(garble.rows, garble.weight, np.where(LEARNT, np.nan, garble.matrix))
        garble = garble.joined(blank, plan.unfamiliar_share)
    return {
        name: fit_classifier(
            sample.matrix, sample.rows.label, sample.weight, knots, plan.classifier_inverse_regularisation
        )
        for name, sample in {**samples, "garble": garble}.items()
    }


@dataclass(frozen=True)
class Sample:
    """N weighted rows with their features.

    Attributes:
        rows: N labelled rows.
        weight: float64 (N,).
        matrix: float64 (N, F).
    """

    rows: Rows
    weight: NDArray[np.float64]
    matrix: NDArray[np.float64]

    def joined(self, other: Sample, share: float) -> Sample:
        """Return both samples as one; the other one weighs ``share`` times as much as this one."""
        total = other.weight.sum()
        factor = share * self.weight.sum() / total if total > 0 else 0.0
        return Sample(
            concatenate([self.rows, other.rows]),
            np.concatenate([self.weight, factor * other.weight]),
            np.concatenate([self.matrix, other.matrix]),
        )


def badly_rated(sample: Sample) -> Sample:
    """Return the machine rows that people rated badly and the human rows of the same content."""
    low = is_low_rated(sample.rows)
    key = pair_key(sample.rows)
    kept = low | ((sample.rows.label == 0) & np.isin(key, key[low]))
    rows = sample.rows.take(kept)
    return Sample(rows, pair_weights(rows, {}), sample.matrix[kept])


def calibrated_sentence(
    heads: dict[str, FittedClassifier],
    rows: Rows,
    plan: Recipe,
    resources: Resources,
    jobs: int,
    feature_matrix: FeatureSource = feature_matrix,
) -> SentenceClassifier:
    """Join the heads and calibrate them on both kinds of pairs, which weigh the same."""
    pairs, weight = weighted_pairs(rows, plan)
    require_both_sides(pairs, "calibrate")
    translation = heads["translation"].classifier.scaled(plan.translation_slope, plan.translation_shift)
    raw = SentenceClassifier(heads["garble"].classifier, translation)
    logits, labels, weights = [], [], []
    for part, part_weight in expert_tasks(pairs, weight).values():
        matrix, scorable = feature_matrix(part.text, resources, jobs)
        logits.append(raw.evidence(matrix[scorable]).logits)
        labels.append(part.label[scorable])
        weights.append(part_weight[scorable] / part_weight[scorable].sum())
    slope, shift = platt(np.concatenate(logits), np.concatenate(labels), np.concatenate(weights))
    return SentenceClassifier(raw.garble, raw.translation, slope, shift)


def sentence_evidence(
    texts: Sequence[str], resources: Resources, sentence: SentenceClassifier, jobs: int
) -> tuple[Evidence, NDArray[np.bool_]]:
    """Return the evidence of N texts and bool (N,) which of them can be scored."""
    matrix, scorable = feature_matrix(texts, resources, jobs)
    return sentence.evidence(matrix), scorable
