"""Training: pairs only, split by content, reproducible, and useful on a small sample."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from click.testing import CliRunner

import mtdetect
from mtdetect import artifact
from mtdetect.cli import main
from mtdetect.errors import InputError
from mtdetect.training import train
from mtdetect.training.pairing import pair_weights
from mtdetect.training.recipe import RECIPES, read_recipe
from mtdetect.training.rows import Rows, rows_from_records
from mtdetect.training.sentence_classifier import Sample, badly_rated
from mtdetect.training.splits import content_groups, prepare
from mtdetect.training.stages import Stages
from mtdetect.training.thresholds import RATES, threshold_table
from mtdetect.training.train import STEPS

SAMPLE = Path(__file__).parent.parent / "training_data" / "sample.jsonl"


def quiet(_: str) -> None:
    pass


def rows_of(*records: tuple[str, str, str]) -> Rows:
    return rows_from_records(({"text": t, "label": label, "group": g} for t, label, g in records), "test")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    return train([SAMPLE], Path("scratch"), out=folder / "m", save_estimator=folder / "estimator.joblib", report=quiet)


def test_training_from_scratch_makes_a_model_that_loads(scratch: Path) -> None:
    detector = mtdetect.load(scratch)
    assert detector.signature.startswith("mtdetect-scratch 1.0.0 sha256:")
    assert len(detector.score(["The cat sat on the mat in the evening."])) == 1
    card = (scratch / "MODEL_CARD.md").read_text()
    assert "sample.jsonl" in card
    manifest = artifact.read_manifest(scratch)
    assert manifest["training"]["sources"][0]["sha256"] == artifact.file_hash(SAMPLE)
    assert manifest["metrics"]["levels"]["sentence"]["sets"]


def test_same_rows_and_seed_give_the_same_fingerprint(scratch: Path, tmp_path: Path) -> None:
    again = train([SAMPLE], Path("scratch"), out=tmp_path / "m", cache=tmp_path / "cache", report=quiet, measure=False)
    assert artifact.read_manifest(again)["fingerprint"] == artifact.read_manifest(scratch)["fingerprint"]
    said: list[str] = []
    third = train(
        [SAMPLE], Path("scratch"), out=tmp_path / "n", cache=tmp_path / "cache", report=said.append, measure=False
    )
    assert artifact.read_manifest(third)["fingerprint"] == artifact.read_manifest(scratch)["fingerprint"]
    assert sum("taken from" in line for line in said) == 10


def test_a_killed_run_goes_on_and_ends_in_the_same_model(scratch: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mtdetect", "train", str(SAMPLE), "--recipe", "scratch", "--out", "m"]
    environment = {**os.environ, "PYTHONPATH": str(SAMPLE.parent.parent)}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if "expert-words: done" in line:
                first.kill()
                break
    assert not (tmp_path / "m").exists()
    (tmp_path / "m.state" / "heads-half.part").write_bytes(b"what a killed process leaves")
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert second.returncode == 0, second.stderr
    assert second.stderr.count("taken from") >= 6
    assert artifact.read_manifest(tmp_path / "m")["fingerprint"] == artifact.read_manifest(scratch)["fingerprint"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"], "finished steps go when the run is finished"


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[train.__module__], "fit_document", interrupted)
    command = ["train", str(SAMPLE), "--out", str(tmp_path / "m")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
    monkeypatch.undo()
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert result.stderr.count("taken from") == 2


def test_progress_tells_the_step_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    said: list[str] = []
    stages = Stages(None, said.append, {name: STEPS[name] for name in ("pieces", "lexicon", "piece-model")})

    def takes(seconds: float) -> None:
        nonlocal now
        now += seconds

    stages.run("pieces", 0, lambda: takes(10 * STEPS["pieces"]))
    stages.run("lexicon", 0, lambda: takes(10 * STEPS["lexicon"]))
    left = 10 * (STEPS["lexicon"] + STEPS["piece-model"]) / 60
    assert said[2] == f"[ 1030 s] 2 of 3 lexicon ... about {left:.0f} min left"


def test_other_rows_take_no_step_from_before(tmp_path: Path) -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    prints = []
    for count in (len(lines), len(lines) - 40):
        (tmp_path / "rows.jsonl").write_text("".join(lines[:count]), encoding="utf-8")
        made = train(
            [tmp_path / "rows.jsonl"], out=tmp_path / "m", cache=tmp_path / "cache", report=quiet, measure=False
        )
        prints.append(artifact.read_manifest(made)["fingerprint"])
    assert prints[0] != prints[1]


def test_the_estimator_is_a_by_product(scratch: Path) -> None:
    heads = joblib.load(scratch.parent / "estimator.joblib")
    assert sorted(heads) == ["garble", "translation"]
    assert all(hasattr(head, "predict_proba") for head in heads.values())


def test_refitting_the_shipped_model_separates_the_sample(tmp_path: Path) -> None:
    folder = train([SAMPLE], out=tmp_path / "m", report=quiet)
    sets = artifact.read_manifest(folder)["metrics"]["levels"]["sentence"]["sets"]
    whole = [s["scorers"]["mtdetect"]["auc"]["value"] for s in sets if s["scorers"]["mtdetect"].get("auc")]
    assert max(whole) > 0.8


def test_weights_balance_every_segment() -> None:
    rows = rows_of(
        ("human one", "human", "g1"),
        ("machine a", "mt", "g1"),
        ("machine b", "mt", "g1"),
        ("lonely human", "human", "g2"),
        ("lonely machine", "mt", "g3"),
    )
    assert pair_weights(rows, {}).tolist() == [2.0, 1.0, 1.0, 0.0, 0.0]


def test_near_duplicates_share_their_part() -> None:
    text = "The council approved the plan for the new bridge over the river on Monday evening"
    rows = rows_of(
        (text, "human", "a"), (f"{text}.", "human", "b"), ("Something else was said by other people", "human", "c")
    )
    first, second, third = content_groups(rows).tolist()
    assert first == second != third


def test_no_content_stands_in_two_parts() -> None:
    records = [(f"human sentence number {i} about a thing", "human", f"g{i}x") for i in range(400)]
    records += [(f"of machine the sentence {i}", "mt", f"g{i}x") for i in range(400)]
    rows = prepare(rows_of(*records), read_recipe(Path("scratch")))
    parts: dict[int, set[str]] = {}
    for content, part in zip(rows.content.tolist(), rows.column("split"), strict=True):
        parts.setdefault(content, set()).add(part)
    assert all(len(part) == 1 for part in parts.values())
    assert {name for part in parts.values() for name in part} == {"estimate", "fit", "calibrate", "test"}


def test_machine_text_equal_to_human_text_is_dropped() -> None:
    rows = rows_of(
        ("The very same words.", "human", "g"), ("the very same words", "mt", "g"), ("other words", "mt", "g")
    )
    assert prepare(rows, read_recipe(Path("scratch"))).label.tolist() == [0, 1]


def test_threshold_table_keeps_its_rates() -> None:
    rng = np.random.default_rng(0)
    domain = np.array(["a"] * 4000 + ["b"] * 4000 + ["c"] * 4000, dtype=object)
    logits = rng.normal(size=len(domain)) + (domain == "c") * 0.3
    table = threshold_table(logits, domain, rng.integers(4, 40, size=len(domain)))
    at = {row["false_positive_rate"]: row["logit"] for row in table["rates"]}
    assert list(at) == list(RATES)
    for rate in (0.01, 0.05):
        assert (logits >= at[rate]).mean() <= rate * 1.05
        for name in "abc":
            assert (logits[domain == name] >= at[rate]).mean() <= 2 * rate * 1.05
    assert list(at.values()) == sorted(at.values(), reverse=True)


def test_too_few_rows_are_refused_with_advice(tmp_path: Path) -> None:
    file = tmp_path / "few.jsonl"
    file.write_text('{"text": "A b c d e", "label": "human"}\n{"text": "e d c b a", "label": "mt"}\n')
    with pytest.raises(InputError, match="add rows"):
        train([file], out=tmp_path / "m", report=quiet)
    assert not (tmp_path / "m").exists()


def test_a_wrong_label_names_the_row(tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text('{"text": "A b c d e", "label": "human"}\n{"text": "e d c b a", "label": "robot"}\n')
    with pytest.raises(InputError, match=r"odd.jsonl, row 2: label is 'robot'"):
        train([file], out=tmp_path / "m", report=quiet)


def test_recipes() -> None:
    for file in RECIPES.glob("*.toml"):
        assert read_recipe(Path(file.stem)).seed
    with pytest.raises(InputError, match="no such recipe"):
        read_recipe(Path("nonesuch"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed = 1\n", ""), "lacks 'seed'"),
        (("fit = 0.25", "fit = 0.5"), "add up"),
        (("order = 4", "order = 5"), "one least count"),
        (('name = "scratch"', "name = scratch"), "TOML"),
    ],
)
def test_a_broken_recipe_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "r.toml"
    file.write_text((RECIPES / "scratch.toml").read_text().replace(*change, 1))
    with pytest.raises(InputError, match=message):
        read_recipe(file)


def test_badly_rated_translations_come_with_their_human_side() -> None:
    rows = rows_from_records(
        (
            {"text": f"text {group} {label} {quality}", "label": label, "group": group}
            | ({"quality": quality, "quality_kind": "da"} if quality else {})
            for group, label, quality in (
                ("a", "human", ""), ("a", "mt", 10), ("a", "mt", 90),
                ("b", "human", ""), ("b", "mt", 95), ("c", "mt", 15),
            )
        ),
        "test",
    )  # fmt: skip
    sample = Sample(rows, np.ones(len(rows)), np.arange(len(rows), dtype=float)[:, None])
    low = badly_rated(sample)
    assert low.rows.text == ["text a human ", "text a mt 10", "text c mt 15"]
    assert low.weight.tolist() == [1.0, 1.0, 0.0]  # what has no human side weighs nothing
    assert low.matrix[:, 0].tolist() == [0.0, 1.0, 5.0]
    joined = sample.joined(low, 0.5)
    assert len(joined.rows) == len(joined.matrix) == 9
    assert joined.weight[6:].sum() == pytest.approx(0.5 * joined.weight[:6].sum())
    unrated = Sample(rows.take(rows.label == 0), np.ones(2), np.zeros((2, 1)))
    assert len(badly_rated(unrated).rows) == 0
    assert unrated.joined(badly_rated(unrated), 0.5).weight.tolist() == [1.0, 1.0]
