"""The site builds without a warning, and commands and the public interface stand on it whole."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mtdetect
from tests.pages import ROOT
from tests.test_docs import COMMANDS

for needed in ("sphinx", "furo", "myst_parser", "sphinx_click"):
    pytest.importorskip(needed, reason="needs the extra docs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", folder / "doctrees"]
    done = subprocess.run([*command, ROOT / "docs", folder / "html"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def _text(site: Path, page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8")))


def test_every_command_stands_in_the_reference_with_every_option(site: Path) -> None:
    page = (site / "commands.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'id="(cmdoption-[^"]+)"', page))
    text = _text(site, "commands.html")
    for name, command in COMMANDS.items():
        assert f"{name} [OPTIONS]" in text
        prefix = name.replace(" ", "-")
        for parameter in command.params:
            if parameter.opts[0].startswith("-") and not getattr(parameter, "hidden", False):
                assert f"cmdoption-{prefix}-{parameter.opts[0].lstrip('-')}" in anchors, f"{name} {parameter.opts[0]}"


def test_every_public_name_stands_on_the_page_about_python(site: Path) -> None:
    text = _text(site, "api.html")
    assert not [name for name in mtdetect.__all__ if not name.startswith("_") and not re.search(rf"\b{name}\b", text)]


def test_the_model_card_is_that_of_the_shipped_model(site: Path) -> None:
    assert mtdetect.load().signature in _text(site, "model-card.html")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", page.read_text("utf-8"))
        assert not [address for address in loaded if re.match(r"(?:https?:)?//", address)], page.name
