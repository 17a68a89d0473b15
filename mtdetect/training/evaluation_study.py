"""The full study of a model: what is left out, what each family is worth, spans, baselines, other recipes.

A study takes its plan from a TOML file (:mod:`mtdetect.training.evaluation_plan`), keeps finished stages in a folder,
and gives plain data; :mod:`mtdetect.training.evaluation_study_tables` turns it into tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from mtdetect.detector import Detector
from mtdetect.model import feature_list
from mtdetect.training.baselines import BASELINES, training_rows
from mtdetect.training.evaluation import Scorer, evaluate
from mtdetect.training.evaluation_ablation import ablation
from mtdetect.training.evaluation_leave_out import LeaveOut, measured_part, scaled, training_part
from mtdetect.training.evaluation_plan import Plan, marked_texts
from mtdetect.training.evaluation_sets import evaluation_rows
from mtdetect.training.evaluation_spans import MarkedText, span_overlap
from mtdetect.training.recipe import Recipe
from mtdetect.training.resampling import whole_groups
from mtdetect.training.rows import Rows
from mtdetect.training.splits import licensed
from mtdetect.training.stages import Stages
from mtdetect.training.train import train

FORMAT_VERSION = 1

PARTS = ("model", "leave_out", "ablation", "spans")
"""Parts of a study, in the order in which they run."""


@dataclass(frozen=True)
class Settings:
    """Sizes of a study.

    Attributes:
        share: share of the corpus that models of the leave-one-out part are trained on.
        rows: at most this many rows of a left-out set; twice as many of each part of the ablation, and three times
            as many test rows of each engine.
        clean_rows: at most this many test rows of each clean collection.
        baseline_rows: at most this many rows that baselines learn from.
        left_out_baselines: baselines trained beside the models of the leave-one-out part.
        resamples: bootstrap resamples.
        seed: seed of samples and resamples.
        jobs: processes.
    """

    share: float = 0.12
    rows: int = 20_000
    clean_rows: int = 2_000
    baseline_rows: int = 100_000
    left_out_baselines: tuple[str, ...] = ("characters", "fasttext")
    resamples: int = 100
    seed: int = 0
    jobs: int = 1


@dataclass
class Study:
    """A study under way.

    Attributes:
        corpus: rows with the columns ``split`` and ``held_out``, as the recipe prepares them.
        recipe: recipe of the model.
        model: the model.
        plan: what to measure.
        settings: sizes.
        stages: finished stages.
        folder: where trained models are kept.
        data: folder of the recipe's sources, for rows with marked errors.
        others: further models, by the name the tables give them.
        open_recipe: a recipe that differs in its licences, to train on the same corpus and measure beside.
        cases: further marked texts by name, for instance written cases.
    """

    corpus: Rows
    recipe: Recipe
    model: Detector
    plan: Plan
    settings: Settings
    stages: Stages
    folder: Path
    data: Path | None = None
    others: Mapping[str, Detector] = field(default_factory=dict)
    open_recipe: Recipe | None = None
    cases: Mapping[str, Sequence[MarkedText]] = field(default_factory=dict)

    def run(self, parts: Sequence[str] = PARTS, baselines: Sequence[str] = tuple(BASELINES)) -> dict[str, Any]:
        """Run the parts and return the study as plain data, ready for JSON."""
        found: dict[str, Any] = {
            "format": FORMAT_VERSION,
            "signature": self.model.signature,
            "recipe": self.recipe.name,
            "corpus_rows": len(self.corpus),
            "settings": asdict(self.settings),
            "aims": [
                {"name": one.named.name, "level": one.named.level, "without": one.without, "aim": one.aim}
                for one in self.plan.sets
            ],
        }
        makers: dict[str, Callable[[], Any]] = {
            "model": partial(self.measure_model, baselines),
            "leave_out": lambda: [one for name in self.plan.trainings for one in self.measure_without(name)],
            "ablation": self.measure_families,
            "spans": self.measure_spans,
        }
        for part in PARTS:
            if part in parts:
                found[part] = makers[part]()
        return found

    def measure_model(self, baselines: Sequence[str]) -> dict[str, Any]:
        """Measure the model on the recipe's test rows and held-out sets, beside other models and baselines."""
        settings = self.settings
        models = {"mtdetect": self.model, **self.others}
        if self.open_recipe is not None:
            models["open recipe"] = self.open_model(self.open_recipe)
        named = [one.named for one in self.plan.sets if not one.without]
        key = (
            *self._corpus_key(), {name: one.signature for name, one in models.items()}, tuple(baselines), named,
            settings.baseline_rows, settings.clean_rows, settings.rows, settings.resamples, settings.seed,
        )  # fmt: skip

        def make() -> dict[str, Any]:
            scorers = _scorers(models, settings.jobs)
            by_engine = dict(self.recipe.weights)
            scorers |= self._baselines(baselines, self.corpus, by_engine, "whole corpus")
            result = evaluate(
                scorers,
                at_most_of_each_engine(self.corpus, 3 * settings.rows, settings.seed),
                document_scorers=_scorers(models, settings.jobs, documents=True),
                thresholds={
                    name: {level: one.threshold(level, 0.01) for level in ("sentence", "document")}
                    for name, one in models.items()
                },
                abstain_with={name: "mtdetect" for name in scorers if name not in models},
                by=("engine", "language", "domain", "length", "rating"),
                named=named,
                clean_limit=settings.clean_rows,
                resamples=settings.resamples,
                seed=settings.seed,
            ).data
            result["signatures"] = {name: one.signature for name, one in models.items()}
            result["baseline_rows"] = settings.baseline_rows
            return result

        measured: dict[str, Any] = self.stages.run("model", key, make)
        return measured

    def measure_without(self, training: str) -> list[dict[str, Any]]:
        """Train without some rows and measure on each of them, beside a model of the same size that saw them."""
        settings, group = self.settings, self.plan.trainings[training]
        named = [one for one in self.plan.sets if one.without in {left_out.name for left_out in group}]
        key = (*self._training_key(), group, named, asdict(settings))

        def make() -> list[dict[str, Any]]:
            models = {"left out": self._trained(group), "seen": self._trained(())}
            part = training_part(self.corpus, group, settings.share, settings.seed)
            baselines = self._baselines(settings.left_out_baselines, part, dict(self.recipe.weights), training)
            results = []
            for left_out in group:
                rows = measured_part(self.corpus, left_out, settings.clean_rows, settings.rows, settings.seed)
                scorers = _scorers(models, settings.jobs) | baselines
                evaluation = evaluate(
                    scorers,
                    rows,
                    document_scorers=_scorers(models, settings.jobs, documents=True),
                    abstain_with=dict.fromkeys(baselines, "left out"),
                    by=(),
                    named=[one.named for one in named if one.without == left_out.name],
                    resamples=settings.resamples,
                    seed=settings.seed,
                )
                results.append(
                    {
                        "name": left_out.name,
                        "kind": left_out.kind,
                        "rows": {column: list(values) for column, values in left_out.rows.items()},
                        "training": training,
                        "training_rows": len(part),
                        "evaluation": evaluation.data,
                    }
                )
            return results

        measured: list[dict[str, Any]] = self.stages.run(f"without {training}", key, make)
        return measured

    def measure_families(self) -> dict[str, Any]:
        """Return the ablation by feature family."""
        settings = self.settings
        key = (*self._corpus_key(), self.model.signature, settings.rows, settings.clean_rows, settings.resamples)
        measured: dict[str, Any] = self.stages.run(
            "ablation",
            key,
            lambda: (
                ablation(
                    self.model.path,
                    self.corpus,
                    self.recipe,
                    limit=2 * settings.rows,
                    clean_limit=settings.clean_rows,
                    jobs=settings.jobs,
                    resamples=settings.resamples,
                    seed=settings.seed,
                    report=self.stages.report,
                ).data
            ),
        )
        return measured

    def measure_spans(self) -> list[dict[str, Any]]:
        """Return how often the words pointed at are the words that people marked."""
        settings = self.settings
        found = []
        for one in self.plan.spans:
            texts = self.stages.run(f"marked {one.name}", one, partial(marked_texts, one, self.data))
            models = {"mtdetect": self.model}
            if one.without:
                group = next(group for group in self.plan.trainings.values() if one.without in {o.name for o in group})
                models["left out"] = self._trained(group)
            for name, model in models.items():
                key = (one, model.signature, settings.resamples)
                measure = partial(span_overlap, model, texts, settings.resamples, settings.seed)
                found.append({"name": one.name, "scorer": name, **self.stages.run("spans", key, measure)})
        for name, marked in self.cases.items():
            result = span_overlap(self.model, marked, settings.resamples, settings.seed)
            found.append({"name": name, "scorer": "mtdetect", **result})
        return found

    def open_model(self, recipe: Recipe) -> Detector:
        """Return a model of another recipe, trained on those rows of the same corpus that its licences allow."""
        return self._train(recipe, lambda: licensed(self.corpus, recipe.licences), (recipe.text,))

    def _trained(self, group: Sequence[LeaveOut]) -> Detector:
        share, seed = self.settings.share, self.settings.seed
        return self._train(
            scaled(self.recipe, share),
            lambda: training_part(self.corpus, group, share, seed),
            (share, seed, tuple(group)),
        )

    def _train(self, recipe: Recipe, rows: Callable[[], Rows], key: tuple[object, ...]) -> Detector:
        out = self.folder / joblib.hash((*self._training_key(), key))
        if not out.is_dir():
            train(
                recipe=recipe,
                prepared=rows(),
                out=out,
                jobs=self.settings.jobs,
                measure=False,
                report=self.stages.report,
            )
        return Detector(out)

    def _baselines(
        self, names: Sequence[str], rows: Rows, by_engine: dict[str, float], label: str
    ) -> dict[str, Scorer]:
        """Return scorers that learn at their first use, and remember what they said of the same texts."""
        learnt: dict[str, Any] = {}
        settings = self.settings

        def score(name: str, texts: Sequence[str]) -> NDArray[np.float64]:
            def make() -> NDArray[np.float64]:
                if "" not in learnt:
                    learnt[""] = training_rows(rows, settings.baseline_rows, settings.seed, by_engine)
                if name not in learnt:
                    learnt[name] = BASELINES[name]()
                    learnt[name].fit(learnt[""], settings.jobs)
                result: NDArray[np.float64] = learnt[name].score(texts)
                return result

            key = (*self._corpus_key(), label, len(rows), settings.baseline_rows, settings.seed, list(texts))
            scores: NDArray[np.float64] = self.stages.run(f"baseline-{name}", key, make)
            return scores

        return {BASELINES[name]().name: partial(score, name) for name in names}

    def _corpus_key(self) -> tuple[object, ...]:
        return self.recipe.corpus_key(), len(self.corpus)

    def _training_key(self) -> tuple[object, ...]:
        return (*self._corpus_key(), self.recipe.text, feature_list())


def at_most_of_each_engine(rows: Rows, limit: int, seed: int) -> Rows:
    """Return the rows that are tested on, with at most so many machine rows of each engine, in whole content groups."""
    rows = evaluation_rows(rows)
    machine, engine = rows.label == 1, rows.column("engine")
    kept = ~machine
    for name in sorted(set(engine[machine])):
        mine = np.flatnonzero(machine & (engine == name))
        kept[mine[whole_groups(rows.content[mine], limit, seed)]] = True
    return rows.take(kept)


def _scorers(models: Mapping[str, Detector], jobs: int, documents: bool = False) -> dict[str, Scorer]:
    return {name: partial(one.score_documents if documents else one.score, jobs=jobs) for name, one in models.items()}
