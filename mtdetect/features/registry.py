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
        learnt: whether its features recognise the translations they were trained on (and not only what is
            unusual in English); they know less of engines that training did not see.
    """

    name: str
    version: int
    features: tuple[Feature, ...]
    compute: Callable[[Analysis], list[Values]]
    learnt: bool = False
