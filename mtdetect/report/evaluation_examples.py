"""The worst errors of a model on the rows it was measured on, with what it found in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtdetect.formats.base import encodable
from mtdetect.training.rows import Rows

if TYPE_CHECKING:
    from mtdetect.detector import Detector

CHARACTERS = 600
"""A longer text is cut there."""


@dataclass(frozen=True)
class Example:
    """One text as the page shows it.

    Attributes:
        score: the score, two digits.
        shade: class of the page's stylesheet for the score.
        place: where the text comes from.
        parts: the text in pieces, each with whether it is marked.
        reasons: why the score is what it is, strongest first.
    """

    score: str
    shade: str
    place: str
    parts: tuple[tuple[str, bool], ...]
    reasons: tuple[str, ...]


def worst_misses(detector: Detector, rows: Rows, scores: NDArray[np.float64], limit: int) -> list[Example]:
    """Return the machine rows with the lowest scores, engines in turns, each text once.

    Args:
        detector: the model.
        rows: N rows it was measured on.
        scores: float64 (N,), its scores; NaN where it gave none.
        limit: how many rows at most.
    """
    found = np.flatnonzero((rows.label == 1) & np.isfinite(scores))
    return _examples(detector, rows, found[np.argsort(scores[found], kind="stable")], rows.column("engine"), limit)


def worst_alarms(detector: Detector, rows: Rows, scores: NDArray[np.float64], limit: int) -> list[Example]:
    """Return the human rows with the highest scores, collections in turns, each text once."""
    found = np.flatnonzero((rows.label == 0) & np.isfinite(scores))
    return _examples(detector, rows, found[np.argsort(-scores[found], kind="stable")], rows.column("collection"), limit)


def _examples(
    detector: Detector, rows: Rows, order: NDArray[np.int64], turns: NDArray[np.object_], limit: int
) -> list[Example]:
    """Take rows in order, but not more than a fair share of any one kind while there are others."""
    kinds = max(1, len(set(turns[order].tolist())))
    share = max(1, -(-limit // kinds))
    taken: dict[str, int] = {}
    seen: set[str] = set()
    chosen: list[int] = []
    for i in order.tolist():
        if len(chosen) == limit:
            break
        if rows.text[i] not in seen and taken.get(turns[i], 0) < share:
            chosen.append(i)
            seen.add(rows.text[i])
            taken[turns[i]] = taken.get(turns[i], 0) + 1
    return [_example(detector, rows, i) for i in chosen]


def _example(detector: Detector, rows: Rows, position: int) -> Example:
    text = rows.text[position][:CHARACTERS]
    verdict = detector.check(text)
    names = ("collection", "engine", "system", "source_lang", "quality_kind", "quality")
    place = ", ".join(str(rows.column(name)[position]) for name in names if rows.column(name)[position])
    step = 3 if verdict.score >= 0.8 else 2 if verdict.score >= 0.6 else 1 if verdict.score >= 0.4 else 0
    return Example(
        score=f"{verdict.score:.2f}",
        shade=f"shade-{step}" if step else "",
        place=encodable(place),
        parts=tuple(_parts(text, [(span.start, span.end) for span in verdict.spans[:3]])),
        reasons=tuple(encodable(reason.sentence) for reason in verdict.reasons[:3]),
    )


def _parts(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            yield encodable(text[at:start]), False
            yield encodable(text[start:end]), True
            at = end
    yield encodable(text[at:]), False
