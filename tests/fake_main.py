"""The command line with the fake detector, as a process of its own: ``python tests/fake_main.py score``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this checkout, whatever is installed

from fake_detector import FakeDetector

import mtdetect
from mtdetect.cli import main


class SlowDetector(FakeDetector):
    """Takes its time over every chunk, so that a test can interrupt it: FAKE_SLOW seconds."""

    def score_batch(self, texts: Any, level: str = "sentence") -> Any:
        time.sleep(float(os.environ["FAKE_SLOW"]))
        return super().score_batch(texts, level)


if __name__ == "__main__":
    kind = SlowDetector if os.environ.get("FAKE_SLOW") else FakeDetector
    mtdetect.load = lambda path=None: kind()  # type: ignore[attr-defined,assignment]
    main(prog_name="mtdetect")
