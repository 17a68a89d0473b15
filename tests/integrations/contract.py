"""Rows that every framework gets, and what it has to give back for them."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from mtdetect.detector import Detector

CLEAN = "She closed the door behind her and walked to the station in the rain."
GARBLED = (
    "A train of passenger ran to a tree fallen near Lindholm on night of Tuesday. The engine saw the tree too late, "
    "because the curves of clue sharply before the something, a spokesman for the road said."
)
TEXTS: list[str | None] = [
    CLEAN,
    None,
    GARBLED,
    "",
    "Too short.",
    "Der Minister sagte am Freitag, dass die Gespräche in der nächsten Woche fortgesetzt werden.",
    "Ünïcödé — “quotes”, \u200b zero width, \x01 control and 🙂 stand in this sentence of ours.",
    "=1+1 is what the first cell of the sheet of the office said on Monday.",
    "word " * 3000,
    "x" * 50_000,
    "The talks will go on until Friday, the minister said.\nThey began on Monday in the capital.",
]
"""Text of every kind; the frameworks get it many times over, so that it fills several batches."""

ODD: list[Any] = [CLEAN, 7, b"bytes \xff that are no text", ["a", "list"], float("nan"), None, True]
ODD_STATUSES = ["scored", "unreadable", "unreadable", "unreadable", "empty", "empty", "unreadable"]


def many(copies: int) -> list[str | None]:
    return TEXTS * copies


def bits(scores: Sequence[float | None]) -> list[bytes | None]:
    """Return the exact float32 of each score; None for NaN and None."""
    return [None if score is None or math.isnan(score) else struct.pack("<f", score) for score in scores]


def check_scores(
    scores: Sequence[float | None], statuses: Sequence[str], texts: Sequence[str | None], detector: Detector
) -> None:
    """Assert one score for each text, in order, to the last bit that of the API, and its status."""
    assert len(scores) == len(statuses) == len(texts)
    assert bits(scores) == bits(detector.score(texts).tolist())
    assert list(statuses) == list(detector.score_batch(texts).statuses)
    assert {"scored", "empty", "too_short", "not_english"} <= set(statuses)
