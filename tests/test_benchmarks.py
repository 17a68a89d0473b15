"""The benchmark scripts start, and their text is the same everywhere."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "common.py")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_help_and_stands_in_the_readme(script: str) -> None:
    done = subprocess.run([sys.executable, str(FOLDER / script), "--help"], capture_output=True, text=True, check=True)
    assert "--json" in done.stdout
    assert f"python benchmarks/{script}" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_generated_sentences_are_deterministic_and_of_news_length() -> None:
    sentences = runpy.run_path(str(FOLDER / "common.py"))["sentences"]
    made = sentences(500)
    assert made == sentences(500)
    assert made != sentences(500, seed=1)
    assert len(set(made)) > 480
    assert 18 < sum(len(text.split()) for text in made) / len(made) < 32
    assert not any("{" in text for text in made)
