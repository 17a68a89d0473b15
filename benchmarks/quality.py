"""The full study of a model: baselines, leave-one-out, ablation, spans; as tables, data, a page and a model card."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import orjson
from common import ROOT, case_rows, json_option, machine, model_option

from mtdetect.errors import MtdetectError

BASELINES = ("characters", "words", "fasttext", "perplexity", "context-gain")
PARTS = ("model", "leave_out", "ablation", "spans")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


PLACES = {"--data": "CORPORA", "--cache": "CACHE", "--work": "WORK", "--model": "MODEL", "--previous": "OLD"}
"""Options whose value says where things lie on one machine, and what a reader puts there."""


def command_of(arguments: Sequence[str]) -> str:
    """Return the command for others to run: places of this machine by what they are, files by their name."""
    words = ["python", "benchmarks/quality.py"]
    for word in arguments:
        option, equals, value = word.partition("=")
        if equals and option in PLACES:
            word = f"{option}={PLACES[option]}"
        elif words[-1] in PLACES:
            word = PLACES[words[-1]]
        elif "/" in word:
            word = f"{option}={Path(value).name}" if equals else Path(word).name
        words.append(word)
    return shlex.join(words)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of the recipe's sources.")
@click.option("--recipe", type=FILE, default=Path("default"), show_default=True, help="Recipe of the model.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where training keeps the prepared corpus.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Finished stages and trained models stay here, so that a stopped study goes on; not in a repository.",
)
@model_option
@click.option("--previous", type=FOLDER, help="An older model to measure beside.")
@click.option(
    "--open-recipe", type=FILE, help="A recipe that differs in its licences, e.g. open: trained and measured."
)
@click.option("--plan", type=FILE, default=ROOT / "benchmarks" / "quality.toml", help="What is left out, and the sets.")
@click.option("--parts", default=",".join(PARTS), show_default=True, help="Parts to run.")
@click.option("--baselines", default=",".join(BASELINES), show_default=True, help="Baselines to train.")
@click.option("--share", type=float, default=0.12, show_default=True, help="Share of the corpus for leave-one-out.")
@click.option(
    "--rows",
    type=int,
    default=20_000,
    show_default=True,
    help="Rows of a left-out set.",
)
@click.option(
    "--clean-rows", type=int, default=2000, show_default=True, help="Test rows of a clean collection, at most."
)
@click.option(
    "--baseline-rows", type=int, default=100_000, show_default=True, help="Rows baselines learn from, at most."
)
@click.option("--bootstrap", type=int, default=100, show_default=True, help="Resamples behind each interval.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Worker processes.")
@json_option
@click.option("--markdown", type=FILE, help="Also write the tables here.")
@click.option("--report", type=FILE, help="Also write a page with plots here (extra report).")
@click.option("--card", is_flag=True, help="Also put the study into the model card of --model.")
def main(
    data: Path,
    recipe: Path,
    cache: Path | None,
    work: Path,
    model: Path | None,
    previous: Path | None,
    open_recipe: Path | None,
    plan: Path,
    parts: str,
    baselines: str,
    share: float,
    rows: int,
    clean_rows: int,
    baseline_rows: int,
    bootstrap: int,
    jobs: int,
    json_out: Path | None,
    markdown: Path | None,
    report: Path | None,
    card: bool,
) -> None:
    """Measure a model the long way. Progress goes to standard error, the tables to standard output."""
    import mtdetect
    from mtdetect.training.evaluation_plan import read_plan
    from mtdetect.training.evaluation_spans import MarkedText, changed_words
    from mtdetect.training.evaluation_study import Settings, Study
    from mtdetect.training.evaluation_study_tables import study_markdown
    from mtdetect.training.recipe import read_recipe
    from mtdetect.training.splits import load_corpus
    from mtdetect.training.stages import Stages

    def say(line: str) -> None:
        click.echo(line, err=True)

    if unknown := {*parts.split(",")} - {*PARTS}:
        raise click.UsageError(f"--parts {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    if unknown := {*baselines.split(",")} - {*BASELINES, ""}:
        raise click.UsageError(f"--baselines {', '.join(sorted(unknown))}: choose from {', '.join(BASELINES)}")
    chosen = tuple(name for name in BASELINES if name in baselines.split(","))
    stages = Stages(work / "stages", say)
    try:
        planned, what = read_recipe(recipe), read_plan(plan)
        detector = mtdetect.load(model) if model else mtdetect.load()
        others = {"previous": mtdetect.load(previous)} if previous else {}
        say("reading the corpus")
        settings = Settings(share, rows, clean_rows, baseline_rows, chosen[:1] + chosen[2:3], bootstrap, 0, jobs)
        cases = [
            MarkedText(case["text"], changed_words(case["text"], case["pair"]), case["text"])
            for name, case in case_rows()
            if name == "in_the_wild"
        ]
        study = Study(
            load_corpus(planned, data, cache), planned, detector, what, settings, stages, work / "models", data, others,
            read_recipe(open_recipe) if open_recipe else None, {"written cases": cases},
        )  # fmt: skip
        result = study.run(parts.split(","), chosen)
    except MtdetectError as error:
        raise click.ClickException(str(error)) from None
    result["command"] = command_of(sys.argv[1:])
    result["machine"] = machine()
    text = study_markdown(result)
    click.echo(text)
    if json_out:
        json_out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    if markdown:
        markdown.write_text(text, encoding="utf-8")
    if report and "model" in result:
        from mtdetect.report.evaluation import render_evaluation

        report.write_text(render_evaluation(result["model"], study=result), encoding="utf-8")
    if card:
        from mtdetect import artifact
        from mtdetect.training.model_card import model_card

        manifest = artifact.read_manifest(detector.path)
        artifact.replace_card(detector.path, model_card(manifest, manifest.get("metrics", {}), result))


if __name__ == "__main__":
    main()
