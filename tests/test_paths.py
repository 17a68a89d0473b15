"""Dotted paths to a text: names with dots, and positions in lists, are found alike in JSON lines, Parquet and Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_detector import GARBLED
from runs import Run

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from mtdetect.formats import open_rows  # noqa: E402
from mtdetect.formats.arrow import column_at, fields_of, way_to  # noqa: E402

FIRST, SECOND = "The cat sat on the mat all day.", "Then it went out into the rain."
ROWS: list[dict[str, Any]] = [
    {
        "doc.body": {"text": "a"},
        "x": {"y.z": {"text": "b"}},
        "turns": [{"text": "c"}, {"text": "d"}],
        "pair": ["e", "f"],
    },
    {"doc.body": {"text": None}, "x": None, "turns": [{"text": "g"}], "pair": ["h", None]},
    {"doc.body": None, "x": {"y.z": None}, "turns": [], "pair": None},
    {"doc.body": {"text": "i"}, "x": {"y.z": {"text": "j"}}, "turns": None, "pair": ["k", "l"]},
    {"doc.body": {"text": "m"}, "x": {"y.z": {"text": "n"}}, "turns": [None, {"text": "o"}], "pair": ["p", "q"]},
]
FOUND = {
    "doc.body.text": ["a", None, None, "i", "m"],
    "x.y.z.text": ["b", None, None, "j", "n"],
    "turns.0.text": ["c", "g", None, None, None],
    "turns.1.text": ["d", None, None, None, "o"],
    "turns.999999999.text": [None] * 5,
    "pair.1": ["f", None, None, "l", "q"],
    "pair.2": [None] * 5,
}


def texts(path: Path, column: str) -> list[str | None]:
    reader = open_rows(path, text_column=column)
    try:
        chunks = list(reader)
    finally:
        reader.close()
    assert not any(chunk.errors for chunk in chunks)
    return [text for chunk in chunks for text in chunk.texts]


@pytest.mark.parametrize("lists", [pa.list_, pa.large_list])
def test_a_path_finds_the_same_text_everywhere(tmp_path: Path, lists: Any) -> None:
    table = pa.Table.from_pylist(ROWS)
    kinds = {"turns": lists(pa.struct([("text", pa.string())])), "pair": pa.list_(pa.string(), 2)}
    for name, kind in kinds.items():
        values = pa.array([row[name] for row in ROWS], kind)
        table = table.set_column(table.schema.get_field_index(name), name, values)
    whole = pa.array([row["pair"] or [None, None] for row in ROWS], kinds["pair"])
    at = table.schema.get_field_index("pair")
    pq.write_table(table.set_column(at, "pair", whole), tmp_path / "rows.parquet")  # pyarrow 25 reads no null there
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    for path, expected in FOUND.items():
        assert texts(tmp_path / "rows.jsonl", path) == expected, path
        assert texts(tmp_path / "rows.parquet", path) == expected, path
        for part, start in ((table, 0), (table.slice(1), 1), (table.slice(2).to_batches()[0], 2), (table.slice(5), 5)):
            found = way_to(path, fields_of(part.schema), fields_of)
            assert found is not None
            assert column_at(part, found[0]).to_pylist() == expected[start:], path


def test_a_list_asks_for_a_position(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"turns": [{"text": "Hello there."}]}\n')
    pq.write_table(pa.Table.from_pylist([{"turns": [{"text": "Hello there."}]}]), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        result = run("score", tmp_path / name, "--text-column", "turns.text")
        assert result.exit_code == 4
        assert '"turns" is a list, not an object; name a position in it: turns.0.text' in result.stderr


def test_split_writes_sentences_where_the_path_leads(run: Run, tmp_path: Path) -> None:
    row = {"a.b": {"turns": [{"text": "x"}, {"text": f"{FIRST} {SECOND}", "role": "user"}]}, "id": 1}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        options = ("--split", "--text-column", "a.b.turns.1.text", "--output-format", "jsonl")
        written = [json.loads(line) for line in run("score", tmp_path / name, *options).stdout.splitlines()]
        assert [entry["a.b"]["turns"][1]["text"] for entry in written] == [FIRST, SECOND]
        assert all(entry["a.b"]["turns"][0]["text"] == "x" and entry["id"] == 1 for entry in written)


def test_sources_of_the_gate_follow_paths(run: Run, tmp_path: Path) -> None:
    row = {"text": GARBLED, "a.b": {"turns": [{"site": "s"}]}}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        summary = tmp_path / "summary.json"
        options = ("--source-column", "a.b.turns.0.site", "--override", "s", "short", "reject", "--summary", summary)
        run("gate", tmp_path / name, "--level", "sentence", *options)
        assert sum(json.loads(summary.read_bytes())["sources"]["s"].values()) == 1
