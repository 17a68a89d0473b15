"""Rows with the decision added: names of the columns, formats of the outputs, types in Parquet."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED, FakeDetector
from runs import Run, outputs

from mtdetect.cli.gate_outputs import ADDED


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "gate")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records(data: bytes | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def warc(*bodies: str) -> bytes:
    record = (
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{0:012}>\r\n"
        "WARC-Target-URI: https://example.org/{0}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        "Content-Type: text/plain\r\nContent-Length: {1}\r\n\r\n{2}\r\n\r\n"
    )
    return "".join(record.format(i, len(body), body) for i, body in enumerate(bodies)).encode()


def test_plain_text_becomes_json_lines(run: Run, here: Path) -> None:
    data = f"{CLEAN}\n{GARBLED}\n\n".encode() + b"\xff\n"
    options = ("--format", "txt", "--max-unreadable", "100%", "--max-rejected", "100%", "--reject", "-")
    result = run(*options, "--annotate", "--pass", "pass.jsonl", input=data)
    assert result.exit_code == 4
    passed, rejected = records(Path("pass.jsonl").read_bytes()), records(result.stdout_bytes)
    assert [row["text"] for row in passed] == [CLEAN, ""]
    assert [(row["text"], row["status"]) for row in rejected] == [(GARBLED, "scored"), ("\ufffd", "unreadable")]
    assert [tuple(row) for row in passed + rejected] == [("text", *ADDED)] * 4
    assert rejected[0]["spans"][0]["text"] == "zzthe"
    assert {row["signature"] for row in passed + rejected} == {FakeDetector.signature}
    assert run(*options, input=data).stdout_bytes == f"{GARBLED}\n".encode() + b"\xff\n"  # as they came


def test_archives_become_json_lines(run: Run, here: Path) -> None:
    pytest.importorskip("fastwarc")
    Path("in.warc").write_bytes(warc(CLEAN, GARBLED))
    options = ("in.warc", "--max-rejected", "100%", "--reject", "-")
    (row,) = records(run(*options, "--annotate").stdout)
    assert tuple(row) == ("url", "record_id", "date", "type", "text", *ADDED)
    assert (row["url"], row["date"], row["text"]) == ("https://example.org/1", "2026-01-01T00:00:00Z", GARBLED)
    assert run(*options).stdout_bytes == warc(CLEAN, GARBLED)[len(warc(CLEAN)) :]


def test_folders_of_outputs_have_the_formats_that_score_writes(run: Run, here: Path) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text(f"{CLEAN}\n{GARBLED}\n")
    Path("in/b.csv").write_text(f"id,text\n1,{CLEAN}\n")
    options = ("in", "--annotate", "--max-rejected", "100%")
    assert run(*options, "--output-dir", "out").exit_code == 0
    found = outputs(Path("out"))
    assert sorted(found) == [
        f"{action}/{name}" for action in ("pass", "reject", "review") for name in ("a.jsonl", "b.csv")
    ]
    assert [row["text"] for row in records(found["reject/a.jsonl"])] == [GARBLED]
    assert run(*options, "--output-dir", "tables", "--output-format", "csv").exit_code == 0
    (row,) = csv.DictReader(io.StringIO(outputs(Path("tables"))["reject/a.csv"].decode()))
    assert (row["text"], row["action"]) == (GARBLED, "reject")


def test_each_stream_has_the_format_of_its_name(run: Run, here: Path) -> None:
    Path("in.csv").write_text(f"id,text\n1,{CLEAN}\n2,{GARBLED}\n3,{CLEAN}\n")
    result = run(
        "in.csv", "--annotate", "--pass", "pass.csv", "--reject", "reject.jsonl", "--max-rejected", "100%"
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert Path("pass.csv").read_text().splitlines()[0] == ",".join(("id", "text", *ADDED))
    assert [row["id"] for row in records(Path("reject.jsonl").read_bytes())] == ["2"]
    result = run("in.csv", "--annotate", "--output-format", "jsonl", "--pass", "-", "--max-rejected", "100%")
    assert [row["id"] for row in records(result.stdout)] == ["1", "3"]
    result = run("in.csv", "--annotate", "--pass", "pass.parquet.gz")
    assert (result.exit_code, "name the output pass.parquet" in result.stderr) == (2, True)


def test_columns_can_be_named(run: Run) -> None:
    def names(*options: str, **columns: Any) -> list[str]:
        data = json.dumps({"text": GARBLED, **columns}) + "\n"
        result = run("--format", "jsonl", "--annotate", "--reject", "-", *options, input=data)
        return list(records(result.stdout)[0])[1 + len(columns) :]

    assert names("--score-column", "garble") == ["action", "garble", *ADDED[2:]]
    assert names("--score-column", "garble", "--prefix", "g_", "--no-spans") == [
        "g_action", "g_garble", "g_status", "g_reason", "g_signature",
    ]  # fmt: skip
    assert names("--score-column", "garble", garble=1) == [
        f"mtdetect_{name}" for name in ("action", "garble", *ADDED[2:])
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--annotate", "--score-column", "status"), "choose a name besides action, status, reason, spans, signature"),
        (("--annotate", "--score-column", "status", "--prefix", "g_"), 'takes the place of the column "status"'),
        (("--annotate", "--score-column", ""), "--score-column is empty"),
        (("--annotate", "--prefix", "a\nb"), "is no name of a column"),
        (("--score-column", "garble"), "are for what --annotate adds"),
        (("--output-format", "csv"), "are for what --annotate adds"),
    ],
)
def test_names_that_cannot_be_are_refused(run: Run, options: tuple[str, ...], words: str) -> None:
    result = run(*options, input=CLEAN)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_span_is_a_structure_in_parquet(run: Run, here: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in (CLEAN, GARBLED, "")))
    outs = ("--pass", "pass.parquet", "--review-out", "review.parquet", "--max-rejected", "100%")
    run("in.jsonl", "--annotate", "--reject", "reject.parquet", *outs)
    tables = [parquet.read_table(f"{action}.parquet") for action in ("pass", "review", "reject")]
    fields = {"start": "int32", "end": "int32", "text": "string", "weight": "double", "reason": "string"}
    for table in tables:  # the same without a single span, and without a row
        assert {field.name: str(field.type) for field in table.schema.field("spans").type.value_type} == fields
    run("in.jsonl", "--annotate", "--reject", "reject.jsonl")
    assert tables[2]["spans"].to_pylist() == [row["spans"] for row in records(Path("reject.jsonl").read_bytes())]
    assert len(tables[2]["spans"][0]) == 5
    assert tables[0]["spans"].to_pylist() == [[], []]
