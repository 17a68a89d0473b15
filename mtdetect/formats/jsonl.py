"""JSON lines: one object a line. Blank lines are no rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from mtdetect.formats.base import (
    RAW_COLUMN,
    Chunk,
    Record,
    RowReader,
    RowWriter,
    encodable,
    kind_of,
    shown_names,
)
from mtdetect.formats.paths import follow, step_into, value_at
from mtdetect.formats.txt import invalid_utf8

MAX_DEPTH = 500
"""Levels of lists and objects that a row may have; encoders that have to write it again give up near 1000."""

_TOO_DEEP = f"lists and objects nested more than {MAX_DEPTH} deep"


class JsonLinesReader(RowReader):
    """Reads one JSON object a line; ``text_column`` may be a dotted path (``page.text``, ``turns.0.text``)."""

    format_name = "jsonl"

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; a line that is no JSON object, or has no text, carries an error."""
        first = 1
        for lines in self.source.line_batches():
            chunk = self._chunk(lines, first)
            first += len(chunk)
            if len(chunk):
                yield chunk

    def _chunk(self, lines: list[bytes], first: int) -> Chunk:
        raws: list[bytes] = []
        texts: list[str | None] = []
        records: list[Record] = []
        errors: dict[int, str] = {}
        rebuilt: set[int] = set()
        column = self.text_column
        loads = orjson.loads
        for line in lines:
            text: str | None = None
            strict = True
            try:
                record = loads(line)
                if type(record) is not dict:
                    raise ValueError(f"{kind_of(record)} where a JSON object is expected{_array_hint(line)}")
                if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _depth(record) > MAX_DEPTH:
                    raise ValueError(_TOO_DEEP)
            except ValueError as problem:
                if not line.strip():
                    continue
                strict = False
                record, error = _second_try(line, problem)
                if error is not None:
                    errors[len(raws)] = error
                    rebuilt.add(len(raws))
            if column is not None and len(raws) not in rebuilt:
                value = record.get(column)
                if strict and type(value) is str:  # the common case, kept short
                    text = value
                else:
                    text, error = _text_at(record, column)
                    if error is not None:
                        errors[len(raws)] = error
            raws.append(line)
            texts.append(text)
            records.append(record)
        return Chunk(self.source.name, range(first, first + len(raws)), raws, texts, records, errors, rebuilt)


class JsonLinesWriter(RowWriter):
    """Writes one JSON object a line; the bytes of rows that came as JSON objects are kept.

    An added name with dots is a path: ``quality.score`` goes into the object ``quality``, which is made where
    the row has none. A row that has it is written anew; where a path is taken, the name is used as it is.
    """

    format_name = "jsonl"

    def _start(self, preamble: bytes) -> None:
        self.stream.write(preamble)

    def write(self, chunk: Chunk, values: Sequence[Record]) -> None:
        """Write the rows of a chunk; an added name that a row already has gets ``mtdetect_`` in front."""
        out: list[bytes] = []
        rebuilt, added = chunk.rebuilt, frozenset(self.added)
        dotted = any("." in name for name in added)
        for position, value in enumerate(values):
            record = chunk.records[position]
            if dotted:
                value = _nested(value, record)
                if any(name in record for name in value):
                    out += (dump({**record, **value}), b"\n")
                    continue
            if not added.isdisjoint(record):
                value = _renamed(value, record)
            if position not in rebuilt and record:
                out.append(chunk.raws[position].rstrip()[:-1])
                out.append(b"," + dump(value)[1:])
            else:
                out.append(dump({**record, **value}))
            out.append(b"\n")
        self.stream.write(b"".join(out))


def dump(value: Any) -> bytes:
    """Encode one value, keeping what strict encoders refuse (lone surrogates, huge integers, bytes)."""
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> str:
    """Return what JSON has no form for (bytes, decimals, durations, from Parquet) as text."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def replace_text(record: Any, column: str, text: str) -> Any:
    """Return a copy of the record whose text at the (dotted) column is another one."""
    step, rest = step_into(record, column) or (column, None)
    entry = text if rest is None else replace_text(record[step], rest, text)
    if isinstance(record, list):
        return [entry if position == step else other for position, other in enumerate(record)]
    return {**record, step: entry}


_MISSING = object()


def _second_try(line: bytes, problem: ValueError) -> tuple[Record, str | None]:
    """Read what the strict parser refused but Python's accepts: NaN, lone surrogates."""
    raw = {RAW_COLUMN: line.rstrip(b"\r\n").decode(errors="backslashreplace")}
    if not isinstance(problem, orjson.JSONDecodeError):
        return raw, str(problem)
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return raw, invalid_utf8(error)
    except (ValueError, RecursionError):
        return raw, f"invalid JSON: {problem}{_array_hint(line)}"
    if type(record) is not dict:
        return raw, f"{kind_of(record)} where a JSON object is expected"
    if _depth(record) > MAX_DEPTH:
        return raw, _TOO_DEEP
    return record, None


def _depth(value: Any) -> int:
    """Count the levels of a JSON value, level by level: recursion is what has to be avoided."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [entry for entries in inner for entry in entries]
    return depth


def _array_hint(line: bytes) -> str:
    if line.lstrip().startswith(b"["):
        return " (a JSON array? one object a line is needed: jq -c '.[]' FILE)"
    return ""


def _text_at(record: Record, column: str) -> tuple[str | None, str | None]:
    """Return the text at a dotted path, or why there is none; null is no text and no error."""
    value = value_at(record, column, _MISSING)
    if value is _MISSING:
        found, rest = follow(record, column)
        if not isinstance(found, dict):
            outer = column[: -len(rest or "") - 1]
            if isinstance(found, list):
                return None, f'"{outer}" is a list, not an object; name a position in it: {outer}.0.{rest}'
            return None, f'"{outer}" is {kind_of(found)}, not an object'
        fields = shown_names(record)
        return None, f'no field "{column}" (fields: {fields}); name the text field with --text-column'
    if isinstance(value, str):
        return encodable(value), None
    if value is None:
        return None, None
    return None, f'"{column}" is {kind_of(value)}, not a string'


def _nested(value: Record, record: Record) -> Record:
    """Turn names with dots into objects, merged with those of the record."""
    result: Record = {}
    for name, entry in value.items():
        outer, *steps = name.split(".")
        merged = _with(result.get(outer, record.get(outer, {})), steps, entry) if steps else None
        if merged is None:
            result[name] = entry
        else:
            result[outer] = merged
    return result


def _with(value: Any, steps: list[str], entry: Any) -> Record | None:
    """Return a copy of an object with an entry at a path; None where something else stands in the way."""
    if not isinstance(value, dict):
        return None
    step, *rest = steps
    if not rest:
        return None if step in value else {**value, step: entry}
    inner = _with(value.get(step, {}), rest, entry)
    return None if inner is None else {**value, step: inner}


def _renamed(value: Record, record: Record) -> Record:
    renamed = value
    while any(name in record for name in renamed):
        renamed = {"mtdetect_" + name: entry for name, entry in renamed.items()}
    return renamed
