"""Where the rows of a gate go: one output an action, as they came or with the decision added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from mtdetect.cli.options import short_scores
from mtdetect.cli.score import UNREADABLE
from mtdetect.errors import InputError
from mtdetect.formats import FORMATS, Chunk, Record, RowReader, free_names, open_writer
from mtdetect.formats.base import shown_names
from mtdetect.formats.paths import step_into, value_at
from mtdetect.verdict import Span

if TYPE_CHECKING:
    from mtdetect.gate import Action, Decision

ADDED = ("action", "score", "status", "reason", "spans", "signature")
"""Everything that ``--annotate`` can add."""

_TYPES: dict[str, type] = {"score": float, "spans": Span}  # strings otherwise


def added_columns(spans: bool) -> tuple[str, ...]:
    """Return the columns that ``--annotate`` adds, with or without spans."""
    return tuple(name for name in ADDED if spans or name != "spans")


class Routes:
    """Sends each row to the output of its action.

    Args:
        streams: outputs by action, with their formats. Rows without an output are dropped, but rows to review
            then pass.
        reader: reader of the rows.
        columns: their columns, in order.
        added: columns to add, out of ``ADDED``, with their names; none: rows stay as they came.
        prefix: what stands before these names.
        escape_formulas: put ``'`` before cells that a spreadsheet would run (csv and tsv only).
    """

    def __init__(
        self,
        streams: Mapping[Action, tuple[BinaryIO, str]],
        reader: RowReader,
        columns: Sequence[str],
        added: Mapping[str, str],
        prefix: str,
        escape_formulas: bool,
    ) -> None:
        names = free_names(list(added.values()), columns, prefix)
        self._names = dict(zip(added, names, strict=True))
        types = [_TYPES.get(key, str) for key in added]
        self._rebuilt = {action for action, (_, made) in streams.items() if made != reader.format_name}
        self._writers = {
            action: open_writer(
                made, stream, columns, names, None if action in self._rebuilt else reader, escape_formulas, types
            )
            for action, (stream, made) in streams.items()
        }

    def take_types(self, rows: Sequence[Record]) -> None:
        """Let the outputs take the types of their columns from these rows."""
        for writer in self._writers.values():
            writer.take_types(rows)

    def misfits(self, chunk: Chunk) -> dict[int, str]:
        """Return which rows have no place in one of the outputs: position to reason."""
        return dict(item for writer in self._writers.values() for item in writer.misfits(chunk).items())

    def write(self, chunk: Chunk, decisions: Sequence[Decision]) -> None:
        """Write the rows of a chunk to their outputs; rows that could not be read are rejected."""
        actions = [decision.action for decision in decisions]
        for position in chunk.errors:
            actions[position] = "reject"
        values = self._values(chunk, actions, decisions) if self._names else [{}] * len(chunk)
        for action, writer in self._writers.items():
            takes = {action, "review"} if action == "pass" and "review" not in self._writers else {action}
            keep = [position for position, decided in enumerate(actions) if decided in takes]
            part = chunk if len(keep) == len(chunk) else chunk.select(keep)
            if action in self._rebuilt:
                part = replace(part, rebuilt=range(len(part)))
            writer.write(part, [values[i] for i in keep])

    def close(self) -> None:
        """Write what stands behind the last rows."""
        for writer in self._writers.values():
            writer.close()

    def _values(self, chunk: Chunk, actions: Sequence[Action], decisions: Sequence[Decision]) -> list[Record]:
        scores = short_scores([decision.score for decision in decisions])
        values = []
        for position, decision in enumerate(decisions):
            status, reason = str(decision.status), decision.reason
            if position in chunk.errors:
                status, reason = UNREADABLE, chunk.errors[position]
            cells = {
                "action": actions[position],
                "score": scores[position],
                "status": status,
                "reason": reason,
                "spans": [asdict(span) for span in decision.spans],
                "signature": decision.signature,
            }
            values.append({name: cells[key] for key, name in self._names.items()})
        return values


_MISSING = object()


def check_source(column: str, reader: RowReader) -> None:
    """Refuse a file whose rows have no place for the column with their source.

    Raises:
        InputError: the message names the file.
    """
    name = reader.source.name
    if reader.columns is None and FORMATS[reader.format_name].writer is None:
        raise InputError(f"{name}: {reader.format_name} has no columns, so that no row has a source of its own")
    if reader.columns is not None and step_into(dict.fromkeys(reader.columns), column) is None:
        shown = shown_names(reader.columns)
        raise InputError(f'{name}: no column "{column}" (columns: {shown}); name it with --source-column')


class Sources:
    """Finds the source of every row.

    Args:
        column: column that holds it; in JSON lines also a dotted path.
        reader: reader of the rows.
    """

    def __init__(self, column: str, reader: RowReader) -> None:
        self._column = column
        self._null = (
            None if reader.columns is None else ""
        )  # where columns are fixed, null is a value, and no misspelt name

    def of(self, chunk: Chunk) -> list[str | None]:
        """Return the source of each row, None where there is nothing that could be one."""
        return [self._as_name(value_at(record, self._column, _MISSING)) for record in chunk.records]

    def _as_name(self, value: Any) -> str | None:
        if value is None:
            return self._null
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int) else None
