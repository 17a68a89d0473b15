"""SECURITY.md names a test for every promise, and the tests it names are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_promise_names_tests_that_exist() -> None:
    rows = [
        line
        for page in (ROOT / "SECURITY.md", ROOT / "docs" / "trust.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and "tests/" in line
    ]
    assert len(rows) > 10
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            assert re.search(rf"def {test}\(", (ROOT / file).read_text(encoding="utf-8")), f"{file}::{test}"
