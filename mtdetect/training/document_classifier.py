"""Fit the document classifier, and read the thresholds of both levels off clean English."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.classifier import AdditiveClassifier, Evidence, SentenceClassifier
from mtdetect.document import document_features
from mtdetect.features import Resources
from mtdetect.training.document_pairs import Documents, clean_documents, paired_documents
from mtdetect.training.fit import fit_classifier, quantile_knots, recalibrate
from mtdetect.training.recipe import Recipe
from mtdetect.training.rows import Rows
from mtdetect.training.sentence_classifier import sentence_evidence, weighted_pairs
from mtdetect.training.thresholds import threshold_table

CLEAN_LIMIT = 120_000
"""Clean sentences that thresholds are read off, at most."""

DOCUMENT_KNOTS = 6
"""Points of each curve of the document classifier."""


def _document_matrix(
    documents: Documents, evidence: Evidence, scorable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return features of documents with a scorable sentence, and which those are."""
    owner = np.repeat(np.arange(len(documents.label)), np.diff(documents.start))
    kept = scorable[documents.rows]
    count = np.bincount(owner[kept], minlength=len(documents.label))
    present = count > 0
    edges = np.concatenate([[0], np.cumsum(count[present])])
    chosen = documents.rows[kept]
    return document_features(evidence.logits[chosen], evidence.heads[chosen], edges), present


def fit_document(
    corpus: Rows, plan: Recipe, resources: Resources, sentence: SentenceClassifier, jobs: int
) -> AdditiveClassifier:
    """Fit on documents of the part "fit", calibrate on those of the part "calibrate"."""
    split = corpus.column("split")
    result: AdditiveClassifier | None = None
    for part in ("fit", "calibrate"):
        pairs, _ = weighted_pairs(corpus.take(split == part), plan)
        documents = paired_documents(pairs, plan.seed)
        matrix, present = _document_matrix(documents, *sentence_evidence(pairs.text, resources, sentence, jobs))
        label = documents.label[present]
        weight = _document_weights(documents)[present]
        if result is None:
            knots = quantile_knots(matrix, DOCUMENT_KNOTS)
            result = fit_classifier(matrix, label, weight, knots, 1.0).classifier
        else:
            result = recalibrate(result, result.logits(result.contributions(matrix)), label, weight)
    assert result is not None
    return result


def _document_weights(documents: Documents) -> NDArray[np.float64]:
    """Give garbled and other machine documents the same say in total."""
    weight = np.ones(len(documents.label))
    for side in (True, False):
        mine = documents.garble == side
        if mine.any():
            weight[mine] = len(weight) / mine.sum()
    return weight


def clean_rows(calibration: Rows, plan: Recipe, corpus: Rows) -> Rows:
    """Return the clean English that thresholds are read off."""
    human = calibration.take(calibration.label == 0)
    clean_files = {source.file for source in plan.sources if source.role == "clean"}
    if clean_files:
        human = human.take(np.isin(human.column("source").astype(str), sorted(clean_files)))
    else:
        # Without clean sources every human row outside the test part counts: a table from a handful says nothing.
        human = corpus.take((corpus.label == 0) & (corpus.column("split") != "test"))
    if len(human) > CLEAN_LIMIT:
        kept = np.sort(np.random.default_rng(plan.seed).permutation(len(human))[:CLEAN_LIMIT])
        human = human.take(kept)
    return human


def thresholds(
    clean: Rows,
    plan: Recipe,
    resources: Resources,
    sentence: SentenceClassifier,
    document: AdditiveClassifier,
    jobs: int,
) -> dict[str, Any]:
    """Return the false-positive tables of sentences and documents, from clean rows."""
    evidence, scorable = sentence_evidence(clean.text, resources, sentence, jobs)
    words = np.array([len(text.split()) for text in clean.text], dtype=np.int64)
    domain = clean.column("collection")
    documents = clean_documents(clean, plan.seed)
    matrix, present = _document_matrix(documents, evidence, scorable)
    logits = document.logits(document.contributions(matrix))
    return {
        "sentence": threshold_table(evidence.logits[scorable], domain[scorable], words[scorable]),
        "document": threshold_table(logits, documents.domain[present], np.diff(documents.start)[present]),
    }
