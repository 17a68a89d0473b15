"""Documents assembled from sentence rows, for evaluation at document level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.classifier import probability
from mtdetect.training.rows import Rows
from mtdetect.training.splits import group_key

SENTENCES = 10
"""Sentences in an assembled document."""


def assemble(rows: Rows, sentences: int = SENTENCES) -> tuple[Rows, NDArray[np.int64]]:
    """Assemble documents of exactly ``sentences`` consecutive rows of one document and one version.

    Neighbouring segments of a numbered collection that names no documents stand for one. Versions of a document
    are told apart by file, label, system and source language; a remainder shorter than ``sentences`` is dropped.
    Versions of the same stretch of a document get the same ``group``, so they pair up.

    Returns:
        D rows, one a document (its sentences on lines), and int64 (D, sentences), the positions in ``rows``
        that each is made of.
    """
    names, group, held_out = rows.column("doc_id").copy(), rows.column("group"), rows.column("held_out")
    for i in np.flatnonzero((names == "") & (rows.column("collection") != "")).tolist():
        block = group_key(group[i], "", 2 * sentences)
        names[i] = block if block != group[i] else ""
    source, system, language = rows.column("source"), rows.column("system"), rows.column("source_lang")
    versions: dict[tuple[str, ...], list[int]] = {}
    for i in np.flatnonzero(names != "").tolist():
        mt = bool(rows.label[i])
        version = (names[i], source[i], str(mt), system[i], language[i] if mt else "", held_out[i])
        versions.setdefault(version, []).append(i)
    pieces: list[list[int]] = []
    stretch: list[str] = []
    for (name, *_), positions in versions.items():
        for start in range(0, len(positions) - sentences + 1, sentences):
            pieces.append(positions[start : start + sentences])
            stretch.append(f"{name} {start}")
    members = np.array(pieces, dtype=np.int64).reshape(len(pieces), sentences)
    made = rows.take(members[:, 0])
    made.text = ["\n".join(" ".join(rows.text[i].split()) for i in piece) for piece in pieces]
    made.columns["group"] = np.array(stretch, dtype=object)
    made.columns["pair"] = np.full(len(pieces), "", dtype=object)
    # A rating speaks of one sentence, not of the document.
    made.columns["quality"] = made.columns["pair"].copy()
    return made, members


def mean_log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores (D,) of documents from the scores (D, S) of their sentences; NaN if none has one."""
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    odds = np.log(inside / (1 - inside))
    scored = np.isfinite(odds)
    mean = np.where(scored, odds, 0.0).sum(axis=1) / np.maximum(scored.sum(axis=1), 1)
    return np.where(scored.any(axis=1), probability(mean), np.nan)
