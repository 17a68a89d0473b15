"""``mtdetect calibrate``: thresholds for a user's own clean English, without retraining."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from mtdetect.cli.options import PERCENT, ROW_FILE, load_detector, model_option, usable_threshold
from mtdetect.shares import percent


@click.command("calibrate")
@click.option("--clean", "files", type=ROW_FILE, multiple=True, required=True, metavar="FILE",
              help="Clean English of your own; repeat for more files.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
              help="Write the new model folder here.")  # fmt: skip
@model_option
@click.option("--false-positive-rate", type=PERCENT, default="1%", show_default=True, metavar="SHARE",
              help="Lowest rate that must be measured on this text; lower ones are extrapolated.")  # fmt: skip
@click.option("--level", type=click.Choice(["sentence", "document"]),
              help="Only this level. Default: sentences, and documents where there are enough.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def calibrate(
    files: tuple[Path, ...],
    out: Path,
    model: Path | None,
    false_positive_rate: float,
    level: Any,
    jobs: int,
    as_json: bool,
) -> None:
    """Set the thresholds of a model by clean English of your own, in seconds and without retraining.

    FILE is plain text (a paragraph a line, an empty line between documents) or rows with a column text; rows
    of one doc_id are one document. The new model has the same weights and scores; what changes is which
    score counts as flagged. A rate of 1% takes 1,000 different sentences: ten must stand above the threshold.
    """
    from mtdetect import artifact
    from mtdetect.training import calibration

    detector = load_detector(model)
    if out.resolve() == detector.path.resolve():
        raise click.UsageError(f"{out} is the model itself; name another folder, then switch with mtdetect promote")
    for known in (level,) if level else calibration.LEVELS:
        usable_threshold(detector, known, false_positive_rate)
    record = calibration.calibrate(
        detector.path, calibration.read_clean(files), out, false_positive_rate, (level,) if level else None, jobs
    )
    signature = artifact.read_manifest(out)["signature"]
    for warning in record["warnings"]:
        click.echo(f"note: {warning}", err=True)
    if as_json:
        click.echo(orjson.dumps({"signature": signature, **record}, option=orjson.OPT_INDENT_2))
        return
    for name, result in record["levels"].items():
        click.echo(_line(name, result, false_positive_rate))
    click.echo(f"wrote {out}: {signature}")


def _line(level: str, result: Mapping[str, Any], rate: float) -> str:
    old, new = result["old_rate"], result["rate"]
    return (
        f"{level}: score {result['threshold']:.3f} for {percent(rate)} false positives (true rate {new['low']:.2%} to "
        f"{new['high']:.2%}, {result['texts']:,} texts); before {result['old_threshold']:.3f}, which "
        f"{old['value']:.2%} [{old['low']:.2%}, {old['high']:.2%}] of these reach"
    )
