"""Tables of a study (:mod:`mtdetect.training.evaluation_study`): aims, what was left out, ablation, spans, ratings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mtdetect.training.evaluation_ablation import WHOLE
from mtdetect.training.evaluation_tables import METRICS, SHARES, Table, brief, interval, notes, tables

Data = Mapping[str, Any]

_MODELS = ("mtdetect", "left out", "seen", "open recipe")


def short_tables(study: Data) -> list[Table]:
    """Return the tables that only a study has."""
    made = [
        *aim_tables(study),
        *(_beside_tables(study["model"]) if "model" in study else ()),
        *_left_out_tables(study),
        *_ablation_tables(study),
        *_span_tables(study),
        *(_rating_tables(study["model"]) if "model" in study else ()),
    ]
    return [table for table in made if table.rows]


def study_tables(study: Data) -> list[Table]:
    """Return the tables of a study: its own, then every figure of the model itself."""
    return [*short_tables(study), *(tables(study["model"]) if "model" in study else ())]


def study_markdown(study: Data) -> str:
    """Return a study as Markdown."""
    lines = [f"# Study of {study['signature']}", "", *(f"- {line}" for line in study_notes(study)), ""]
    return "\n".join([*lines, *(table.markdown() for table in study_tables(study))])


def study_notes(study: Data) -> list[str]:
    """Return lines on how the figures of a study were made."""
    settings = study["settings"]
    lines = [f"Recipe {study['recipe']}, {study['corpus_rows']:,} rows."]
    if "model" in study:
        lines += notes(study["model"])
        lines.append(f"Baselines learnt from at most {settings['baseline_rows']:,} rows of the training parts.")
    if "leave_out" in study:
        lines.append(
            f"Leave-one-out: every stage of training was repeated without the rows, on {settings['share']:.0%} of the "
            "content; 'seen' is a model of the same size that nothing was taken from. The two share no stage."
        )
    if study.get("command"):
        lines.append(f"Command: `{study['command']}`.")
    return lines


def aim_rows(study: Data) -> Iterator[tuple[Data, Data, str]]:
    """Yield each set with an aim: the aim, its figures, and the name of the scorer that is measured."""
    left_out = {one["name"]: one["evaluation"] for one in study.get("leave_out", ())}
    for aim in study.get("aims", ()):
        data = left_out.get(aim["without"]) if aim["without"] else study.get("model")
        for one in (data or {}).get("levels", {}).get(aim["level"], {}).get("sets", ()):
            if one["kind"] == "named" and one["name"] == aim["name"]:
                yield aim, one, "left out" if aim["without"] else "mtdetect"


def best_baseline(scorers: Mapping[str, Data], metric: str) -> tuple[str, Data] | None:
    """Return the baseline with the highest value of a metric, and its figure."""
    found = {
        name: figures[metric]
        for name, figures in scorers.items()
        if name not in _MODELS and not name.startswith("previous") and figures.get(metric)
    }
    return max(found.items(), key=lambda item: item[1]["value"]) if found else None


def aim_tables(study: Data) -> list[Table]:
    """Return the table of the sets that the aims are stated on."""
    rows = []
    for aim, one, scorer in aim_rows(study):
        figures = one["scorers"][scorer]
        best = best_baseline(one["scorers"], "auc")
        rows.append(
            [
                one["name"] + (" *" if one["against_clean"] else ""),
                aim["level"],
                "the model" if scorer == "mtdetect" else f"a model trained without {aim['without']}",
                f"{one['mt']:,}",
                interval(figures.get("auc")),
                interval(figures.get("flagged_at_1%"), True),
                interval(figures.get("flagged_at_0.1%"), True),
                interval(figures.get("pair_wins"), True),
                f"{interval(best[1])} ({brief(best[0])})" if best else "-",
                aim["aim"],
            ]
        )
    header = [
        "set", "level", "measured", "machine", "AUC", "flagged at 1%", "flagged at 0.1%", "pair wins",
        "best baseline, AUC", "aim",
    ]  # fmt: skip
    return [Table("What it was built for", header, rows, "* against clean English of other content")]


def left_out_figures(study: Data, level: str) -> tuple[list[tuple[str, list[Data | None]]], list[str]]:
    """Return, for each set that was left out, its AUC by every scorer of that part, and the scorers' names."""
    found: list[tuple[str, Mapping[str, Data]]] = [
        (one["name"], figures["scorers"])
        for one in study.get("leave_out", ())
        for figures in one["evaluation"]["levels"].get(level, {}).get("sets", ())
        if figures["kind"] == "held_out"
    ]
    names = list(dict.fromkeys(name for _, scorers in found for name in scorers))
    return [(name, [scorers.get(scorer, {}).get("auc") for scorer in names]) for name, scorers in found], names


