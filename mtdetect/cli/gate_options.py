"""The options of ``mtdetect gate`` that make up its policy, and the policy that file and options give together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtdetect.cli.options import PERCENT, Command, Percent
from mtdetect.errors import PolicyError

if TYPE_CHECKING:
    from mtdetect.detector import Detector
    from mtdetect.gate import Gate, Policy

_ACTION = click.Choice(["pass", "review", "reject"])
_SHARE = Percent(zero=True)
POLICY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_POLICY_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--policy", type=POLICY_FILE, metavar="FILE", help="Read the policy from this TOML file; options override it."
    ),
    click.option("--name", metavar="TEXT", help="Name of this gate, for the summary and the metrics."),
    click.option("--level", type=click.Choice(["sentence", "document"]), help="What one row is.  [default: document]"),
    click.option(
        "--max-false-positives",
        type=PERCENT,
        metavar="RATE",
        help="Share of clean English that may be rejected.  [default: 1%]",
    ),
    click.option(
        "--review",
        type=PERCENT,
        metavar="RATE",
        help="Share of clean English that may be rejected or sent to review.  [default: 5%]",
    ),
    click.option("--minimum-words", type=int, metavar="N", help="Rows with fewer words are too short to judge."),
    click.option("--short", type=_ACTION, help="What to do with rows that are too short.  [default: pass]"),
    click.option("--foreign", type=_ACTION, help="What to do with rows that are not English.  [default: pass]"),
    click.option("--empty", type=_ACTION, help="What to do with rows without text.  [default: pass]"),
    click.option("--source-column", metavar="NAME", help="Column that says where a row comes from, for --override."),
    click.option(
        "--override",
        "overrides",
        type=(str, str, str),
        multiple=True,
        metavar="SOURCE KEY VALUE",
        help="Another setting for the rows of one source, by its key in a policy file: news.example short reject.",
    ),
    click.option(
        "--max-rejected",
        type=_SHARE,
        metavar="SHARE",
        help="The batch fails (exit code 3) when more than this share of its rows is rejected.  [default: 5%]",
    ),
    click.option(
        "--max-unreadable",
        type=_SHARE,
        metavar="SHARE",
        help="The batch fails when more than this share of its rows cannot be read.  [default: 5%]",
    ),
    click.option(
        "--baseline", metavar="FILE", help="Compare the share rejected with this file; the batch fails when it drifted."
    ),
    click.option(
        "--drift-confidence", type=PERCENT, metavar="SHARE", help="Confidence of the comparison.  [default: 99%]"
    ),
    click.option(
        "--drift-tolerance",
        type=_SHARE,
        metavar="SHARE",
        help="Difference between the shares that is no drift yet.  [default: 0.5%]",
    ),
    click.option("--drift-alarm", type=click.Choice(["fail", "warn"]), help="What drift does.  [default: fail]"),
)


def policy_options(command: Command) -> Command:
    """Add the options that state a policy."""
    for option in reversed(_POLICY_OPTIONS):
        command = option(command)
    return command


def load_policy(file: Path | None) -> Policy:
    """Return the policy of a file, the default one without a file.

    Raises:
        click.UsageError: the file is refused.
    """
    from mtdetect.gate import Policy

    try:
        return Policy() if file is None else Policy.load(file)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error


def read_policy(file: Path | None, overrides: tuple[tuple[str, str, str], ...], **options: Any) -> Policy:
    """Return the policy of a file with the given options in place of its settings.

    Raises:
        click.UsageError: the file or an option is refused.
    """
    stated = load_policy(file)
    level = options["level"] or stated.level
    keys = {
        "max_false_positives": f"false_positives.{level}",
        "review": f"review.{level}",
        "source_column": "sources.column",
        "baseline": "drift.baseline",
        "drift_confidence": "drift.confidence",
        "drift_tolerance": "drift.tolerance",
        "drift_alarm": "drift.alarm",
    }
    if options["baseline"]:
        options["baseline"] = str(Path(options["baseline"]).absolute())  # not beside the policy, as those in it are
    settings = {keys.get(name, name): value for name, value in options.items() if value is not None}
    by_source: dict[str, dict[str, Any]] = {}
    for source, key, value in overrides:
        by_source.setdefault(source, {})[key] = _parse(value)
    try:
        return stated.replaced(settings, by_source)
    except PolicyError as error:
        given = {keys.get(name, name): name for name, value in options.items() if value is not None}
        raise click.UsageError(f"{_culprit(str(error), given, bool(overrides))}{error}") from error


def _culprit(message: str, given: Mapping[str, str], overrides: bool) -> str:
    """Return the option that a policy's error is about, with a colon; nothing if several may be.

    Args:
        message: the error.
        given: keys of the policy to the options that stated them.
        overrides: whether there were options with overrides.
    """
    named = [option for key, option in given.items() if message.startswith(f"{key} ")]
    named = named or [option for key, option in given.items() if f"below {key}," in message]
    if overrides and ("sources.overrides" in message or "(source " in message or not given):
        named = ["override"]
    elif len(given) == 1:
        named = list(given.values())
    return f"--{named[0].replace('_', '-')}: " if named else ""


def make_gate(detector: Detector, policy: Policy) -> Gate:
    """Return the gate of a policy, or refuse rates that the model has no figures for."""
    from mtdetect.gate import Gate

    try:
        return Gate.from_policy(detector, policy)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _parse(value: str) -> str | int | float:
    """Turn a value written on the command line into what stands in a policy file."""
    if value.endswith("%"):
        try:
            return _SHARE.convert(value, None, None)
        except click.BadParameter as error:
            raise click.UsageError(f"--override: {error.message}") from error
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    return value
