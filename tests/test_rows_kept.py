"""As many rows out as in, in order, with the bytes of what is not ours: every format to every other, broken rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run

from mtdetect.formats import FORMATS, read_rows
from mtdetect.formats.source import Source

ROWS = 40
BROKEN = (7, 23)  # rows that cannot be read


def text(i: int) -> str:
    return f"{[CLEAN, GARBLED, CLEAN][i % 3]} n{i}"


def txt() -> bytes:
    return b"".join((b"broken \xff n%d\n" % i) if i in BROKEN else f"{text(i)}\n".encode() for i in range(ROWS))


def jsonl() -> bytes:
    rows = [f'{{"n": "n{i}",  "text":"{text(i)}", "more":[1.50,{{"a":null}}]}}\n' for i in range(ROWS)]
    rows[BROKEN[0]] = f'{{"n": "n{BROKEN[0]}", "text": 5, "more": []}}\n'
    rows[BROKEN[1]] = f"not json n{BROKEN[1]}\n"
    return "".join(rows).encode()


def delimited(delimiter: str) -> bytes:
    rows = [delimiter.join((f"n{i}", text(i), "007")) + "\r\n" for i in range(ROWS)]
    rows[BROKEN[0]] = f"n{BROKEN[0]}{delimiter}too short\r\n"
    rows[BROKEN[1]] = delimiter.join((f"n{BROKEN[1]}", "too", "many", "fields")) + "\r\n"
    return (delimiter.join(("n", "text", "more")) + "\r\n" + "".join(rows)).encode()


def parquet() -> bytes:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    values = [b"broken \xff" if i in BROKEN else text(i).encode() for i in range(ROWS)]
    table = arrow.table({"n": [f"n{i}" for i in range(ROWS)], "text": values, "more": range(ROWS)})
    out = io.BytesIO()
    parquet.write_table(table, out, row_group_size=15)
    return out.getvalue()


def warc() -> bytes:
    pytest.importorskip("fastwarc")
    out = b""
    for i in range(ROWS):
        content = b"broken \xff" if i in BROKEN else text(i).encode()
        head = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: n{i}\r\nContent-Type: text/plain\r\n"
        out += head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content + b"\r\n\r\n"
    return out


DATA: dict[str, Callable[[], bytes]] = {
    "txt": txt,
    "jsonl": jsonl,
    "csv": lambda: delimited(","),
    "tsv": lambda: delimited("\t"),
    "parquet": parquet,
    "warc": warc,
}
TARGETS = [name for name, entry in FORMATS.items() if entry.writer is not None]


def number(record: dict[str, Any]) -> int:
    """The number of a row, which every row of every format has somewhere."""
    place = record.get("n") or record.get("url") or record.get("raw") or record.get("text")
    return int(re.findall(r"\bn(\d+)", str(place))[-1])


def test_every_format_has_data_here() -> None:
    assert set(DATA) == set(FORMATS)


@pytest.mark.parametrize("errors", ["flag", "skip", "fail"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", list(DATA))
def test_rows_and_order(run: Run, tmp_path: Path, source: str, target: str, errors: str) -> None:
    path, out = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    path.write_bytes(DATA[source]())
    result = run("score", path, "--output-format", target, "-o", out, "--errors", errors)
    assert result.exit_code == 4, result.output
    assert f"row {BROKEN[0] + 1}: " in result.stderr
    if errors == "fail":
        assert not out.exists()
        return
    found = list(read_rows(out))
    expected = [i for i in range(ROWS) if errors == "flag" or i not in BROKEN]
    assert [number(record) for record in found] == expected
    for i, record in zip(expected, found, strict=True):
        scored = "unreadable" if i in BROKEN else "scored"
        assert record["status"] == scored
        assert str(record["flagged"]).lower() == str(i % 3 == 1 and i not in BROKEN).lower()
        if i not in BROKEN:
            value = record["text"]
            assert (value.decode() if isinstance(value, bytes) else value) == text(i)


@pytest.mark.parametrize("source", ["jsonl", "csv", "tsv"])
def test_bytes_of_rows_in_their_own_format(run: Run, tmp_path: Path, source: str) -> None:
    path = tmp_path / f"in.{source}"
    path.write_bytes(DATA[source]())
    before = path.read_bytes().splitlines()
    after = run("score", path).stdout_bytes.splitlines()
    assert len(after) == len(before)
    header = 0 if source == "jsonl" else 1
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if position - header not in BROKEN:
            assert new.startswith(old.removesuffix(b"}"))


@pytest.mark.parametrize("pack", ["gz", "xz", "zst"])
@pytest.mark.parametrize("source", ["txt", "jsonl", "csv", "tsv", "warc"])
def test_compressed_in_and_out_is_the_same(run: Run, tmp_path: Path, source: str, pack: str) -> None:
    if pack == "zst":
        compress = pytest.importorskip("zstandard").ZstdCompressor().compress
    else:
        compress = {"gz": gzip.compress, "xz": lzma.compress}[pack]
    plain, packed = tmp_path / f"in.{source}", tmp_path / f"packed.{source}.{pack}"
    plain.write_bytes(DATA[source]())
    packed.write_bytes(compress(plain.read_bytes()))
    expected = run("score", plain).stdout_bytes
    assert run("score", packed).stdout_bytes == expected
    out = tmp_path / f"out.{'jsonl' if source in ('txt', 'warc') else source}.{pack}"
    assert run("score", packed, "-o", out).exit_code == 4
    with Source(out) as written:
        assert b"".join(written.blocks()) == expected
    assert run("score", "--format", source, input=packed.read_bytes()).stdout_bytes == expected


class TestBombs:
    @pytest.mark.parametrize("pack", ["gz", "xz", "zst"])
    def test_a_line_that_never_ends(self, run: Run, tmp_path: Path, pack: str) -> None:
        """30 MB of zeros in a few KB: the rows before are read, the rest is not, and others files are."""
        if pack == "zst":
            compress = pytest.importorskip("zstandard").ZstdCompressor().compress
        else:
            compress = {"gz": gzip.compress, "xz": lzma.compress}[pack]
        (tmp_path / f"a.txt.{pack}").write_bytes(compress(f"{CLEAN}\n".encode() + bytes(30_000_000)))
        (tmp_path / "b.txt").write_text(f"{GARBLED}\n")
        result = run("score", tmp_path / f"a.txt.{pack}", tmp_path / "b.txt", "--max-row-mb", "5")
        assert result.exit_code == 4
        assert "a row is longer than 5 MB" in result.stderr
        assert "--max-row-mb" in result.stderr
        assert [json.loads(line)["flagged"] for line in result.stdout.splitlines()] == [False, True]
        assert run("score", tmp_path / f"a.txt.{pack}", "--max-row-mb", "40").exit_code == 0

    def test_the_limit_is_for_rows_not_for_files(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text(f"{CLEAN * 100}\n" * 1000)
        assert run("score", tmp_path / "a.txt", "--max-row-mb", "1").exit_code == 0


class TestFormulas:
    CELLS = ("=1+1", "+A1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\tx", "－1+1", "-3.5", "+7", "1e-5", "a=b", "")

    @pytest.mark.parametrize("format", ["csv", "tsv"])
    def test_escaped_where_asked_for(self, run: Run, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"in.{format}"
        delimiter = {"csv": ",", "tsv": "\t"}[format]
        cells = [cell for cell in self.CELLS if format == "csv" or "\t" not in cell]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerows([("text", "=head"), *((CLEAN, cell) for cell in cells)])
        kept = run("score", path, "--no-reasons").stdout_bytes.decode()
        assert all(cell in kept for cell in cells)
        escaped = run("score", path, "--no-reasons", "--csv-formulas", "escape").stdout_bytes.decode()
        out = list(csv.reader(io.StringIO(escaped, newline=""), delimiter=delimiter))
        assert out[0][1] == "'=head"
        for cell, row in zip(cells, out[1:], strict=True):
            harmless = cell in ("-3.5", "+7", "1e-5", "a=b", "")
            assert row[1] == (cell if harmless else "'" + cell)
            assert len(row) == 5

    def test_from_other_formats_and_in_broken_rows(self, run: Run) -> None:
        data = b'{"text":"=HYPERLINK(1)","n":-5}\n=broken()\n'
        options = ("--format", "jsonl", "--output-format", "csv")
        assert "\n=HYPER" in run("score", *options, input=data).stdout
        out = list(csv.reader(io.StringIO(run("score", *options, "--csv-formulas", "escape", input=data).stdout)))
        assert out[1][:2] == ["'=HYPERLINK(1)", "-5"]
        assert "'=broken()" in out[2]

    def test_nothing_changes_without_formulas(self, run: Run) -> None:
        data = DATA["csv"]()
        plain = run("score", "--format", "csv", input=data).stdout_bytes
        assert run("score", "--format", "csv", "--csv-formulas", "escape", input=data).stdout_bytes == plain


class TestNames:
    def test_score_column(self, run: Run) -> None:
        data = f'{{"text":"{GARBLED}"}}\n'.encode()
        result = run("score", "--score-column", "garble", "--no-reasons", input=data)
        assert list(json.loads(result.stdout)) == ["text", "garble", "flagged", "status"]

    def test_a_dotted_score_column_goes_into_objects(self, run: Run) -> None:
        lines = [
            f'{{"text":"{GARBLED}", "n": 1.50}}',
            f'{{"text":"{GARBLED}","quality":{{"lang":"en"}},"z":1}}',
            f'{{"text":"{GARBLED}","quality":"high"}}',
        ]
        result = run("score", "--score-column", "quality.garble", "--no-reasons", input="\n".join(lines).encode())
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert rows[0]["quality"]["garble"] > 0.5
        assert result.stdout.startswith(lines[0][:-1])  # byte for byte
        assert rows[1]["quality"] == {"lang": "en", "garble": rows[0]["quality"]["garble"]}
        assert list(rows[1]) == ["text", "quality", "z", "flagged", "status"]
        assert rows[2]["quality"] == "high"  # nothing of the input is overwritten
        assert rows[2]["quality.garble"] == rows[0]["quality"]["garble"]

    @pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--score-column", "flagged"), "choose a name besides flagged, status, reasons"),
            (("--score-column", "flagged.score"), 'takes the place of the column "flagged"'),
            (("--score-column", "status", "--prefix", "x_"), 'takes the place of the column "status"'),
            (("--score-column", "row", "--split"), "choose a name besides row, start, end, flagged, status, reasons"),
            (("--score-column", ""), "--score-column is empty; give the column a name"),
            (("--score-column", "a\tb"), "is no name of a column; use printable characters"),
            (("--prefix", "a\nb"), "is no name of a column"),
        ],
    )
    def test_two_columns_of_one_name_are_refused(
        self, run: Run, format: str, options: tuple[str, ...], words: str
    ) -> None:
        result = run("score", "--output-format", format, *options, input=CLEAN)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr

    def test_the_name_of_a_column_that_is_left_out_is_free(self, run: Run) -> None:
        result = run("score", "--output-format", "jsonl", "--score-column", "reasons", "--no-reasons", input=CLEAN)
        assert list(json.loads(result.stdout)) == ["text", "reasons", "flagged", "status"]
