"""Weights that make content cancel: machine text and the human text of the same content weigh the same.

A detector trained on machine text from one place and human text from another learns the place. Here a human
text weighs as much as its machine versions together, so that within a content group the only thing that
tells the sides apart is translation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.training.rows import Rows

RULE_BASED = ("rbmt", "hand")
"""Engines whose output is garbled; everything else trains the experts for neural translation."""


def is_garble(rows: Rows) -> NDArray[np.bool_]:
    """Return bool (N,), machine rows of rule-based engines (or written by hand after their manner)."""
    garble: NDArray[np.bool_] = (rows.label == 1) & np.isin(rows.column("engine").astype(str), RULE_BASED)
    return garble


def is_low_rated(rows: Rows) -> NDArray[np.bool_]:
    """Return bool (N,), machine rows that people rated in the worst third of their scale."""
    quality = rating_values(rows)
    kind = rows.column("quality_kind").astype(str)
    limit = np.full(len(rows), -np.inf)
    for name in np.unique(kind[~np.isnan(quality)]):
        of_kind = (kind == name) & ~np.isnan(quality) & (rows.label == 1)
        if of_kind.any():
            limit[of_kind] = np.quantile(quality[of_kind], 1 / 3)
    result: NDArray[np.bool_] = (rows.label == 1) & (quality <= limit)
    return result


def rating_values(rows: Rows) -> NDArray[np.float64]:
    """Return float64 (N,), what people said of each row; NaN where nobody did."""
    numbers = np.full(len(rows), np.nan)
    for i, cell in enumerate(rows.column("quality")):
        if cell:
            try:
                numbers[i] = float(cell)
            except ValueError:
                continue
    return numbers


def pair_key(rows: Rows) -> NDArray[np.int64]:
    """Return int64 (N,): rows with the same number are versions of the same segment."""
    pair, group = rows.column("pair"), rows.column("group")
    numbers: dict[str, int] = {}
    key = np.empty(len(rows), dtype=np.int64)
    for i in range(len(rows)):
        name = pair[i] or group[i]
        key[i] = numbers.setdefault(name, len(numbers)) if name else -1 - i
    return key


def pair_weights(rows: Rows, by_engine: dict[str, float]) -> NDArray[np.float64]:
    """Return float64 (N,) training weights; 0 for rows without a counterpart on the other side.

    Args:
        rows: labelled rows.
        by_engine: weight of a machine text by its ``engine``; ``low_rated`` overrides it for badly rated
            text; an engine that is not listed weighs 1.
    """
    if not len(rows):
        return np.zeros(0)
    engine = rows.column("engine")
    weight = np.array([by_engine.get(str(name), 1.0) for name in engine])
    if "low_rated" in by_engine:
        weight[is_low_rated(rows)] = by_engine["low_rated"]
    weight *= rows.weight
    key = pair_key(rows)
    shifted = key - key.min()
    machine = rows.label == 1
    size = int(shifted.max()) + 1
    machines = np.bincount(shifted[machine], weights=weight[machine], minlength=size)
    humans = np.bincount(shifted[~machine], minlength=size)
    result: NDArray[np.float64] = np.where(
        machine,
        np.where(humans[shifted] > 0, weight, 0.0),
        machines[shifted] / np.maximum(humans[shifted], 1),
    )
    return result
