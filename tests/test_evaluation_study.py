"""The study: what is left out stays out, what is measured is what was left out, and spans are counted as they fall."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mtdetect
from mtdetect.errors import InputError
from mtdetect.training.evaluation import evaluate
from mtdetect.training.evaluation_ablation import WHOLE, ablation
from mtdetect.training.evaluation_leave_out import LeaveOut, measured_part, scaled, training_part
from mtdetect.training.evaluation_plan import MarkedFile, marked_texts, read_plan
from mtdetect.training.evaluation_sets import NamedSet
from mtdetect.training.evaluation_spans import MarkedText, changed_words, span_overlap
from mtdetect.training.evaluation_study import at_most_of_each_engine
from mtdetect.training.recipe import RECIPES, parse_recipe, read_recipe
from mtdetect.training.rows import Rows, rows_from_records
from mtdetect.training.splits import licensed, load_corpus

ROOT = Path(__file__).resolve().parent.parent
NOUNS = "river market bridge winter school garden council harbour road tower forest museum valley island".split()


def records(count: int) -> list[dict[str, Any]]:
    """Pairs from two engines over three clean domains, and clean text alone."""
    found: list[dict[str, Any]] = []
    draw = random.Random(1)
    for i in range(count):
        words = draw.choices(NOUNS, k=9)
        place = f"{words[0]} {i} {words[1]} and the {words[2]} near {words[3]} {i * 31 % 1009}"
        text = f"The {place} were closed when {words[4]} {i} opened its {words[5]} to {words[6]} {words[7]}."
        row = {"text": text, "label": "human", "doc_id": f"d{i}", "group": f"d{i}", "licence": ["CC0", "secret"][i % 2]}
        domain = {"collection": f"clean_{('news', 'forum', 'law')[i % 3]}"}
        found.append({**row, **domain})
        if i % 4:
            machine = {"label": "mt", "engine": "rbmt" if i % 4 == 1 else "nmt", "source_lang": ["ru", "de"][i % 2]}
            rating = {"quality": str(i % 90), "quality_kind": "DA"}
            found.append(
                {
                    **row,
                    **domain,
                    **machine,
                    **rating,
                    "text": f"The {place} of the closed has {words[4]} of the {words[5]} {i} zz.",
                }
            )
    return found


@pytest.fixture
def corpus() -> Rows:
    rows = rows_from_records(records(300), "rows.jsonl")
    rows.content = np.array([int(group[1:]) for group in rows.column("group")], dtype=np.int64)
    parts = np.array(["estimate", "test", "fit", "calibrate", "test"], dtype=object)
    rows.columns["split"] = parts[rows.content % 5]
    rows.columns["held_out"] = np.full(len(rows), "", dtype=object)
    return rows


def test_training_goes_without_what_is_left_out(corpus: Rows) -> None:
    engine = LeaveOut("rule-based", "engine family", {"engine": ("rbmt",)})
    domain = LeaveOut("forum", "domain", {"collection": ("clean_forum",)})
    whole = training_part(corpus, [])
    assert "test" not in set(whole.column("split"))
    part = training_part(corpus, [engine, domain])
    assert "rbmt" not in set(part.column("engine"))
    assert "clean_forum" not in set(part.column("collection"))
    assert {"nmt"} <= set(part.column("engine"))
    assert set(part.column("collection")) == {"clean_news", "clean_law"}
    half = training_part(corpus, [], 0.5, seed=3)
    assert 0.3 < len(half) / len(whole) < 0.7
    assert half.text == training_part(corpus, [], 0.5, seed=3).text
    with pytest.raises(InputError, match="no row has any of"):
        training_part(corpus, [LeaveOut("x", "engine family", {"engine": ("smt",)})])


def test_what_was_left_out_is_measured_with_its_human_side(corpus: Rows) -> None:
    rows = measured_part(corpus, LeaveOut("rule-based", "engine family", {"engine": ("rbmt",)}), 10, 1000)
    marked = rows.column("held_out") == "engine family: rule-based"
    assert set(rows.column("engine")[marked]) == {"rbmt"}
    everything = (corpus.column("engine") == "rbmt") & (corpus.column("split") == "test")
    assert marked.sum() == everything.sum()  # of an engine, the test part alone
    assert set(rows.column("group")[marked]) <= set(rows.column("group")[rows.label == 0])
    rows = measured_part(corpus, LeaveOut("forum", "domain", {"collection": ("clean_forum",)}), 10, 1000)
    marked = rows.column("held_out") != ""
    assert marked.sum() == (corpus.column("collection") == "clean_forum").sum()  # a collection left out whole, in full
    few = measured_part(corpus, LeaveOut("forum", "domain", {"collection": ("clean_forum",)}), 10, 30)
    assert 0 < (few.column("held_out") != "").sum() <= 30


def test_no_engine_has_more_test_rows_than_asked_for(corpus: Rows) -> None:
    rows = at_most_of_each_engine(corpus, 12, seed=0)
    engines = rows.column("engine")[rows.label == 1].tolist()
    assert set(engines) == {"nmt", "rbmt"}
    assert all(0 < engines.count(name) <= 12 for name in set(engines))
    tested = corpus.column("split") == "test"
    assert (rows.label == 0).sum() == (tested & (corpus.label == 0)).sum()  # human text stays


def test_a_recipe_with_a_base_model_cannot_leave_anything_out() -> None:
    assert scaled(read_recipe(Path("default")), 0.5).classifier_rows == 200_000
    with pytest.raises(InputError, match="has seen what would be left out"):
        scaled(read_recipe(Path("small")), 0.5)


def test_named_sets_and_ratings_are_measured() -> None:
    corpus = rows_from_records(records(400), "rows.jsonl")
    named = [NamedSet("bad Russian", {"source_lang": ("ru",), "engine": ("nmt",)}, low_rated=True)]

    def by_rating(texts: Any) -> Any:
        known = dict(zip(corpus.text, corpus.column("quality"), strict=True))
        return [1 - float(known[text] or 90) / 100 for text in texts]

    data = evaluate({"known": by_rating}, corpus, named=named, resamples=5).data["levels"]["sentence"]
    wanted = named[0].rows(corpus)
    assert 0 < wanted.sum() < ((corpus.column("source_lang") == "ru") & (corpus.column("engine") == "nmt")).sum()
    (one,) = [one for one in data["sets"] if one["kind"] == "named"]
    assert one["mt"] == wanted.sum() >= 30
    (rated,) = data["ratings"]
    assert rated["scorers"]["known"]["correlation"]["value"] == pytest.approx(-1)
    assert rated["scorers"]["known"]["worst_against_best"]["value"] == 1
    shares = [sum(one["share"]) for one in data["distributions"]["known"]]
    assert shares == pytest.approx([1] * len(shares), abs=1e-3)
    curve = next(one for one in data["trade_off"]["known"] if one["name"] == "all: test")["points"]
    assert all(low[1] <= high[1] for low, high in itertools.pairwise(curve))


class _Pointing:
    """Points at the first word with zz in it."""

    def spans(self, texts: Sequence[str]) -> Any:
        places = [text.find("zz") for text in texts]
        return [() if at < 0 else (SimpleNamespace(start=at, end=at + 2),) for at in places]


def test_span_overlap_counts_hits_and_chance() -> None:
    texts = [
        MarkedText("one zz three four", ((4, 6),), "a"),  # hit; one word of four by chance
        MarkedText("one zz three four", ((7, 12),), "b"),  # missed
        MarkedText("one two three four", ((0, 3),), "c"),  # no span
        MarkedText("one zz", (), "d"),  # no error
    ]
    result = span_overlap(_Pointing(), texts, 10, 0)
    assert (result["texts"], result["with_span"]) == (3, 2)
    assert result["top"]["value"] == 0.5
    assert result["chance"]["value"] == 0.25
    assert changed_words("He has said it .", "He said it .") == ((3, 6),)
    assert span_overlap(_Pointing(), [], 10, 0)["top"]["value"] is None


def test_marked_rows_are_read(tmp_path: Path) -> None:
    rows = [
        {"text": "bad word here", "label": "mt", "spans": [[4, 8, "major"]], "group": "g"},
        {"text": "fine", "label": "mt", "spans": []},
        {"text": "human", "label": "human", "spans": [[0, 2]]},
    ]
    (tmp_path / "rated.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert marked_texts(MarkedFile("m", "rated.jsonl"), tmp_path) == [MarkedText("bad word here", ((4, 8),), "g")]
    with pytest.raises(InputError, match="--data"):
        marked_texts(MarkedFile("m", "rated.jsonl"), None)


def test_the_packaged_plan_reads_and_bad_plans_are_refused(tmp_path: Path) -> None:
    plan = read_plan(ROOT / "benchmarks" / "quality.toml")
    kinds = {one.kind for group in plan.trainings.values() for one in group}
    assert {"engine family", "language", "domain", "collection"} <= kinds
    assert any(one.aim and one.named.level == "document" for one in plan.sets)
    bad = tmp_path / "plan.toml"
    for text, message in (
        ("= no", "not a readable plan"),
        ('[[leave_out]]\nname = "x"\n', "lacks or misuses 'kind'"),
        ('[[set]]\nname = "x"\nwhere = {}\nwithout = "y"\n', "'y' is no leave_out"),
    ):
        bad.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_plan(bad)


def test_open_recipe_has_the_split_of_default_and_a_list_of_licences(tmp_path: Path) -> None:
    own, default = read_recipe(Path("open")), read_recipe(Path("default"))
    assert own.corpus_key() == default.corpus_key()
    assert own.resources == default.resources
    assert own.licences
    assert not default.licences
    for word in ("research", "NC", "ND", "(c)", "no licence", "GPL", "Reddit"):
        assert not any(word in licence.split("(OpenStax)")[0] for licence in own.licences)
    import tomllib

    assert parse_recipe(tomllib.loads(own.text), own.text, "stored") == own  # the stored text is whole
    odd = tmp_path / "odd.toml"
    odd.write_text('like = "nothing"\nname = "odd"\n', encoding="utf-8")
    with pytest.raises(InputError, match="is no recipe of this package"):
        read_recipe(odd)


def test_rows_without_a_listed_licence_stay_out(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records(60)), encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    top = 'like = "scratch"\nname = "mine"\nversion = "1"\nseed = 1\n'
    source = '[[sources]]\nfile = "rows.jsonl"\nrole = "pairs"\n'
    recipe.write_text(top, encoding="utf-8")
    text = read_recipe(recipe).text + "\n" + source
    recipe.write_text(text, encoding="utf-8")
    whole = load_corpus(read_recipe(recipe), tmp_path)
    recipe.write_text('licences = ["CC0"]\n' + text, encoding="utf-8")
    rows = load_corpus(read_recipe(recipe), tmp_path, tmp_path / "cache")
    assert set(whole.column("licence")) == {"CC0", "secret"}
    assert set(rows.column("licence")) == {"CC0"}
    split = dict(zip(whole.text, whole.column("split"), strict=True))
    assert all(split[text] == part for text, part in zip(rows.text, rows.column("split"), strict=True))
    assert load_corpus(read_recipe(recipe), tmp_path, tmp_path / "cache").text == rows.text
    with pytest.raises(InputError, match="no row has the licence 'CC1'"):
        licensed(whole, ["CC1"])


def test_ablation_refits_without_each_family(corpus: Rows) -> None:
    model = mtdetect.load().path
    plan = read_recipe(Path("scratch"))
    data = ablation(
        model, corpus, plan, limit=400, clean_limit=50, jobs=1, resamples=2, seed=0, report=lambda _: None
    ).data
    whole = data["levels"]["sentence"]["sets"][0]["scorers"]
    assert len(data["scorers"]) == 10
    assert set(whole) == set(data["scorers"])
    assert whole[WHOLE]["auc"]["value"] > 0.5
    assert len({figures["calibration_error"]["value"] for figures in whole.values()}) > 5  # every fit is another


STUDY = """
[[leave_out]]
name = "Russian"
kind = "language"
rows = { source_lang = ["ru"] }

