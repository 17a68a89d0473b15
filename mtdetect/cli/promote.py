"""``mtdetect promote`` and ``mtdetect rollback``: switch the model in use, in one step, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtdetect.cli.evaluation_options import (
    RowOptions,
    check_rows_are_named,
    command_line,
    compare_models,
    read_rows_and_corpus,
)
from mtdetect.cli.group import EXIT_GATE_FAILED
from mtdetect.cli.options import MODEL_FOLDER, PERCENT, ROW_FILE, load_detector, usable_threshold

if TYPE_CHECKING:
    from mtdetect.detector import Detector

_PLACE = click.Path(file_okay=False, path_type=Path)


@click.command("promote")
@click.argument("new", type=MODEL_FOLDER)
@click.argument("rows", nargs=-1, type=ROW_FILE)
@click.option(
    "--to",
    "place",
    type=_PLACE,
    required=True,
    metavar="DIR",
    help="Folder of the model in use; made if it is not there.",
)
@click.option("--recipe", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Compare on the rows this recipe tests on.")  # fmt: skip
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Folder of the recipe's sources.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Keep the prepared rows of the recipe here.")  # fmt: skip
@click.option("--clean", type=ROW_FILE, multiple=True, metavar="FILE",
              help="Clean English on which the false-positive limit is checked too; repeat for more.")  # fmt: skip
@click.option("--max-false-positives", type=PERCENT, default="1%", show_default=True, metavar="SHARE",
              help="Share of clean English the new model may flag at its threshold for that share.")  # fmt: skip
@click.option("--force", metavar="REASON", help="Promote whatever the checks say; the reason goes into the record.")
@click.option("--bootstrap", type=click.IntRange(min=1), default=200, show_default=True, metavar="N",
              help="Resamples of content groups behind each interval.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on standard error.")
def promote(
    new: Path,
    rows: tuple[Path, ...],
    place: Path,
    recipe: Path | None,
    data: Path | None,
    cache: Path | None,
    clean: tuple[Path, ...],
    max_false_positives: float,
    force: str | None,
    bootstrap: int,
    seed: int,
    jobs: int,
    quiet: bool,
) -> None:
    """Put the model NEW in the place of the one in --to, unless it is worse on ROWS or flags too much.

    Refused, with exit code 3, is a model that is worse beyond noise in a figure that compare counts, or whose
    false positives lie beyond noise above the limit (a single domain: above twice the limit). The switch is one
    step: a killed promotion leaves the old model or the new one. The old one is kept in DIR.history, and
    mtdetect rollback DIR brings it back. ROWS are labelled rows; a model that differs from the old one in its
    thresholds alone needs none.
    """
    from mtdetect.training import promotion

    if force is not None and not force.strip():
        raise click.UsageError("--force takes a reason, which goes into the record")
    options = RowOptions(rows, recipe, data, cache, (), None, bootstrap, seed, None, None, jobs, quiet)
    old = place if place.exists() else None
    labelled = bool(rows) or recipe is not None
    # Without rows to compare on, the old model is not loaded: it may be the damaged one that is being replaced.
    detectors = [load_detector(folder) for folder in (new, *([old] if old and labelled else []))]
    usable_threshold(detectors[0], "sentence", max_false_positives)
    note: dict[str, Any] = {"command": command_line(), "forced": force}
    if old and not labelled and not force and not promotion.same_weights(new, old):
        raise click.UsageError(
            "nothing tells which model is better: name files of labelled rows, or --recipe with --data, or give a "
            "reason with --force"
        )
    found: list[str] = []
    if labelled or clean:
        found, note["verdict"], note["checks"] = _check(options, detectors, clean, max_false_positives)
    for line in found:
        click.echo(f"{'overruled' if force else 'refused'}: {line}", err=True)
    if found and not force:
        click.echo(f"mtdetect: {place} is unchanged; --force REASON promotes all the same", err=True)
        raise click.exceptions.Exit(EXIT_GATE_FAILED)
    record = promotion.promote(new, place, note)
    before = record["from"]["signature"] if record["from"] else "nothing"
    click.echo(f"{place}: {record['to']['signature']} in place of {before}")


@click.command("rollback")
@click.argument("place", type=_PLACE, metavar="DIR")
def rollback(place: Path) -> None:
    """Bring back the model that was in DIR before the newest promotion; repeat to go further back."""
    from mtdetect.training import promotion

    record = promotion.rollback(place)
    click.echo(f"{place}: {record['from']['signature']} is back in place of {record['to']['signature']}")


def _check(
    options: RowOptions, detectors: list[Detector], clean: tuple[Path, ...], limit: float
) -> tuple[list[str], str | None, list[str]]:
    """Return what speaks against the first detector, the verdict of the comparison, and what was measured."""
    from mtdetect.training import calibration, promotion_checks

    found: list[str] = []
    measured: list[promotion_checks.FalsePositives] = []
    verdict = None
    jobs, say = options.jobs, options.say
    if options.rows or options.recipe is not None:
        check_rows_are_named(options)
        labelled, _, _ = read_rows_and_corpus(options, detectors)
        say("measuring")
        if len(detectors) == 2:
            new, old = detectors
            result = compare_models(options, old, new, labelled)
            verdict = str(result["verdict"])
            say(f"{new.signature} against {old.signature}: {verdict}")
            found += promotion_checks.worse(result)
        measured += promotion_checks.false_positives(
            detectors[0], labelled, limit, jobs=jobs, resamples=options.bootstrap, seed=options.seed
        )
    if clean:
        scores = calibration.score_clean(detectors[0], calibration.read_clean(clean), jobs)
        measured += promotion_checks.false_positives_on_clean(detectors[0], scores, limit)
    for one in measured:
        say(str(one))
    if not measured:
        say(f"note: under {promotion_checks.SMALLEST_SET} clean rows, so the false-positive limit was not checked")
    return found + [str(one) for one in measured if one.broken], verdict, [str(one) for one in measured]
