"""``python -m mtdetect`` is the command line."""

from __future__ import annotations

from mtdetect.cli import main

main(prog_name="mtdetect")
