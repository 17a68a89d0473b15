"""Shared fixtures: the shipped model, loaded once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mtdetect
from mtdetect.detector import Detector

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="session")
def detector() -> Detector:
    return mtdetect.load()


def load_cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return cases
