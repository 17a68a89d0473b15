"""Gate: what a policy does to texts, one by one or many at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtdetect.gate.policy import Policy
from mtdetect.gate.rules import LEVEL, Action, Rules
from mtdetect.text import split_sentences
from mtdetect.verdict import Level, Span, Status

if TYPE_CHECKING:
    from mtdetect.detector import Detector

MAX_SPANS = 5
"""Spans that a decision holds at most."""

_UNSCORED = {"too_short": "too short to score", "not_english": "not English", "empty": "no text"}
_RULE = {"too_short": "short", "not_english": "foreign", "empty": "empty"}
_WITHOUT_REASON = "reads like garbled machine translation"
_BETWEEN_SPACES = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate says about one text.

    Attributes:
        action: ``"pass"``, ``"review"`` or ``"reject"``.
        score: calibrated probability, 0..1, that the text is garbled machine translation; NaN if not scored.
        reason: one short plain line; empty for a scored text that passes.
        status: ``"scored"``, ``"too_short"``, ``"not_english"`` or ``"empty"``.
        signature: the model that scored the text.
        spans: suspicious stretches of a scored text that does not pass, strongest first, where asked for.
    """

    action: Action
    score: float
    reason: str
    status: Status
    signature: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the detector says of N texts, whatever the rules make of it.

    Attributes:
        scores: N scores, NaN where not scored.
        statuses: N statuses.
        reasons: position to the strongest reason, of every text that some rule could hold back.
        spans: position to spans, of the same texts where asked for.
    """

    scores: list[float]
    statuses: list[Status]
    reasons: dict[int, str]
    spans: dict[int, tuple[Span, ...]]


class Gate:
    """Decide what happens to texts, given how much clean English may be lost.

    Args:
        detector: a loaded detector. A gate pickles as its detector does.
        false_positive_rate: share of clean English, in (0, 1], that may be rejected.
        review_rate: share of clean English, in (0, 1], that may be rejected or sent to review; not below
            ``false_positive_rate`` (equal: nothing goes to review).
        level: what one text is, ``"sentence"`` or ``"document"``.
        minimum_words: texts with fewer words count as too short; 0 leaves it to the detector.
        short: what happens to texts that are too short.
        foreign: what happens to texts that are not English.
        empty: what happens to texts without anything to read.
        sources: rules for texts of some sources, by name; the name "" stands for texts without a source.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is out of range, or the model has no figures for a rate.

    >>> import mtdetect
    >>> gate = mtdetect.Gate(mtdetect.load(), false_positive_rate=0.01, level="sentence")
    >>> gate.decide("She closed the door and walked to the station in the rain.").action
    'pass'
    """

    def __init__(
        self,
        detector: Detector,
        false_positive_rate: float = 0.01,
        review_rate: float = 0.05,
        level: Level = "document",
        minimum_words: int = 0,
        short: Action = "pass",
        foreign: Action = "pass",
        empty: Action = "pass",
        sources: Mapping[str, Rules] | None = None,
    ) -> None:
        LEVEL.check("level", level)
        self.detector = detector
        self.level: Level = level
        self.rules = Rules(false_positive_rate, review_rate, minimum_words, short, foreign, empty)
        self.sources = dict(sources or {})
        self._limits = {rules: self._thresholds(rules) for rules in {self.rules, *self.sources.values()}}

    @classmethod
    def from_policy(cls, detector: Detector, policy: Policy | Path | str) -> Gate:
        """Make the gate of a policy, given as such or as a file.

        Raises:
            PolicyError: the file cannot be used.
            ValueError: the model has no figures for a rate.
        """
        if not isinstance(policy, Policy):
            policy = Policy.load(policy)
        sources = {source: policy.rules(source) for source in policy.overrides}
        return cls(detector, level=policy.level, sources=sources, **asdict(policy.rules()))

    def _thresholds(self, rules: Rules) -> tuple[float, float]:
        return (
            float(self.detector.threshold(self.level, rules.false_positive_rate)),
            float(self.detector.threshold(self.level, rules.review_rate)),
        )

    @property
    def reject_threshold(self) -> float:
        """Score at and above which a text without a source of its own is rejected."""
        return self._limits[self.rules][0]

    @property
    def review_threshold(self) -> float:
        """Score at and above which a text without a source of its own goes to review."""
        return self._limits[self.rules][1]

    def decide(self, text: str | None, source: str | None = None, spans: bool = False) -> Decision:
        """Decide about one text; None counts as empty.

        Raises:
            TypeError: ``text`` is neither a string nor None.
        """
        if text is not None and not isinstance(text, str):
            raise TypeError(f"text is a string, not {type(text).__name__}")
        return self.decide_batch([text], None if source is None else [source], spans)[0]

    def decide_batch(
        self, texts: Sequence[str | None], sources: Sequence[str | None] | None = None, spans: bool = False
    ) -> list[Decision]:
        """Decide about N texts at once, which is much faster; returns N decisions in the same order.

        Args:
            texts: N strings or None. Order, batch size and neighbours never change a decision.
            sources: N names of sources, or None where a text has none; None if no text has one.
            spans: look for suspicious stretches in texts that do not pass.

        Raises:
            TypeError: ``texts`` is a bare string, or holds something that is neither a string nor None.
            ValueError: there are not as many sources as texts.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("decide_batch takes a sequence of texts, not a bare string; use decide(text) for one")
        return self.judge(texts, self.weigh(texts, spans), sources)

    def weigh(self, texts: Sequence[str | None], spans: bool = False) -> Evidence:
        """Ask the detector about N texts: all of the work, none of the rules.

        Raises:
            TypeError: as :meth:`decide_batch`.
        """
        scored = self.detector.score_batch(texts, level=self.level)
        lowest = min(review for _, review in self._limits.values())
        suspicious = np.flatnonzero(scored.scores.astype(np.float64) >= lowest).tolist()  # NaN never is
        why: dict[int, str] = {}
        for position in suspicious:
            reasons = scored.reasons(position, limit=1)
            why[position] = reasons[0].sentence if reasons else _WITHOUT_REASON
        where: dict[int, tuple[Span, ...]] = {}
        if spans:
            where = dict(zip(suspicious, self._spans([texts[i] or "" for i in suspicious]), strict=True))
        return Evidence(scored.scores.tolist(), list(scored.statuses), why, where)

    def judge(
        self, texts: Sequence[str | None], evidence: Evidence, sources: Sequence[str | None] | None = None
    ) -> list[Decision]:
        """Apply the rules to N texts and what the detector says of them; returns N decisions.

        Raises:
            ValueError: there are not as many sources as texts.
        """
        if sources is not None and len(sources) != len(texts):
            raise ValueError(f"{len(texts)} texts come with {len(sources)} sources; give one each, or None")
        signature = self.detector.signature
        rules, (reject_at, review_at) = self.rules, self._limits[self.rules]
        decisions = []
        for position, (score, status) in enumerate(zip(evidence.scores, evidence.statuses, strict=True)):
            if sources is not None and self.sources:
                rules = self.sources.get(sources[position] or "", self.rules)
                reject_at, review_at = self._limits[rules]
            if rules.minimum_words and status == "scored" and _is_shorter(texts[position], rules.minimum_words):
                why = f"shorter than {rules.minimum_words} word{'s' if rules.minimum_words > 1 else ''}"
                decisions.append(Decision(rules.short, math.nan, why, "too_short", signature))
            elif status != "scored":
                decisions.append(
                    Decision(getattr(rules, _RULE[status]), math.nan, _UNSCORED[status], status, signature)
                )
            elif score >= review_at:  # the lower of the two: fewer false positives, higher threshold
                action: Action = "reject" if score >= reject_at else "review"
                why, spans = evidence.reasons[position], evidence.spans.get(position, ())
                decisions.append(Decision(action, score, why, status, signature, spans))
            else:
                decisions.append(Decision("pass", score, "", status, signature))
        return decisions

    def _spans(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        """Return the strongest spans of N texts; of a document, those of its worst sentences."""
        if self.level == "sentence":
            return self.detector.spans(texts)
        cut = [split_sentences(text) for text in texts]
        scores = np.nan_to_num(
            self.detector.score([text[a:b] for text, places in zip(texts, cut, strict=True) for a, b in places])
        )
        worst: list[tuple[int, int, int]] = []  # document, start and end
        done = 0
        for document, places in enumerate(cut):
            ranked = np.argsort(-scores[done : done + len(places)], kind="stable")
            worst += [(document, *places[i]) for i in ranked[:MAX_SPANS].tolist()]
            done += len(places)
        joined: list[list[Span]] = [[] for _ in texts]
        found = self.detector.spans([texts[document][start:end] for document, start, end in worst])
        for (document, start, _), spans in zip(worst, found, strict=True):
            joined[document] += [replace(span, start=span.start + start, end=span.end + start) for span in spans]
        return [tuple(sorted(spans, key=lambda span: (-span.weight, span.start))[:MAX_SPANS]) for spans in joined]


def _is_shorter(text: str | None, words: int) -> bool:
    """Say whether a text has fewer than so many words; looks no further than it must."""
    is_letter: Callable[[str], bool] = str.isalpha
    found = 0
    for piece in _BETWEEN_SPACES.finditer(text or ""):
        found += any(map(is_letter, piece.group()))
        if found == words:
            return False
    return True
