"""Gate: a policy over scores that says of each text whether it passes, goes to review, or is rejected.

The limits are false-positive rates on clean English, not scores: "reject at most 1% of good text".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from mtdetect.verdict import Level, Status

if TYPE_CHECKING:
    from mtdetect.detector import Detector

Action = Literal["pass", "review", "reject"]
"""What to do with a text."""

_UNSCORED = {"too_short": "too short to score", "not_english": "not English", "empty": "no text"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate says about one text.

    Attributes:
        action: ``"pass"``, ``"review"`` or ``"reject"``.
        score: calibrated probability, 0..1, that the text is garbled machine translation; NaN if not scored.
        reason: one short plain line; empty for a scored text that passes.
        status: ``"scored"``, ``"too_short"``, ``"not_english"`` or ``"empty"``.
        signature: the model that scored the text.
    """

    action: Action
    score: float
    reason: str
    status: Status
    signature: str


class Gate:
    """Decide what happens to texts, given how much clean English may be lost.

    Args:
        detector: a loaded detector. A gate pickles as its detector does.
        false_positive_rate: share of clean English, in (0, 1], that may be rejected.
        review_rate: share of clean English, in (0, 1], that may be rejected or sent to review; not below
            ``false_positive_rate`` (equal: nothing goes to review).
        level: what one text is, ``"sentence"`` or ``"document"``.
        unscorable: what happens to texts without a score.

    Raises:
        TypeError: a rate is not a number.
        ValueError: an argument is outside its range.

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
        unscorable: Action = "pass",
    ) -> None:
        for name, rate in (("false_positive_rate", false_positive_rate), ("review_rate", review_rate)):
            if not isinstance(rate, int | float):
                raise TypeError(f"{name} is a number such as 0.01 for 1%, not {rate!r}")
            if not 0 < rate <= 1:  # also refuses NaN
                raise ValueError(f"{name} is a share above 0 and up to 1 (0.01 for 1%), not {rate!r}")
        if review_rate < false_positive_rate:
            raise ValueError(
                f"review_rate ({review_rate}) is below false_positive_rate ({false_positive_rate}); "
                f"it counts rejected texts too, so make it at least as large"
            )
        if level not in get_args(Level):
            raise ValueError(f'level is "sentence" or "document", not {level!r}')
        if unscorable not in get_args(Action):
            raise ValueError(f'unscorable is "pass", "review" or "reject", not {unscorable!r}')
        self.detector = detector
        self.false_positive_rate = false_positive_rate
        self.review_rate = review_rate
        self.level: Level = level
        self.unscorable: Action = unscorable
        self.reject_threshold = float(detector.threshold(level, false_positive_rate))
        self.review_threshold = float(detector.threshold(level, review_rate))

    def decide(self, text: str | None) -> Decision:
        """Decide about one text; None counts as empty.

        Raises:
            TypeError: ``text`` is neither a string nor None.
        """
        if text is not None and not isinstance(text, str):
            raise TypeError(f"text is a string, not {type(text).__name__}")
        return self.decide_batch([text])[0]

    def decide_batch(self, texts: Sequence[str | None]) -> list[Decision]:
        """Decide about N texts at once, which is much faster; returns N decisions in the same order.

        Raises:
            TypeError: ``texts`` is a bare string, or holds something that is neither a string nor None.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("decide_batch takes a sequence of texts, not a bare string; use decide(text) for one")
        scored = self.detector.score_batch(texts, level=self.level)
        scores: list[float] = scored.scores.tolist()
        statuses: list[Status] = list(scored.statuses)
        signature = self.detector.signature
        decisions = []
        for position, (score, status) in enumerate(zip(scores, statuses, strict=True)):
            if status != "scored":
                decisions.append(Decision(self.unscorable, score, _UNSCORED[status], status, signature))
            elif score >= self.review_threshold:  # the lower of the two: fewer false positives, higher threshold
                rejected = score >= self.reject_threshold
                reasons = scored.reasons(position, limit=1)
                why = reasons[0].sentence if reasons else "reads like garbled machine translation"
                decisions.append(Decision("reject" if rejected else "review", score, why, status, signature))
            else:
                decisions.append(Decision("pass", score, "", status, signature))
        return decisions
