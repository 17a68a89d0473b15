"""``mtdetect info``: what a model is, from its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from mtdetect.cli.options import MODEL_FOLDER


@click.command("info")
@click.argument("model", type=MODEL_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the whole manifest.")
def info(model: Path | None, as_json: bool) -> None:
    """Show what MODEL is (the shipped model if none): version, training rows, measured quality."""
    from mtdetect import artifact

    folder = model or artifact.default_model_path()
    manifest = artifact.read_manifest(folder)
    if as_json:
        click.echo(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        return
    for label, value in card(manifest, folder):
        click.echo(f"{label:<14}{value}")


def card(manifest: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Return the essentials of a manifest as (label, value) lines."""
    files = manifest.get("files", {})
    size = sum(int(entry["size"]) for entry in files.values()) / 1e6
    lines = [
        ("model", f"{manifest['name']} {manifest['version']}"),
        ("signature", str(manifest.get("signature", ""))),
        ("created", str(manifest.get("created", ""))),
        ("folder", f"{folder} ({len(files)} files, {size:.1f} MB)"),
        ("features", str(len(manifest.get("features", ())))),
    ]
    return lines
