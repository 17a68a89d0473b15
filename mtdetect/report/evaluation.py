"""The page of a model: what it finds, what it flags by mistake, its worst errors, and an older model beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mtdetect.formats.base import encodable
from mtdetect.report import evaluation_plots as plots
from mtdetect.report.page import render_page
from mtdetect.training.evaluation_study_tables import ablation_changes, left_out_figures, short_tables, study_notes
from mtdetect.training.evaluation_tables import Table, interval, notes, tables

if TYPE_CHECKING:
    from markupsafe import Markup

    from mtdetect.report.evaluation_examples import Example

Data = Mapping[str, Any]

_MAIN = dict.fromkeys(("all", "held_out", "named"), "test rows and what training was kept from")

MINIMUM = 50
"""Fewest human rows of a set in the plot of false positives, and fewest rows behind a point of a calibration curve."""

LIMIT = 45
"""Lines in one plot, at most; the tables have all."""


@dataclass(frozen=True)
class Plot:
    """One plot with its caption."""

    caption: str
    svg: Markup
    note: str = ""


@dataclass
class Section:
    """Plots and tables under one heading."""

    title: str
    text: str = ""
    plots: list[Plot] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def render_evaluation(
    data: Data,
    *,
    study: Data | None = None,
    misses: Sequence[Example] | None = None,
    alarms: Sequence[Example] | None = None,
) -> str:
    """Return the page of an evaluation: one file, no network, dark and light, every text escaped.

    Args:
        data: data of :class:`~mtdetect.training.evaluation.Evaluation`; its first scorer is the model of the page,
            the others stand beside it.
        study: data of a study, for what was left out, the ablation and the spans.
        misses: machine text that the model scores low; None leaves texts out.
        alarms: human text that the model scores high.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    scorers = data["scorers"]
    signatures = dict(data.get("signatures", {}))
    return render_page(
        "evaluation.html.jinja",
        {},
        ["style.css", "evaluation.css"],
        [],
        name=encodable(scorers[0]),
        summary=_summary(data),
        warnings=data.get("warnings", []),
        signatures=list(signatures.items()),
        cards=_cards(data),
        sections=[*_sections(data), *(_study_sections(study) if study else [])],
        examples_shown=misses is not None or alarms is not None,
        misses=misses or [],
        alarms=alarms or [],
        notes=list(dict.fromkeys([*_own_notes(data), *(study_notes(study) if study else [])])),
        tables=tables(data),
    )


def _own_notes(data: Data) -> list[str]:
    return notes(data) + ([f"Command: {data['command']}"] if data.get("command") else [])


def _whole(data: Data, level: str = "sentence") -> Data | None:
    """Return the set of all test rows; where nothing but held-out rows was measured, the first set."""
    sets: Sequence[Data] = data["levels"].get(level, {}).get("sets", ())
    return next((one for one in sets if one["kind"] == "all"), sets[0] if sets else None)


def _summary(data: Data) -> str:
    level = data["levels"]["sentence"]
    lines = [
        f"Measured on {level['mt']:,} machine and {level['human']:,} human test sentences, "
        f"{level['clean']:,} of them clean English from {level['clean_domains']} collections."
    ]
    if len(data["scorers"]) > 1:
        lines.append(f"Beside it, on the same rows: {', '.join(data['scorers'][1:])}.")
    return " ".join(lines)


def _cards(data: Data) -> list[dict[str, str]]:
    """The few figures a reader looks for first, each beside the second scorer."""
    name, other = data["scorers"][0], data["scorers"][1] if len(data["scorers"]) > 1 else None
    cards = []

    def add(label: str, figures: Mapping[str, Data], metric: str, share: bool) -> None:
        figure = figures.get(name, {}).get(metric)
        if figure and figure["value"] is not None:
            value, _, rest = interval(figure, share).partition(" ")
            before = figures.get(other, {}).get(metric) if other else None
            old = f"{other}: {interval(before, share)}" if before and before["value"] is not None else ""
            cards.append({"label": label, "value": value, "interval": rest, "old": old})

    for level in data["levels"]:
        whole = _whole(data, level)
        if whole:
            add(f"AUC, {level}s", whole["scorers"], "auc", False)
            add(f"{level}s flagged at 1%", whole["scorers"], "flagged_at_1%", True)
    whole = _whole(data)
    if whole:
        add("calibration error", whole["scorers"], "calibration_error", False)
    for one in data["levels"]["sentence"]["false_positives"]:
        if one["name"] == "all learner":
            metric = "flagged_at_own_1%" if "flagged_at_own_1%" in one["scorers"][name] else "flagged_at_1%"
            add("learner English flagged", one["scorers"], metric, True)
    return cards


