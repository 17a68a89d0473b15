"""What each written case in tests/cases must show, as checks that the tests and the update of known failures share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtdetect import Detector

CASES = Path(__file__).parent / "cases"
KNOWN_FAILURES = CASES / "known_failures.json"

MARGIN = 0.1
"""How far a garbled text must score above its human version where it does not reach the threshold."""

NAMED = {"release of Kursk": "liberation of Kursk", "self-secrification": "self-sacrifice"}
"""Garbled words that must at least stand in the top spans, and the words a person would use, which must not."""

TOP_SPANS = 3


@dataclass(frozen=True)
class Check:
    """One text and what must be said of it: ``"flag"`` garbled text, or let human text ``"pass"``."""

    name: str
    text: str
    check: Literal["flag", "pass"]
    pair: str
    comment: str


def all_checks() -> Iterator[Check]:
    """Yield the checks of every case file, each text and check once."""
    seen = set()
    for check in _checks():
        if (check.text, check.check) not in seen:
            seen.add((check.text, check.check))
            yield check


def _checks() -> Iterator[Check]:
    for file in ("in_the_wild", "synthetic", "must_not_flag"):
        for number, case in enumerate(_read(CASES / f"{file}.json"), 1):
            name, text, comment = f"{file}-{number}", case["text"], case["comment"]
            if file == "must_not_flag":
                yield Check(name, text, "pass", "", comment)
                continue
            yield Check(name, text, "flag", case["pair"], comment)
            yield Check(f"{name}-pair", case["pair"], "pass", "", f"what a person would write for: {comment}")


def known_failures() -> list[dict[str, Any]]:
    """Return the entries of known_failures.json: text, check, comment."""
    return _read(KNOWN_FAILURES)


def problem(detector: Detector, check: Check) -> str:
    """Return what is wrong with the verdict on the text of a check; empty if nothing is."""
    threshold = detector.threshold("sentence", 0.01)
    score = float(detector.score([check.text])[0])
    if check.check == "pass":
        if score >= threshold:
            return f"human text is flagged: {score:.3f} reaches {threshold:.3f}"
        person = [words for words in NAMED.values() if words in check.text]
        return "human words stand in the top spans" if person and _in_top_spans(detector, check.text, person) else ""
    if score >= threshold:
        return ""
    said = f"garbled text is missed: {score:.3f} is below {threshold:.3f}"
    named = [words for words in NAMED if words in check.text]
    if named:
        return "" if _in_top_spans(detector, check.text, named) else f"{said}, and its words are not in the top spans"
    other = float(detector.score([check.pair])[0])
    return "" if score >= other + MARGIN else f"{said}, and its human version scores {other:.3f}"


def _in_top_spans(detector: Detector, text: str, words: list[str]) -> bool:
    """Whether one of the strongest spans holds a content word of any of the stretches."""
    content = {word for stretch in words for word in stretch.split() if len(word) > 2 and word != "Kursk"}
    spans = detector.check(text).spans[:TOP_SPANS]
    return any(word in span.text for span in spans for word in content)


def _read(path: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return cases
