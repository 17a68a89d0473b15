"""What a feature is, and the arithmetic that families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.analysis import Analysis

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """One hand-built feature.

    Attributes:
        name: unique name, stored in the model.
        family: name of its family.
        sentence: what it means in plain words when it speaks for translation.
        source: where the idea stands in the literature.
    """

    name: str
    family: str
    sentence: str
    source: str


@dataclass(frozen=True)
class Family:
    """Features computed together.

    Attributes:
        name: family name.
        version: raised when the meaning of any of its features changes.
        features: what :attr:`compute` returns, in order.
        compute: from an analysed batch to one float64 (N,) array a feature; NaN where it does not apply.
    """

    name: str
    version: int
    features: tuple[Feature, ...]
    compute: Callable[[Analysis], list[Values]]


_FAR = np.int64(1 << 40)


def window_extreme(
    values: NDArray[np.integer],
    start: NDArray[np.int64],
    position: NDArray[np.int64],
    width: int,
    largest: bool,
) -> NDArray[np.int64]:
    """Return int64 (N,) the largest (or smallest) sum over ``width`` tokens in a row of each sentence.

    Sentences shorter than the window give the sum of what they have.

    Args:
        values: integers (T,).
        start: int64 (N + 1,), segment starts; no segment is empty.
        position: int64 (T,), place of each token in its segment.
        width: tokens in a window.
        largest: largest sum if true, smallest otherwise.
    """
    running = np.cumsum(values, dtype=np.int64)
    window = running.copy()
    window[width:] -= running[:-width]
    before = np.repeat(running[start[:-1]] - values[start[:-1]], np.diff(start))
    short = position < width - 1
    head = (running - before)[short]
    last = np.zeros(len(values), dtype=bool)
    last[start[1:] - 1] = True
    window[short] = np.where(last[short], head, -_FAR if largest else _FAR)
    reduce = np.maximum if largest else np.minimum
    return reduce.reduceat(window, start[:-1])
