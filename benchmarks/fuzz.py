"""A million hostile inputs: texts, files, models, policies, requests; from two engines, with a table of what broke."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click
from common import ROOT, json_option, machine
from fuzzing.worker import HEAD, ROOM, keep

WORKER = Path(__file__).parent / "fuzzing" / "worker.py"
PROPERTY_SHARE = 0.02
"""Share of the inputs of a target that are property-based: these are made with more care, and take much longer."""

MAX_RESTARTS = 5
INTERRUPTED = (72, -15, -2)  # how a worker ends when somebody else stops it


@dataclass
class Job:
    """One target under one engine."""

    target: str
    engine: str
    wanted: int
    seed: int
    folder: Path
    inputs: int = 0
    calls: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    covered: int = 0
    found: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    @property
    def state(self) -> Path:
        return self.folder / f"{self.target}-{self.engine}.state"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.target}-{self.engine}.log"

    def start(self, failures: Path) -> None:
        with self.state.open("wb") as file:
            file.truncate(HEAD.size + ROOM)
        arguments = [
            self.engine,
            self.target,
            self.wanted - self.inputs,
            self.seed + self.restarts,
            self.state,
            failures,
        ]
        self.started = time.time()
        with self.log.open("wb") as log:
            command = [sys.executable, str(WORKER), *map(str, arguments)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    def look(self, failures: Path, hang: float, deadline: float) -> bool:
        """Follow the process: note a crash or a hang and go on; returns whether the job is over."""
        assert self.process is not None
        code = self.process.poll()
        with self.state.open("rb") as file:
            inputs, calls, slowest, began, length = HEAD.unpack(file.read(HEAD.size))
            data = file.read(length)
        hanging = code is None and began > 0 and time.time() - began > hang
        late = time.time() > deadline
        if code is None and not hanging and not late:
            return False
        if code is None:
            self.process.terminate() if late else self.process.send_signal(6)
            self.process.wait()
        self.inputs, self.calls, self.slowest = self.inputs + inputs, self.calls + calls, max(self.slowest, slowest)
        self.seconds += time.time() - self.started
        story = self.log.read_text(encoding="utf-8", errors="replace")
        self.covered = max([self.covered, *(int(count) for count in re.findall(r"\bcov: (\d+)", story))])
        if code == 0 or (late and not hanging):
            return True
        if code not in INTERRUPTED:
            self.found["hang" if hanging else "crash"] += 1
            keep(failures, self.target, data, f"{'hang' if hanging else f'crash, exit code {code}'}\n{story[-4000:]}")
        self.restarts += 1
        if self.restarts > MAX_RESTARTS or self.inputs >= self.wanted:
            return True
        self.start(failures)
        return False


@click.command()
@click.option("--inputs", type=click.IntRange(min=1000), default=1_000_000, show_default=True, help="Inputs in all.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes at a time.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other inputs.")
@click.option("--minutes", type=float, default=60.0, show_default=True, help="Stop after this long in any case.")
@click.option("--hang", type=float, default=30.0, show_default=True, help="Seconds that make a call a hang.")
@click.option("--target", "only", multiple=True, help="Only these targets (several times); all if not given.")
@click.option(
    "--failures",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "tests" / "fuzz_corpus",
    help="Where failing inputs are kept; tests/fuzz_corpus, which the tests replay, if not given.",
)
@json_option
def main(
    inputs: int, jobs: int, seed: int, minutes: float, hang: float, only: tuple[str, ...], failures: Path,
    json_out: Path | None,
) -> None:  # fmt: skip
    """Feed hostile inputs to everything that takes input, and keep those that break a promise.

    Most inputs are mutated to reach new code (atheris), some are made by properties (hypothesis).
    The exit code is 1 if anything broke.
    """
    from fuzzing.targets import TARGETS

    try:
        import atheris  # noqa: F401
        import httptools  # noqa: F401
        import msgspec  # noqa: F401
    except ImportError as error:
        raise click.UsageError(
            f"fuzzing needs the package {error.name}; install it with: pip install 'mtdetect[fuzz,serve]'"
        ) from None
    unknown = sorted(set(only) - set(TARGETS))
    if unknown:
        raise click.UsageError(f"no target {unknown[0]!r}; targets: {', '.join(TARGETS)}")
    chosen = {name: target for name, target in TARGETS.items() if not only or name in only}
    total = sum(target.share for target in chosen.values())
    failures.mkdir(parents=True, exist_ok=True)
    before = set(failures.glob("*/*.bin"))
    with tempfile.TemporaryDirectory() as scratch:
        waiting = []
        for name, target in chosen.items():
            count = inputs * target.share / total
            for engine, share in (("coverage", 1 - PROPERTY_SHARE), ("property", PROPERTY_SHARE)):
                waiting.append(Job(name, engine, round(count * share) + 1, seed, Path(scratch)))
        done = run(waiting, jobs, failures, hang, time.time() + 60 * minutes)
    new = sorted(set(failures.glob("*/*.bin")) - before)
    for path in new:
        kind = kind_of(path.with_suffix(".txt").read_text(encoding="utf-8"))
        if kind:
            next(job for job in done if job.target == path.parent.name).found[kind] += 1
    report(done, json_out, seed)
    for path in new:
        click.echo(f"kept: {path}")
    if any(job.found.total() for job in done):
        raise SystemExit(1)


def run(waiting: list[Job], jobs: int, failures: Path, hang: float, deadline: float) -> list[Job]:
    """Run jobs, a few at a time, until all are over."""
    running: list[Job] = []
    done: list[Job] = []
    waiting = list(waiting)
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(waiting.pop(0))
            running[-1].start(failures)
        time.sleep(0.2)
        for job in list(running):
            if job.look(failures, hang, deadline):
                running.remove(job)
                done.append(job)
                click.echo(f"{job.target}, {job.engine}: {job.inputs:,} inputs in {job.seconds:.0f} s", err=True)
    return done


def kind_of(story: str) -> str:
    """Name the kind of a failure that a worker kept; crashes and hangs were counted when they happened."""
    if story.startswith(("crash", "hang")):
        return ""
    return "lost row" if "LostRowError" in story else "other"


def report(done: list[Job], json_out: Path | None, seed: int) -> None:
    """Print the table, and write it as JSON where asked for."""
    kinds = ("crash", "hang", "lost row", "other")
    head = ("target", "engine", "inputs", "calls", "seconds", "slowest call", "edges", *kinds)
    rows = [
        (
            job.target,
            job.engine,
            job.inputs,
            job.calls,
            job.seconds,
            job.slowest,
            job.covered,
            *(job.found[k] for k in kinds),
        )
        for job in sorted(done, key=lambda job: (job.engine, job.target))
    ]
    sums = [sum(job.found[kind] for job in done) for kind in kinds]
    rows.append(
        ("all", "", sum(j.inputs for j in done), sum(j.calls for j in done), sum(j.seconds for j in done),
         max(j.slowest for j in done), sum(j.covered for j in done), *sums)
    )  # fmt: skip
    click.echo(f"| {' | '.join(head)} |\n|{'---|' * 2}{'---:|' * (len(head) - 2)}")
    for target, engine, inputs, calls, seconds, slowest, covered, *found in rows:
        cells = [target, engine, f"{inputs:,}", f"{calls:,}", f"{seconds:.0f}", f"{slowest:.2f} s", f"{covered:,}"]
        click.echo(f"| {' | '.join([*cells, *map(str, found)])} |")
    if json_out is not None:
        data = {"seed": seed, "machine": machine(), "rows": [dict(zip(head, row, strict=True)) for row in rows]}
        json_out.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
