"""Inputs that once broke a promise, and a little fuzzing of every target; ``benchmarks/fuzz.py`` does much more."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "fuzz_corpus"
FAILURES = sorted(CORPUS.glob("*/*.bin"))


@pytest.mark.parametrize("path", FAILURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_past_failures(path: Path) -> None:
    assert TARGETS[path.parent.name].check(path.read_bytes()) > 0


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_input(target: str, data: st.DataObject) -> None:
    assert TARGETS[target].check(data.draw(TARGETS[target].strategy)) > 0


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    for seed in TARGETS[target].seeds():
        assert TARGETS[target].check(seed) > 0
