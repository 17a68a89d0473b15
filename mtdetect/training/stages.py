"""Stages of long work, kept on disk so that a stopped run goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import joblib

T = TypeVar("T")

_SHORTEST_FORECAST = 5.0


class Stages:
    """Finished stages in a folder.

    Args:
        folder: where they are kept, or None.
        report: takes progress lines.
        costs: where the stages are known beforehand: their names in order, and what each costs beside the others.
            Progress lines then number the stages and tell the time left.
    """

    def __init__(
        self,
        folder: Path | None,
        report: Callable[[str], None] = lambda _: None,
        costs: Mapping[str, float] | None = None,
    ) -> None:
        self.folder, self.report, self.costs, self._began = folder, report, dict(costs or {}), time.monotonic()
        self._spent = self._cost = 0.0  # of stages that were run, not taken from the folder

    def run(self, name: str, key: object, make: Callable[[], T]) -> T:
        """Return the result of a stage: from the folder when the same stage was finished before.

        Args:
            name: what the stage is called; one of the costs, where there are any.
            key: all that the result depends on.
            make: computes it.
        """
        file = None if self.folder is None else self.folder / f"{name}-{joblib.hash(key)}.joblib".replace("/", "_")
        if file is not None and file.is_file():
            self._say(name, f": taken from {file}")
            kept: T = joblib.load(file)
            return kept
        self._say(name, f" ...{self._forecast(name)}")
        start = time.monotonic()
        result = make()
        self._spent += time.monotonic() - start
        self._cost += self.costs.get(name, 0)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            joblib.dump(result, file.with_suffix(".part"))
            file.with_suffix(".part").replace(file)
        self._say(name, ": done")
        return result

    def _say(self, name: str, what: str) -> None:
        number = f"{list(self.costs).index(name) + 1} of {len(self.costs)} " if self.costs else ""
        self.report(f"[{int(time.monotonic() - self._began):5d} s] {number}{name}{what}")

    def _forecast(self, name: str) -> str:
        """Tell the time left, by the pace of the stages so far."""
        if not self._cost:
            return ""
        names = list(self.costs)
        left = sum(self.costs[stage] for stage in names[names.index(name) :]) * self._spent / self._cost
        if left < _SHORTEST_FORECAST:
            return " a few seconds left"
        return f" about {left:,.0f} s left" if left < 100 else f" about {left / 60:,.0f} min left"
