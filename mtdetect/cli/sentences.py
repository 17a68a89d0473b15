"""Rows of running text to rows of one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mtdetect.formats import Chunk, Record
from mtdetect.formats.jsonl import replace_text
from mtdetect.formats.source import CHUNK_ROWS


@dataclass(slots=True)
class SplitChunk(Chunk):
    """Sentences as rows: ``rows`` holds the number of the row each came from.

    Attributes:
        starts: first character of each sentence in its row's text.
        ends: one past its last character.
    """

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


def split_rows(chunk: Chunk, text_column: str) -> Iterator[SplitChunk]:
    """Yield the sentences of a chunk's rows; a row without sentences, or with an error, stays one row."""
    from mtdetect.text import split_sentences

    current = _new(chunk)
    for position, text in enumerate(chunk.texts):
        record = chunk.records[position]
        if position in chunk.errors:
            current.errors[len(current)] = chunk.errors[position]
        spans = split_sentences(text) if text else ()
        for start, end in spans or ((0, len(text or "")),):
            sentence = None if text is None else text[start:end]
            whole = record if sentence is None else replace_text(record, text_column, sentence)
            _append(current, chunk.rows[position], start, end, sentence, whole)
            if len(current) >= CHUNK_ROWS:
                yield _closed(current)
                current = _new(chunk)
    if len(current):
        yield _closed(current)


def _new(chunk: Chunk) -> SplitChunk:
    return SplitChunk(chunk.source, [], [], [], [])


def _append(chunk: SplitChunk, row: int, start: int, end: int, sentence: str | None, record: Record) -> None:
    assert isinstance(chunk.rows, list)
    assert isinstance(chunk.records, list)
    chunk.rows.append(row)
    chunk.raws.append(b"")
    chunk.texts.append(sentence)
    chunk.records.append(record)
    chunk.starts.append(start)
    chunk.ends.append(end)


def _closed(chunk: SplitChunk) -> SplitChunk:
    chunk.rebuilt = range(len(chunk))
    return chunk
