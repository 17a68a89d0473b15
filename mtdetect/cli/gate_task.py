"""What ``mtdetect gate`` does with its inputs: decide about every row, send it where it goes, and count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from mtdetect.cli.added_columns import written_format
from mtdetect.cli.gate_outputs import Routes, Sources, added_columns, check_source
from mtdetect.cli.progress import Reporter
from mtdetect.cli.shards import Facts
from mtdetect.cli.stream import Inputs, in_order
from mtdetect.formats import sniffed_format
from mtdetect.formats.files import InputFile
from mtdetect.formats.output import Output
from mtdetect.gate import ACTIONS, Action, Batch, Gate, Policy


@dataclass(frozen=True, slots=True)
class GateTask:
    """How to gate inputs: everything that decides about the outputs. Picklable; see ``ShardTask``.

    Attributes:
        gate: decides about rows.
        policy: the policy it was made of.
        annotate: whether the decision is added to the rows.
        spans: whether spans are among what is added.
        input_format: ``"auto"`` or a format name.
        text_column: column that holds the text.
        errors: ``"flag"``, ``"skip"`` or ``"fail"``.
        max_row_bytes: longest row.
        output_format: ``"auto"`` or the name of a format; about rows that the decision is added to.
        score_column: name of the column with the score, where it is added.
        prefix: what stands before the names of all added columns.
        escape_formulas: whether formulas in csv and tsv are made harmless.
    """

    gate: Gate
    policy: Policy
    annotate: bool
    spans: bool
    input_format: str
    text_column: str
    errors: str
    max_row_bytes: int
    output_format: str
    score_column: str
    prefix: str
    escape_formulas: bool

    def settings(self) -> dict[str, Any]:
        """Return all that decides about the bytes of the outputs; limits for the batch do not."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in ("gate", "policy")}
        return {"command": "gate", "model": self.gate.detector.signature, "rules": self.policy.fingerprint, **own}

    def open(self, *paths: Path | None) -> Inputs:
        """Open inputs."""
        check = partial(check_source, self.policy["sources.column"]) if self.policy.overrides else None
        return Inputs(paths, self.input_format, self.text_column, self.errors, False, self.max_row_bytes, check)

    def targets(self, shard: InputFile, part: int | None) -> list[str]:
        """Name the outputs of a shard: one an action, each in a folder of that name."""
        read = self.input_format if self.input_format != "auto" else sniffed_format(shard.path)
        return [f"{action}/{shard.output_name(self._written(read, None), part)}" for action in ACTIONS]

    def _written(self, input_format: str, output: Path | None) -> str:
        """Return the format of an output: rows that nothing is added to keep theirs."""
        return written_format(self.output_format, input_format, output) if self.annotate else input_format

    def _added(self) -> dict[str, str]:
        """Return the columns to add, with their names but without the prefix."""
        keys = added_columns(self.spans) if self.annotate else ()
        return {key: self.score_column if key == "score" else key for key in keys}

    def run(self, inputs: Inputs, targets: Sequence[Path], jobs: int, progress: Reporter) -> Facts:
        """Gate a shard into its outputs."""
        return self.decide(inputs, dict(zip(ACTIONS, targets, strict=True)), jobs, progress)

    def decide(self, inputs: Inputs, outputs: Mapping[Action, Path | None], jobs: int, progress: Reporter) -> Facts:
        """Gate inputs into outputs by action; None is standard output.

        Returns:
            The counts of ``Tally.facts()`` and, under ``"batch"``, those of ``Batch.counts()``.
        """
        sources = Sources(self.policy["sources.column"], inputs.first) if self.policy.overrides else None
        batch = Batch(self.policy, self.gate.detector.signature)
        made = {action: self._written(inputs.first.format_name, path) for action, path in outputs.items()}
        columns, rows = inputs.first_rows(settled=self.annotate and any(name != "jsonl" for name in made.values()))
        with ExitStack() as stack:
            streams = {action: (stack.enter_context(Output(path)), made[action]) for action, path in outputs.items()}
            routes = Routes(streams, inputs.first, columns, self._added(), self.prefix, self.escape_formulas)
            routes.take_types(rows)
            weigh, chunks = partial(self.gate.weigh, spans=self.annotate and self.spans), inputs.chunks(routes.misfits)
            for chunk, evidence in in_order(weigh, chunks, jobs):
                names = sources.of(chunk) if sources is not None else None
                decisions = self.gate.judge(chunk.texts, evidence, names)
                routes.write(chunk, decisions)
                readable = [i for i in range(len(chunk)) if i not in chunk.errors]
                batch.add([decisions[i] for i in readable], None if names is None else [names[i] for i in readable])
                inputs.tally.rows = batch.rows
                inputs.tally.statuses = batch.statuses
                progress.show(inputs)
            routes.close()
        batch.unreadable = inputs.tally.unreadable
        return {**inputs.tally.facts(), "batch": batch.counts()}
