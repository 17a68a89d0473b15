"""From texts to rows of an answer: what the service asks a detector and a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mtdetect.gate import Gate, Policy, Rules
from mtdetect.report.evidence import NOTED
from mtdetect.service.batching import Scorer
from mtdetect.service.messages import GateOptions, ScoreOptions
from mtdetect.text import split_sentences
from mtdetect.verdict import Level

if TYPE_CHECKING:
    from mtdetect.detector import Detector

LARGEST_BUDGET = 0.1
"""Largest false-positive rate that the page offers."""

_KEPT = 256
_REASONS = 5


class Scorers:
    """Makes scorers; requests with the same options get the same one, so that they are scored together.

    Scores stay 32-bit floats all the way into JSON: the shortest number that reads back as the same float.
    """

    def __init__(self, detector: Detector, policy: Policy) -> None:
        self.detector = detector
        self._policy = policy
        self._policies = {level: policy.replaced({"level": level}, {}) for level in get_args(Level)}
        self.signature = detector.signature
        self.policy = policy.fingerprint
        self.score = lru_cache(_KEPT)(self._score)
        self.gate = lru_cache(_KEPT)(self._gate)
        tables = detector.model.manifest["thresholds"]
        known = [{row["false_positive_rate"] for row in tables[level]["rates"]} for level in ("sentence", "document")]
        self.rates: list[float] = sorted(known[0] & known[1])
        """False-positive rates that the model has figures for; it knows every rate between the first and the last."""
        self._marked_from = min(NOTED, detector.threshold("sentence", min(LARGEST_BUDGET, self.rates[-1])))

    def budgets(self) -> list[dict[str, float]]:
        """Return the thresholds of sentences and documents at every budget the page offers."""
        return [
            {
                "false_positive_rate": rate,
                "sentence": self.detector.threshold("sentence", rate),
                "document": self.detector.threshold("document", rate),
            }
            for rate in self.rates
            if rate <= LARGEST_BUDGET
        ]

    def _score(self, level: Level, rate: float) -> Scorer:
        threshold = self.detector.threshold(level, rate)

        def rows(texts: Sequence[str | None]) -> list[dict[str, Any]]:
            scored = self.detector.score_batch(texts, level=level)
            result = []
            for i, (score, status) in enumerate(zip(scored.scores, scored.statuses, strict=True)):
                flagged = float(score) >= threshold
                reasons = [asdict(reason) for reason in scored.reasons(i)] if flagged else []
                result.append({"score": score, "flagged": flagged, "status": status, "reasons": reasons})
            return result

        return rows

    def _gate(self, level: Level, rules: Rules) -> Scorer:
        gate = Gate(self.detector, level=level, **asdict(rules))

        def rows(texts: Sequence[str | None]) -> list[dict[str, Any]]:
            return [
                {
                    "action": decision.action,
                    "score": np.float32(decision.score),
                    "status": decision.status,
                    "reason": decision.reason,
                }
                for decision in gate.decide_batch(texts)
            ]

        return rows

    def for_score(self, options: ScoreOptions) -> Scorer:
        """Return the scorer of these options.

        Raises:
            ValueError: the model has no figures for the rate.
        """
        return self.score(options.level, options.false_positive_rate)

    def for_gate(self, options: GateOptions) -> Scorer:
        """Return the scorer of this policy.

        Raises:
            ValueError: the model has no figures for a rate.
        """
        level = options.level or self._policy.level
        rules = asdict(self._policies[level].rules(options.source))
        stated = {key: value for key in rules if (value := getattr(options, key)) is not None}
        rules |= stated
        rules["minimum_words"] = int(rules["minimum_words"])
        rules["review_rate"] = max(rules["review_rate"], rules["false_positive_rate"])
        return self.gate(level, Rules(**rules))

    def check(self, texts: Sequence[str | None]) -> list[dict[str, Any]]:
        """Return documents with their sentences; those worth a note, as in the report, get reasons and spans.

        Scores and reasons are those of :meth:`Detector.check_document`, at a fraction of its time.
        """
        return [self._checked(text or "") for text in texts]

    def _checked(self, text: str) -> dict[str, Any]:
        document = self.detector.score_batch([text], level="document")
        offsets = split_sentences(text)
        cut = [text[start:end] for start, end in offsets]
        scored = self.detector.score_batch(cut)
        noted = [i for i, score in enumerate(scored.scores.tolist()) if score >= self._marked_from]
        found = dict(zip(noted, self.detector.spans([cut[i] for i in noted]), strict=True))
        sentences = [
            {
                "start": start,
                "end": end,
                "score": score,
                "status": status,
                "reasons": [asdict(reason) for reason in scored.reasons(i, _REASONS)] if i in found else [],
                "spans": [asdict(span) | {"text": _writable(span.text)} for span in found.get(i, ())],
            }
            for i, ((start, end), score, status) in enumerate(zip(offsets, scored.scores, scored.statuses, strict=True))
        ]
        return {
            "score": document.scores[0],
            "status": document.statuses[0],
            "reasons": [asdict(reason) for reason in document.reasons(0, _REASONS)],
            "sentences": sentences,
        }


def _writable(text: str) -> str:
    """Return a text of the same length that UTF-8 can hold: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode()
