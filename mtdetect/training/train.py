"""Train a model: rows to resources, resources to features, features to classifiers, thresholds and a folder."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray

import mtdetect
from mtdetect import artifact, formats
from mtdetect.classifier import AdditiveClassifier, Evidence, SentenceClassifier
from mtdetect.detector import Detector
from mtdetect.document import document_features
from mtdetect.errors import InputError
from mtdetect.features import FEATURES, LEARNT, Resources, compute
from mtdetect.model import feature_list, load_model, resource_arrays
from mtdetect.status import SCORED, status_codes
from mtdetect.text import normalise
from mtdetect.training.document_pairs import Documents, clean_documents, paired_documents
from mtdetect.training.evaluation import evaluate
from mtdetect.training.fit import FittedClassifier, fit_classifier, platt, quantile_knots, recalibrate
from mtdetect.training.model_card import model_card
from mtdetect.training.pairing import pair_weights
from mtdetect.training.recipe import Recipe, read_recipe
from mtdetect.training.resources import expert_tasks, learn_resources
from mtdetect.training.rows import Rows, concatenate, rows_from_records
from mtdetect.training.splits import load_corpus, locate_source, prepare
from mtdetect.training.thresholds import threshold_table

Report = Callable[[str], None]
T = TypeVar("T")

CLEAN_LIMIT = 120_000
"""Clean sentences that thresholds are read off, at most."""

DOCUMENT_KNOTS = 6
"""Points of each curve of the document classifier."""

MINIMUM_ROWS = 40
"""Rows on each side without which nothing can be fitted."""


class Stages:
    """Steps of a training run, kept on disk so that a stopped run goes on where it was."""

    def __init__(self, cache: Path | None, report: Report) -> None:
        self.cache, self.report, self.began = cache, report, time.monotonic()

    def run(self, name: str, key: object, make: Callable[[], T]) -> T:
        """Return the result of a step: from the cache when the same step was finished before."""
        file = None if self.cache is None else self.cache / f"{name}-{joblib.hash(key)}.joblib"
        if file is not None and file.is_file():
            self.report(f"{self._clock()} {name}: taken from {file}")
            kept: T = joblib.load(file)
            return kept
        self.report(f"{self._clock()} {name} ...")
        result = make()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            joblib.dump(result, file.with_suffix(".part"))
            file.with_suffix(".part").replace(file)
        self.report(f"{self._clock()} {name}: done")
        return result

    def _clock(self) -> str:
        return f"[{int(time.monotonic() - self.began):5d} s]"


def train(
    rows: Sequence[Path] = (),
    recipe: Path | None = None,
    data: Path | None = None,
    out: Path = Path("model"),
    cache: Path | None = None,
    jobs: int = 1,
    save_estimator: Path | None = None,
    report: Report = print,
    measure: bool = True,
) -> Path:
    """Train a model and write its folder.

    Args:
        rows: files of labelled rows, besides the sources of the recipe.
        recipe: recipe file or name; ``small`` if None.
        data: folder of the recipe's sources.
        out: model folder to write.
        cache: folder for finished steps.
        jobs: processes for feature computation.
        save_estimator: also write the fitted scikit-learn object there, with joblib.
        report: takes progress lines.
        measure: evaluate on the test rows and write the figures into manifest and card.

    Returns:
        The model folder.

    Raises:
        InputError: unusable rows, recipe or sources; the message says what is missing.
    """
    plan = read_recipe(recipe if recipe is not None else Path("small"))
    stages = Stages(cache, report)
    corpus, sources = _corpus(rows, plan, data, cache)
    report(f"{len(corpus):,} rows, {int((corpus.label == 1).sum()):,} of them machine translation")
    key = (plan, [(source["file"], source["sha256"]) for source in sources])
    split = corpus.column("split")
    if plan.resources is not None:
        settings = plan.resources
        part = corpus.take(split == "estimate")
        _require_both_sides(part, "estimate")
        clean_files = {source.file for source in plan.sources if source.role == "clean"}
        resources = learn_resources(
            part, clean_files, settings, plan.weights, plan.seed,
            lambda name, make: stages.run(name, (settings, plan.weights, plan.seed, plan.corpus_key(), key[1]), make),
        )  # fmt: skip
    else:
        base = load_model(artifact.default_model() if plan.base == "default" else Path(plan.base).absolute())
        resources = base.resources
    heads = _fit_heads(corpus.take(split == "fit"), plan, resources, jobs, report)
    calibration = corpus.take(split == "calibrate")
    sentence = _calibrated_sentence(heads, calibration, plan, resources, jobs)
    report(f"sentence classifier: slope {sentence.slope:.3f}, shift {sentence.shift:.3f}")
    document = _fit_document(corpus, plan, resources, sentence, jobs)
    clean = _clean(calibration, plan, corpus)
    thresholds = _thresholds(clean, plan, resources, sentence, document, jobs)
    arrays = {**resource_arrays(resources), **sentence.arrays(), **document.arrays("document")}
    manifest: dict[str, Any] = {
        "name": plan.name,
        "version": plan.version,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "features": feature_list(),
        "thresholds": thresholds,
        "training": {"sources": sources, "seed": plan.seed, "recipe": plan.text, "recipe_name": plan.name},
        "library_versions": _versions(),
    }
    serialised = resources.encoder.processor.serialized_model_proto()
    evaluation: dict[str, Any] = {}
    if measure:
        report("measuring on the test rows ...")
        with tempfile.TemporaryDirectory() as temporary:
            folder = artifact.save(Path(temporary) / "model", manifest, serialised, arrays, lambda _: "")
            evaluation = measure_model(Detector(folder), corpus, jobs)
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


def _require_both_sides(rows: Rows, part: str) -> None:
    machine = int((rows.label == 1).sum())
    if min(machine, len(rows) - machine) < MINIMUM_ROWS:
        raise InputError(
            f"the {part} part has {len(rows) - machine} human and {machine} machine rows; add rows until it has"
            f" {MINIMUM_ROWS} of each"
        )


def feature_matrix(
    texts: Sequence[str], resources: Resources, jobs: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return float64 (N, F) features and bool (N,) which texts can be scored (other rows are NaN)."""
    size = max(2048, -(-len(texts) // max(1, joblib.effective_n_jobs(jobs))))
    slices = [texts[i : i + size] for i in range(0, len(texts), size)]
    if jobs == 1 or len(slices) == 1:
        parts = [_features(part, resources) for part in slices]
    else:
        with tempfile.TemporaryDirectory() as folder:
            parts = joblib.Parallel(n_jobs=jobs, temp_folder=folder)(
                joblib.delayed(_features_of_arrays)(
                    part, resources.encoder.processor.serialized_model_proto(), resource_arrays(resources)
                )
                for part in slices
            )
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _features_of_arrays(
    texts: Sequence[str], pieces: bytes, arrays: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    from mtdetect.model import resources_from

    return _features(texts, resources_from(pieces, arrays))


def _features(texts: Sequence[str], resources: Resources) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    matrix = np.full((len(texts), len(FEATURES)), np.nan)
    scorable = np.zeros(len(texts), dtype=bool)
    for start, plain in _plain(texts):
        filled = np.array([i for i, text in enumerate(plain) if text], dtype=np.int64)
        if not len(filled):
            continue
        analysis = resources.analyse([plain[i] for i in filled])
        scorable[start + filled] = status_codes(analysis) == SCORED
        matrix[start + filled] = compute(analysis)
    return matrix, scorable


def _plain(texts: Sequence[str], size: int = 512) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(texts), size):
        yield start, normalise(texts[start : start + size])


def _weighted_pairs(rows: Rows, plan: Recipe) -> tuple[Rows, NDArray[np.float64]]:
    weight = pair_weights(rows, plan.weights)
    return rows.take(weight > 0), weight[weight > 0]


def _fit_heads(
    rows: Rows, plan: Recipe, resources: Resources, jobs: int, report: Report
) -> dict[str, FittedClassifier]:
    """Fit the garble head and the translation head, each on its own kind of pairs."""
    pairs, weight = _weighted_pairs(rows, plan)
    _require_both_sides(pairs, "fit")
    tasks, matrices = {}, {}
    for name, (part, part_weight) in expert_tasks(pairs, weight).items():
        if len(part) > plan.classifier_rows:
            kept = np.sort(np.random.default_rng(plan.seed).permutation(len(part))[: plan.classifier_rows])
            part, part_weight = part.take(kept), part_weight[kept]
        report(f"{name} head: {len(part):,} rows")
        matrix, scorable = feature_matrix(part.text, resources, jobs)
        tasks[name] = (part.label[scorable], part_weight[scorable])
        matrices[name] = matrix[scorable]
    knots = quantile_knots(np.concatenate(list(matrices.values())), plan.classifier_knots)
    if plan.unfamiliar_share > 0:
        label, part_weight = tasks["garble"]
        blank = np.where(LEARNT, np.nan, matrices["garble"])
        matrices["garble"] = np.concatenate([matrices["garble"], blank])
        tasks["garble"] = (
            np.concatenate([label, label]),
            np.concatenate([part_weight, plan.unfamiliar_share * part_weight]),
        )
    return {
        name: fit_classifier(matrices[name], label, part_weight, knots, plan.classifier_inverse_regularisation)
        for name, (label, part_weight) in tasks.items()
    }


def _calibrated_sentence(
    heads: dict[str, FittedClassifier], rows: Rows, plan: Recipe, resources: Resources, jobs: int
) -> SentenceClassifier:
    """Join the heads and calibrate them on both kinds of pairs, which weigh the same."""
    pairs, weight = _weighted_pairs(rows, plan)
    _require_both_sides(pairs, "calibrate")
    translation = heads["translation"].classifier.scaled(plan.translation_slope, plan.translation_shift)
    raw = SentenceClassifier(heads["garble"].classifier, translation)
    logits, labels, weights = [], [], []
    for part, part_weight in expert_tasks(pairs, weight).values():
        evidence, scorable = sentence_evidence(part.text, resources, raw, jobs)
        logits.append(evidence.logits[scorable])
        labels.append(part.label[scorable])
        weights.append(part_weight[scorable] / part_weight[scorable].sum())
    slope, shift = platt(np.concatenate(logits), np.concatenate(labels), np.concatenate(weights))
    return SentenceClassifier(raw.garble, raw.translation, slope, shift)


def sentence_evidence(
    texts: Sequence[str], resources: Resources, sentence: SentenceClassifier, jobs: int
) -> tuple[Evidence, NDArray[np.bool_]]:
    """Return the evidence of N texts and bool (N,) which of them can be scored."""
    matrix, scorable = feature_matrix(texts, resources, jobs)
    return sentence.evidence(matrix), scorable


def _document_matrix(
    documents: Documents, evidence: Evidence, scorable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return features of documents with a scorable sentence, and which those are."""
    owner = np.repeat(np.arange(len(documents.label)), np.diff(documents.start))
    kept = scorable[documents.rows]
    count = np.bincount(owner[kept], minlength=len(documents.label))
    present = count > 0
    edges = np.concatenate([[0], np.cumsum(count[present])])
    chosen = documents.rows[kept]
    return document_features(evidence.logits[chosen], evidence.heads[chosen], edges), present


def _fit_document(
    corpus: Rows, plan: Recipe, resources: Resources, sentence: SentenceClassifier, jobs: int
) -> AdditiveClassifier:
    split = corpus.column("split")
    result: AdditiveClassifier | None = None
    for part in ("fit", "calibrate"):
        pairs, _ = _weighted_pairs(corpus.take(split == part), plan)
        documents = paired_documents(pairs, plan.seed)
        matrix, present = _document_matrix(documents, *sentence_evidence(pairs.text, resources, sentence, jobs))
        label = documents.label[present]
        weight = _document_weights(documents)[present]
        if result is None:
            knots = quantile_knots(matrix, DOCUMENT_KNOTS)
            result = fit_classifier(matrix, label, weight, knots, 1.0).classifier
        else:
            result = recalibrate(result, result.logits(result.contributions(matrix)), label, weight)
    assert result is not None
    return result


def _document_weights(documents: Documents) -> NDArray[np.float64]:
    """Give garbled and other machine documents the same say in total."""
    weight = np.ones(len(documents.label))
    for side in (True, False):
        mine = documents.garble == side
        if mine.any():
            weight[mine] = len(weight) / mine.sum()
    return weight


def _clean(calibration: Rows, plan: Recipe, corpus: Rows) -> Rows:
    """Return the clean English that thresholds are read off."""
    human = calibration.take(calibration.label == 0)
    clean_files = {source.file for source in plan.sources if source.role == "clean"}
    if clean_files:
        human = human.take(np.isin(human.column("source").astype(str), sorted(clean_files)))
    else:
        # Without clean sources every human row outside the test part counts: a table from a handful says nothing.
        human = corpus.take((corpus.label == 0) & (corpus.column("split") != "test"))
    if len(human) > CLEAN_LIMIT:
        kept = np.sort(np.random.default_rng(plan.seed).permutation(len(human))[:CLEAN_LIMIT])
        human = human.take(kept)
    return human


def _thresholds(
    clean: Rows,
    plan: Recipe,
    resources: Resources,
    sentence: SentenceClassifier,
    document: AdditiveClassifier,
    jobs: int,
) -> dict[str, Any]:
    evidence, scorable = sentence_evidence(clean.text, resources, sentence, jobs)
    words = np.array([len(text.split()) for text in clean.text], dtype=np.int64)
    domain = clean.column("collection")
    documents = clean_documents(clean, plan.seed)
    matrix, present = _document_matrix(documents, evidence, scorable)
    logits = document.logits(document.contributions(matrix))
    return {
        "sentence": threshold_table(evidence.logits[scorable], domain[scorable], words[scorable]),
        "document": threshold_table(logits, documents.domain[present], np.diff(documents.start)[present]),
    }


def _versions() -> dict[str, str]:
    names = ("numpy", "scikit-learn", "scipy", "sentencepiece", "sentencex")
    versions = {"python": platform.python_version(), "mtdetect": mtdetect.__version__}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
