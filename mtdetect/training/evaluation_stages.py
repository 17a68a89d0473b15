"""Stages of a study, kept on disk so that a stopped study goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import joblib

T = TypeVar("T")


class Stages:
    """Finished stages in a folder.

    Attributes:
        folder: where they are kept.
        report: takes progress lines.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder, self.report, self._began = folder, report, time.monotonic()

    def run(self, name: str, key: object, make: Callable[[], T]) -> T:
        """Return the result of a stage: from the folder when the same stage was finished before.

        Args:
            name: what the stage is called.
            key: all that the result depends on.
            make: computes it.
        """
        file = self.folder / f"{name}-{joblib.hash(key)}.joblib".replace("/", "_")
        if file.is_file():
            self._say(f"{name}: taken from {file}")
            kept: T = joblib.load(file)
            return kept
        self._say(f"{name} ...")
        result = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        joblib.dump(result, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)
        self._say(f"{name}: done")
        return result

    def _say(self, line: str) -> None:
        self.report(f"[{int(time.monotonic() - self._began):5d} s] {line}")