[[set]]
name = "neural"
where = { engine = ["nmt"] }
aim = "AUC .9"
"""


def test_the_study_runs_from_one_command_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records(1200)), encoding="utf-8")
    source = '[[sources]]\nfile = "rows.jsonl"\nrole = "pairs"\n'
    scratch = (RECIPES / "scratch.toml").read_text(encoding="utf-8").replace("16000", "300")
    scratch = scratch.replace("characters = 18, words = 18", "characters = 10, words = 10").replace(
        "epochs = 10", "epochs = 2"
    )
    (tmp_path / "recipe.toml").write_text(f"{scratch}\n{source}", encoding="utf-8")
    (tmp_path / "plan.toml").write_text(STUDY, encoding="utf-8")
    command = [
        sys.executable, str(ROOT / "benchmarks" / "quality.py"), "--data", str(tmp_path),
        "--recipe", str(tmp_path / "recipe.toml"), "--work", str(tmp_path / "work"), "--plan",
        str(tmp_path / "plan.toml"), "--baselines", "words", "--share", "1", "--bootstrap", "3", "--clean-rows", "200",
        "--parts", "model,leave_out", "--json", str(tmp_path / "study.json"),
    ]  # fmt: skip
    here = {**os.environ, "PYTHONPATH": str(ROOT)}  # this checkout, wherever another one is installed
    done = subprocess.run(command, capture_output=True, text=True, env=here)
    assert done.returncode == 0, done.stderr
    assert "### What it was built for" in done.stdout
    assert "| language: Russian | sentence |" in done.stdout
    study = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert study["command"].startswith("python benchmarks/quality.py --data CORPORA --recipe recipe.toml --work WORK ")
    assert str(tmp_path) not in study["command"]  # places of one machine mean nothing to others
    (one,) = study["leave_out"]
    (found,) = [s for s in one["evaluation"]["levels"]["sentence"]["sets"] if s["kind"] == "held_out"]
    assert {"left out", "seen"} <= set(found["scorers"])
    again = subprocess.run(command, capture_output=True, text=True, env=here)
    assert again.stdout == done.stdout
    assert again.stderr.count("taken from") == 2
    wrong = subprocess.run([*command, "--parts", "all"], capture_output=True, text=True, env=here)
    assert wrong.returncode == 2
    assert "choose from model, leave_out" in wrong.stderr
