"""Tables of an evaluation or a comparison, for a terminal and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METRICS = {
    "auc": "AUC",
    "flagged_at_1%": "flagged at 1% false positives",
    "flagged_at_0.1%": "flagged at 0.1% false positives",
    "pair_wins": "pair wins",
    "calibration_error": "calibration error",
    "flagged_at_own_1%": "flagged at the model's own 1% threshold",
}
"""Every metric by its key, in the order of the tables, and its heading."""

SHARES = frozenset(METRICS) - {"auc", "calibration_error"}
"""Metrics written as percentages."""


@dataclass(frozen=True)
class Table:
    """One table of text cells.

    Attributes:
        title: what it shows.
        header: one heading a column.
        rows: cells, one list a row.
        note: one line under the table, or empty.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table in Markdown, under a heading."""
        lines = [f"### {self.title}", "", _line(self.header), _line(["---"] * len(self.header))]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else []), ""])

    def rich(self) -> Any:
        """Return the table as a rich renderable."""
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=self.title, caption=self.note or None, title_justify="left")
        for number, heading in enumerate(self.header):
            table.add_column(heading, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table


def interval(figure: Mapping[str, Any] | None, share: bool = False) -> str:
    """Write a figure with its interval.

    >>> interval({"value": 0.9312, "low": 0.92, "high": 0.9401, "size": 5})
    '0.931 [0.920, 0.940]'
    >>> interval({"value": 0.0123, "low": 0.01, "high": 0.0171, "size": 5}, share=True)
    '1.2% [1.0, 1.7]'
    """
    if figure is None or figure["value"] is None:
        return "-"
    value, low, high = figure["value"], figure["low"], figure["high"]
    if share:
        places = 2 if abs(value) < 0.01 else 1
        return f"{100 * value:.{places}f}% [{100 * low:.{places}f}, {100 * high:.{places}f}]"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def brief(scorer: str) -> str:
    """Return the name of a scorer in few words.

    >>> brief("character n-gram TF-IDF + logistic regression")
    'character n-grams'
    """
    return scorer.replace(" n-gram TF-IDF + logistic regression", " n-grams")


def tables(data: Mapping[str, Any]) -> list[Table]:
    """Return the tables of an evaluation's data."""
    made: list[Table] = []
    scorers = data["scorers"]
    for level, result in data["levels"].items():
        heading = level.capitalize() + "s"
        if level == "document":
            heading += f" of {data['document_sentences']} sentences"
        made += _set_tables(heading, result["sets"], scorers)
        made += _false_positive_tables(heading, result, scorers)
    return made


def notes(data: Mapping[str, Any]) -> list[str]:
    """Return lines on how the figures were made, what has no score, and what was left out."""
    lines = [
        "Intervals hold 95% of "
        f"{data['resamples']} bootstrap resamples of content groups (seed {data['seed']}). "
        "Thresholds are set on clean English of the same rows, every collection weighing the same."
    ]
    lines += [f"Warning: {line}." for line in data.get("warnings", ())]
    for leader in sorted(set(data.get("abstain_with", {}).values())):
        lines.append(f"Baselines leave unscored every row that {leader} leaves unscored.")
    for level, result in data["levels"].items():
        lines.append(
            f"{level}: {result['mt']:,} machine and {result['human']:,} human rows; thresholds from "
            f"{result['clean']:,} rows of {result['clean_domains']} clean collections."
        )
        unscored = {name: count for name, count in result["unscored"].items() if count}
        lines += [f"{level}: {name} gives no score to {count:,} rows." for name, count in unscored.items()]
        lines += [f"{level}: left out: {line}" for line in _gathered(result["left_out"])]
    return lines


def _gathered(left_out: Sequence[str]) -> list[str]:
    """Put sets of one kind that lack rows on one line."""
    small: dict[str, list[str]] = {}
    lines = []
    for line in left_out:
        match = re.fullmatch(r"(\w+) (.+): (\d+) machine rows, (fewer than \d+)", line)
        if match:
            small.setdefault(f"{match[1]}, {match[4]} machine rows", []).append(f"{match[2]} ({match[3]})")
        else:
            lines.append(line)
    return lines + [f"{kind}: {', '.join(names)}" for kind, names in small.items()]


def markdown(data: Mapping[str, Any]) -> str:
    """Return the tables and notes of an evaluation as Markdown."""
    parts = [f"- {line}" for line in notes(data)]
    return "\n".join([*parts, "", *(table.markdown() for table in tables(data))])


def rich_tables(data: Mapping[str, Any]) -> list[Any]:
    """Return the tables of an evaluation as rich renderables."""
    return [table.rich() for table in tables(data)]


def _set_tables(heading: str, sets: Sequence[Mapping[str, Any]], scorers: Sequence[str]) -> list[Table]:
    """One table with a column a metric for a single scorer; one table a metric for several."""
    size = ["set", "machine", "human", "groups"]
    note = "* against clean English of other content" if any(one["against_clean"] for one in sets) else ""

    def start(one: Mapping[str, Any]) -> list[str]:
        name = f"{one['kind']}: {one['name']}" + (" *" if one["against_clean"] else "")
        return [name, f"{one['mt']:,}", f"{one['human']:,}", f"{one['groups']:,}"]

    present = [key for key in METRICS if any(key in one["scorers"][name] for one in sets for name in scorers)]
    if len(scorers) == 1:
        rows = [
            start(one) + [interval(one["scorers"][scorers[0]].get(key), key in SHARES) for key in present]
            for one in sets
        ]
        header = size + [METRICS[key] for key in present]
        return [Table(f"{heading}: {scorers[0]}", header, rows, note)] if rows else []
    return [
        Table(
            f"{heading}: {METRICS[key]}",
            [*size, *scorers],
            [start(one) + [interval(one["scorers"][name].get(key), key in SHARES) for name in scorers] for one in sets],
            note,
        )
        for key in present
    ]


def _false_positive_tables(heading: str, result: Mapping[str, Any], scorers: Sequence[str]) -> list[Table]:
    sets = result["false_positives"]
    made = []
    for key in ("flagged_at_1%", "flagged_at_own_1%"):
        named = [name for name in scorers if any(key in one["scorers"][name] for one in sets)]
        if not named:
            continue
        rows = [
            [f"{one['kind']}: {one['name']}", f"{one['human']:,}"]
            + [interval(one["scorers"][name].get(key), True) for name in named]
            for one in sets
        ]
        point = "the empirical 1% threshold" if key == "flagged_at_1%" else "the model's own 1% threshold"
        made.append(Table(f"{heading}: false positives at {point}", ["set", "human", *named], rows))
    return made


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
