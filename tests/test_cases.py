"""The written cases: garble that must be found, odd human text that must be left alone.

Texts in tests/cases/known_failures.json are expected to fail: an improvement shows up as a failing test, and
``python tests/cases/update_known_failures.py`` acknowledges it.
"""

from __future__ import annotations

import pytest
from case_checks import Check, all_checks, known_failures, problem

import mtdetect
from conftest import load_cases

_KNOWN = {(entry["text"], entry["check"]): entry["comment"] for entry in known_failures()}
_CHECKS = list(all_checks())


def _parameter(check: Check) -> object:
    comment = _KNOWN.get((check.text, check.check))
    marks = () if comment is None else (pytest.mark.xfail(reason=comment or check.comment, strict=True),)
    return pytest.param(check, id=check.name, marks=marks)


@pytest.mark.parametrize("check", [_parameter(check) for check in _CHECKS])
def test_case(detector: mtdetect.Detector, check: Check) -> None:
    wrong = problem(detector, check)
    assert not wrong, f"{wrong}: {check.text!r} ({check.comment})"


def test_known_failures_are_cases() -> None:
    assert set(_KNOWN) <= {(check.text, check.check) for check in _CHECKS}
    assert len(_KNOWN) == len(known_failures())


@pytest.mark.parametrize("name", ["in_the_wild", "synthetic", "must_not_flag"])
def test_cases_are_written_in_full(name: str) -> None:
    cases = load_cases(name)
    texts = [case["text"] for case in cases]
    assert len(texts) == len(set(texts))
    for case in cases:
        assert case["comment"]
        assert case["text"] == case["text"].strip()
        assert ("pair" in case) == (name != "must_not_flag")
