"""``mtdetect info``: what a model is, from its manifest."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from mtdetect.cli.options import MODEL_FOLDER
from mtdetect.shares import percent

_COLUMN = 16
_PURPOSE = (
    "filtering text by a false-positive budget, and finding garbled machine translation and the words that show it"
)
_NO_PURPOSE = (
    "judging people, deciding alone about anything that matters to a person, telling fluent modern translation from"
    " human English sentence by sentence, text that is not English"
)
_WEAK = 0.7  # AUC under which a breakdown counts as weak
_SHOWN_RATES = (0.001, 0.01, 0.05)  # false-positive rates whose thresholds the card lists


@click.command("info")
@click.argument("model", type=MODEL_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the whole manifest.")
def info(model: Path | None, as_json: bool) -> None:
    """Show what MODEL is (the shipped model if none): a short model card.

    What it is for and what not, thresholds, training rows by source, and the figures that train measured on
    rows the model had not seen: machine text found at 1% false positives, human text flagged, what it is
    weakest at, with 95% intervals. MODEL_CARD.md in the folder has all of them.
    """
    from mtdetect import artifact

    folder = model or artifact.default_model()
    manifest = artifact.read_manifest(folder)
    if as_json:
        click.echo(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        return
    last = ""
    for label, value in card(manifest, folder):
        click.echo(_line("" if label == last else label, value))
        last = label


def _line(label: str, value: str) -> str:
    """Put a label before its value, which goes on under itself; tables (several spaces in a row) stay as they are."""
    if "   " in value:
        return f"{label:<{_COLUMN}}{value}"
    width = max(_COLUMN + 40, min(shutil.get_terminal_size().columns, 120))
    return textwrap.fill(f"{label:<{_COLUMN}}{value}", width, subsequent_indent=" " * _COLUMN, break_long_words=False)


def card(manifest: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Return the essentials of a manifest as (label, value) lines; what a manifest lacks is left out."""
    files = manifest["files"]
    size = sum(int(entry["size"]) for entry in files.values()) / 1e6
    families = Counter(feature["family"] for feature in manifest.get("features", ()))
    lines = [
        ("model", f"{manifest.get('name', '?')} {manifest.get('version', '?')}"),
        ("signature", str(manifest.get("signature", ""))),
        ("created", str(manifest.get("created", ""))),
        ("made for", _PURPOSE),
        ("not for", _NO_PURPOSE),
        ("folder", f"{folder} ({len(files)} files, {size:.1f} MB)"),
        ("features", f"{families.total()}: " + ", ".join(f"{name} {n}" for name, n in families.items())),
    ]
    for level, table in manifest.get("thresholds", {}).items():
        rates = [
            f"{1 / (1 + math.exp(-row['logit'])):.3f} at {percent(row['false_positive_rate'])}"
            for row in table["rates"]
            if row["false_positive_rate"] in _SHOWN_RATES
        ]
        lines.append((f"{level} score", ", ".join(rates) + " false positives on clean English"))
    training = manifest.get("training", {})
    for source in training.get("sources", ()):
        counts = ", ".join(f"{source[side]:,} {side}" for side in ("human", "mt") if side in source)
        lines.append(("trained on", f"{source.get('file', '?')}: {counts} rows"))
    lines += [("measured", line) for line in _measured(manifest.get("metrics", {}))]
    lines.append(("weak at", "; ".join(_weaknesses(manifest.get("metrics", {})))))
    versions = manifest.get("library_versions", {})
    if versions:
        lines.append(("made with", ", ".join(f"{library} {version}" for library, version in versions.items())))
    return [(label, value) for label, value in lines if value]


def _measured(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines of a table: the whole test part, each held-out set, and learner English, by level."""
    rows = [("level", "set", "AUC", "found at 1%", "machine", "human")]
    for level, result in metrics.get("levels", {}).items():
        for one in sorted(result["sets"], key=lambda one: str(one["kind"])):  # "all" comes first
            if one["kind"] in ("all", "held_out"):
                figures = next(iter(one["scorers"].values()))
                name = "test rows" if one["kind"] == "all" else f"held out {one['name']}"
                found = _interval(figures.get("flagged_at_1%"), share=True)
                rows.append((level, name, _interval(figures.get("auc")), found, f"{one['mt']:,}", f"{one['human']:,}"))
        for one in result["false_positives"]:
            if one["kind"] == "learner" and one["name"].startswith("all "):
                figures = next(iter(one["scorers"].values()))
                flagged = _interval(figures.get("flagged_at_own_1%") or figures.get("flagged_at_1%"), share=True)
                rows.append((level, "learner English, flagged wrongly", "", flagged, "", f"{one['human']:,}"))
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.ljust(width) if at < 4 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            yield "  ".join(cells).rstrip()


def _weaknesses(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the sentences of each breakdown are hardest to tell, with the AUC; the worst three of each kind."""
    worst: dict[str, list[tuple[float, str]]] = {}
    for one in metrics.get("levels", {}).get("sentence", {}).get("sets", ()):
        auc = next(iter(one["scorers"].values())).get("auc")
        if one["kind"] not in ("all", "held_out") and auc and auc["value"] is not None and auc["value"] < _WEAK:
            worst.setdefault(one["kind"], []).append((auc["value"], one["name"]))
    for kind, found in worst.items():
        names = ", ".join(f"{name} (AUC {value:.2f})" for value, name in sorted(found)[:3])
        yield f"{kind}: {names}" + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _interval(figure: Mapping[str, Any] | None, share: bool = False) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    value, low, high = (figure[part] for part in ("value", "low", "high"))
    if share:
        return f"{100 * value:.1f}% [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
