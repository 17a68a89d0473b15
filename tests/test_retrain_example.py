"""The worked example does the whole path, and the page about it shows the commands that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mtdetect import artifact

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "retrain.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("retrain")


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    environment = {**os.environ, "MTDETECT": f"{sys.executable} -m mtdetect", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "retrain" / "run.sh"), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_example_ends_where_it_began(said: str, folder: Path) -> None:
    shipped = artifact.read_manifest(ROOT / "models" / "default")["signature"]
    candidate, calibrated = (artifact.read_manifest(folder / name) for name in ("candidate", "calibrated"))
    current = artifact.read_manifest(folder / "current")
    assert current["signature"] == shipped
    assert f"{candidate['signature']} in place of {shipped}" in said
    assert f"{calibrated['signature']} in place of {candidate['signature']}" in said
    assert f"{shipped} is back in place of {candidate['signature']}" in said
    assert calibrated["calibration"]["files"][0]["file"] == "clean.txt"
    assert len(list((folder / "current.history").glob("*.json"))) == 3


def test_the_example_shows_what_is_refused(said: str) -> None:
    assert "a threshold for 1% false positives takes 1,000" in said
    assert "exit code 4" in said


def test_rows_of_the_example_are_fit(said: str) -> None:
    assert re.search(r"\n1,\d{3} rows, \d+ human and \d+ machine: (nothing found|\d+ notes?)\n", said), said


@pytest.mark.skipif(shutil.which("apertium") is None, reason="Apertium is not installed")
def test_round_trips_are_made_where_apertium_is(said: str, folder: Path) -> None:
    assert "corpus roundtrip" in said
    assert len((folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()) > 30


def test_the_page_shows_the_commands_of_the_example(said: str) -> None:
    said = re.sub(r"(?<= )pairs\.jsonl", "examples/retrain/pairs.jsonl", said)  # where Apertium made them
    commands = set(re.findall(r"^\$ (mtdetect .+)$", said, re.M))
    shown = [
        re.sub(r"\s+# exit code \d$|(?<=--to current --bootstrap 50) --force .*", "", line)
        for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(shown) > 10
    known = {re.sub(r" --model current|-o \S+", "", command) for command in commands}
    for line in shown:
        if "corpus roundtrip" not in line:
            assert re.sub(r" --model current|-o \S+", "", line) in known, line
