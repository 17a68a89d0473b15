"""How columns that commands add to rows are called, and the format they are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from mtdetect.cli.options import Command, check_output_name
from mtdetect.formats import FORMATS, format_of


def naming_options(command: Command) -> Command:
    """Add the options that name added columns."""
    for option in reversed(
        (
            click.option(
                "--score-column",
                default="score",
                show_default=True,
                metavar="NAME",
                help="Name of the column with the score.",
            ),
            click.option(
                "--prefix", default="", metavar="TEXT", help="Put this before the names of the added columns."
            ),
        )
    ):
        command = option(command)
    return command


def output_format_option(*others: str, text: str) -> Callable[[Command], Command]:
    """Add ``--output-format`` with every format that has a place for columns, and others."""
    return click.option(
        "--output-format",
        type=click.Choice(["auto", *others, *(entry.name for entry in FORMATS.values() if entry.writer)]),
        default="auto",
        show_default=True,
        help=text,
    )


def written_format(asked: str, input_format: str, output: Path | None) -> str:
    """Return the format of an output; ``"auto"``: as its name says, else as the input, else JSON lines.

    Raises:
        click.UsageError: the name of the output promises something else.
    """
    made = asked
    if asked == "auto":
        by_suffix = format_of(output) if output is not None else None
        named = (name for name in (by_suffix, input_format) if name is not None and FORMATS[name].writer is not None)
        made = next(named, "jsonl")
    if output is not None:
        check_output_name(output, made, format_of(output) if asked != "auto" else None)
    return made


def check_names(others: Sequence[str], score_column: str, prefix: str) -> None:
    """Refuse, as wrong usage, a score column or a prefix under which not every added column has a name of its own.

    Args:
        others: names of the other added columns, without the prefix.
        score_column: name of the column with the score, without the prefix.
        prefix: what stands before all of them.
    """
    if not score_column:
        raise click.UsageError("--score-column is empty; give the column a name, or leave the option out")
    for option, value in (("--score-column", score_column), ("--prefix", prefix)):
        if not value.isprintable():
            raise click.UsageError(f"{option} {value!r} is no name of a column; use printable characters on one line")
    for other in others:
        if score_column == other or score_column.startswith(f"{other}."):
            raise click.UsageError(
                f'--score-column "{score_column}" takes the place of the column "{other}", which is added too; '
                f"choose a name besides {', '.join(others)}"
            )
