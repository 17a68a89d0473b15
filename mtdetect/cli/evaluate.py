"""``mtdetect evaluate`` and ``mtdetect compare``: measured quality on labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtdetect.cli.evaluation_options import (
    Names,
    RowOptions,
    check_rows_are_named,
    command_line,
    compare_models,
    read_rows_and_corpus,
    row_options,
    show,
    write,
    write_text,
)
from mtdetect.cli.options import MODEL_FOLDER, OUT_FILE, load_detector
from mtdetect.errors import InputError

if TYPE_CHECKING:
    from mtdetect.detector import Detector
    from mtdetect.training.evaluation import Evaluation
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
@click.option("--report", type=OUT_FILE, metavar="OUT", help="Write a page with plots and the worst errors (HTML).")
@click.option(
    "--study",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Data of benchmarks/quality.py, to show on the page what was left out, the ablation and the spans.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=15,
    show_default=True,
    metavar="N",
    help="Worst misses and worst false alarms on the page.",
)
@click.option("--texts/--no-texts", default=True, help="Whether the page may show texts of the rows.")
def evaluate(
    options: RowOptions,
    models: tuple[Path, ...],
    baselines: bool,
    chosen: tuple[str, ...] | None,
    baseline_rows: int | None,
    report: Path | None,
    study: Path | None,
    examples: int,
    texts: bool,
) -> None:
    """Measure a model on ROWS: files with the columns text and label, or on the test rows of a recipe.

    Every figure comes with its test set, size and 95% bootstrap interval over content groups. Rows whose
    split is not test are never measured. Baselines learn from the rows of the splits estimate and fit: of
    the recipe where one is given, else of ROWS.
    """
    check_rows_are_named(options, report)
    detectors = [load_detector(folder) for folder in models or (None,)]
    measured, corpus, warnings = read_rows_and_corpus(options, detectors)
    from mtdetect.training import evaluation
    from mtdetect.training.recipe import read_recipe

    scorers: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    thresholds: dict[str, dict[str, float]] = {}
    signatures: dict[str, str] = {}
    for folder, detector in zip(models or (None,), detectors, strict=True):
        name = _name(detector, folder, scorers)
        scorers[name] = partial(detector.score, jobs=options.jobs)
        documents[name] = partial(detector.score_documents, jobs=options.jobs)
        thresholds[name] = {level: float(detector.threshold(level, 0.01)) for level in ("sentence", "document")}
        signatures[name] = detector.signature
    trained, model = None, next(iter(scorers))
    if baselines or chosen:
        weights = read_recipe(options.recipe).weights if options.recipe is not None else None
        trained = _train_baselines(chosen or BASELINE_NAMES, corpus, baseline_rows, weights, options, scorers)
    options.say("measuring")
    result = evaluation.evaluate(
        scorers,
        measured,
        document_scorers=documents,
        thresholds=thresholds,
        abstain_with={name: model for name in scorers if name not in documents},
        **options.measuring,
    )
    result.data["warnings"] = warnings
    result.data["signatures"] = signatures
    result.data["baseline_rows"] = trained
    result.data["command"] = command_line()
    write(options, result.data, result.markdown)
    if report is not None:
        _write_page(report, result, detectors[0], study, examples if texts else 0, options)
    if not options.on_standard_output:
        from mtdetect.training.evaluation_tables import notes

        show(result.tables, result.markdown, [] if options.quiet else notes(result.data))


def _write_page(
    path: Path, result: Evaluation, detector: Detector, study: Path | None, examples: int, options: RowOptions
) -> None:
    """Write the page of the first model, with some of its errors where they are asked for."""
    import orjson

    from mtdetect.report.evaluation import render_evaluation
    from mtdetect.report.evaluation_examples import worst_alarms, worst_misses

    options.say(f"writing {path}")
    found: dict[str, Any] = {}
    if examples:
        scores = result.scores[result.data["scorers"][0]]
        found["misses"] = worst_misses(detector, result.rows, scores, examples)
        found["alarms"] = worst_alarms(detector, result.rows, scores, examples)
    if study is not None:
        try:
            found["study"] = orjson.loads(study.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise InputError(f"{study}: not the data of a study ({error})") from None
    write_text(path, render_evaluation(result.data, **found))


@click.command("compare")
@click.argument("old", type=MODEL_FOLDER)
@click.argument("new", type=MODEL_FOLDER)
@row_options
def compare(options: RowOptions, old: Path, new: Path) -> None:
    """Compare the models OLD and NEW on the same ROWS (or the test rows of a recipe), paired.

    Each metric on each set is better, worse or not different beyond noise: the 95% interval of the
    difference over the same resamples decides. The overall verdict counts AUC and shares flagged on the
    whole test split and on each held-out set, and false positives on learner English and translations.
    """
    check_rows_are_named(options)
    detectors = [load_detector(folder) for folder in (old, new)]
    measured, _, warnings = read_rows_and_corpus(options, detectors)
    from mtdetect.training.comparison import comparison_table

    options.say("measuring")
    result = compare_models(options, detectors[0], detectors[1], measured)
    result["signatures"] = {"old": detectors[0].signature, "new": detectors[1].signature}
    result["warnings"] = warnings
    result["command"] = command_line()
    table = comparison_table(result)
    write(options, result, table.markdown)
    if not options.on_standard_output:
        show(lambda: [table.rich()], table.markdown, [])
        click.echo(f"{result['signatures']['new']} against {result['signatures']['old']}: {result['verdict']}")


def _train_baselines(
    names: Sequence[str],
    corpus: Rows,
    limit: int | None,
    by_engine: dict[str, float] | None,
    options: RowOptions,
    scorers: dict[str, Any],
) -> int:
    """Train baselines, add their scorers, and return the number of rows they learnt from."""
    from mtdetect.training import baselines as library

    if not (corpus.column("split") != "").any():
        raise click.UsageError(
            "baselines need rows to learn from: give --recipe and --data, or rows with a split column "
            "(estimate and fit to learn from, test to measure on)"
        )
    training = library.training_rows(corpus, limit, options.seed, by_engine)
    labelled = int((training.weight > 0).sum())
    for name in names:
        baseline = library.BASELINES[name]()
        options.say(f"training baseline {baseline.name} on {labelled:,} rows")
        baseline.fit(training, options.jobs)
        scorers[baseline.name] = baseline.score
    return labelled


def _name(detector: Detector, folder: Path | None, taken: dict[str, Any]) -> str:
    """Name a model by its name and version; by its folder where two models share them."""
    name = detector.signature.split(" sha256:")[0]
    return f"{name} ({folder})" if name in taken else name
