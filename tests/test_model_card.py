"""The model card says what its inputs say, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtdetect import artifact
from mtdetect.errors import ModelError
from mtdetect.training.evaluation import evaluate
from mtdetect.training.model_card import model_card
from mtdetect.training.rows import rows_from_records

MANIFEST: dict[str, Any] = {
    "name": "tiny",
    "version": "0.1.0",
    "signature": "tiny 0.1.0 sha256:00",
    "features": [{"name": "a", "family": "surface"}, {"name": "b", "family": "surface"}],
    "training": {
        "seed": 7,
        "recipe_name": "small",
        "sources": [{"file": "pairs.jsonl", "licence": "CC0", "human": 1200, "mt": 3400, "sha256": "ab" * 32}],
    },
    "library_versions": {"numpy": "2.0.0"},
}


def test_card_without_an_evaluation_claims_no_figure() -> None:
    card = model_card({"name": "tiny", "version": "0.1.0"}, {})
    assert "Not evaluated." in card
    assert "The manifest names no sources." in card
    assert "AUC |" not in card


def test_card_lists_sources_figures_command_and_limits() -> None:
    records = [
        {"text": f"{'zz' if label == 'mt' and i % 2 else 'fine'} {i}", "label": label, "group": i}
        | ({"engine": "nmt"} if label == "mt" else {"collection": "clean_news"})
        for i in range(120)
        for label in ("human", "mt")
    ]
    rows = rows_from_records(records, "rows.jsonl")
    evaluation = evaluate(
        {"tiny": lambda texts: np.array([float("zz" in text) for text in texts])}, rows, resamples=10
    ).data
    evaluation["command"] = "mtdetect evaluate rows.jsonl"
    card = model_card(MANIFEST, evaluation)
    for part in (
        "# Model card: tiny 0.1.0",
        "| pairs.jsonl | CC0 | 1,200 | 3,400 | `abababababab` |",
        "surface (2)",
        "Printed by `mtdetect evaluate rows.jsonl`.",
        "`mtdetect train --recipe small --data CORPORA --out MODEL` (seed 7)",
        "numpy 2.0.0",
        "| sentence | all: test | 120 | 120 | 0.750 [",
        "### Sentences: false positives at the empirical 1% threshold",
        "left out: held_out",
    ):
        assert part in card
    assert "separates engine nmt poorly" not in card  # 0.75 is not below 0.75


def test_a_study_stands_in_the_card_with_its_aims() -> None:
    figure = {"value": 0.6, "low": 0.5, "high": 0.7, "size": 40}
    found = {"kind": "named", "name": "hard", "mt": 40, "human": 40, "groups": 9, "against_clean": False}
    result = {
        "mt": 40, "human": 40, "clean": 10, "clean_domains": 1, "unscored": {}, "left_out": [], "false_positives": [],
        "sets": [{**found, "scorers": {"mtdetect": {"auc": figure}, "words": {"auc": {**figure, "value": 0.55}}}}],
    }  # fmt: skip
    study = {
        "signature": "tiny 0.1.0 sha256:00",
        "recipe": "small",
        "corpus_rows": 80,
        "settings": {"share": 0.5, "baseline_rows": 10},
        "aims": [{"name": "hard", "level": "sentence", "without": "", "aim": "AUC .9"}],
        "model": {"scorers": ["mtdetect", "words"], "resamples": 5, "seed": 0, "levels": {"sentence": result}},
        "command": "python benchmarks/quality.py",
    }
    card = model_card(MANIFEST, {}, study)
    assert "| hard | sentence | the model | 40 | 0.600 [0.500, 0.700] |" in card
    assert "0.550 [0.500, 0.700] (words) | AUC .9 |" in card
    assert "- sentence: hard: AUC 0.600 [0.500, 0.700], where AUC .9 was aimed for." in card
    assert "- Study: `python benchmarks/quality.py`." in card


def test_a_new_card_leaves_the_signature_and_a_whole_folder(tmp_path: Path) -> None:
    folder = artifact.save(tmp_path / "m", dict(MANIFEST), b"pieces", {}, lambda _: "# Old")
    before = artifact.read_manifest(folder)
    artifact.replace_card(folder, "# New")
    artifact.verify(folder)
    after = artifact.read_manifest(folder)
    assert (folder / artifact.CARD).read_text(encoding="utf-8") == "# New"
    assert after["signature"] == before["signature"]
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["MODEL_CARD.md", "arrays.npz", "manifest.json", "sentencepiece.model"]
    )
    (folder / "arrays.npz").write_bytes(b"changed")
    with pytest.raises(ModelError, match="differs from the manifest"):
        artifact.replace_card(folder, "# Newer")
