"""The model card says what its inputs say, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mtdetect.training.evaluation import evaluate
from mtdetect.training.model_card import model_card, write_model_card
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


def test_card_lists_sources_figures_command_and_limits(tmp_path: Path) -> None:
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
    write_model_card(MANIFEST, evaluation, tmp_path / "MODEL_CARD.md")
    card = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
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
