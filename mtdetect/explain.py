"""Evidence: what each feature contributes to a score, and which words of the text gave it away."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.classifier import probability
from mtdetect.features import FEATURES, Analysis, compute
from mtdetect.features.vocabulary import is_foreign, unknown_lower
from mtdetect.model import Model
from mtdetect.text import normalise_aligned
from mtdetect.verdict import Span

MAX_SPANS = 5
_WIDEN = 40
_CORE = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_HEAD = re.compile(r"(?:\w|[-'’‐‑](?=\w))+")
_TAIL = re.compile(r"(?:[-'’‐‑]?\w)+")  # of a text read backwards
MAX_SPAN_WORDS = 6


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to a score.

    Attributes:
        name: feature name.
        family: its family.
        sentence: what it means, in plain words.
        value: the feature's value for this text (NaN where it does not apply).
        contribution: log-odds it adds.
    """

    name: str
    family: str
    sentence: str
    value: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score taken apart: ``logit == base + sum of contributions`` and ``score == 1 / (1 + exp(-logit))``."""

    base: float
    features: tuple[Contribution, ...]
    logit: float
    score: float


def explain_sentence(analysis: Analysis, model: Model) -> Explanation:
    """Take the score of a batch of one sentence apart."""
    values = compute(analysis)
    evidence = model.sentence.evidence(values)
    features = tuple(
        Contribution(feature.name, feature.family, feature.sentence, float(value), float(contribution))
        for feature, value, contribution in zip(FEATURES, values[0], evidence.contributions[0], strict=True)
    )
    score = float(probability(evidence.logits)[0])
    return Explanation(float(evidence.base[0]), features, float(evidence.logits[0]), score)


STREAMS = (
    ("garble", 0.5, "wording typical of garbled translation"),
    ("grammar", 0.4, "an order of word kinds that English does not use"),
    ("combination", 0.5, "a combination of words that recalls machine translation"),
    ("surprise", 0.3, "words that do not belong together in English"),
    ("unknown", 3.0, "not an English word"),
    ("foreign", 2.0, "a word of another language"),
)
"""Kinds of evidence that point at words: name, weight and what to tell people."""

_EXPECTED = 0.35
"""Evidence an ordinary word carries; a span has to rise above it."""


def word_evidence(analysis: Analysis) -> NDArray[np.float64]:
    """Return float64 (streams, W) weighted evidence by word of a batch of one sentence, in rough log-odds."""
    words = analysis.words
    count = len(words.key)
    pieces = analysis.pieces
    owner = np.minimum(np.searchsorted(words.end, analysis.piece_layout.end_character), count - 1)
    inner = pieces.position > 0

    def by_word(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(owner[inner], weights=values[inner], minlength=count).astype(np.float64)

    resources = analysis.resources
    scales = resources.pieces.scales
    gain = (pieces.scores.values[0] - pieces.scores.unigram[0]) * scales[0]
    combination = analysis.word_evidence.tokens
    assert combination is not None
    letters = analysis.is_letter
    function = analysis.is_function
    streams = np.stack(
        [
            by_word(pieces.scores.values[1] * scales[1]),
            analysis.classes.scores.values[1][1:] * resources.classes.scales[1],
            combination * resources.word_expert.scale / np.sqrt(max(4 * count, 1)),
            by_word(np.maximum(-gain, 0.0)),
            unknown_lower(analysis) & letters,
            is_foreign(analysis) & ~analysis.capitalised & ~function,
        ]
    )
    weighted: NDArray[np.float64] = streams * np.array([weight for _, weight, _ in STREAMS])[:, None]
    return weighted


def find_spans(text: str, analysis: Analysis) -> tuple[Span, ...]:
    """Return the most suspicious stretches of a sentence, strongest first.

    Args:
        text: the sentence as passed in; spans are offsets into it.
        analysis: the same sentence analysed, a batch of one.
    """
    plain, origin = normalise_aligned(text)
    streams = word_evidence(analysis)
    total = streams.sum(axis=0)
    words = analysis.words
    begin, end = words.begin - analysis.characters.start[0], words.end - analysis.characters.start[0]
    spans = []
    for first, last in _strongest_runs(total - _EXPECTED):
        stream = int(np.argmax(streams[:, first : last + 1].sum(axis=1)))
        start, stop = int(origin[begin[first]]), int(origin[end[last] - 1]) + 1
        start, stop = _whole_words(text, start, max(stop, min(int(origin[end[last]]), len(text))))
        core = _CORE.search(text[start:stop])
        if plain and core:
            start, stretch = start + core.start(), core.group()
            weight = round(float(total[first : last + 1].sum()), 3)
            spans.append(Span(start, start + len(stretch), stretch, weight, STREAMS[stream][2]))
    return tuple(spans)


def _whole_words(text: str, start: int, stop: int) -> tuple[int, int]:
    """Widen a stretch to the ends of hyphenated words and contractions that it cuts, by some characters at most."""
    first, last = max(0, start - _WIDEN), min(len(text), stop + _WIDEN)
    before, after = _TAIL.match(text[first:start][::-1]), _HEAD.match(text[stop:last])
    return start - len(before.group() if before else ""), stop + len(after.group() if after else "")


def _strongest_runs(excess: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return up to MAX_SPANS disjoint runs of words with the largest sums, each at least 1."""
    running = np.concatenate([[0.0], np.cumsum(excess)])
    n = len(excess)
    runs = [
        (float(running[last + 1] - running[first]), first, last)
        for first in range(n)
        for last in range(first, min(first + MAX_SPAN_WORDS, n))
    ]
    chosen: list[tuple[int, int]] = []
    for weight, first, last in sorted(runs, key=lambda run: (-run[0], run[1])):
        if weight < 1.0 or len(chosen) == MAX_SPANS:
            break
        if all(last < a or first > b for a, b in chosen):
            chosen.append((first, last))
    return chosen
