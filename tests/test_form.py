"""Form invariance: typography must not move a score."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import load_cases
from mtdetect.detector import Detector

TEXTS = [case["text"] for name in ("must_not_flag", "in_the_wild", "synthetic") for case in load_cases(name)]
TEXTS += [case["pair"] for name in ("in_the_wild", "synthetic") for case in load_cases(name) if "pair" in case]

FORMS = {
    "curly quotes": lambda t: t.replace(" '", " ‘").replace("'", "’").replace('"', "”"),
    "doubled spaces": lambda t: t.replace(" ", "  "),
    "space before punctuation": lambda t: t.replace(",", " ,").replace(".", " .").replace("?", " ?").replace("!", " !"),
    "entities": lambda t: t.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;"),
    "no-break spaces": lambda t: t.replace(" ", "\u00a0"),
    "missing full stop": lambda t: t.rstrip(". "),
    "decomposed accents": lambda t: t.replace("é", "e\u0301"),
}


@pytest.mark.parametrize("form", FORMS)
def test_form_moves_the_score_by_two_hundredths_at_most(detector: Detector, form: str) -> None:
    changed = [FORMS[form](text) for text in TEXTS]
    moved = np.abs(detector.score(TEXTS) - detector.score(changed))
    assert np.nanmax(moved) <= 0.02, TEXTS[int(np.nanargmax(moved))]
    assert np.isnan(moved).sum() == np.isnan(detector.score(TEXTS)).sum()


def test_lower_case_moves_the_score_little(detector: Detector) -> None:
    moved = np.abs(detector.score(TEXTS) - detector.score([text.lower() for text in TEXTS]))
    assert np.nanmedian(moved) <= 0.15
