"""A detector with the public methods and no model: the share of words with ``zz`` in them decides the score.

Deterministic, quick and picklable, so that the command line and the gate can be tested for what they do with
scores, whatever the shipped model thinks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.explain import Contribution, Explanation
from mtdetect.verdict import Reason, SentenceVerdict, Span, Status

CLEAN = "the cat sat on the mat all day"
MIDDLING = "the zzcat sat on the zzmat all zzday"
"""Above the threshold of 5%, not of 1%."""
GARBLED = "zzthe zzcat zzsat on zzthe zzmat all zzday"

_REASON = "words with zz in them"


@dataclass
class FakeScored:
    scores: NDArray[np.float32]
    statuses: list[Status]

    def reasons(self, position: int, limit: int = 3) -> tuple[Reason, ...]:
        if not self.scores[position] > 0.5:
            return ()
        return (
            Reason("zz_share", "lexicon", _REASON, 2.0),
            Reason("other", "surface", "more, of\tthe same", 0.5),
        )[:limit]


class FakeDetector:
    signature = "fake 1.0.0 sha256:0123456789ab"

    def score_batch(self, texts: Sequence[str | None], level: str = "sentence") -> FakeScored:
        if isinstance(texts, str):
            raise TypeError("a bare string")
        results = [self._score(text) for text in texts]
        return FakeScored(
            np.array([score for score, _ in results], dtype=np.float32), [status for _, status in results]
        )

    def _score(self, text: str | None) -> tuple[float, Status]:
        if text is None or not text.strip():
            return math.nan, "empty"
        text.encode()  # a real tokeniser cannot take lone surrogates either
        words = text.split()
        if len(words) < 3:
            return math.nan, "too_short"
        if not re.search("[a-zA-Z]", text):
            return math.nan, "not_english"
        return sum("zz" in word for word in words) / len(words) * 0.9 + 0.05, "scored"

    def threshold(self, level: str, false_positive_rate: float) -> float:
        if false_positive_rate < 1e-6:
            raise ValueError("the model has no figures below 0.0001%; ask for a higher rate")
        return 0.5 if false_positive_rate < 0.02 else 0.3

    def score(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        return self.score_batch(texts).scores

    def spans(self, texts: Sequence[str | None]) -> list[tuple[Span, ...]]:
        return [
            tuple(Span(m.start(), m.end(), m.group(), 1.0, "has zz") for m in re.finditer(r"\w*zz\w*", text or ""))
            for text in texts
        ]

    def check(self, text: str) -> SentenceVerdict:
        score, status = self._score(text)
        scored = self.score_batch([text])
        return SentenceVerdict(
            text,
            score,
            score >= 0.5,
            status,
            scored.reasons(0),
            self.spans([text])[0],
            self.signature,
        )

    def contributions(self, text: str) -> Explanation:
        score = self._score(text)[0]
        logit = math.log(score / (1 - score))
        parts = [
            Contribution(f"feature_{i}", "lexicon", f"what feature {i} notices", math.nan if i == 3 else i, 0.01 * i)
            for i in range(15)
        ]
        base = -1.0
        rest = logit - base - sum(part.contribution for part in parts)
        return Explanation(base, (Contribution("zz_share", "lexicon", _REASON, score, rest), *parts), logit, score)
