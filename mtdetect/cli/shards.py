"""Runs over many input files (shards) that can be killed at any moment and go on with ``--resume``.

A command describes its work as a ``ShardTask`` and hands it to ``run_shards``::

    outcome = run_shards(find_files(arguments), folder, task, settings, resume=resume, moved_from=moved_from,
                         part_rows=part_rows, jobs=jobs, keep_going=errors != "fail", progress=progress)
    outcome.count_into(tally)

``outcome.facts`` holds what the task returned for every shard, this time or an earlier time, in the order of
the shards. ``mtdetect.cli.score`` is an example; ``mtdetect.cli.options`` has the options (``shard_options``,
``check_shard_options``, ``input_files``).

What holds, whenever the process dies: an output file is whole or absent (``Output``: temporary name, fsync,
rename, fsync of the folder); a shard counts as done only once the journal in the output folder says so, which
is written after its outputs; with ``--resume`` shards that are done are not touched and all others are made
from the start, so no row is lost or doubled. An input that has changed since (size or time) is made again. The
journal ties outputs to the inputs they were made from: other inputs, and files that are not of the run, are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from mtdetect.cli.journal import Entry, Journal
from mtdetect.cli.progress import Progress, Reporter
from mtdetect.cli.shard_progress import SharedCounts, SumOfShards
from mtdetect.cli.workers import WORKER_KILLED, interrupts_held, make_pool
from mtdetect.errors import InputError, MtdetectError
from mtdetect.formats.files import JOURNAL, InputFile
from mtdetect.formats.output import check_outputs

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from mtdetect.cli.stream import Inputs
    from mtdetect.cli.tally import Tally

Facts = dict[str, Any]
"""What a command notes about a shard for its summary: plain JSON values (``Tally.facts()`` and more)."""

_LOOK = 0.25  # seconds between two looks at the workers


class ShardTask(Protocol):
    """What a command does with a shard. Pickled into the workers; a detector in it loads once a process."""

    def targets(self, shard: InputFile, part: int | None) -> list[str]:
        """Name the outputs of a shard (or of its part) below the output folder; see ``output_name``."""

    def open(self, path: Path) -> Inputs:
        """Open a shard."""

    def run(self, inputs: Inputs, targets: Sequence[Path], jobs: int, progress: Reporter) -> Facts:
        """Read ``inputs`` and write every target with ``Output``; call ``progress.show(inputs)`` a chunk.

        The outputs must follow from the inputs and the settings alone. An InputError fails the shard.
        """


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        facts: of every shard that is done, in the order of the shards (and of their parts).
        failed: one line for each shard that could not be read at all.
        earlier: rows that an earlier run had done.
    """

    facts: list[Facts] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    earlier: int = 0

    def count_into(self, tally: Tally) -> None:
        """Add the counts of all shards, where the facts hold those of ``Tally.facts()``."""
        for facts in self.facts:
            tally.add(facts)
        tally.broken += self.failed
        tally.earlier = self.earlier


def run_shards(
    shards: Sequence[InputFile],
    folder: Path,
    task: ShardTask,
    settings: Mapping[str, Any],
    *,
    resume: bool,
    moved_from: Path | None,
    part_rows: int | None,
    jobs: int,
    keep_going: bool,
    progress: Progress,
) -> Outcome:
    """Do a task for every shard, into a folder.

    Args:
        shards: the inputs.
        folder: where outputs and journal go; made if it is not there.
        task: the work.
        settings: all that decides about the bytes of the outputs (plain JSON values): a run only goes on with
            the settings it started with. ``max_row_bytes`` is left out: it decides where inputs break off, and
            those are read again.
        resume: go on with the run whose journal is in the folder; False refuses such a folder.
        moved_from: go on although the inputs were below this folder when the run started.
        part_rows: cut every shard into outputs of so many rows, each of them one step of the journal.
        jobs: worker processes: over shards, or inside each where there are fewer shards.
        keep_going: whether a shard that cannot be read leaves the others alone.
        progress: told about rows and bytes.

    Raises:
        click.UsageError: outputs would overwrite inputs, each other or what this run has not made, or the
            folder holds another run.
        InputError: a shard cannot be read and ``keep_going`` is false.
        MtdetectError: a worker process was killed.
    """
    plan = {shard.name: task.targets(shard, None if part_rows is None else 0) for shard in shards}
    _refuse_overwriting(shards, folder, plan)
    settings = {name: value for name, value in settings.items() if name != "max_row_bytes"}
    with Journal(folder, shards[0].root, {**settings, "part_rows": part_rows}, resume, moved_from) as journal:
        journal.claim(plan)
        if others := journal.outputs_of_others(shards):
            files = "file that holds" if len(others) == 1 else "files that hold"
            click.echo(
                f"mtdetect: kept {len(others):,} {files} rows of inputs that are not named any more, the first "
                f"{others[0]}; remove what is not wanted",
                err=True,
            )
        outcome = Outcome()
        waiting = [shard for shard in shards if not journal.finished(shard)]
        done = (entry for shard in shards for entry in journal.entries(shard) if not entry.broken)
        outcome.earlier = sum(entry.facts["rows"] for entry in done)
        work = _Work(task, journal, part_rows)
        do = _in_pool if jobs > 1 and len(waiting) >= jobs else _one_by_one
        try:
            failed = do(work, waiting, jobs, keep_going, progress)
        except KeyboardInterrupt:
            click.echo(f"mtdetect: what is finished in {folder} stays; go on with --resume", err=True)
            raise
        journal.read()  # workers have written to it
        outcome.failed = [failed[shard.name] for shard in shards if shard.name in failed]
        outcome.facts = [entry.facts for shard in shards for entry in journal.entries(shard)]
        return outcome


