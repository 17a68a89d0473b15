"""The command line: thin commands over the library, one file each, imported when called."""

from __future__ import annotations

from typing import Any

import click

import mtdetect
from mtdetect.cli.group import LazyGroup

COMMANDS = {
    "score": "Score every row of text files: how likely it is garbled translation.",
    "gate": "Split a file into rows that pass and rows that do not.",
    "serve": "Score and gate over HTTP.",
    "explain": "Show what is suspicious in a text, and how its score adds up.",
    "report": "Make a page that shows what is garbled in texts, and why.",
    "train": "Train a model on rows of human and machine text.",
    "evaluate": "Measure a model on labelled rows.",
    "compare": "Measure two models on the same rows, with intervals.",
    "calibrate": "Set the thresholds of a model by your own clean English; no retraining.",
    "promote": "Put a model in the place of another, if it is not worse.",
    "rollback": "Take a promotion back.",
    "corpus": "Make and check training text.",
    "info": "Show what a model is and how it was trained.",
    "verify": "Check every file of a model against its recorded hash.",
}
"""Every command with its line in the overview. Module ``mtdetect.cli.NAME`` holds it, ``_HOMES`` aside."""

_HOMES = {"compare": "evaluate", "rollback": "promote"}


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"mtdetect {mtdetect.__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    commands_help=COMMANDS,
    homes=_HOMES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@click.option("--debug", is_flag=True, help="Show the full traceback of an unexpected error.")
@click.pass_context
def main(context: click.Context, debug: bool) -> Any:
    """Find machine-translation artifacts in English: garbled text, sentence by sentence, with evidence.

    Exit codes: 0 done (gate: passed); 1 unexpected error, or a model that cannot be used; 2 wrong usage; 3
    the verdict failed (gate, corpus check, promote); 4 input that could not be read, wholly or in part; 130
    interrupted; 141 the reader of the output went away; 143 terminated.
    """
    context.meta["mtdetect.debug"] = debug
