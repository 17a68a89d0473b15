"""``mtdetect train``: a model folder from rows of human and machine text."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import click

from mtdetect.cli.options import ROW_FILE, refuse_overwriting


@click.command("train")
@click.argument("rows", nargs=-1, type=ROW_FILE)
@click.option(
    "--recipe",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Recipe (TOML file, or the name of a built-in one): features, sizes, sources, seeds.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder that the sources of the recipe are relative to.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Write the model folder here.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep finished steps and made round trips here for later runs. Without it, a stopped run goes on from "
    "OUT.state, which goes when the run is finished.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--save-estimator",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also save the fitted scikit-learn object (joblib).",
)
def train(
    rows: tuple[Path, ...],
    recipe: Path | None,
    data: Path | None,
    out: Path,
    cache: Path | None,
    jobs: int,
    save_estimator: Path | None,
) -> None:
    """Train a model on ROWS: JSON lines, csv, tsv or Parquet files with the columns text and label.

    Labels are human and mt. Rows of one content share a group. The recipe can name further sources. A run that was
    stopped or killed goes on where it was when the same command is given again; the same rows, recipe and seed give
    the same model.
    """
    if not rows and recipe is None:
        raise click.UsageError("nothing to train on: name files of rows, or a recipe with sources (--recipe)")
    refuse_overwriting(list(rows), [save_estimator] if save_estimator is not None else [])
    from mtdetect import artifact, training

    if out.is_dir() and any(out.iterdir()) and not (out / artifact.MANIFEST).is_file():
        raise click.UsageError(f"{out} holds something else than a model; name another folder with --out")
    state = cache or out.with_name(f"{out.name}.state")
    try:
        training.train(
            rows=list(rows),
            recipe=recipe,
            data=data,
            out=out,
            cache=cache,
            jobs=jobs,
            save_estimator=save_estimator,
            report=partial(click.echo, err=True),
            state=state,
        )
    except (KeyboardInterrupt, SystemExit):
        click.echo(f"\nmtdetect: stopped; the same command goes on (finished steps are in {state})", err=True)
        raise
    if cache is None:
        shutil.rmtree(state, ignore_errors=True)
