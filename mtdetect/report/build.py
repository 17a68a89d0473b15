"""Documents in, a report out: everything counted, the worst kept and explained, memory bounded."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from mtdetect.report.evidence import Judgement, Sentence, explain_documents, judge_documents

if TYPE_CHECKING:
    from mtdetect.detector import Detector

TOP = 5000
"""Documents whose text a page holds, unless told otherwise."""

_BINS = 20

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Document:
    """One text with what tells a person which one it is.

    Attributes:
        text: the document, paragraphs on lines; None where there is none.
        title: shown above it; the first words of the text where empty.
        source: where it comes from (a site, a file), to filter by.
        file: file it was read from, where it was.
        row: row in that file, counted from 1.
        error: why it could not be read; it is then listed as unreadable.
    """

    text: str | None
    title: str = ""
    source: str = ""
    file: str = ""
    row: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A document of the page: its place among all documents, its judgement and its sentences."""

    position: int
    document: Document
    judgement: Judgement
    sentences: tuple[Sentence, ...]


@dataclass(slots=True)
class Report:
    """What a page is made from.

    Attributes:
        signature: the model.
        false_positive_rate: share of clean English that may be flagged.
        threshold: score from which documents are flagged.
        sentence_threshold: score from which sentences are flagged.
        statuses: documents by status.
        flagged: how many are flagged.
        bins: scored documents by score: ``bins[i]`` lie between ``edges[i]`` and ``edges[i + 1]``.
        sources: source to documents, scored ones and flagged ones.
        shown: the worst documents, worst first, those without score last.
    """

    signature: str
    false_positive_rate: float
    threshold: float
    sentence_threshold: float
    statuses: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    sources: dict[str, list[int]] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    @property
    def edges(self) -> list[float]:
        """Limits of the bins, the threshold among them: no bin holds both flagged and other documents."""
        below = min(max(round(self.threshold * _BINS), 1), _BINS - 1)
        above = _BINS - below
        low = [self.threshold * i / below for i in range(below)]
        return low + [self.threshold + (1 - self.threshold) * i / above for i in range(above)] + [1.0]

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return self.statuses.total()

    @property
    def scored(self) -> int:
        """How many of them have a score."""
        return self.statuses["scored"]

    def count(self, document: Document, judgement: Judgement) -> None:
        """Count one document."""
        self.statuses[judgement.status] += 1
        counts = self.sources.setdefault(document.source, [0, 0, 0])
        counts[0] += 1
        if judgement.score is not None:
            counts[1] += 1
            self.bins[bisect_right(self.edges, judgement.score, 1, _BINS) - 1] += 1
        if judgement.flagged:
            counts[2] += 1
            self.flagged += 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, or documents judged before."""

    items: list[Any]
    texts: list[str | None]


Run = Callable[[Callable[[list[str | None]], Any], Iterable[Batch]], Iterator[tuple[Batch, Any]]]
"""Applies a function to the texts of batches, one by one or in processes, and yields (batch, result) in order."""


def _one_by_one(function: Callable[[list[str | None]], Any], batches: Iterable[Batch]) -> Iterator[tuple[Batch, Any]]:
    for batch in batches:
        yield batch, function(batch.texts)


def build_report(
    detector: Detector,
    documents: Iterable[Document],
    false_positive_rate: float = 0.01,
    top: int = TOP,
    run: Run = _one_by_one,
) -> Report:
    """Judge documents and explain the worst of them.

    Args:
        detector: a detector.
        documents: any number; they are read once, and only ``top`` of them are held.
        false_positive_rate: flag so much that this share of clean English would be flagged.
        top: how many documents to keep with their text, worst first.
        run: how to apply functions to batches.

    Raises:
        ValueError: the model has no figures for this rate.
    """
    report = Report(
        detector.signature,
        false_positive_rate,
        detector.threshold("document", false_positive_rate),
        detector.threshold("sentence", false_positive_rate),
    )
    worst: list[tuple[float, int, Document, Judgement]] = []  # a heap, the least bad first; no two positions agree
    position = 0
    judge = partial(judge_documents, detector, threshold=report.threshold)
    for batch, judgements in run(judge, _batches(documents)):
        for document, judgement in zip(batch.items, judgements, strict=True):
            if document.error:
                judgement = Judgement(None, "unreadable", False, (document.error,))
            report.count(document, judgement)
            score = -1.0 if judgement.score is None else judgement.score
            heapq.heappush(worst, (score, -position, document, judgement))
            if len(worst) > top:
                heapq.heappop(worst)
            position += 1
    worst.sort(key=lambda entry: entry[:2], reverse=True)
    explain = partial(explain_documents, detector, threshold=report.sentence_threshold)
    kept = (Batch(part, [entry[2].text for entry in part]) for part in _parts(worst))
    for batch, explained in run(explain, kept):
        report.shown += [
            Shown(-negative, document, judgement, sentences)
            for (_, negative, document, judgement), sentences in zip(batch.items, explained, strict=True)
        ]
    return report


def _batches(documents: Iterable[Document]) -> Iterator[Batch]:
    for part in _parts(documents):
        yield Batch(part, [None if document.error else document.text for document in part])


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(islice(rest, _BATCH)):
        yield part
