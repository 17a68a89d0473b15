"""The command line with the shipped model says exactly what the Python interface says."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import mtdetect
from mtdetect.cli import main

TEXTS = [
    "The council will decide on Monday whether the old bridge is repaired or replaced.",
    "The spirit of the self-secrification of soldiers was strong in the release of the city from the enemy.",
    "She put the letter in a drawer and did not think about it again until the spring.",
    "",
    "Too short.",
    "Это предложение написано не по английски и не получает оценки.",
    "In more thousands of the houses the lights of the street it was not, and people was afraid.",
    "\0 \ufffd 🙂 \u202e",
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(TEXTS)))
    return path


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("level", ["sentence", "document"])
def test_score(detector: mtdetect.Detector, rows: Path, level: Any) -> None:
    result = invoke("score", rows, "--level", level)
    assert result.exit_code == 0
    out = [json.loads(line) for line in result.stdout.splitlines()]
    scored = detector.score_batch(TEXTS, level=level)
    found = np.array([np.nan if row["score"] is None else row["score"] for row in out], dtype=np.float32)
    np.testing.assert_array_equal(found, scored.scores)  # to the last bit
    assert [row["status"] for row in out] == list(scored.statuses)
    threshold = detector.threshold(level, 0.01)
    assert [row["flagged"] for row in out] == [bool(score >= threshold) for score in scored.scores.tolist()]
    if level == "sentence":
        assert [row["flagged"] for row in out] == [detector.check(text).flagged for text in TEXTS]
    assert detector.signature in result.stderr


def test_worker_processes(detector: mtdetect.Detector, rows: Path) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-m", "mtdetect", "score", rows, "-q", "--jobs", jobs],
            capture_output=True,
            check=True,
        ).stdout
        for jobs in ("1", "2")
    ]
    assert outputs[0] == outputs[1]


def test_explain_adds_up(detector: mtdetect.Detector) -> None:
    result = invoke("explain", "--json", TEXTS[1])
    facts = json.loads(result.stdout)
    logit = facts["base"] + sum(part["contribution"] for part in facts["contributions"])
    assert logit == pytest.approx(facts["logit"], abs=1e-6)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(facts["score"], abs=1e-6)
    assert facts["score"] == pytest.approx(float(detector.score([TEXTS[1]])[0]), abs=1e-6)
    assert all(TEXTS[1][span["start"] : span["end"]] == span["text"] for span in facts["spans"])


@pytest.mark.parametrize("text", TEXTS[:7])
def test_explain_shows_every_text(detector: mtdetect.Detector, text: str) -> None:
    result = invoke("explain", text)
    assert result.exit_code == 0
    assert ("= logit" in result.stdout) == (detector.check(text).status == "scored")


def test_gate(detector: mtdetect.Detector, rows: Path, tmp_path: Path) -> None:
    outputs = {action: tmp_path / action for action in ("pass", "review", "reject")}
    result = invoke(
        "gate", rows, "--level", "sentence", "--max-rejected", "100%",
        "--pass", outputs["pass"], "--review-out", outputs["review"], "--reject", outputs["reject"],
    )  # fmt: skip
    assert result.exit_code == 0
    gate = pickle.loads(pickle.dumps(mtdetect.Gate(detector, level="sentence")))
    lines = rows.read_bytes().splitlines(keepends=True)
    decisions = gate.decide_batch(TEXTS)
    for action, path in outputs.items():
        expected = [line for line, decision in zip(lines, decisions, strict=True) if decision.action == action]
        assert path.read_bytes() == b"".join(expected)
    assert all(decision.signature == detector.signature for decision in decisions)


def test_info_and_verify(detector: mtdetect.Detector) -> None:
    assert detector.signature in invoke("info").stdout
    result = invoke("verify")
    assert result.exit_code == 0
    assert detector.signature in result.stdout
