"""Evidence: what each feature contributes to a score, and which words of the text gave it away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import Words
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
    """Return float64 (streams, W) weighted evidence by word of a batch, in rough log-odds."""
    words, layout, scores = analysis.words, analysis.piece_layout, analysis.pieces.scores
    inner = layout.position > 0
    last = words.start[1:].repeat(np.diff(layout.start) - 1) - 1
    owner = np.minimum(np.searchsorted(words.end, layout.end_character[inner]), last)

    def by_word(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(owner, weights=values[inner], minlength=len(words.key)).astype(np.float64)

    resources = analysis.resources
    scales = resources.pieces.scales
    gain = (scores.values[0] - scores.unigram[0]) * scales[0]
    classes = analysis.classes
    combination = analysis.word_evidence.tokens
    assert combination is not None
    root = np.sqrt(np.maximum(4 * words.count, 1)).take(words.sentence)
    letters = analysis.is_letter
    streams = np.stack(
        [
            by_word(scores.values[1] * scales[1]),
            classes.scores.values[1][classes.position > 0] * resources.classes.scales[1],
            combination * resources.word_expert.scale / root,
            by_word(np.maximum(-gain, 0.0)),
            unknown_lower(analysis) & letters,
            is_foreign(analysis) & ~analysis.capitalised & ~analysis.is_function,
        ]
    )
    weighted: NDArray[np.float64] = streams * np.array([weight for _, weight, _ in STREAMS])[:, None]
    return weighted


def find_spans(texts: Sequence[str | None], analysis: Analysis) -> list[tuple[Span, ...]]:
    """Return the most suspicious stretches of N sentences, strongest first.

    Args:
        texts: the sentences as passed in, into which spans are offsets; None where none are wanted.
        analysis: the same N sentences analysed; neighbours never change a span.
    """
    streams = word_evidence(analysis)
    total = streams.sum(axis=0)
    words = analysis.words
    sentence, first, last = _strongest_runs(total - _EXPECTED, words)
    # Sums over the words of a run are taken from left to right, whatever stands beside it.
    length = last - first + 1
    run = np.arange(len(length)).repeat(length)
    word = np.arange(len(run)) + (first - np.cumsum(length) + length).repeat(length)
    weight, *by_stream = (np.bincount(run, row[word], minlength=len(length)) for row in (total, *streams))
    stream = np.argmax(by_stream, axis=0)
    edge = analysis.characters.start[sentence]
    begin, end = words.begin[first] - edge, words.end[last] - edge
    spans: list[list[Span]] = [[] for _ in texts]
    origin: list[int] = []
    columns = (sentence, begin, end, weight, stream)
    for number, a, b, evidence, kind in zip(*(column.tolist() for column in columns), strict=True):
        text = texts[number]
        if text is None:
            continue
        if not spans[number]:
            _, origin = normalise_aligned(text)
        start, stop = _whole_words(text, origin[a], max(origin[b - 1] + 1, min(origin[b], len(text))))
        core = _CORE.search(text[start:stop])
        if core:
            start, stretch = start + core.start(), core.group()
            spans[number].append(Span(start, start + len(stretch), stretch, round(evidence, 3), STREAMS[kind][2]))
    return [tuple(found) for found in spans]


def _whole_words(text: str, start: int, stop: int) -> tuple[int, int]:
    """Widen a stretch to the ends of hyphenated words and contractions that it cuts, by some characters at most."""
    first, last = max(0, start - _WIDEN), min(len(text), stop + _WIDEN)
    before, after = _TAIL.match(text[first:start][::-1]), _HEAD.match(text[stop:last])
    return start - len(before.group() if before else ""), stop + len(after.group() if after else "")


def _strongest_runs(
    excess: NDArray[np.float64], words: Words
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find up to MAX_SPANS disjoint runs of words of each sentence with the largest sums, each at least 1.

    Args:
        excess: float64 (W,), what to add up.
        words: the words.

    Returns:
        int64 (R,) sentence, first and last word of the runs, sentence by sentence, largest sum first.
    """
    # Running sums begin anew in every sentence, so that no neighbour changes their last bit; a 0 stands before each.
    count = len(excess)
    running = np.zeros(count + len(words.count) + MAX_SPAN_WORDS)
    for number, (start, end) in enumerate(pairwise(words.start.tolist())):
        excess[start:end].cumsum(out=running[start + number + 1 : end + number + 1])
    place = np.arange(count)
    before = place + words.sentence
    room = words.start[1:].take(words.sentence) - place
    size = np.arange(1, MAX_SPAN_WORDS + 1)
    sums = running.take(before[:, None] + size) - running.take(before)[:, None]
    first, last = np.nonzero((sums >= 1.0) & (size <= room[:, None]))
    sentence, weight = words.sentence.take(first), sums[first, last]
    last += first
    left = np.lexsort((-weight, sentence))  # of equal sums, the one that begins and then ends first stays before
    chosen = [left[:0]]
    for _ in range(MAX_SPANS):
        if not len(left):
            break
        owner = sentence.take(left)
        best = left.take(owner.searchsorted(owner))  # the best that is left of the same sentence
        chosen.append(left[best == left])
        left = left[(last.take(left) < first.take(best)) | (first.take(left) > last.take(best))]
    kept = np.concatenate(chosen)
    kept = kept.take(sentence.take(kept).argsort(kind="stable"))
    return sentence.take(kept), first.take(kept), last.take(kept)
