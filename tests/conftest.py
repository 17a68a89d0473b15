"""Shared fixtures: the shipped model, loaded once, and the command line with the fake detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_detector import FakeDetector
from runs import Run

import mtdetect
from mtdetect.cli import main
from mtdetect.detector import Detector

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="session")
def detector() -> Detector:
    return mtdetect.load()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command line with the fake detector in place of the shipped model."""
    monkeypatch.setattr(mtdetect, "load", lambda path=None: FakeDetector(), raising=False)

    def call(*arguments: object, input: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
        assert "Traceback" not in result.output
        return result

    return call


def load_cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return cases
