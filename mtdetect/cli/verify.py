"""``mtdetect verify``: check every file of a model against its recorded hash."""

from __future__ import annotations

from pathlib import Path

import click

from mtdetect.cli.options import MODEL_FOLDER


@click.command("verify")
@click.argument("model", type=MODEL_FOLDER, required=False)
def verify(model: Path | None) -> None:
    """Check every file of MODEL (the shipped model if none) against the hash in its manifest.

    Exit code 0: everything is as it was written; 1: it is not, and the line says which file.
    """
    from mtdetect import artifact

    folder = model or artifact.default_model()
    artifact.verify(folder)
    manifest = artifact.read_manifest(folder)
    signature = manifest.get("signature", "no signature")
    click.echo(f"{folder}: all {len(manifest['files'])} files match their hashes; {signature}")
