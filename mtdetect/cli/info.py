"""``mtdetect info``: what a model is, from its manifest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from mtdetect.cli.options import MODEL_FOLDER, percent

_SHOWN_RATES = (0.001, 0.01, 0.05)  # false-positive rates whose thresholds the card lists


@click.command("info")
@click.argument("model", type=MODEL_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the whole manifest.")
def info(model: Path | None, as_json: bool) -> None:
    """Show what MODEL is (the shipped model if none): version, features, thresholds, training rows, figures.

    Figures are those that train measured on rows the model had not seen: machine text found at 1% false
    positives, human text flagged, with 95% intervals. MODEL_CARD.md in the folder has all of them.
    """
    from mtdetect import artifact

    folder = model or artifact.default_model()
    manifest = artifact.read_manifest(folder)
    if as_json:
        click.echo(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        return
    for label, value in card(manifest, folder):
        click.echo(f"{label:<16}{value}")


def card(manifest: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Return the essentials of a manifest as (label, value) lines; what a manifest lacks is left out."""
    files = manifest["files"]
    size = sum(int(entry["size"]) for entry in files.values()) / 1e6
    families = Counter(feature["family"] for feature in manifest.get("features", ()))
    lines = [
        ("model", f"{manifest.get('name', '?')} {manifest.get('version', '?')}"),
        ("signature", str(manifest.get("signature", ""))),
        ("created", str(manifest.get("created", ""))),
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


def _interval(figure: Mapping[str, Any] | None, share: bool = False) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    value, low, high = (figure[part] for part in ("value", "low", "high"))
    if share:
        return f"{100 * value:.1f}% [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
