"""Documents: sentence evidence added up, with what its spread and amount tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.registry import Feature

_SOURCE = "aggregation of sentence evidence; Popel et al. 2020 (document-level judgements of MT)"

DOCUMENT_FEATURES = (
    Feature("sentences", "document", "documents of this length are judged more or less strictly", _SOURCE),
    Feature("mean_evidence", "document", "its sentences on the whole read like garbled translation", _SOURCE),
    Feature("total_evidence", "document", "evidence adds up over its sentences", _SOURCE),
    Feature("strongest_sentence", "document", "one sentence is clearly garbled", _SOURCE),
    Feature("strong_quarter", "document", "its worst quarter of sentences is garbled", _SOURCE),
    Feature("weakest_sentence", "document", "even its most natural sentence is doubtful", _SOURCE),
    Feature("evidence_spread", "document", "clean and garbled sentences alternate", _SOURCE),
    Feature("suspicious_share", "document", "many of its sentences lean towards translation", _SOURCE),
    Feature("garble_mean", "document", "traces of garbled translation recur", _SOURCE),
    Feature("garble_total", "document", "traces of garbled translation add up", _SOURCE),
    Feature("garble_strongest", "document", "one sentence bears clear traces of garbled translation", _SOURCE),
    Feature("translation_mean", "document", "traces of machine translation recur", _SOURCE),
    Feature("translation_total", "document", "traces of machine translation add up", _SOURCE),
)
"""Features of a document, in the order of the columns of :func:`document_features`."""

_STEP = 1 << 20


def document_features(
    logits: NDArray[np.float64], heads: NDArray[np.float64], start: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return float64 (D, features) of D documents from their scored sentences.

    Args:
        logits: float64 (N,), sentence log-odds.
        heads: float64 (N, 2), log-odds of garble and of machine translation.
        start: int64 (D + 1,), first sentence of each document; no document is empty.
    """
    count = np.diff(start)
    # Sums over sentences are taken in whole steps: neighbours of a document cannot change its last bit.
    columns = np.rint(np.vstack([logits, heads.T, logits > 0.0]) * _STEP).astype(np.int64)
    total = np.zeros((len(columns), len(logits) + 1), dtype=np.int64)
    np.cumsum(columns, axis=1, out=total[:, 1:])
    sums = (total[:, start[1:]] - total[:, start[:-1]]) / _STEP
    mean = sums[0] / count
    deviation = np.rint((logits - mean.repeat(count)) ** 2 * _STEP).astype(np.int64)
    running = np.concatenate([[0], np.cumsum(deviation)])
    spread = np.sqrt((running[start[1:]] - running[start[:-1]]) / _STEP / count)
    owner = np.repeat(np.arange(len(count)), count)
    ranked = logits[np.lexsort((-logits, owner))]
    ranked_garble = heads[np.lexsort((-heads[:, 0], owner)), 0]
    root = np.sqrt(count)
    return np.stack(
        [
            np.log(count),
            mean,
            sums[0] / root,
            ranked[start[:-1]],
            ranked[start[:-1] + (count - 1) // 4],
            ranked[start[1:] - 1],
            np.where(count > 1, spread, np.nan),
            sums[3] / count,
            sums[1] / count,
            sums[1] / root,
            ranked_garble[start[:-1]],
            sums[2] / count,
            sums[2] / root,
        ],
        axis=1,
    )
