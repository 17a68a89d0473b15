"""``python -m mtdetect`` is the command line."""

from __future__ import annotations

from mtdetect.cli import main

if __name__ == "__main__":
    main(prog_name="mtdetect")
