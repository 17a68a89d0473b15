"""What is asked of one text, and the kinds of values that settings can have."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from mtdetect.verdict import Level

Action = Literal["pass", "review", "reject"]
"""What to do with a text."""

ACTIONS: tuple[Action, ...] = get_args(Action)
"""Every action, mildest first."""

MAX_MINIMUM_WORDS = 10_000

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 56
_SHORT.maxlevel = 2
_SHORT.maxdict = _SHORT.maxlist = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: which are allowed, and how to say so.

    Attributes:
        allowed: the allowed values in words.
        type: type of an allowed value; booleans are no numbers.
        accepts: whether a value of the type is in range.
    """

    allowed: str
    type: type[Any]
    accepts: Callable[[Any], bool]

    def check(self, name: str, value: object) -> None:
        """Refuse a value.

        Raises:
            TypeError: it is of another type.
            ValueError: it is out of range.
        """
        problem = f"{name} is {shown(value)}; allowed: {self.allowed}"
        if not isinstance(value, self.type) or (isinstance(value, bool) and self.type is not bool):
            raise TypeError(problem)
        if not self.accepts(value):
            raise ValueError(problem)


def shown(value: object) -> str:
    """Return a value as it can stand in a message: short, on one line, whatever it is.

    >>> shown("a" * 1000)
    "'aaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaa'"
    """
    try:
        return _SHORT.repr(value)
    except ValueError:  # a number of thousands of digits
        return "a huge number"


def one_of(*choices: str) -> Kind:
    """Return the kind of the given strings."""
    return Kind(", ".join(f'"{choice}"' for choice in choices), str, choices.__contains__)


RATE = Kind("a share above 0 and up to 1, such as 0.01 for 1%", Real, lambda value: 0 < value <= 1)
LEVEL = one_of(*get_args(Level))
ACTION = one_of(*ACTIONS)
WORDS = Kind(f"a whole number from 0 to {MAX_MINIMUM_WORDS:,}", Integral, lambda value: 0 <= value <= MAX_MINIMUM_WORDS)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of one text.

    Attributes:
        false_positive_rate: share of clean English, in (0, 1], that may be rejected.
        review_rate: share of clean English, in (0, 1], that may be rejected or sent to review; not below
            ``false_positive_rate`` (equal: nothing goes to review).
        minimum_words: a text with fewer words, between spaces and with a letter, counts as too short. The
            detector's own minimum (four words in a sentence) holds beside it.
        short: what happens to texts that are too short.
        foreign: what happens to texts that are not English.
        empty: what happens to texts without anything to read.

    Raises:
        TypeError: a value of the wrong type.
        ValueError: a value out of range, or ``review_rate`` below ``false_positive_rate``.
    """

    false_positive_rate: float = 0.01
    review_rate: float = 0.05
    minimum_words: int = 0
    short: Action = "pass"
    foreign: Action = "pass"
    empty: Action = "pass"

    def __post_init__(self) -> None:
        RATE.check("false_positive_rate", self.false_positive_rate)
        RATE.check("review_rate", self.review_rate)
        WORDS.check("minimum_words", self.minimum_words)
        for name in ("short", "foreign", "empty"):
            ACTION.check(name, getattr(self, name))
        if self.review_rate < self.false_positive_rate:
            raise ValueError(
                f"review_rate ({self.review_rate}) is below false_positive_rate ({self.false_positive_rate}); "
                f"it counts rejected texts too, so make it at least as large"
            )