def _left_out_tables(study: Data) -> list[Table]:
    rows, domains = [], []
    for one in study.get("leave_out", ()):
        for level, result in one["evaluation"]["levels"].items():
            for found in result["sets"]:
                if found["kind"] == "held_out":
                    rows.append(_left_out_row(f"{one['kind']}: {one['name']}", level, found, "left out", "seen"))
            for human in result["false_positives"]:
                if human["kind"] == "held_out":
                    figures = [human["scorers"][name].get("flagged_at_1%") for name in ("left out", "seen")]
                    cells = [interval(figure, True) for figure in figures]
                    domains.append([one["name"], level, f"{human['human']:,}", *cells])
    for level, result in study.get("model", {}).get("levels", {}).items():
        for found in result["sets"]:
            if found["kind"] == "held_out":
                rows.append(_left_out_row(f"{found['name']} (by the recipe)", level, found, "mtdetect", ""))
    header = [
        "left out", "level", "machine", "AUC left out", "AUC seen", "best baseline left out", "flagged at 1% left out",
        "flagged at 1% seen", "pair wins left out",
    ]  # fmt: skip
    return [
        Table("Leave one out", header, sorted(rows, key=lambda row: row[1] != "sentence")),
        Table(
            "False positives on a domain that was left out, at 1% of the other domains",
            ["domain", "level", "human", "left out", "seen"],
            domains,
        ),
    ]


def _beside_tables(data: Data) -> list[Table]:
    """The model, other models and baselines on the same rows: the whole test part, held-out and named sets."""
    made = []
    for metric in ("auc", "flagged_at_1%", "flagged_at_0.1%"):
        rows = [
            [f"{one['name']}{' *' if one['against_clean'] else ''}", level, f"{one['mt']:,}"]
            + [interval(one["scorers"][name].get(metric), metric in SHARES) for name in data["scorers"]]
            for level, result in data["levels"].items()
            for one in result["sets"]
            if one["kind"] in ("all", "held_out", "named")
        ]
        header = ["set", "level", "machine", *(brief(name) for name in data["scorers"])]
        made.append(Table(f"Beside other models and baselines: {METRICS[metric]}", header, rows))
    return made


def _left_out_row(name: str, level: str, found: Data, out: str, seen: str) -> list[str]:
    scorers = found["scorers"]
    best = best_baseline(scorers, "auc")
    return [
        name + (" *" if found["against_clean"] else ""),
        level,
        f"{found['mt']:,}",
        interval(scorers[out].get("auc")),
        interval(scorers.get(seen, {}).get("auc")),
        f"{interval(best[1])} ({brief(best[0])})" if best else "-",
        interval(scorers[out].get("flagged_at_1%"), True),
        interval(scorers.get(seen, {}).get("flagged_at_1%"), True),
        interval(scorers[out].get("pair_wins"), True),
    ]


def ablation_changes(study: Data) -> dict[str, list[tuple[str, list[Data]]]]:
    """Return, by set, how far the AUC moves without each family, as plain differences with the interval's width."""
    if "ablation" not in study:
        return {}
    found: dict[str, list[tuple[str, list[Data]]]] = {}
    for one in study["ablation"]["levels"]["sentence"]["sets"]:
        if one["kind"] not in ("all", "held_out"):
            continue
        whole = one["scorers"][WHOLE]["auc"]["value"]
        found[f"{one['kind']}: {one['name']}"] = [
            (name.removeprefix("without "), [{part: figures["auc"][part] - whole for part in ("value", "low", "high")}])
            for name, figures in one["scorers"].items()
            if name != WHOLE
        ]
    return found


def _ablation_tables(study: Data) -> list[Table]:
    if "ablation" not in study:
        return []
    data = study["ablation"]
    sets = [one for one in data["levels"]["sentence"]["sets"] if one["kind"] in ("all", "held_out", "engine")]
    names = [f"{one['kind']}: {one['name']}" for one in sets]
    made = []
    for metric, title, share in (("auc", "AUC", False), ("flagged_at_1%", "flagged at 1%", True)):
        rows = [
            [name, *(interval(one["scorers"][name].get(metric), share) for one in sets)] for name in data["scorers"]
        ]
        made.append(Table(f"Ablation by feature family, {title}", ["features", *names], rows))
    made[-1] = Table(
        made[-1].title,
        made[-1].header,
        made[-1].rows,
        f"The classifier was fitted again for every line ('{WHOLE}' included), on the same sample of rows.",
    )
    return made


def _span_tables(study: Data) -> list[Table]:
    rows = [
        [
            one["name"],
            "the model" if one["scorer"] == "mtdetect" else "a model that never saw this text",
            f"{one['texts']:,}",
            f"{one['with_span']:,}",
            interval(one["top"], True),
            interval(one["any"], True),
            interval(one["chance"], True).partition(" ")[0],
        ]
        for one in study.get("spans", ())
    ]
    header = [
        "text",
        "measured",
        "texts with an error",
        "with a span",
        "top span hits",
        "any span hits",
        "chance (top)",
    ]
    note = "Chance: a span of as many words as the top one, put anywhere in the text. Over texts that got a span."
    return [Table("Spans: do they point at what people marked?", header, rows, note)]


def _rating_tables(data: Data) -> list[Table]:
    rows = [
        [one["kind"], f"{one['rows']:,}", name]
        + [interval(figures.get(metric)) for metric in ("correlation", "worst_against_best")]
        for one in data["levels"]["sentence"].get("ratings", ())
        for name, figures in one["scorers"].items()
    ]
    header = ["rating", "rows", "scorer", "rank correlation (good: negative)", "AUC, worst third against best third"]
    return [Table("Scores beside human ratings of machine text", header, rows)]