def _sections(data: Data) -> list[Section]:
    name = data["scorers"][0]
    spread = Section(
        "Scores", "How the scores of each kind of text spread. Machine text should lie right, human text left."
    )
    curves = Section("What a false-positive budget buys", "The dots are the operating points at 0.1% and 1%.")
    trusted = Section("Does a score mean what it says?", "On the dotted line, a score is the share of machine text.")
    alarms = Section(
        "False positives", "Share of human text at or above the model's own threshold for 1% (else the measured one)."
    )
    found = Section("What it finds", "AUC by what was translated, and how. Below one half, human text scores higher.")
    for level, result in data["levels"].items():
        heading = f"{level}s"
        shown = result["distributions"].get(name, [])
        if shown:
            own = result["thresholds"][name].get("own")
            title = f"Scores of {heading} by {name}: one line a kind of text"
            spread.plots.append(_plot(f"{heading.capitalize()}", plots.distributions(shown[:LIMIT], own, title)))
        _trade_off(curves, heading, name, result)
        if result["reliability"]:
            points = {
                scorer: [point for point in curve if point["rows"] >= MINIMUM]
                for scorer, curve in result["reliability"].items()
            }
            points = {scorer: curve for scorer, curve in points.items() if len(curve) > 2}
            title = f"Calibration of {heading}: share of machine text by score"
            if points:
                trusted.plots.append(_plot(heading.capitalize(), plots.calibration(points, title)))
        many = [one for one in result["false_positives"] if one["human"] >= MINIMUM]
        _dots(alarms, heading, many, data["scorers"], "false_positives")
        for kind in dict.fromkeys(_MAIN.get(one["kind"], one["kind"]) for one in result["sets"]):
            of_kind = [one for one in result["sets"] if _MAIN.get(one["kind"], one["kind"]) == kind]
            _dots(
                found,
                f"{heading}, {kind}" if kind in _MAIN.values() else f"{heading} by {kind}",
                of_kind,
                data["scorers"],
                "auc",
            )
    return [section for section in (spread, curves, trusted, alarms, found) if section.plots]


def _trade_off(section: Section, heading: str, name: str, result: Data) -> None:
    curves: dict[str, Sequence[Sequence[float]]] = {}
    for scorer, found in result["trade_off"].items():
        whole = next((one for one in found if one["name"] == "all: test"), None)
        if whole and whole["points"]:
            curves[scorer] = whole["points"]
    if curves:
        title = f"Machine {heading} flagged over false positives, by scorer"
        section.plots.append(_plot(f"{heading.capitalize()}, all machine text", plots.trade_off(curves, title)))
    own = {
        one["name"]: one["points"]
        for one in result["trade_off"].get(name, ())
        if one["name"] != "all: test" and one["points"]
    }
    if own:
        title = f"Machine {heading} flagged over false positives by {name}, by kind of translation"
        few = dict(list(own.items())[: len(plots.SERIES)])
        section.plots.append(_plot(f"{heading.capitalize()}, by kind of translation", plots.trade_off(few, title)))


def _dots(section: Section, heading: str, sets: Sequence[Data], scorers: Sequence[str], metric: str) -> None:
    if not sets:
        return

    def figure(one: Data, scorer: str) -> Data | None:
        figures: Mapping[str, Data] = one["scorers"][scorer]
        if metric != "false_positives":
            return figures.get(metric)
        found = figures.get("flagged_at_own_1%") or figures.get("flagged_at_1%")
        if not found or found["value"] is None:
            return None
        return {part: 100 * found[part] for part in ("value", "low", "high")}

    compared = [scorer for scorer in scorers if any(figure(one, scorer) for one in sets)][: len(plots.MARKERS)]
    if not compared:
        return
    rows = [
        (_label(one), [figure(one, scorer) for scorer in compared])
        for one in sorted(sets, key=lambda one: -((figure(one, compared[0]) or {}).get("value") or 0))
    ]
    label, mark = ("flagged, %", 1.0) if metric == "false_positives" else ("AUC", 0.5)
    title = f"{section.title}: {heading}, {label} with 95% intervals"
    note = f"{LIMIT} of {len(rows)}; the tables have all." if len(rows) > LIMIT else ""
    section.plots.append(_plot(heading.capitalize(), plots.dots(rows[:LIMIT], compared, label, title, mark), note))


def _label(one: Data) -> str:
    kind = (
        f"{one['kind']}: " if one["kind"] in ("learner", "translation") and not one["name"].startswith("all ") else ""
    )
    return f"{kind}{one['name']}{' *' if one.get('against_clean') else ''}"


def _study_sections(study: Data) -> list[Section]:
    section = Section(
        "The study", "What a model knows of text that was kept from training, and what each part is worth."
    )
    for level in ("sentence", "document"):
        rows, names = left_out_figures(study, level)
        if rows:
            caption, title = f"Left out of training, {level}s", f"AUC of {level}s that were left out of training"
            section.plots.append(_plot(caption, plots.dots(rows, names, "AUC", title, 0.5)))
    for name, changes in ablation_changes(study).items():
        title = f"Change of AUC without a family of features, {name}"
        svg = plots.dots(changes, ["without the family"], "change of AUC", title, 0.0)
        section.plots.append(_plot(f"Without a family of features, {name}", svg))
    section.tables = short_tables(study)
    return [section]


def _plot(caption: str, svg: str, note: str = "") -> Plot:
    from markupsafe import Markup

    return Plot(caption, Markup(svg), note)  # written by matplotlib, which escapes the names in it
