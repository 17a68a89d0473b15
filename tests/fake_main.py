"""The command line with the fake detector, as a process of its own: ``python tests/fake_main.py score``."""

from __future__ import annotations

import multiprocessing
import os
import signal
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


class MortalDetector(FakeDetector):
    """Kills the worker process that it is in, at the second chunk, as a system without memory does: FAKE_KILLED."""

    calls = 0

    def score_batch(self, texts: Any, level: str = "sentence") -> Any:
        self.calls += 1
        if self.calls == 2 and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score_batch(texts, level)


if __name__ == "__main__":
    kind = FakeDetector
    if os.environ.get("FAKE_SLOW"):
        kind = SlowDetector
    elif os.environ.get("FAKE_KILLED"):
        kind = MortalDetector
    mtdetect.load = lambda path=None: kind()  # type: ignore[attr-defined,assignment]
    main(prog_name="mtdetect")
