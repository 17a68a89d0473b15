"""``mtdetect report``: one HTML page that shows what is garbled, where, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from mtdetect.cli.group import EXIT_UNREADABLE
from mtdetect.cli.options import (
    IN_FILES,
    OUT_FILE,
    false_positive_rate_option,
    input_options,
    input_paths,
    load_detector,
    max_row_option,
    model_option,
    refuse_overwriting,
    standard_or,
    usable_threshold,
)
from mtdetect.cli.progress import Progress
from mtdetect.cli.stream import Inputs, in_order
from mtdetect.formats import Chunk, Record
from mtdetect.formats.output import Output
from mtdetect.formats.paths import value_at
from mtdetect.shares import percent

if TYPE_CHECKING:
    from mtdetect.report import Document


@click.command("report")
@click.argument("files", nargs=-1, type=IN_FILES)
@click.option(
    "-o", "--output", type=OUT_FILE, required=True, metavar="FILE", help="Write the page here (- for stdout)."
)
@false_positive_rate_option
@click.option(
    "--title-column",
    default="title",
    show_default=True,
    metavar="NAME",
    help="Column with the title of a document, where there is one; else its first words.",
)
@click.option(
    "--source-column",
    default="source",
    show_default=True,
    metavar="NAME",
    help="Column to filter by, where there is one (of a web address, the host counts); else the file.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="Put the text of so many documents into the page, worst first; all are counted.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read only the first N rows.")
@input_options
@max_row_option
@model_option
def report(
    files: tuple[Path, ...],
    output: Path,
    false_positive_rate: float,
    title_column: str,
    source_column: str,
    top: int,
    limit: int | None,
    input_format: str,
    text_column: str,
    errors: str,
    jobs: int,
    quiet: bool,
    max_row_mb: int,
    model: Path | None,
) -> None:
    """Make an HTML page of the documents in FILES, worst first.

    FILES can be folders and globs; standard input if there are none.

    A row is a document (paragraphs on lines). The page is one file that loads nothing: it opens with the
    verdict, and shows each text with its sentences shaded by score, the words that gave them away, and the
    reasons in plain language.
    """
    from mtdetect.report import build_report, render_report
    from mtdetect.report.page import require_jinja

    require_jinja()
    paths = input_paths(files, input_format)
    target = standard_or(output)
    refuse_overwriting(paths, [target])
    detector = load_detector(model)
    for level in ("document", "sentence"):
        usable_threshold(detector, level, false_positive_rate)
    inputs = Inputs(paths, input_format, text_column, errors, max_row_bytes=max_row_mb * 1_000_000)
    missing = _named_columns("title_column", "source_column")
    documents = _documents(inputs, title_column, source_column, limit, Progress(not quiet), missing)
    made = build_report(
        detector, documents, false_positive_rate, top, run=lambda work, batches: in_order(work, batches, jobs)
    )
    if missing and made.documents:
        raise click.UsageError(f'no row has a column "{missing.pop()}"; name one that the rows have')
    page = render_report(made)
    with Output(target) as stream:
        stream.write(page.encode())
    if not quiet:
        click.echo(
            f"{made.documents:,} document{'' if made.documents == 1 else 's'}: {made.scored:,} scored, "
            f"{made.flagged:,} flagged at {percent(false_positive_rate)} false positives; {detector.signature}",
            err=True,
        )
    if inputs.tally.report_unreadable():
        click.get_current_context().exit(EXIT_UNREADABLE)


def _named_columns(*parameters: str) -> set[str]:
    """Return the columns that the command line names, which some row has to have."""
    context = click.get_current_context()
    named = (name for name in parameters if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)
    return {context.params[name] for name in named}


def _documents(
    inputs: Inputs,
    title_column: str,
    source_column: str,
    limit: int | None,
    progress: Progress,
    missing: set[str],
) -> Iterator[Document]:
    """Yield the rows of all inputs; a row that cannot be read is a document with an error.

    A column is taken out of ``missing`` when a row has something in it.
    """
    from mtdetect.report import Document

    for chunk in _first_rows(inputs.chunks(), limit):
        for position, record in enumerate(chunk.records):
            title, source = _field(record, title_column), _field(record, source_column)
            if missing:
                missing -= {name for name, value in ((title_column, title), (source_column, source)) if value}
            yield Document(
                chunk.texts[position],
                title,
                _host(source) or chunk.source,
                chunk.source,
                chunk.rows[position],
                chunk.errors.get(position, ""),
            )
        inputs.tally.rows += len(chunk)
        progress.show(inputs)
    progress.clear()


def _first_rows(chunks: Iterator[Chunk], limit: int | None) -> Iterator[Chunk]:
    for chunk in chunks:
        if limit is not None and len(chunk) >= limit:
            yield chunk.select(range(limit))
            return
        if limit is not None:
            limit -= len(chunk)
        yield chunk


def _field(record: Record, name: str) -> str:
    """Return a field as text, empty where there is none; a dotted name reaches into nested objects.

    >>> _field({"page": {"title": "News"}, "id": 7}, "page.title"), _field({"id": 7}, "id"), _field({}, "title")
    ('News', '7', '')
    """
    value = value_at(record, name)
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _host(source: str) -> str:
    """Return the host of a web address, anything else as it is.

    >>> _host("https://news.example/a/1"), _host("The Daily")
    ('news.example', 'The Daily')
    """
    if "://" not in source:
        return source
    try:
        return urlsplit(source).hostname or source
    except ValueError:
        return source
