"""Documents: sentence evidence added up, with what its spread and amount tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.features import FEATURES
from mtdetect.features.registry import Feature

_SOURCE = "aggregation of sentence evidence; Popel et al. 2020 (document-level judgements of MT)"

_GROUPS = {
    "garble": tuple(i for i, f in enumerate(FEATURES) if "garble" in f.name),
    "translation": tuple(i for i, f in enumerate(FEATURES) if "translation" in f.name),
    "fluency": tuple(i for i, f in enumerate(FEATURES) if f.family == "fluency"),
}

DOCUMENT_FEATURES = (
    Feature("sentences", "document", "documents of this length are judged more or less strictly", _SOURCE),
    Feature("mean_evidence", "document", "its sentences on the whole read like garbled translation", _SOURCE),
    Feature("total_evidence", "document", "evidence adds up over its sentences", _SOURCE),
    Feature("strongest_sentence", "document", "one sentence is clearly garbled", _SOURCE),
    Feature("strong_quarter", "document", "its worst quarter of sentences is garbled", _SOURCE),
    Feature("weakest_sentence", "document", "even its most natural sentence is doubtful", _SOURCE),
    Feature("evidence_spread", "document", "clean and garbled sentences alternate", _SOURCE),
    Feature("suspicious_share", "document", "many of its sentences lean towards translation", _SOURCE),
    Feature("garble_evidence", "document", "traces of garbled translation recur", _SOURCE),
    Feature("translation_evidence", "document", "traces of machine translation recur", _SOURCE),
    Feature("fluency_evidence", "document", "unusual wording recurs", _SOURCE),
)
"""Features of a document, in the order of the columns of :func:`document_features`."""

_STEP = 1 << 20


def document_features(
    logits: NDArray[np.float64], contributions: NDArray[np.float64], start: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return float64 (D, features) of D documents from their scored sentences.

    Args:
        logits: float64 (N,), sentence log-odds.
        contributions: float64 (N, F), sentence contributions.
        start: int64 (D + 1,), first sentence of each document; no document is empty.
    """
    count = np.diff(start)
    groups = np.stack([contributions[:, list(index)].sum(axis=1) for index in _GROUPS.values()])
    # Sums over sentences are taken in whole steps, so that neighbours of a document cannot change its last bit.
    columns = np.rint(np.vstack([logits, groups, logits > 0.0]) * _STEP).astype(np.int64)
    total = np.zeros((len(columns), len(logits) + 1), dtype=np.int64)
    np.cumsum(columns, axis=1, out=total[:, 1:])
    sums = (total[:, start[1:]] - total[:, start[:-1]]) / _STEP
    mean = sums[0] / count
    deviation = np.rint((logits - np.repeat(mean, count)) ** 2 * _STEP).astype(np.int64)
    running = np.concatenate([[0], np.cumsum(deviation)])
    spread = np.sqrt((running[start[1:]] - running[start[:-1]]) / _STEP / count)
    owner = np.repeat(np.arange(len(count)), count)
    by_size = np.lexsort((-logits, owner))
    ranked = logits[by_size]
    quarter = start[:-1] + (count - 1) // 4
    return np.stack(
        [
            np.log(count),
            mean,
            sums[0] / np.sqrt(count),
            ranked[start[:-1]],
            ranked[quarter],
            ranked[start[1:] - 1],
            np.where(count > 1, spread, np.nan),
            sums[4] / count,
            sums[1] / count,
            sums[2] / count,
            sums[3] / count,
        ],
        axis=1,
    )
