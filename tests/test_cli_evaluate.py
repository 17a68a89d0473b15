"""The commands evaluate and compare, with detectors whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import mtdetect
from mtdetect.artifact import file_hash
from mtdetect.cli import main
from mtdetect.training.recipe import RECIPES

MANIFEST: dict[str, Any] = {"name": "known", "version": "1.0.0"}


class KnownDetector:
    """Scores by the share of words with "zz"; a model folder called "blind" scores everything alike."""

    def __init__(self, path: Any = None) -> None:
        self.blind = path is not None and Path(path).name == "blind"
        self.model = SimpleNamespace(manifest=dict(MANIFEST))
        self.signature = f"{'blind' if self.blind else 'known'} 1.0.0 sha256:00"

    def score(self, texts: Sequence[str], jobs: int = 1) -> Any:
        shares = [sum("zz" in word for word in text.split()) / len(text.split()) for text in texts]
        return np.full(len(texts), 0.5) if self.blind else np.array(shares, dtype=np.float32)

    score_documents = score

    def check(self, text: str) -> Any:
        return SimpleNamespace(score=float(self.score([text])[0]), spans=(), reasons=())

    def threshold(self, level: str, false_positive_rate: float) -> float:
        return 0.4


@pytest.fixture(autouse=True)
def known_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtdetect, "load", KnownDetector)


def write(path: Path, split: bool = False) -> Path:
    def part(i: int) -> dict[str, str]:
        return {"split": "test" if i % 4 == 0 else "fit"} if split else {}

    words = ("river", "market", "bridge", "winter", "school", "garden", "council", "harbour", "sea", "road")
    with path.open("w", encoding="utf-8") as lines:
        for i in range(240):
            text = f"the {words[i % 10]} and the {words[i // 10 % 10]} were closed {i}"
            human = {"text": text, "label": "human", "group": f"segment {i} of {i}x", **part(i)}
            machine = {**human, "text": f"zz {text} zz zz zz zz zz zz", "label": "mt", "engine": "nmt"}
            lines.write(json.dumps(human) + "\n" + json.dumps(machine) + "\n")
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_evaluate_writes_json_and_markdown(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl")
    result = run(
        "evaluate",
        rows,
        "--bootstrap",
        10,
        "--json",
        tmp_path / "out.json",
        "--markdown",
        tmp_path / "out.md",
    )
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    everything = data["levels"]["sentence"]["sets"][0]
    assert everything["scorers"]["known 1.0.0"]["auc"]["value"] == 1.0
    assert everything["mt"] == 240
    assert data["signatures"] == {"known 1.0.0": "known 1.0.0 sha256:00"}
    assert "| all: test | 240 | 240 |" in (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "| all: test | 240 | 240 |" in result.stdout
    assert "measuring" in result.stderr


def test_evaluate_measures_several_models_and_baselines_on_the_test_rows(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl", split=True)
    (tmp_path / "blind").mkdir()
    (tmp_path / "seeing").mkdir()
    result = run(
        "evaluate", rows, "-q", "--model", tmp_path / "blind", "--model", tmp_path / "seeing",
        "--baseline", "words", "--bootstrap", 5, "--by", "engine", "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    words = "word n-gram TF-IDF + logistic regression"
    assert data["scorers"] == ["blind 1.0.0", "known 1.0.0", words]
    assert data["baseline_rows"] == 360
    everything = data["levels"]["sentence"]["sets"][0]
    assert everything["mt"] == 60
    assert everything["scorers"]["blind 1.0.0"]["auc"]["value"] == 0.5
    assert everything["scorers"][words]["auc"]["value"] > 0.95
    assert result.stderr == ""


def test_compare_gives_a_verdict(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl")
    (tmp_path / "blind").mkdir()
    (tmp_path / "seeing").mkdir()
    arguments = ("compare", tmp_path / "blind", tmp_path / "seeing", rows, "-q", "--bootstrap", 20)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("known 1.0.0 sha256:00 against blind 1.0.0 sha256:00: better")
    data = json.loads(run(*arguments, "--json", "-").stdout)
    assert data["verdict"] == "better"
    assert {one["verdict"] for one in data["differences"] if one["metric"] == "auc"} == {"better"}


def test_rows_a_model_was_trained_on_are_measured_on_their_test_part_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write(tmp_path / "rows.jsonl")
    recipe = (RECIPES / "scratch.toml").read_text(encoding="utf-8")
    sources = [{"file": "rows.jsonl", "sha256": file_hash(rows)}]
    monkeypatch.setitem(MANIFEST, "training", {"sources": sources, "recipe": recipe})
    result = run("evaluate", rows, "--bootstrap", 2, "--json", "-")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert 0 < data["levels"]["sentence"]["mt"] < 120
    assert "only their test part is measured" in data["warnings"][0]
    assert "only their test part is measured" in result.stderr
    split = write(tmp_path / "split.jsonl", split=True)
    sources[0]["sha256"] = file_hash(split)
    data = json.loads(run("evaluate", split, "--bootstrap", 2, "--json", "-").stdout)
    assert data["levels"]["sentence"]["mt"] == 60
    assert "may stand on rows it learnt from" in data["warnings"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to measure on"),
        (("--recipe", "default"), "needs --data"),
        (("ROWS", "--baselines"), "baselines need rows to learn from"),
        (("ROWS", "--by", "engine,colour"), "'colour' is not one of"),
        (("ROWS", "--baseline", "oracle"), "'oracle' is not one of"),
    ],
)
def test_wrong_usage_says_what_to_do(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    rows = str(write(tmp_path / "rows.jsonl"))
    result = run("evaluate", *(rows if part == "ROWS" else part for part in arguments))
    assert result.exit_code == 2
    assert message in result.output


def test_unusable_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"text": "", "label": "mt"}\n', encoding="utf-8")
    result = run("evaluate", tmp_path / "empty.jsonl")
    assert result.exit_code == 4
    assert "no rows with text" in result.output
    (tmp_path / "odd.jsonl").write_text('{"text": "a b", "label": "robot"}\n', encoding="utf-8")
    result = run("evaluate", tmp_path / "odd.jsonl")
    assert result.exit_code == 4
    assert "label is 'robot'" in result.output
    result = run("evaluate", write(tmp_path / "rows.jsonl"), "--json", tmp_path / "no" / "out.json")
    assert result.exit_code == 2
    assert "does not exist; create it first" in result.output


@pytest.mark.parametrize("recipe", [None, "", "name = 'of another version'", "= no TOML"])
def test_an_unreadable_recipe_of_a_model_makes_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str | None
) -> None:
    rows = write(tmp_path / "rows.jsonl")
    sources = [{"file": "rows.jsonl", "sha256": file_hash(rows)}]
    monkeypatch.setitem(MANIFEST, "training", {"sources": sources, "recipe": recipe})
    (tmp_path / "blind").mkdir()
    for command in (("evaluate",), ("compare", tmp_path / "blind", tmp_path / "blind")):
        result = run(*command, rows, "--bootstrap", 2, "--json", "-")
        assert result.exit_code == 0, result.output
        assert "known 1.0.0 was trained on an unknown split of these files" in result.stderr
        assert "learnt from" in json.loads(result.stdout)["warnings"][0]


def test_results_never_replace_rows(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl")
    before = rows.read_bytes()
    for option in ("--json", "--markdown"):
        result = run("evaluate", rows, option, rows)
        assert result.exit_code == 2
        assert "is also the input" in result.output
    assert rows.read_bytes() == before


def test_a_page_is_written_with_texts_or_without(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl")
    (tmp_path / "blind").mkdir()
    page, data = tmp_path / "page.html", tmp_path / "data.json"
    result = run("evaluate", rows, "--bootstrap", 3, "--report", page, "--json", data)
    assert result.exit_code == 0, result.output
    assert "writing" in result.stderr
    html = page.read_text(encoding="utf-8")
    assert "known 1.0.0" in html
    assert "Worst misses" in html
    assert "were closed 1" in html
    assert "were closed 1" not in data.read_text(encoding="utf-8")  # texts stand on the page alone
    run("evaluate", rows, "--bootstrap", 3, "--report", page, "--no-texts", "-q")
    assert "were closed 1" not in page.read_text(encoding="utf-8")
    (tmp_path / "study.json").write_text("no", encoding="utf-8")
    result = run("evaluate", rows, "--bootstrap", 3, "--report", page, "--study", tmp_path / "study.json")
    assert result.exit_code == 4
    assert "not the data of a study" in result.output
    assert run("evaluate", rows, "--report", rows).exit_code == 2
