"""Spans: how often the words a detector points at are the words that are wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mtdetect.training.metrics import Interval
from mtdetect.training.resampling import Draws, flagged_samples
from mtdetect.verdict import Span

_WORD = re.compile(r"\S+")

Stretch = tuple[int, int]
"""Character offsets, the first and one past the last."""


class SpanFinder(Protocol):
    """What is measured: a detector, or anything that finds spans."""

    def spans(self, texts: Sequence[str | None]) -> list[tuple[Span, ...]]:
        """Return the spans of N sentences, strongest first."""


@dataclass(frozen=True)
class MarkedText:
    """A text whose errors are known.

    Attributes:
        text: the text.
        errors: stretches that are wrong.
        group: texts of one group say the same thing.
    """

    text: str
    errors: tuple[Stretch, ...]
    group: str


def changed_words(text: str, better: str) -> tuple[Stretch, ...]:
    """Return the stretches of a text that a better version of it says otherwise.

    >>> changed_words("They spoke about the release of Kursk .", "They spoke about the liberation of Kursk .")
    ((21, 28),)
    """
    words, others = list(_WORD.finditer(text)), _WORD.findall(better)
    matcher = difflib.SequenceMatcher(None, [word.group() for word in words], others, autojunk=False)
    return tuple(
        (words[first].start(), words[last - 1].end())
        for kind, first, last, _, _ in matcher.get_opcodes()
        if kind in ("replace", "delete")
    )


def span_overlap(detector: SpanFinder, texts: Sequence[MarkedText], resamples: int, seed: int) -> dict[str, Any]:
    """Measure how often the top span of a text overlaps one of its errors.

    Chance is the share of hits of a span with as many words put anywhere in the text.

    Returns:
        ``texts`` (with errors), ``with_span`` (how many got a span), and over the texts with a span the intervals
        ``top`` (the strongest span hits an error), ``any`` (one of the spans does) and ``chance``.
    """
    marked = [one for one in texts if one.errors]
    hits: list[tuple[float, float, float]] = []
    groups: list[str] = []
    for one, spans in zip(marked, detector.spans([one.text for one in marked]), strict=True):
        if not spans:
            continue
        found = [any(_overlap((span.start, span.end), error) for error in one.errors) for span in spans]
        hits.append((float(found[0]), float(any(found)), _chance(one, (spans[0].start, spans[0].end))))
        groups.append(one.group)
    values = np.array(hits, dtype=np.float64).reshape(len(hits), 3)
    draws = Draws(values[:, 0], (), groups or None, None, resamples, seed)
    result: dict[str, Any] = {"texts": len(marked), "with_span": len(hits)}
    for number, name in enumerate(("top", "any")):
        shares = flagged_samples(values[:, number], np.full(resamples + 1, 0.5), draws)
        result[name] = Interval.of(shares, len(hits)).to_dict()
    chance = float(values[:, 2].mean()) if len(hits) else float("nan")
    result["chance"] = Interval(chance, chance, chance, len(hits)).to_dict()
    return result


def _overlap(first: Stretch, second: Stretch) -> bool:
    return first[0] < second[1] and second[0] < first[1]


def _chance(one: MarkedText, span: Stretch) -> float:
    """Share of the places for a span of as many words that overlap an error."""
    words = [(word.start(), word.end()) for word in _WORD.finditer(one.text)]
    size = max(1, sum(_overlap(word, span) for word in words))
    places = [(words[i][0], words[i + size - 1][1]) for i in range(len(words) - size + 1)]
    return float(np.mean([any(_overlap(place, error) for error in one.errors) for place in places]))