@dataclass(slots=True)
class _Work:
    """A task with its journal: does whole shards; picklable."""

    task: ShardTask
    journal: Journal
    part_rows: int | None

    def do(self, shard: InputFile, jobs: int, progress: Reporter) -> None:
        """Write what of a shard is not done yet, and note it in the journal part by part."""
        done = {entry.part: entry for entry in self.journal.begin(shard)}
        entry: Entry | None = None
        state = self.journal.identity(shard)
        inputs = self.task.open(shard.path)
        try:
            for number, part in enumerate(inputs.parts(self.part_rows)):
                if entry is not None:
                    self.journal.add(shard, state, entry)
                    entry = None
                if number in done:
                    continue
                names = self.task.targets(shard, None if self.part_rows is None else number)
                targets = [self.journal.folder / name for name in names]
                for target in targets:
                    target.parent.mkdir(parents=True, exist_ok=True)
                facts = self.task.run(part, targets, jobs, progress)
                sizes = {name: target.stat().st_size for name, target in zip(names, targets, strict=True)}
                entry = Entry(number, sizes, facts)
        finally:
            inputs.first.close()
        if entry is None:  # every part was done, but not the note that these were all
            entry = done[max(done)]
        self.journal.add(shard, state, entry.as_last())


def _one_by_one(
    work: _Work, shards: Sequence[InputFile], jobs: int, keep_going: bool, progress: Progress
) -> dict[str, str]:
    failed: dict[str, str] = {}
    total = SumOfShards(progress, _size(shards))
    for shard in shards:
        try:
            work.do(shard, jobs, total)
        except InputError as error:
            if not keep_going:
                raise
            failed[shard.name] = str(error)
    return failed


def _in_pool(
    work: _Work, shards: Sequence[InputFile], jobs: int, keep_going: bool, progress: Progress
) -> dict[str, str]:
    from concurrent.futures import FIRST_COMPLETED, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    failed: dict[str, str] = {}
    context = get_context("spawn")
    rows, consumed, stop = context.Value("q", 0), context.Value("q", 0), context.Event()
    size = _size(shards)
    pool = make_pool(jobs, _prepare, work, rows, consumed, stop)
    largest_first = sorted(shards, key=lambda shard: -_size([shard]))  # none is left over for one worker at the end
    try:
        with interrupts_held():  # submitting starts processes
            running: dict[Future[None], InputFile] = {pool.submit(_do, shard): shard for shard in largest_first}
        while running:
            finished, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in finished:
                shard = running.pop(future)
                try:
                    future.result()
                except InputError as error:
                    if not keep_going:
                        raise
                    failed[shard.name] = str(error)
            progress.update(rows.value, consumed.value, size)
    except BrokenProcessPool as error:
        raise MtdetectError(
            f"{WORKER_KILLED}; finished shards are kept: go on with --resume, and fewer --jobs"
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return failed


def _size(shards: Sequence[InputFile]) -> int:
    return sum(shard.path.stat().st_size for shard in shards if shard.path.is_file())


def _refuse_overwriting(shards: Sequence[InputFile], folder: Path, plan: Mapping[str, Sequence[str]]) -> None:
    """Refuse, as wrong usage, what would write two outputs to one place, or an output over an input."""
    owners: dict[str, InputFile] = {}
    for shard in shards:
        for name in plan[shard.name]:
            other = owners.setdefault(os.path.normcase(name), shard)
            if other is not shard:
                kinds = [f"'{each.root / '**'}/*{each.suffixes}'" for each in (other, shard)]
                raise click.UsageError(
                    f"two inputs would both be written to {folder / name}: {other.path} and {shard.path}; write each "
                    f"kind of file into a folder of its own, by globs in quotes: {' and '.join(kinds)}"
                )
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is a file; name a folder for the outputs")
    parents = {parent: shard.path for shard in shards for parent in shard.path.parents}
    inside = next((path for parent, path in parents.items() if parent.resolve() == folder.resolve()), None)
    if inside is not None:
        glob = "; a glob in quotes leaves outputs out" if (folder / JOURNAL).exists() else ""
        raise click.UsageError(f"there are inputs in {folder} ({inside}); name another folder for the outputs{glob}")
    outputs = [folder / name for names in plan.values() for name in names]
    try:
        check_outputs([shard.path for shard in shards], [path for path in outputs if path.exists()])
    except InputError as error:
        raise click.UsageError(str(error)) from error


_worker: tuple[_Work, SharedCounts] | None = None  # set once in each worker process


def _prepare(work: _Work, rows: Synchronized[int], consumed: Synchronized[int], stop: Event) -> None:
    global _worker
    _worker = work, SharedCounts(rows, consumed, stop)


def _do(shard: InputFile) -> None:
    assert _worker is not None
    work, counters = _worker
    work.do(shard, 1, counters)
