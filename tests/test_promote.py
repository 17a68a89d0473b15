"""Promotion: refused when worse or too eager, one step, the old model kept, and back again; killed at any point."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import mtdetect
from mtdetect import artifact
from mtdetect.cli import main
from mtdetect.errors import MtdetectError
from mtdetect.training import promotion


def folder(path: Path, number: int) -> Path:
    """Write a model folder that is whole, if no real model."""
    return artifact.save(
        path,
        {"name": path.name, "version": "1.0.0", "thresholds": {}},
        b"pieces",
        {"weights": np.full(10, number)},
        lambda whole: f"card of {whole['signature']}",
    )


def signature(path: Path) -> str:
    artifact.verify(path)
    return str(artifact.read_manifest(path)["signature"])


def test_promotion_keeps_the_old_model_and_goes_back(tmp_path: Path) -> None:
    old, new, newer = (folder(tmp_path / name, i) for i, name in enumerate(("old", "new", "newer")))
    place = tmp_path / "store" / "current"
    promotion.promote(old, place, {})
    promotion.promote(new, place, {"reason": "tests"})
    promotion.promote(newer, place, {})
    assert signature(place) == signature(newer)
    assert promotion.rollback(place)["to"]["signature"] == signature(newer)
    assert signature(place) == signature(new)
    promotion.rollback(place)
    assert signature(place) == signature(old)
    with pytest.raises(MtdetectError, match="no model from before"):
        promotion.rollback(place)
    promotion.promote(newer, place, {})
    promotion.rollback(place)
    assert signature(place) == signature(old)
    assert [record.get("reason") for record in promotion.records(place)] == [None, "tests", None, None]
    assert signature(new), "the promoted folder stays where it was"


def test_a_model_in_use_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    old, new = folder(tmp_path / "old", 1), folder(tmp_path / "new", 2)
    place = tmp_path / "current"
    promotion.promote(old, place, {})
    with pytest.raises(MtdetectError, match="already"):
        promotion.promote(old, place, {})
    (new / artifact.ARRAYS).write_bytes(b"damaged")
    with pytest.raises(MtdetectError, match="differs from the manifest"):
        promotion.promote(new, place, {})
    assert signature(place) == signature(old)


def test_nothing_to_roll_back(tmp_path: Path) -> None:
    with pytest.raises(MtdetectError, match="no history"):
        promotion.rollback(folder(tmp_path / "alone", 1))


def dies_at(step: int, action: Callable[[], object], at_once: bool) -> bool:
    """Run an action in a child that is killed at its n-th change of the file system; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(function: Any) -> Any:
            def call(*arguments: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os._exit(9)
                return function(*arguments, **options)

            return call

        try:
            if not at_once:
                promotion._exchange_at_once = lambda one, other: False  # type: ignore[assignment]
            for owner, name in ((Path, "rename"), (os, "replace"), (Path, "mkdir"), (shutil, "copyfile"),
                                (promotion, "synchronise"), (promotion, "_exchange_at_once")):  # fmt: skip
                setattr(owner, name, counted(getattr(owner, name)))
            action()
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("at_once", [True, False], ids=["exchange", "renames"])
@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_a_killed_switch_leaves_one_whole_model(tmp_path: Path, action: str, at_once: bool) -> None:
    old, new = folder(tmp_path / "old", 1), folder(tmp_path / "new", 2)
    known = {signature(old), signature(new)}
    killed = 0
    for step in range(1, 100):
        place = tmp_path / f"step{step}" / "current"
        promotion.promote(old, place, {})
        if action == "rollback":
            promotion.promote(new, place, {})
        act = (
            (lambda p=place: promotion.promote(new, p, {}))
            if action == "promote"
            else lambda p=place: promotion.rollback(p)
        )
        if not dies_at(step, act, at_once):
            break
        killed += 1
        if place.exists() or at_once:
            assert signature(place) in known
        # Whatever was left, the next command works and both models are still there.
        if action == "promote" and not (place.exists() and signature(place) == signature(new)):
            promotion.promote(new, place, {})
            assert signature(place) == signature(new)
        if not (place.exists() and signature(place) == signature(old)):
            promotion.rollback(place)
        assert signature(place) == signature(old)
        promotion.promote(new, place, {})
        promotion.rollback(place)
        assert not list(promotion.history_of(place).glob("*.part")) + list(promotion.history_of(place).glob("*.out"))
    assert killed >= (8 if action == "promote" else 2)


class KnownDetector:
    """Scores by the share of words with "zz"; "blind" scores everything alike, "eager" flags three in four."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.signature = signature(self.path)
        self.name = artifact.read_manifest(self.path)["name"]
        self.model = SimpleNamespace(manifest=artifact.read_manifest(self.path))

    def score(self, texts: Sequence[str], jobs: int = 1) -> Any:
        if self.name == "blind":
            return np.full(len(texts), 0.5)
        shares = np.array([sum("zz" in word for word in text.split()) / len(text.split()) for text in texts])
        return shares if self.name == "good" else shares / 2 + np.array([len(text) % 4 for text in texts]) / 100

    score_documents = score

    def threshold(self, level: str, false_positive_rate: float) -> float:
        return 0.005 if self.name == "eager" else 0.4


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mtdetect, "load", KnownDetector)
    words = ("river", "market", "bridge", "winter", "school", "garden", "council", "harbour", "sea", "road")
    with (tmp_path / "rows.jsonl").open("w", encoding="utf-8") as lines:
        for i in range(200):
            text = f"the {words[i % 10]} and the {words[i // 10 % 10]} were closed {'x' * (i % 7)} {i}"
            human = {"text": text, "label": "human", "group": f"segment {i} of {i}x"}
            machine = {**human, "text": f"zz {text} zz zz zz zz zz zz", "label": "mt", "engine": "nmt"}
            lines.write(json.dumps(human) + "\n" + json.dumps(machine) + "\n")
    return tmp_path / "rows.jsonl"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_worse_model_is_refused_and_force_takes_a_reason(tmp_path: Path, rows: Path) -> None:
    good, blind = folder(tmp_path / "good", 1), folder(tmp_path / "blind", 2)
    place = tmp_path / "current"
    assert run("promote", good, "--to", place).exit_code == 0
    refused = run("promote", blind, rows, "--to", place, "--bootstrap", 20)
    assert refused.exit_code == 3, refused.output
    assert "AUC changes by" in refused.stderr
    assert signature(place) == signature(good)
    assert run("promote", blind, rows, "--to", place, "--force", " ").exit_code == 2
    forced = run("promote", blind, rows, "--to", place, "--bootstrap", 20, "--force", "we want to see it")
    assert forced.exit_code == 0, forced.output
    assert signature(place) == signature(blind)
    assert promotion.records(place)[-1]["forced"] == "we want to see it"
    assert promotion.records(place)[-1]["verdict"] == "worse"
    assert run("promote", good, rows, "--to", place, "--bootstrap", 20).exit_code == 0, "better goes in"
    back = run("rollback", place)
    assert back.exit_code == 0
    assert signature(place) == signature(blind)


def test_a_model_that_flags_too_much_is_refused(tmp_path: Path, rows: Path) -> None:
    place = tmp_path / "current"
    eager = folder(tmp_path / "eager", 3)
    refused = run("promote", eager, rows, "--to", place, "--bootstrap", 20)
    assert refused.exit_code == 3, refused.output
    assert "allowed 1%" in refused.stderr
    assert not place.exists()
    assert run("promote", eager, rows, "--to", place, "--bootstrap", 20, "--max-false-positives", "99%").exit_code == 0


def test_without_rows_nothing_tells_which_is_better(tmp_path: Path, rows: Path) -> None:
    good, blind = folder(tmp_path / "good", 1), folder(tmp_path / "blind", 2)
    place = tmp_path / "current"
    run("promote", good, "--to", place)
    result = run("promote", blind, "--to", place)
    assert result.exit_code == 2
    assert "name files of labelled rows" in result.stderr


def test_a_damaged_model_can_be_replaced(tmp_path: Path, rows: Path) -> None:
    good, place = folder(tmp_path / "good", 1), folder(tmp_path / "current", 2)
    (place / artifact.ARRAYS).write_bytes(b"damaged")
    result = run("promote", good, "--to", place, "--force", "the old one is damaged")
    assert result.exit_code == 0, result.output
    assert signature(place) == signature(good)
    assert run("rollback", place).exit_code == 1, "a damaged model does not come back"
    assert signature(place) == signature(good)
