"""Baselines learn from the training rows they are given, and only those."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.training import baselines
from mtdetect.training.rows import Rows

SUBJECTS = ("The minister", "A farmer", "Our neighbour", "The old captain", "Her teacher", "The committee")
VERBS = ("visited", "praised", "described", "rebuilt", "painted", "remembered")
OBJECTS = ("the harbour", "the village school", "a broken bridge", "the winter market", "the long road")
TIMES = ("on Monday", "last year", "before dinner", "after the storm", "in the spring")


def sentences(seed: int, count: int, garbled: bool) -> list[str]:
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        subject, verb, place, time = (part[generator.integers(len(part))] for part in (SUBJECTS, VERBS, OBJECTS, TIMES))
        if garbled:
            made.append(f"{subject} the has {verb} of {place} in {time} by the his")
        else:
            made.append(f"{subject} {verb} {place} {time}")
    return made


def make_rows(seed: int, pairs: int, **columns: str) -> Rows:
    text = sentences(seed, pairs, False) + sentences(seed, pairs, True)
    label = np.repeat(np.array([0, 1], dtype=np.int8), pairs)
    return Rows(
        text=text,
        label=label,
        weight=np.ones(len(text)),
        content=np.tile(np.arange(pairs), 2),
        columns={"group": np.tile(np.arange(pairs), 2).astype(str).astype(object)}
        | {name: np.full(len(text), value, dtype=object) for name, value in columns.items()},
    )


@pytest.mark.parametrize("name", sorted(baselines.BASELINES))
def test_every_baseline_tells_plain_garble_apart(name: str) -> None:
    if name == "fasttext":
        pytest.importorskip("fasttext")
    baseline = baselines.BASELINES[name]()
    baseline.fit(make_rows(1, 400))
    human, garbled = (baseline.score(sentences(2, 100, side)) for side in (False, True))
    assert human.dtype == np.float64
    assert human.shape == (100,)
    assert (human >= 0).all()
    assert (garbled <= 1).all()
    assert np.mean(garbled[:, None] > human[None, :]) > 0.95
    assert baseline.score([]).shape == (0,)
    assert baseline.score(["", "?!"]).shape == (2,)
    assert np.isfinite(baseline.score(["", "?!", "word\nword"])).all()


@pytest.mark.parametrize("name", ["characters", "words", "perplexity"])
def test_scores_do_not_depend_on_typography(name: str) -> None:
    baseline = baselines.BASELINES[name]()
    baseline.fit(make_rows(1, 200))
    plain, odd = baseline.score(["The captain's “long” road .", 'The captain’s "long"  road'])
    assert plain == pytest.approx(odd)


def test_only_training_splits_that_are_not_held_out_are_learnt_from() -> None:
    rows = make_rows(1, 10)
    rows.columns["split"] = np.array(["estimate", "fit", "calibrate", "test", "fit"] * 4, dtype=object)
    rows.columns["held_out"] = np.array(["", "", "", "", "engine:smt"] * 4, dtype=object)
    taken = baselines.training_rows(rows)
    assert set(taken.column("split")) == {"estimate", "fit"}
    assert set(taken.column("held_out")) == {""}
    assert len(taken) == 8


def test_limit_keeps_whole_groups_and_is_seeded() -> None:
    rows = make_rows(1, 300)
    taken = baselines.training_rows(rows, limit=101, seed=3)
    assert len(taken) == 100
    assert (np.unique(taken.content, return_counts=True)[1] == 2).all()
    again = baselines.training_rows(rows, limit=101, seed=3)
    assert taken.text == again.text
    assert baselines.training_rows(rows, limit=101, seed=4).text != taken.text


def test_human_rows_without_a_machine_version_come_along_without_weight() -> None:
    rows = make_rows(1, 20)
    rows.columns["engine"] = np.where(rows.label == 1, "nmt", "").astype(object)
    rows = rows.take(np.arange(35))  # segments 15 to 19 lose their machine version
    taken = baselines.training_rows(rows, by_engine={"nmt": 0.5})
    assert taken.weight.tolist() == [0.5] * 15 + [0.0] * 5 + [0.5] * 15
    limited = baselines.training_rows(rows, limit=3)
    assert (limited.weight > 0).sum() == 2
    assert (limited.weight == 0).sum() == 3


def test_one_label_alone_is_refused() -> None:
    rows = make_rows(1, 5)
    with pytest.raises(InputError, match="both labels"):
        baselines.training_rows(rows.take(rows.label == 1))


def test_labels_are_balanced_and_weights_kept_in_proportion() -> None:
    rows = make_rows(1, 3)
    rows.weight[:] = [1, 1, 2, 5, 5, 10]
    weights = baselines.balanced_weights(rows)
    assert weights[:3].sum() == pytest.approx(3)
    assert weights[3:].sum() == pytest.approx(3)
    assert weights[2] == pytest.approx(2 * weights[0])


def test_weights_move_a_baseline() -> None:
    rows = make_rows(1, 200)
    rows.text[:200] = ["alpha beta", "gamma delta"] * 100
    rows.text[200:] = ["alpha beta", "gamma delta"] * 100
    rows.weight[200:] = [9, 1] * 100
    baseline = baselines.TfidfLogisticRegression("word")
    baseline.fit(rows)
    heavy, light = baseline.score(["alpha beta", "gamma delta"])
    assert heavy > 0.6 > 0.4 > light


def test_missing_fasttext_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name == "fasttext":
            raise ImportError(name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[baselines\]'"):
        baselines.FastText()
