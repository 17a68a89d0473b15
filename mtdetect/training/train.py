"""Train a model: rows to resources, resources to features, features to classifiers, thresholds and a folder."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib

import mtdetect
from mtdetect import artifact, formats
from mtdetect.detector import Detector
from mtdetect.errors import InputError
from mtdetect.model import feature_list, load_model, resource_arrays
from mtdetect.training.document_classifier import clean_rows, fit_document, thresholds
from mtdetect.training.evaluation import evaluate
from mtdetect.training.model_card import model_card
from mtdetect.training.recipe import Recipe, read_recipe
from mtdetect.training.resources import learn_resources
from mtdetect.training.rows import Rows, concatenate, rows_from_records
from mtdetect.training.sentence_classifier import Report, calibrated_sentence, fit_heads, require_both_sides
from mtdetect.training.splits import load_corpus, locate_source, prepare
from mtdetect.training.stages import Stages

STEPS = {
    "pieces": 103, "lexicon": 40, "piece-model": 171, "class-model": 138, "expert-characters": 60, "expert-words": 67,
    "heads": 60, "calibration": 15, "documents": 30, "thresholds": 15, "measure": 100,
}  # fmt: skip
"""Steps of a run in their order, and what each costs beside the others (seconds of one run of the default recipe)."""


def train(
    rows: Sequence[Path] = (),
    recipe: Path | Recipe | None = None,
    data: Path | None = None,
    out: Path = Path("model"),
    cache: Path | None = None,
    jobs: int = 1,
    save_estimator: Path | None = None,
    report: Report = print,
    measure: bool = True,
    state: Path | None = None,
    prepared: Rows | None = None,
) -> Path:
    """Train a model and write its folder.

    Args:
        rows: files of labelled rows, besides the sources of the recipe.
        recipe: recipe, its file or its name; ``small`` if None.
        data: folder of the recipe's sources.
        out: model folder to write.
        cache: folder for the prepared corpus, made round trips and finished steps.
        jobs: processes for feature computation.
        save_estimator: also write the fitted scikit-learn object there, with joblib.
        report: takes progress lines.
        measure: evaluate on the test rows and write the figures into manifest and card.
        state: folder for finished steps, if not ``cache``.
        prepared: rows as :func:`~mtdetect.training.splits.load_corpus` gives them, in place of reading any; no step
            of such a run is kept.

    Returns:
        The model folder.

    Raises:
        InputError: unusable rows, recipe or sources; the message says what is missing.
    """
    plan = recipe if isinstance(recipe, Recipe) else read_recipe(recipe if recipe is not None else Path("small"))
    learnt = list(STEPS)[:6] if plan.resources is not None else []
    kept = None if prepared is not None else state or cache
    steps = [*learnt, *list(STEPS)[6 : None if measure else -1]]
    stages = Stages(kept, report, {name: STEPS[name] for name in steps})
    corpus, sources = (prepared, []) if prepared is not None else _corpus(rows, plan, data, cache)
    report(f"{len(corpus):,} rows, {int((corpus.label == 1).sum()):,} of them machine translation")
    files = [(source["file"], source["sha256"]) for source in sources]
    split = corpus.column("split")
    if plan.resources is not None:
        settings = plan.resources
        part = corpus.take(split == "estimate")
        require_both_sides(part, "estimate")
        clean_files = {source.file for source in plan.sources if source.role == "clean"}
        resources = learn_resources(
            part, clean_files, settings, plan.weights, plan.seed,
            lambda name, make: stages.run(name, (settings, plan.weights, plan.seed, plan.corpus_key(), files), make),
        )  # fmt: skip
    else:
        base = load_model(artifact.default_model() if plan.base == "default" else Path(plan.base).absolute())
        resources = base.resources
    origin = "" if plan.resources is not None else base.signature
    key = (plan.text, files, origin, feature_list(), _versions())
    fit_rows, calibration = corpus.take(split == "fit"), corpus.take(split == "calibrate")
    heads = stages.run("heads", key, lambda: fit_heads(fit_rows, plan, resources, jobs, report))
    sentence = stages.run("calibration", key, lambda: calibrated_sentence(heads, calibration, plan, resources, jobs))
    report(f"sentence classifier: slope {sentence.slope:.3f}, shift {sentence.shift:.3f}")
    document = stages.run("documents", key, lambda: fit_document(corpus, plan, resources, sentence, jobs))
    clean = clean_rows(calibration, plan, corpus)
    table = stages.run("thresholds", key, lambda: thresholds(clean, plan, resources, sentence, document, jobs))
    arrays = {**resource_arrays(resources), **sentence.arrays(), **document.arrays("document")}
    manifest: dict[str, Any] = {
        "name": plan.name,
        "version": plan.version,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "features": feature_list(),
        "thresholds": table,
        "training": {"sources": sources, "seed": plan.seed, "recipe": plan.text, "recipe_name": plan.name},
        "library_versions": _versions(),
    }
    serialised = resources.encoder.processor.serialized_model_proto()
    evaluation: dict[str, Any] = {}
    if measure:
        with tempfile.TemporaryDirectory() as temporary:
            folder = artifact.save(Path(temporary) / "model", manifest, serialised, arrays, lambda _: "")
            evaluation = stages.run("measure", key, lambda: measure_model(Detector(folder), corpus, jobs))
        manifest["metrics"] = evaluation
    if save_estimator is not None:
        joblib.dump({name: head.estimator for name, head in heads.items()}, save_estimator)
        report(f"scikit-learn estimators of both heads: {save_estimator}")
    artifact.save(out, manifest, serialised, arrays, lambda whole: model_card(whole, evaluation))
    report(f"wrote {out}: {artifact.read_manifest(out)['signature']}")
    return out


def measure_model(detector: Detector, corpus: Rows, jobs: int) -> dict[str, Any]:
    """Evaluate a detector on the test rows of a corpus (at most 3,000 of each clean collection)."""
    own = {level: detector.threshold(level, 0.01) for level in ("sentence", "document")}
    return evaluate(
        {"mtdetect": lambda texts: detector.score(texts, jobs=jobs)},
        corpus,
        document_scorers={"mtdetect": lambda texts: detector.score_documents(texts, jobs=jobs)},
        thresholds={"mtdetect": own},
        clean_limit=3000,
    ).data


def _corpus(
    files: Sequence[Path], plan: Recipe, data: Path | None, cache: Path | None
) -> tuple[Rows, list[dict[str, Any]]]:
    parts, paths = [], list(files)
    if plan.sources:
        if data is None:
            raise InputError(
                f"recipe {plan.name} reads {plan.sources[0].file} and others; name their folder with --data"
            )
        parts.append(load_corpus(plan, data, cache))
        paths = [locate_source(source, data, cache) for source in plan.sources] + paths
    if files:
        own = concatenate([rows_from_records(formats.read_rows(path), path.name) for path in files])
        if not len(own):
            raise InputError(f"{files[0]}: no rows with text")
        if parts:
            own.content += int(parts[0].content.max()) + 1
        parts.append(prepare(own, plan, block=1))
    if not parts:
        raise InputError("nothing to train on: name files of rows, or a recipe with sources")
    corpus = concatenate(parts)
    source = corpus.column("source")
    listed = []
    for path in paths:
        mine = source == path.name
        licences = sorted({str(cell) for cell in corpus.column("licence")[mine] if cell})
        listed.append(
            {
                "file": path.name,
                "sha256": artifact.file_hash(path),
                "human": int((corpus.label[mine] == 0).sum()),
                "mt": int((corpus.label[mine] == 1).sum()),
                "licence": "; ".join(licences),
            }
        )
    return corpus, listed


def _versions() -> dict[str, str]:
    names = ("numpy", "scikit-learn", "scipy", "sentencepiece", "sentencex")
    versions = {"python": platform.python_version(), "mtdetect": mtdetect.__version__}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
