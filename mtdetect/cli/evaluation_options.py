"""What ``evaluate`` and ``compare`` share: their options, their rows, and how results are written."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mtdetect.cli.options import OUT_FILE, ROW_FILE, refuse_overwriting, standard_or
from mtdetect.errors import InputError
from mtdetect.formats.output import Output

if TYPE_CHECKING:
    from mtdetect.detector import Detector
    from mtdetect.training.rows import Rows

    NamesType = click.ParamType[tuple[str, ...]]
else:
    NamesType = click.ParamType  # generic only from click 8.4 on

BREAKDOWN_NAMES = ("engine", "language", "system", "domain", "genre", "roundtrip", "length", "rating")

Command = TypeVar("Command", bound=Callable[..., Any])


class Names(NamesType):
    """A comma-separated choice of known names."""

    name = "names"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split at commas, refusing unknown names."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",") if name.strip()))
        for name in names:
            if name not in self.known:
                self.fail(f"{name!r} is not one of {', '.join(self.known)}", param, ctx)
        return names


@dataclass(frozen=True)
class RowOptions:
    """What both commands are told: where rows come from, how they are measured, and where results go."""

    rows: tuple[Path, ...]
    recipe: Path | None
    data: Path | None
    cache: Path | None
    by: tuple[str, ...]
    clean_rows: int | None
    bootstrap: int
    seed: int
    json_out: Path | None
    markdown_out: Path | None
    jobs: int
    quiet: bool

    def say(self, line: str) -> None:
        """Write a line of progress to standard error, unless it is to be quiet."""
        if not self.quiet:
            click.echo(line, err=True)

    @property
    def measuring(self) -> dict[str, Any]:
        """How rows are measured, as keyword arguments of ``evaluate`` and ``compare``."""
        return {"by": self.by, "clean_limit": self.clean_rows, "resamples": self.bootstrap, "seed": self.seed}

    @property
    def on_standard_output(self) -> bool:
        """Whether results themselves go to standard output, so that no table may."""
        return "-" in (str(self.json_out), str(self.markdown_out))


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["mtdetect", *sys.argv[1:]])


def row_options(command: Command) -> Callable[..., Any]:
    """Give a command the options that both share, as one argument ``options``."""

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        shared = {field.name: values.pop(field.name) for field in fields(RowOptions)}
        return command(options=RowOptions(**shared), **values)

    return _add_options(gathered)


def _add_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.argument("rows", nargs=-1, type=ROW_FILE),
            click.option(
                "--recipe",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Measure on the rows this recipe tests on: a file, or the name of a packaged recipe.",
            ),
            click.option(
                "--data",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                metavar="DIR",
                help="Folder of the recipe's sources.",
            ),
            click.option(
                "--cache",
                type=click.Path(file_okay=False, path_type=Path),
                metavar="DIR",
                help="Keep the prepared rows of the recipe here, so that a second run is quicker.",
            ),
            click.option(
                "--by",
                type=Names(BREAKDOWN_NAMES),
                default="engine,language,domain,length",
                show_default=True,
                metavar="NAMES",
                help=f"Break the test rows down by any of {', '.join(BREAKDOWN_NAMES)}.",
            ),
            click.option(
                "--clean-rows",
                type=click.IntRange(min=1),
                metavar="N",
                help="At most this many rows of each clean_ collection, to save time; all if not given.",
            ),
            click.option(
                "--bootstrap",
                type=click.IntRange(min=0),
                default=200,
                show_default=True,
                metavar="N",
                help="Resamples of content groups behind each interval.",
            ),
            click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples."),
            click.option(
                "--json",
                "json_out",
                type=OUT_FILE,
                metavar="OUT",
                help="Write the results as JSON (- for standard output).",
            ),
            click.option(
                "--markdown",
                "markdown_out",
                type=OUT_FILE,
                metavar="OUT",
                help="Write the tables as Markdown.",
            ),
            click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes."),
            click.option("-q", "--quiet", is_flag=True, help="No progress on standard error."),
        )
    ):
        command = option(command)
    return command


def read_rows_and_corpus(options: RowOptions, detectors: Sequence[Detector]) -> tuple[Rows, Rows, list[str]]:
    """Return the rows to measure on, the rows baselines learn from, and warnings about rows models know."""
    rows, corpus, warnings = _read(options, detectors)
    for warning in warnings:
        options.say(f"note: {warning}")
    return rows, corpus, warnings


def _read(options: RowOptions, detectors: Sequence[Detector]) -> tuple[Rows, Rows, list[str]]:
    files, data = options.rows, options.data
    from mtdetect.training import splits, unseen
    from mtdetect.training.recipe import read_recipe

    manifests = [detector.model.manifest for detector in detectors]
    warnings: list[str] = []
    corpus = None
    if options.recipe is not None and data is not None:
        options.say("reading the corpus of the recipe")
        plan = read_recipe(options.recipe)
        corpus = splits.load_corpus(plan, data, options.cache)
        sources = [data / source.file for source in plan.sources]
        for manifest in manifests:
            if not unseen.same_split(plan, manifest, sources):
                unknown = unseen.split_unknown(manifest, sources)
                warnings.append(_may_know(manifest, "an unknown" if unknown else "another", "sources"))
    if not files:
        assert corpus is not None
        return corpus, corpus, warnings
    from mtdetect.formats import read_rows
    from mtdetect.training.rows import concatenate, rows_from_records

    own = concatenate([rows_from_records(read_rows(path), path.name) for path in files])
    if not len(own):
        raise InputError(f"{files[0]}: no rows with text; each row needs text and label")
    split = own.column("split")
    if (split != "").any():
        own.content = splits.content_groups(own)
        if any(unseen.learnt_from(manifest, files) for manifest in manifests):
            warnings.append("a model was trained on one of these files: its figures may stand on rows it learnt from")
    else:
        own = unseen.split_as_trained(own, files, manifests)
        warnings += [_may_know(m, "an unknown", "files") for m in manifests if unseen.split_unknown(m, files)]
        if (own.column("split") != "").any():
            warnings.append("a model was trained on these files: only their test part is measured")
    return own, corpus if corpus is not None else own, warnings


def compare_models(options: RowOptions, old: Detector, new: Detector, rows: Rows) -> dict[str, Any]:
    """Return the comparison of two models on the same rows (see :func:`mtdetect.training.comparison.compare`)."""
    from mtdetect.training.comparison import compare

    return compare(
        functools.partial(old.score, jobs=options.jobs),
        functools.partial(new.score, jobs=options.jobs),
        rows,
        old_documents=functools.partial(old.score_documents, jobs=options.jobs),
        new_documents=functools.partial(new.score_documents, jobs=options.jobs),
        **options.measuring,
    )


def _may_know(manifest: Mapping[str, Any], split: str, rows: str) -> str:
    return (
        f"{manifest['name']} {manifest['version']} was trained on {split} split of these {rows}: "
        "its figures may stand on rows it has learnt from"
    )


def check_rows_are_named(options: RowOptions, *outputs: Path | None) -> None:
    """Refuse, as wrong usage, a call that names no rows, or outputs that would destroy something."""
    written = (options.json_out, options.markdown_out, *outputs)
    refuse_overwriting(list(options.rows), [standard_or(path) for path in written if path is not None])
    if not options.rows and options.recipe is None:
        raise click.UsageError("nothing to measure on: name files of labelled rows, or --recipe with --data")
    if options.recipe is not None and options.data is None:
        raise click.UsageError("--recipe needs --data, the folder of its sources")


def write(options: RowOptions, data: dict[str, Any], markdown: Callable[[], str]) -> None:
    """Write the results as JSON and the tables as Markdown, where asked for."""
    import orjson

    if options.json_out is not None:
        write_text(options.json_out, orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")
    if options.markdown_out is not None:
        write_text(options.markdown_out, markdown())


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all; ``-`` is standard output."""
    with Output(standard_or(path)) as stream:
        stream.write(text.encode())


def show(tables: Callable[[], list[Any]], markdown: Callable[[], str], notes: Sequence[str]) -> None:
    """Print tables for a terminal, or Markdown where the output is not one."""
    if not sys.stdout.isatty():
        click.echo(markdown())
        return
    from rich.console import Console

    console = Console()
    for table in tables():
        console.print(table)
    for line in notes:
        console.print(f"[dim]{line}[/dim]", highlight=False)
