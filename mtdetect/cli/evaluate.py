"""``mtdetect evaluate`` and ``mtdetect compare``: measured quality on labelled rows."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtdetect.cli.evaluation_options import (
    Names,
    check_rows_are_named,
    read_rows_and_corpus,
    reporter,
    row_options,
    show,
    write,
)
from mtdetect.cli.options import MODEL_FOLDER, load_detector

if TYPE_CHECKING:
    from mtdetect.detector import Detector
    from mtdetect.training.rows import Rows

BASELINE_NAMES = ("characters", "words", "fasttext", "perplexity", "context-gain")


@click.command("evaluate")
@row_options
@click.option(
    "--model",
    "models",
    type=MODEL_FOLDER,
    multiple=True,
    metavar="DIR",
    help="Model folder; repeat for several side by side. The shipped model if not given.",
)
@click.option("--baselines", is_flag=True, help="Train every baseline on the same training rows and measure it too.")
@click.option(
    "--baseline",
    "chosen",
    type=Names(BASELINE_NAMES),
    metavar="NAMES",
    help=f"Only these baselines: any of {', '.join(BASELINE_NAMES)}.",
)
@click.option(
    "--baseline-rows",
    type=click.IntRange(min=100),
    metavar="N",
    help="Train baselines on at most this many rows, in whole content groups; all if not given.",
)
def evaluate(
    rows: tuple[Path, ...],
    recipe: Path | None,
    data: Path | None,
    cache: Path | None,
    by: tuple[str, ...],
    clean_rows: int | None,
    bootstrap: int,
    seed: int,
    json_out: Path | None,
    markdown_out: Path | None,
    jobs: int,
    quiet: bool,
    models: tuple[Path, ...],
    baselines: bool,
    chosen: tuple[str, ...] | None,
    baseline_rows: int | None,
) -> None:
    """Measure a model on ROWS: files with the columns text and label, or on the test rows of a recipe.

    Every figure comes with its test set, size and 95% bootstrap interval over content groups. Rows whose
    split is not test are never measured. Baselines learn from the rows of the splits estimate and fit: of
    the recipe where one is given, else of ROWS.
    """
    say = reporter(quiet)
    check_rows_are_named(rows, recipe, data, (json_out, markdown_out))
    detectors = [load_detector(folder) for folder in models or (None,)]
    measured, corpus, warnings = read_rows_and_corpus(rows, recipe, data, cache, detectors, say)
    for warning in warnings:
        say(f"note: {warning}")
    from mtdetect.training import evaluation
    from mtdetect.training.recipe import read_recipe

    scorers: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    thresholds: dict[str, dict[str, float]] = {}
    signatures: dict[str, str] = {}
    for folder, detector in zip(models or (None,), detectors, strict=True):
        name = _name(detector, folder, scorers)
        scorers[name] = partial(detector.score, jobs=jobs)
        documents[name] = partial(detector.score_documents, jobs=jobs)
        thresholds[name] = {level: float(detector.threshold(level, 0.01)) for level in ("sentence", "document")}
        signatures[name] = detector.signature
    trained, model = None, next(iter(scorers))
    if baselines or chosen:
        weights = read_recipe(recipe).weights if recipe is not None else None
        trained = _train_baselines(chosen or BASELINE_NAMES, corpus, baseline_rows, weights, seed, jobs, scorers, say)
    say("measuring")
    result = evaluation.evaluate(
        scorers,
        measured,
        document_scorers=documents,
        thresholds=thresholds,
        abstain_with={name: model for name in scorers if name not in documents},
        by=by,
        clean_limit=clean_rows,
        resamples=bootstrap,
        seed=seed,
    )
    result.data["warnings"] = warnings
    result.data["signatures"] = signatures
    result.data["baseline_rows"] = trained
    result.data["command"] = shlex.join(["mtdetect", *sys.argv[1:]])
    write(result.data, result.markdown, json_out, markdown_out)
    if str(json_out) != "-" and str(markdown_out) != "-":
        from mtdetect.training.evaluation_tables import notes

        show(result.tables, result.markdown, [] if quiet else notes(result.data))


@click.command("compare")
@click.argument("old", type=MODEL_FOLDER)
@click.argument("new", type=MODEL_FOLDER)
@row_options
def compare(
    old: Path,
    new: Path,
    rows: tuple[Path, ...],
    recipe: Path | None,
    data: Path | None,
    cache: Path | None,
    by: tuple[str, ...],
    clean_rows: int | None,
    bootstrap: int,
    seed: int,
    json_out: Path | None,
    markdown_out: Path | None,
    jobs: int,
    quiet: bool,
) -> None:
    """Compare the models OLD and NEW on the same ROWS (or the test rows of a recipe), paired.

    Each metric on each set is better, worse or not different beyond noise: the 95% interval of the
    difference over the same resamples decides. The overall verdict counts AUC and shares flagged on the
    whole test split and on each held-out set, and false positives on learner English and translations.
    """
    say = reporter(quiet)
    check_rows_are_named(rows, recipe, data, (json_out, markdown_out))
    detectors = [load_detector(folder) for folder in (old, new)]
    measured, _, warnings = read_rows_and_corpus(rows, recipe, data, cache, detectors, say)
    for warning in warnings:
        say(f"note: {warning}")
    from mtdetect.training import comparison

    say("measuring")
    result = comparison.compare(
        partial(detectors[0].score, jobs=jobs),
        partial(detectors[1].score, jobs=jobs),
        measured,
        old_documents=partial(detectors[0].score_documents, jobs=jobs),
        new_documents=partial(detectors[1].score_documents, jobs=jobs),
        by=by,
        clean_limit=clean_rows,
        resamples=bootstrap,
        seed=seed,
    )
    result["signatures"] = {"old": detectors[0].signature, "new": detectors[1].signature}
    result["warnings"] = warnings
    result["command"] = shlex.join(["mtdetect", *sys.argv[1:]])
    table = comparison.comparison_table(result)
    write(result, table.markdown, json_out, markdown_out)
    if str(json_out) != "-" and str(markdown_out) != "-":
        show(lambda: [table.rich()], table.markdown, [])
        click.echo(f"{result['signatures']['new']} against {result['signatures']['old']}: {result['verdict']}")


def _train_baselines(
    names: Sequence[str],
    corpus: Rows,
    limit: int | None,
    by_engine: dict[str, float] | None,
    seed: int,
    jobs: int,
    scorers: dict[str, Any],
    say: Callable[[str], None],
) -> int:
    """Train baselines, add their scorers, and return the number of rows they learnt from."""
    from mtdetect.training import baselines as library

    if not (corpus.column("split") != "").any():
        raise click.UsageError(
            "baselines need rows to learn from: give --recipe and --data, or rows with a split column "
            "(estimate and fit to learn from, test to measure on)"
        )
    training = library.training_rows(corpus, limit, seed, by_engine)
    labelled = int((training.weight > 0).sum())
    for name in names:
        baseline = library.BASELINES[name]()
        say(f"training baseline {baseline.name} on {labelled:,} rows")
        baseline.fit(training, jobs)
        scorers[baseline.name] = baseline.score
    return labelled


def _name(detector: Detector, folder: Path | None, taken: dict[str, Any]) -> str:
    """Name a model by its name and version; by its folder where two models share them."""
    name = detector.signature.split(" sha256:")[0]
    return f"{name} ({folder})" if name in taken else name
