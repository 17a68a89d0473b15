"""What a detector says about a text: verdicts, reasons and spans, as plain immutable values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["scored", "too_short", "not_english", "empty"]
"""Why a text has a score or none. Only ``"scored"`` comes with a number."""

Level = Literal["sentence", "document"]
"""What one text is: a single sentence, or a document with paragraphs on lines."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence: a feature and how far it moved the score.

    Attributes:
        feature: registry name of the feature.
        family: the feature family it belongs to.
        sentence: what the feature noticed, in plain words.
        contribution: log-odds added to the score (positive speaks for garbled translation).
    """

    feature: str
    family: str
    sentence: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Span:
    """A suspicious stretch of the text as it was passed in.

    Attributes:
        start: first character (0-based).
        end: one past the last character, so ``text[start:end]`` is the span.
        text: the characters themselves.
        weight: evidence in log-odds carried by the stretch (higher is more suspicious).
        reason: what is odd about it, in plain words.
    """

    start: int
    end: int
    text: str
    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class SentenceVerdict:
    """What the detector says about one sentence.

    Attributes:
        text: the sentence as passed in.
        score: calibrated probability, 0..1, that the sentence is garbled machine translation at even prior;
            NaN unless ``status`` is ``"scored"``.
        flagged: whether the score reaches the threshold for 1% false positives.
        status: ``"scored"``, ``"too_short"``, ``"not_english"`` or ``"empty"``.
        reasons: strongest evidence first; empty when nothing speaks for translation.
        spans: most suspicious stretch first.
        signature: the model that gave the verdict (name, version, fingerprint).
        start: where the sentence starts in its document (0 for a lone sentence).
    """

    text: str
    score: float
    flagged: bool
    status: Status
    reasons: tuple[Reason, ...]
    spans: tuple[Span, ...]
    signature: str
    start: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain types, ready for JSON (NaN becomes None)."""
        return _plain(asdict(self))


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """What the detector says about one document.

    Attributes:
        score: calibrated probability, 0..1, that the document is garbled machine translation at even prior;
            NaN unless ``status`` is ``"scored"``.
        flagged: whether the score reaches the document threshold for 1% false positives.
        status: ``"scored"`` when at least one sentence could be scored.
        sentences: one verdict a sentence, in reading order, with offsets into the document.
        flagged_share: share of the scored sentences that are flagged, 0..1 (0 when none was scored).
        reasons: strongest document evidence first.
        signature: the model that gave the verdict (name, version, fingerprint).
    """

    score: float
    flagged: bool
    status: Status
    sentences: tuple[SentenceVerdict, ...]
    flagged_share: float
    reasons: tuple[Reason, ...]
    signature: str

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain types, ready for JSON (NaN becomes None)."""
        plain = _plain(asdict(self))
        plain["sentences"] = [sentence.to_dict() for sentence in self.sentences]
        return plain


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    if values["score"] != values["score"]:  # NaN is the only value that differs from itself
        values["score"] = None
    return values
