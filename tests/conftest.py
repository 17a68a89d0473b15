"""Shared fixtures: the shipped model, loaded once; the command line with the fake detector; a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium; tests are skipped where it is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install 'mtdetect[browser-test]' to try pages")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs a browser: apt-get install --no-install-recommends chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,900"):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


def load_cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return cases
