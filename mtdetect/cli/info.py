"""``mtdetect info``: what a model is, from its manifest."""

from __future__ import annotations

import math
from collections import Counter
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
    """Show what MODEL is (the shipped model if none): version, features, thresholds, training rows."""
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
        ("model", f"{manifest['name']} {manifest['version']}"),
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
    versions = manifest.get("library_versions", {})
    if versions:
        lines.append(("made with", ", ".join(f"{library} {version}" for library, version in versions.items())))
    return [(label, value) for label, value in lines if value]
