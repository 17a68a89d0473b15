"""One fuzzing process: ``python worker.py ENGINE TARGET INPUTS SEED STATE FAILURES`` (started by fuzz.py).

Its counts and the input at hand lie in a file that the parent reads, so that nothing is lost when it crashes or hangs.
"""

from __future__ import annotations

import faulthandler
import hashlib
import mmap
import os
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

HEAD = struct.Struct("<QQddQ")
"""Inputs, calls, slowest call in seconds, when the call at hand began (0: between calls), and its length."""

ROOM = 1 << 24
MAX_DISTINCT = 20


class State:
    """Counts and the input at hand, in a mapped file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), HEAD.size + ROOM)
        self.inputs, self.calls, self.slowest = 0, 0, 0.0

    def begin(self, data: bytes) -> None:
        kept = data[:ROOM]
        self._map[HEAD.size : HEAD.size + len(kept)] = kept
        HEAD.pack_into(self._map, 0, self.inputs, self.calls, self.slowest, time.time(), len(kept))

    def end(self, inputs: int, seconds: float) -> None:
        self.inputs += inputs
        self.calls += 1
        self.slowest = max(self.slowest, seconds)
        HEAD.pack_into(self._map, 0, self.inputs, self.calls, self.slowest, 0.0, 0)


def keep(folder: Path, target: str, data: bytes, story: str) -> None:
    """Write a failing input, and beside it what went wrong."""
    folder = folder / target
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()[:16]
    (folder / f"{name}.bin").write_bytes(data)
    (folder / f"{name}.txt").write_text(story, encoding="utf-8", errors="backslashreplace")


def place_of(error: BaseException, trace: TracebackType | None) -> tuple[str, ...]:
    """Tell failures apart: kind of error and the last lines of code it went through."""
    frames = traceback.extract_tb(trace)[-3:]
    return (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames), str(error)[:20])


def main() -> None:
    faulthandler.enable()
    engine, target_name, wanted, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    state, failures = State(Path(sys.argv[5])), Path(sys.argv[6])
    if engine == "coverage":
        import atheris

        # To the end: what is imported only when it is needed is followed too.
        atheris.instrument_imports(include=["mtdetect"]).__enter__()
    from fuzzing.targets import TARGETS

    target = TARGETS[target_name]
    target.check(target.seeds()[0])  # imports and the model are not the first input's fault
    seen: set[tuple[str, ...]] = set()

    def check(data: bytes) -> None:
        state.begin(data)
        start = time.perf_counter()
        inputs = 1
        try:
            inputs = target.check(data)
        except Exception as error:
            where = place_of(error, error.__traceback__)
            if where not in seen and len(seen) < MAX_DISTINCT:
                seen.add(where)
                keep(failures, target_name, data, traceback.format_exc())
        state.end(inputs, time.perf_counter() - start)
        if state.inputs >= wanted:
            sys.stderr.flush()
            os._exit(0)

    if engine == "coverage":
        with tempfile.TemporaryDirectory() as corpus:
            for number, start in enumerate(target.seeds()):
                Path(corpus, str(number)).write_bytes(start)
            options = (f"-seed={seed % (1 << 31) or 1}", f"-max_len={target.length}", "-len_control=0")
            options += ("-timeout=86400", "-rss_limit_mb=0")  # the parent looks after both
            atheris.Setup([sys.argv[0], corpus, *options, f"-artifact_prefix={corpus}/"], check)
            atheris.Fuzz()
        return
    import hypothesis

    while True:  # one run draws from a limited number of examples
        run = hypothesis.settings(
            max_examples=2000,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )(hypothesis.given(target.strategy)(check))
        hypothesis.seed(seed)(run)()
        seed += 1


if __name__ == "__main__":
    main()
