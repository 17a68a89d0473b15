"""What the page says about documents and their sentences, computed batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from mtdetect.text import split_sentences

if TYPE_CHECKING:
    from mtdetect.detector import Detector

NOTED = 0.4
"""Score from which a text gets reasons: where ``marked_text.js`` begins to shade."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the detector says about one document.

    Attributes:
        score: 0..1, or None where ``status`` is not ``"scored"``.
        status: a status of the detector, or ``"unreadable"``.
        flagged: whether the score reaches the threshold.
        reasons: what speaks for garbled translation, strongest first, in plain words.
    """

    score: float | None
    status: str
    flagged: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a document, with its evidence where its score is worth a note.

    Attributes:
        start: first character in the document.
        end: one past the last character.
        score: 0..1, or None where the sentence cannot be scored.
        flagged: whether the score reaches the threshold for sentences.
        reasons: strongest first, in plain words.
        spans: suspicious stretches as (start, end, reason), offsets from the start of the sentence.
    """

    start: int
    end: int
    score: float | None
    flagged: bool
    reasons: tuple[str, ...] = ()
    spans: tuple[tuple[int, int, str], ...] = ()


def judge_documents(detector: Detector, texts: Sequence[str | None], threshold: float) -> list[Judgement]:
    """Judge N documents."""
    scored = detector.score_batch(texts, level="document")
    judged = []
    for position, (score, status) in enumerate(zip(scored.scores.tolist(), scored.statuses, strict=True)):
        if status != "scored":
            judged.append(Judgement(None, status, False, ()))
            continue
        noted = score >= min(NOTED, threshold)
        reasons = tuple(reason.sentence for reason in scored.reasons(position, limit=3)) if noted else ()
        judged.append(Judgement(score, status, score >= threshold, reasons))
    return judged


def explain_documents(detector: Detector, texts: Sequence[str | None], threshold: float) -> list[tuple[Sentence, ...]]:
    """Take N documents apart into sentences with their evidence; ``threshold`` is that for sentences."""
    offsets = [split_sentences(text) if text else [] for text in texts]
    cut = [[text[a:b] for a, b in spans] if text else [] for text, spans in zip(texts, offsets, strict=True)]
    flat = list(chain.from_iterable(cut))
    scored = detector.score_batch(flat)
    scores = scored.scores.astype(np.float64).tolist()
    noted = [position for position, score in enumerate(scores) if score >= min(NOTED, threshold)]  # NaN never is
    found = dict(zip(noted, detector.spans([flat[position] for position in noted]), strict=True))
    explained, at = [], 0
    for spans in offsets:
        sentences = []
        for position, (start, end) in enumerate(spans, at):
            score = scores[position]
            if position not in found:
                sentences.append(Sentence(start, end, None if score != score else score, False))
                continue
            reasons = tuple(reason.sentence for reason in scored.reasons(position, limit=3))
            marks = tuple((span.start, span.end, span.reason) for span in found[position])
            sentences.append(Sentence(start, end, score, score >= threshold, reasons, marks))
        explained.append(tuple(sentences))
        at += len(spans)
    return explained
