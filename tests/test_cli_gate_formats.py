"""The gate on Parquet and WARC: every row goes to one output, untouched."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from mtdetect.cli import main

GARBLED = "The hotel disposes of a swimming pool to the open air, and around it it is possible to practise the march."
CLEAN = "She closed the door and walked to the station in the rain."
TEXTS = [CLEAN, GARBLED, "Short.", "The board met on Tuesday."] * 5


def gate(folder: Path, source: Path, suffix: str, *more: str) -> dict[str, Path]:
    options = {"pass": "--pass", "review": "--review-out", "reject": "--reject"}
    outputs = {action: folder / f"{action}.{suffix}" for action in ("pass", "review", "reject")}
    arguments = [part for action, path in outputs.items() for part in (options[action], str(path))]
    done = CliRunner().invoke(main, ["gate", str(source), "--max-rejected", "100%", *arguments, *more])
    assert done.exit_code == 0, done.output
    return outputs


def test_parquet_rows_are_split_with_their_columns_and_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pa.table(
        {
            "id": pa.array(range(len(TEXTS)), pa.int16()),
            "text": TEXTS,
            "tags": pa.array([["a", None]] * len(TEXTS), pa.list_(pa.string())),
        }
    )
    pq.write_table(rows, tmp_path / "in.parquet")
    outputs = gate(tmp_path, tmp_path / "in.parquet", "parquet", "--level", "sentence")
    parts = {action: pq.read_table(path) for action, path in outputs.items() if path.exists()}
    assert all(part.schema.equals(rows.schema) for part in parts.values())
    found = {action: part.column("id").to_pylist() for action, part in parts.items()}
    assert sorted(i for ids in found.values() for i in ids) == list(range(len(TEXTS)))
    assert all(ids == sorted(ids) for ids in found.values())
    assert [i for i, text in enumerate(TEXTS) if text == GARBLED] == found["reject"]
    assert pa.concat_tables(parts.values()).sort_by("id").equals(rows)


def test_warc_records_keep_their_bytes(tmp_path: Path) -> None:
    warc = pytest.importorskip("fastwarc.warc")
    body = b"She closed the door and walked to the station in the rain. Her brother had left the day before."
    record = (
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-%012d>\r\n"
        b"WARC-Target-URI: https://example.org/%d\r\nWARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n%s\r\n\r\n"
    )
    source = b"".join(record % (i, i, len(body), body) for i in range(4))
    (tmp_path / "in.warc").write_bytes(source)
    outputs = gate(tmp_path, tmp_path / "in.warc", "warc")
    written = {action: path.read_bytes() for action, path in outputs.items()}
    assert b"".join(written.values()) == source  # all four say the same and go to one output
    assert [len(list(warc.ArchiveIterator(io.BytesIO(data)))) for data in written.values() if data] == [4]
