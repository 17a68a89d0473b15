"""Requests and answers: what they hold, checked when they are decoded, and described in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from mtdetect.gate.rules import MAX_MINIMUM_WORDS, Action
from mtdetect.verdict import Level, Status

MAX_TEXTS = 10_000
MAX_CHECKED = 100_000
MAX_SOURCE = 1000

Source = Annotated[str, Meta(max_length=MAX_SOURCE)]
Rate = Annotated[float, Meta(gt=0, le=1)]
Words = Annotated[float, Meta(ge=0, le=MAX_MINIMUM_WORDS, multiple_of=1)]  # in JSON 4.0 is a whole number too
Text = Annotated[str | None, Meta(description="A text; null counts as empty.")]
Texts = Annotated[list[Text], Meta(max_length=MAX_TEXTS, description="Texts; results come in the same order.")]
LevelName = Annotated[Level, Meta(description="What one text is; a document has paragraphs on lines.")]
StatusName = Annotated[Status, Meta(description="Only scored texts have a score.")]
Score = Annotated[
    float | None,
    Meta(description="Probability, 0 to 1, that the text is garbled machine translation, as a 32-bit float."),
]
Signature = Annotated[str, Meta(description="Name, version and fingerprint of the model.")]


class ScoreOptions(Struct, forbid_unknown_fields=True, kw_only=True):
    """How texts are scored."""

    level: LevelName = "sentence"
    false_positive_rate: Annotated[
        float, Meta(gt=0, le=1, description="Share of clean English that may be flagged.")
    ] = 0.01


class ScoreRequest(ScoreOptions, forbid_unknown_fields=True, kw_only=True):
    """One text to score."""

    text: Text


class ScoreBatchRequest(ScoreOptions, forbid_unknown_fields=True, kw_only=True):
    """Texts to score."""

    texts: Texts


class GateOptions(Struct, forbid_unknown_fields=True, kw_only=True):
    """The policy texts are decided by; what is left out, or null, is as in the policy of the service."""

    level: Annotated[Level | None, Meta(description="What one text is; a document has paragraphs on lines.")] = None
    source: Annotated[
        Source | None, Meta(description="Where the texts are from: the policy can have rules of its own for them.")
    ] = None
    false_positive_rate: Annotated[Rate | None, Meta(description="Share of clean English that may be rejected.")] = None
    review_rate: Annotated[
        Rate | None,
        Meta(
            description="Share of clean English that may be rejected or sent to review; where it is not above "
            "false_positive_rate, nothing goes to review."
        ),
    ] = None
    minimum_words: Annotated[Words | None, Meta(description="Texts with fewer words count as too short.")] = None
    short: Annotated[Action | None, Meta(description="What happens to texts that are too short.")] = None
    foreign: Annotated[Action | None, Meta(description="What happens to texts that are not English.")] = None
    empty: Annotated[Action | None, Meta(description="What happens to texts without anything to read.")] = None


class GateRequest(GateOptions, forbid_unknown_fields=True, kw_only=True):
    """One text to decide about."""

    text: Text


class GateBatchRequest(GateOptions, forbid_unknown_fields=True, kw_only=True):
    """Texts to decide about."""

    texts: Texts


class CheckRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """One document to look at sentence by sentence."""

    text: Annotated[str, Meta(max_length=MAX_CHECKED, description="The document, paragraphs on lines.")]


class Reason(Struct):
    """One piece of evidence."""

    feature: str
    family: str
    sentence: Annotated[str, Meta(description="What the feature noticed, in plain words.")]
    contribution: Annotated[float, Meta(description="Log-odds added to the score.")]


class ScoreResult(Struct):
    """The score of one text."""

    score: Score
    flagged: bool
    status: StatusName
    reasons: Annotated[list[Reason], Meta(description="Strongest first; only flagged texts have reasons.")]


class ScoreAnswer(ScoreResult):
    """The score of one text, and the model that gave it."""

    signature: Signature


class ScoreBatchAnswer(Struct):
    """A result for every text, in order."""

    results: list[ScoreResult]
    signature: Signature


class GateResult(Struct):
    """What happens to one text."""

    action: Action
    score: Score
    status: StatusName
    reason: Annotated[str, Meta(description="One plain line; empty for a scored text that passes.")]


class GateAnswer(GateResult):
    """What happens to one text, and the model that decided."""

    signature: Signature


class GateBatchAnswer(Struct):
    """A decision for every text, in order."""

    results: list[GateResult]
    signature: Signature


class Span(Struct):
    """A suspicious stretch of a sentence; offsets count Unicode code points from the start of the sentence."""

    start: int
    end: int
    text: str
    weight: Annotated[float, Meta(description="Evidence in log-odds.")]
    reason: str


class CheckedSentence(Struct):
    """One sentence; offsets count Unicode code points from the start of the document."""

    start: int
    end: int
    score: Score
    status: StatusName
    reasons: list[Reason]
    spans: list[Span]


class CheckAnswer(Struct):
    """A document with a verdict for every sentence, in reading order."""

    score: Score
    status: StatusName
    reasons: list[Reason]
    sentences: list[CheckedSentence]
    signature: Signature


class BudgetRow(Struct):
    """Scores from which a text is flagged at a false-positive budget."""

    false_positive_rate: float
    sentence: float
    document: float


class ModelAnswer(Struct):
    """The model of this service."""

    signature: Signature
    policy: Annotated[str, Meta(description="Fingerprint of the policy that the gate follows.")]
    budgets: Annotated[list[BudgetRow], Meta(description="Thresholds by budget, smallest budget first.")]


class StateAnswer(Struct):
    """Whether the service is up."""

    status: str


class ErrorAnswer(Struct):
    """Why a request was not answered with a result."""

    error: Annotated[str, Meta(description="What is wrong and what to do next.")]
