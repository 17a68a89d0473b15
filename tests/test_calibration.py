"""Calibration on clean text: same weights, thresholds that hold on it, refusal where there is too little."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import mtdetect
from mtdetect import artifact
from mtdetect.cli import main
from mtdetect.detector import Detector
from mtdetect.training import calibration

WHO = ("The baker", "Our neighbour", "The old teacher", "A young doctor", "My sister", "The station master",
       "The council", "Her uncle", "The gardener", "A friend of mine", "The captain", "The librarian")  # fmt: skip
DID = ("closed the shop early", "wrote a long letter", "painted the front door", "looked for the keys",
       "waited at the corner", "talked to the mayor", "mended the roof", "bought fresh bread",
       "asked for some help", "stayed for dinner")  # fmt: skip
WHEN = ("on Monday morning", "because it was raining", "before the guests arrived", "after the meeting had ended",
        "while the children slept", "when the train was late", "and then went home", "as he does every week",
        "for the first time in years", "in spite of the cold")  # fmt: skip
SENTENCES = [f"{who} {did} {when}." for who, did, when in itertools.product(WHO, DID, WHEN)]


def write(path: Path, sentences: list[str], each: int = 4) -> Path:
    documents = [" ".join(sentences[i : i + each]) for i in range(0, len(sentences), each)]
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_thresholds_hold_on_the_clean_text_and_weights_stay(tmp_path: Path, detector: Detector) -> None:
    clean = write(tmp_path / "clean.txt", SENTENCES)
    result = run("calibrate", "--clean", clean, "--out", tmp_path / "m", "--false-positive-rate", "5%", "--json")
    assert result.exit_code == 0, result.output
    made = mtdetect.load(tmp_path / "m")
    artifact.verify(tmp_path / "m")
    old, new = artifact.read_manifest(detector.path), artifact.read_manifest(tmp_path / "m")
    assert new["files"][artifact.ARRAYS] == old["files"][artifact.ARRAYS]
    assert new["fingerprint"] != old["fingerprint"]
    assert made.signature != detector.signature
    record = new["calibration"]
    assert record["from"] == detector.signature
    assert record["files"] == [{"file": "clean.txt", "sha256": artifact.file_hash(clean)}]
    assert record["levels"]["sentence"]["texts"] == 1200
    assert record["levels"]["document"]["texts"] == 300
    assert json.loads(result.stdout)["levels"] == record["levels"]
    scores = made.score(SENTENCES)
    assert np.array_equal(scores, detector.score(SENTENCES))
    flagged = (scores >= made.threshold("sentence", 0.05)).mean()
    assert 0.04 <= flagged <= 0.051
    documents = made.score_documents(clean.read_text().split("\n\n"))
    assert 0.03 <= (documents >= made.threshold("document", 0.05)).mean() <= 0.055
    card = (tmp_path / "m" / artifact.CARD).read_text()
    assert "clean.txt" in card
    assert "own 1% threshold" not in card


def test_other_clean_text_gives_another_fingerprint_and_the_same_text_the_same(tmp_path: Path) -> None:
    prints = []
    for name, sentences in (("a", SENTENCES), ("b", SENTENCES), ("c", SENTENCES[:1100])):
        write(tmp_path / "clean.txt", sentences)
        run("calibrate", "--clean", tmp_path / "clean.txt", "--out", tmp_path / name, "--level", "sentence")
        prints.append(artifact.read_manifest(tmp_path / name)["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


def test_too_few_sentences_are_refused_with_how_many_and_why(tmp_path: Path) -> None:
    clean = write(tmp_path / "clean.txt", SENTENCES[:300] * 5)
    result = run("calibrate", "--clean", clean, "--out", tmp_path / "m")
    assert result.exit_code == 4
    assert "300 different sentences" in result.stderr, "repeated text counts once"
    assert "takes 1,000" in result.stderr
    assert "0.48% and 1.70%" in result.stderr
    assert not (tmp_path / "m").exists()
    enough = run("calibrate", "--clean", clean, "--out", tmp_path / "m", "--false-positive-rate", "5%")
    assert enough.exit_code == 0, enough.output
    assert "document threshold of the old model is kept" in enough.stderr
    assert run("calibrate", "--clean", clean, "--out", tmp_path / "n", "--level", "document").exit_code == 4


def test_a_text_that_is_not_clean_is_doubted(tmp_path: Path, detector: Detector) -> None:
    garbled = [f"Of the {who.lower()} the of it which to {when} have did the {did} making of." for who, did, when in
               itertools.islice(itertools.product(WHO, DID, WHEN), 0, 1200, 6)]  # fmt: skip
    clean = write(tmp_path / "clean.txt", SENTENCES[:800] + garbled)
    result = run("calibrate", "--clean", clean, "--out", tmp_path / "m", "--false-positive-rate", "5%")
    assert result.exit_code == 0, result.output
    assert "may not be clean" in result.stderr
    assert "Of the" in result.stderr


def test_text_the_model_learnt_from_is_doubted(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = calibration.read_clean([write(tmp_path / "clean.txt", SENTENCES[:200])])
    scores = calibration.score_clean(detector, clean)
    assert not any("learnt from" in line for line in calibration.doubts(detector, clean, scores))
    known = {"sources": [{"sha256": artifact.file_hash(tmp_path / "clean.txt")}]}
    monkeypatch.setitem(detector.model.manifest, "training", known)
    assert any("learnt from" in line for line in calibration.doubts(detector, clean, scores))


def test_rows_of_a_document_belong_together_and_machine_rows_are_passed_over(tmp_path: Path) -> None:
    rows = [{"text": SENTENCES[i], "doc_id": f"d{i % 3}", "domain": "village"} for i in range(30)]
    rows.append({"text": "Of machine the text is this here.", "label": "mt"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    clean = calibration.read_clean([tmp_path / "rows.jsonl"])
    assert len(clean.sentences) == 30
    assert np.bincount(clean.document).tolist() == [10, 10, 10]
    assert set(clean.domain) == {"village"}


def test_the_model_itself_is_not_overwritten(tmp_path: Path, detector: Detector) -> None:
    clean = write(tmp_path / "clean.txt", SENTENCES)
    assert run("calibrate", "--clean", clean, "--out", detector.path).exit_code == 2


def test_interval_of_the_true_rate_covers_it() -> None:
    rng = np.random.default_rng(0)
    low, high = calibration.true_rate(10, 500)
    hits = [low <= 1 - np.sort(rng.random(500))[-10] <= high for _ in range(2000)]
    assert 0.93 <= np.mean(hits) <= 0.97
