"""The load benchmark, short: nothing accepted is lost, and single calls profit from company."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.harness import ROOT

pytest.importorskip("msgspec", reason="the service needs its packages: pip install 'mtdetect[serve]'")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_more_than_it_can_do_for_a_while(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "service_load.py"), "--json", str(out)]
    options = ["--duration", "2", "--speed-seconds", "1.5", "--connections", "64"]
    subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True, timeout=300)
    figures = {row["name"]: row["value"] for row in json.loads(out.read_text())["figures"]}
    assert figures["overload: large requests answered"] > 0
    assert figures["overload: refused with 503 and Retry-After"] > 0
    assert figures["overload: single calls answered beside them"] > 0
    assert figures["overload: accepted and lost"] == 0
    assert figures["overload: answers that differ from the API"] == 0
    assert figures["overload: peak memory, last third"] < 500
    assert figures["stop under load: accepted"] >= 1
    assert figures["stop under load: lost"] == 0
    assert figures["exit code after the stop"] == 0
    # On a busy machine ratios wander; one text at a time without micro-batches would give a tenth of this.
    assert figures["sentences, one a request, 64 connections, to batches"] > 0.1
    assert figures["documents: single calls to batches"] > 0.2
