"""Inputs that once broke a promise, and a little fuzzing of every target; ``benchmarks/fuzz.py`` does much more."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "fuzz_corpus"
FAILURES = sorted(CORPUS.glob("*/*.bin"))


def check(target: str, data: bytes) -> None:
    if target == "service":
        pytest.importorskip("msgspec", reason="the service needs its packages: pip install 'mtdetect[serve]'")
    assert TARGETS[target].check(data) > 0


@pytest.mark.parametrize("path", FAILURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_past_failures(path: Path) -> None:
    check(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_input(target: str, data: st.DataObject) -> None:
    check(target, data.draw(TARGETS[target].strategy))


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    for seed in TARGETS[target].seeds():
        check(target, seed)
