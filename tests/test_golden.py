"""The shipped model's scores, pinned: an unwanted change of any step shows here.

After a wanted change: ``python tests/test_golden.py`` writes the new scores; look at the difference before
committing it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mtdetect
from mtdetect.detector import Detector

GOLDEN = Path(__file__).parent / "golden.json"
EXAMPLES = Path(__file__).parent.parent / "examples"


def texts() -> dict[str, list[str]]:
    sentences = (EXAMPLES / "news.txt").read_text(encoding="utf-8").splitlines()
    lines = (EXAMPLES / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return {"sentence": sentences, "document": [json.loads(line)["text"] for line in lines]}


def measured(detector: Detector) -> dict[str, object]:
    result: dict[str, object] = {"signature": detector.signature}
    for level, group in texts().items():
        scores = detector.score(group) if level == "sentence" else detector.score_documents(group)
        result[level] = [round(float(score), 6) for score in scores]
        result[f"{level} threshold"] = round(detector.threshold(level, 0.01), 6)  # type: ignore[arg-type]
    return result


def test_the_shipped_model_is_the_one_the_scores_belong_to(detector: Detector) -> None:
    assert json.loads(GOLDEN.read_text())["signature"] == detector.signature


@pytest.mark.parametrize("level", ["sentence", "document"])
def test_scores_are_what_they_were(detector: Detector, level: str) -> None:
    golden, now = json.loads(GOLDEN.read_text()), measured(detector)
    assert np.allclose(now[level], golden[level], atol=2e-6)  # type: ignore[arg-type]
    assert now[f"{level} threshold"] == pytest.approx(golden[f"{level} threshold"], abs=2e-6)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(measured(mtdetect.load()), indent=1) + "\n")
