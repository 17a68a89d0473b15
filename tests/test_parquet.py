"""Parquet in and out: types and values of untouched columns, errors, bounded row groups."""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED, FakeDetector
from runs import Run

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.formats import open_rows, open_writer
from mtdetect.formats.parquet_layout import row_groups

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def odd_table(rows: int) -> Any:
    """One column of every kind that other formats would bend."""
    texts = [[CLEAN, GARBLED, None, ""][i % 4] for i in range(rows)]
    moments = pa.array(range(0, 1000 * rows, 1000), pa.timestamp("ns", "UTC"))
    return pa.table(
        {
            "big": pa.array([2**64 - 1 - i for i in range(rows)], pa.uint64()),
            "text": pa.array(texts, pa.large_string()),
            "float": pa.array([float("nan"), -0.0, 1e-300] * rows, pa.float64()).slice(0, rows),
            "half": pa.array([0.1] * rows, pa.float32()),
            "bytes": pa.array([b"\xff\x00"] * rows),
            "when": moments,
            "day": pa.array([datetime.date(1, 1, 1)] * rows),
            "price": pa.array([decimal.Decimal("1.10")] * rows, pa.decimal128(10, 2)),
            "tag": pa.array(["a", "b", None] * rows).slice(0, rows).dictionary_encode(),
            "nested": pa.array([{"a": [1, None], "b": {"c": "x"}}, None] * rows).slice(0, rows),
            "map": pa.array([[("k", i)] for i in range(rows)], pa.map_(pa.string(), pa.int64())),
            "none": pa.nulls(rows),
        },
        metadata={"made by": "a test"},
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="," if path.suffix == ".csv" else "\t", quoting=_quoting(path)))


def _quoting(path: Path) -> Any:
    return csv.QUOTE_MINIMAL if path.suffix == ".csv" else csv.QUOTE_NONE


class TestScore:
    def test_untouched_columns_keep_types_values_and_metadata(self, run: Run, tmp_path: Path) -> None:
        table = odd_table(9000)
        source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
        pq.write_table(table, source, row_group_size=2500, compression="zstd")
        assert run("score", source, "-o", out).exit_code == 0
        table, made = pq.read_table(source), pq.read_table(out)
        assert made.column_names == [*table.column_names, "score", "flagged", "status", "reasons"]
        kept = made.select(table.column_names)
        assert kept.schema.equals(table.schema, check_metadata=True)
        for name in table.column_names:  # as bytes: NaN and -0.0 too
            assert kept[name].combine_chunks().cast(table.schema.field(name).type).to_pylist().__repr__() == (
                table[name].combine_chunks().to_pylist().__repr__()
            )
        assert pq.ParquetFile(out).metadata.row_group(0).column(0).compression == "ZSTD"
        types = {field.name: str(field.type) for field in made.schema}
        assert (types["score"], types["flagged"], types["status"]) == ("float", "bool", "string")
        assert types["reasons"] in ("list<item: string>", "list<element: string>")

    def test_the_score_is_that_of_json_lines_to_the_last_bit(self, run: Run, tmp_path: Path) -> None:
        texts = [f"zzthe cat {'zz ' * (i % 7)}sat {'on ' * (i % 11)}it" for i in range(300)]
        pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet")
        assert run("score", tmp_path / "in.parquet", "-o", tmp_path / "out.parquet").exit_code == 0
        lines = run("score", tmp_path / "in.parquet", "--output-format", "jsonl").stdout.splitlines()
        written = pa.array([json.loads(line)["score"] for line in lines], pa.float32())
        assert pq.read_table(tmp_path / "out.parquet")["score"].combine_chunks().equals(written)
        assert written.to_pylist() == FakeDetector().score_batch(texts).scores.tolist()

    def test_no_rows_still_have_their_columns(self, run: Run, tmp_path: Path) -> None:
        pq.write_table(odd_table(4).slice(0, 0), tmp_path / "in.parquet")
        assert run("score", tmp_path / "in.parquet", "-o", tmp_path / "out.parquet").exit_code == 0
        assert run("score", "--format", "txt", "-o", tmp_path / "empty.parquet", input=b"").exit_code == 0
        for name in ("out", "empty"):
            made = pq.read_table(tmp_path / f"{name}.parquet")
            assert made.num_rows == 0
            assert str(made.schema.field("score").type) == "float"

    def test_text_in_structs_and_dictionaries(self, run: Run, tmp_path: Path) -> None:
        documents = [{"body": {"text": GARBLED}}, {"body": {"text": None}}, {"body": None}, None]
        table = pa.table({"doc": documents, "coded": pa.array([GARBLED, CLEAN, None, CLEAN]).dictionary_encode()})
        pq.write_table(table, tmp_path / "in.parquet")
        for column, flags in (("doc.body.text", [True, False, False, False]), ("coded", [True, False, False, False])):
            out = tmp_path / "out.parquet"
            assert run("score", tmp_path / "in.parquet", "--text-column", column, "-o", out).exit_code == 0
            made = pq.read_table(out)
            assert made["flagged"].to_pylist() == flags
            assert made.select(["doc", "coded"]).equals(table)
        for column, words in (
            ("doc.body", "not text"),
            ("doc.title", 'no column "doc.title"'),
            ("text", "columns: doc, coded"),
        ):
            result = run("score", tmp_path / "in.parquet", "--text-column", column)
            assert result.exit_code == 4
            assert words in result.stderr

    def test_structs_that_are_null_are_what_they_are_in_json_lines(self, run: Run, tmp_path: Path) -> None:
        rows = [{"page": {"text": CLEAN}}, {"page": None}, {"page": {"text": None}}]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
        (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        statuses = []
        for name in ("in.parquet", "in.jsonl"):
            result = run("score", tmp_path / name, "--text-column", "page.text", "--output-format", "jsonl")
            assert result.exit_code == 0, result.stderr
            statuses.append([json.loads(line)["status"] for line in result.stdout.splitlines()])
        assert statuses == [["scored", "empty", "empty"]] * 2

    @pytest.mark.parametrize("errors", ["flag", "skip", "fail"])
    def test_texts_that_are_no_utf8(self, run: Run, tmp_path: Path, errors: str) -> None:
        values = [CLEAN.encode(), b"bad \xff", GARBLED.encode()]
        offsets = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, len(CLEAN), len(CLEAN) + 5, 77)))
        texts = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"".join(values)))
        assert len(b"".join(values)) == 77
        pq.write_table(pa.table({"id": [1, 2, 3], "text": texts}), tmp_path / "in.parquet")
        out = tmp_path / "out.parquet"
        result = run("score", tmp_path / "in.parquet", "-o", out, "--errors", errors)
        assert result.exit_code == 4
        assert "row 2: invalid UTF-8 at byte 5 (0xff)" in result.stderr
        if errors == "fail":
            assert not out.exists()
            return
        made = pq.read_table(out)
        assert made["id"].to_pylist() == ([1, 2, 3] if errors == "flag" else [1, 3])
        assert made["text"].cast("binary").to_pylist() == (values if errors == "flag" else values[::2])
        assert made["status"].to_pylist() == (
            ["scored", "unreadable", "scored"] if errors == "flag" else ["scored", "scored"]
        )
        result = run("score", tmp_path / "in.parquet", "--errors", errors)  # to standard output, as Parquet too
        assert pq.read_table(io.BytesIO(result.stdout_bytes)).num_rows == made.num_rows

    def test_a_damaged_file_gives_what_comes_before(self, run: Run, tmp_path: Path) -> None:
        path, out = tmp_path / "in.parquet", tmp_path / "out.jsonl"
        texts = [f"{CLEAN} {i}" for i in range(20_000)]
        pq.write_table(pa.table({"text": texts}), path, row_group_size=10_000, use_dictionary=False)
        data = bytearray(path.read_bytes())
        middle = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
        data[middle : middle + 3000] = bytes(3000)
        path.write_bytes(data)
        result = run("score", path, "-o", out)
        assert result.exit_code == 4
        assert "not readable as Parquet" in result.stderr
        assert out.read_bytes().count(b"\n") >= 4096
        path.write_bytes(bytes(data[:-20]))
        assert "not readable as Parquet" in run("score", path).stderr

    def test_other_formats_to_parquet_and_back(self, run: Run, tmp_path: Path) -> None:
        rows = [{"text": CLEAN, "n": 1, "tags": ["a"]}, {"text": GARBLED, "n": None, "tags": []}, {"text": "", "n": 3}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "in.csv").write_text(f"n,text\n007,{CLEAN}\n")
        assert run("score", tmp_path / "in.jsonl", "-o", tmp_path / "a.parquet").exit_code == 0
        made = pq.read_table(tmp_path / "a.parquet")
        assert made["n"].to_pylist() == [1, None, 3]
        assert made["tags"].to_pylist() == [["a"], [], None]
        assert run("score", tmp_path / "in.csv", "-o", tmp_path / "b.parquet").exit_code == 0
        assert pq.read_table(tmp_path / "b.parquet")["n"].to_pylist() == ["007"]
        for target in ("jsonl", "csv", "tsv"):
            result = run("score", tmp_path / "a.parquet", "--output-format", target)
            assert result.exit_code == 0
            assert len(result.stdout.splitlines()) == (3 if target == "jsonl" else 4)
            assert "mtdetect_score" in result.stdout.splitlines()[0]

    def test_odd_types_to_json_lines(self, run: Run, tmp_path: Path) -> None:
        pq.write_table(odd_table(5), tmp_path / "in.parquet")
        lines = run("score", tmp_path / "in.parquet", "--output-format", "jsonl").stdout.splitlines()
        first = json.loads(lines[0])
        assert len(lines) == 5
        assert (first["big"], first["price"], first["day"]) == (2**64 - 1, "1.10", "0001-01-01")
        assert first["when"].startswith("1970-01-01")

    def test_values_that_python_has_none_for_become_text(self, run: Run, tmp_path: Path) -> None:
        """Nanoseconds, which need pandas, and years after 9999, also inside other values."""
        odd = {
            "when": pa.array([1], pa.timestamp("ns")),
            "took": pa.array([1], pa.duration("ns")),
            "clock": pa.array([1], pa.time64("ns")),
            "far": pa.array([400_000_000_000_000_000], pa.timestamp("us")),
            "day": pa.array([5_000_000], pa.date32()),
        }
        inside = pa.StructArray.from_arrays(list(odd.values()), list(odd))
        lists = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), odd["when"])
        table = pa.table({"text": [CLEAN], **odd, "inside": inside, "lists": lists})
        pq.write_table(table, tmp_path / "in.parquet")
        result = run("score", tmp_path / "in.parquet", "--output-format", "jsonl")
        assert result.exit_code == 0, result.stderr
        row = json.loads(result.stdout)
        for values in (row, row["inside"]):
            assert re.match(r"1970-01-01[ T]00:00:00\.000000001", values["when"])
            assert str(values["far"]).startswith("14645-")
            assert str(values["day"]).startswith("15659-")
            assert values["took"] is not None
            assert values["clock"] is not None
        assert "1970-01-01" in row["lists"][0]
        assert row["score"] is not None

    @pytest.mark.parametrize("target", ["csv", "parquet"])
    @pytest.mark.parametrize("command", [("score", "-o"), ("gate", "--annotate", "--max-rejected", "100%", "--pass")])
    def test_thousands_of_rows_set_the_columns(
        self, run: Run, tmp_path: Path, target: str, command: tuple[str, ...]
    ) -> None:
        """However long they are, and however many files they come from."""
        for number in range(3):
            rows = [{"text": f"{CLEAN} " * 100, "n": number + 0.5 * (number == 2)} for _ in range(400)]
            rows[-1][f"new{number}"] = "precious"
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (tmp_path / f"{number}.jsonl").write_text(lines)
        out = tmp_path / f"out.{target}"
        result = run(*command, out, *(tmp_path / f"{number}.jsonl" for number in range(3)))
        assert result.exit_code == 0, result.stderr
        made = _rows(out)
        assert [made[400 * number + 399][f"new{number}"] for number in range(3)] == ["precious"] * 3
        assert float(made[1000]["n"]) == 2.5

    @pytest.mark.parametrize("target", ["csv", "tsv", "parquet"])
    @pytest.mark.parametrize("jobs", [1, 2])
    def test_rows_that_fit_no_column_are_kept_whole(self, run: Run, tmp_path: Path, target: str, jobs: int) -> None:
        path, out = tmp_path / "in.jsonl", tmp_path / f"out.{target}"
        rows: list[dict[str, Any]] = [{"text": f"{CLEAN} {i}", "n": i} for i in range(9000)]
        rows[8500]["new"] = "precious"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = run("score", path, "-o", out, "--jobs", jobs)
        assert result.exit_code == 4
        assert 'row 8501: "new" is no column of the output; use --output-format jsonl' in result.stderr
        made = _rows(out)
        assert len(made) == 9000
        assert json.loads(made[8500]["text"]) == rows[8500]
        assert made[8500]["status"] == "unreadable"
        assert [row["text"] for row in made[:8500] + made[8501:]] == [row["text"] for row in rows[:8500] + rows[8501:]]
        assert run("score", path, "-o", out, "--errors", "skip").exit_code == 4
        assert len(_rows(out)) == 8999
        out.unlink()
        result = run("score", path, "-o", out, "--errors", "fail")
        assert result.exit_code == 4
        assert '"new"' in result.stderr
        assert not out.exists()
        assert run("score", path, "-o", out, "--columns", "n,text,new", "--jobs", jobs).exit_code == 0
        made = _rows(out)
        assert (made[8500]["new"], made[8500]["status"]) == ("precious", "scored")
        assert list(made[0])[:3] == ["n", "text", "new"]

    @pytest.mark.parametrize(
        ("first", "late"),
        [
            ({"n": 1}, {"n": "x8000"}),
            ({"n": 1}, {"n": 1.5}),  # Arrow would cut it off, without a word
            ({"n": 1.5}, {"n": True}),
            ({"n": {"a": 1}}, {"n": {"a": 1, "new": 2}}),  # and leave this one out
            ({"n": [{"a": 1}]}, {"n": [{"a": 1, "new": [2]}]}),
        ],
    )
    def test_values_that_do_not_fit_the_type_are_kept_whole(
        self, run: Run, tmp_path: Path, first: dict[str, Any], late: dict[str, Any]
    ) -> None:
        path, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
        path.write_text(
            "".join(json.dumps({"text": CLEAN, **row}) + "\n" for row in [*[first] * 5000, late, first]) + "broken\n"
        )
        result = run("score", path, "-o", out)
        assert result.exit_code == 4
        assert re.search(r'row 5001: "n" does not fit .*--output-format jsonl', result.stderr)
        made = pq.read_table(out).to_pylist()
        assert len(made) == 5003
        assert json.loads(made[5000]["text"]) == {"text": CLEAN, **late}
        assert [row["status"] for row in made[4999:]] == ["scored", "unreadable", "scored", "unreadable"]
        assert made[5002]["text"] == "broken"

    def test_mixed_types_in_the_first_rows_and_columns_empty_there_hold_json(self, run: Run, tmp_path: Path) -> None:
        path, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
        rows = [{"text": CLEAN, "n": 1.5, "m": None}, {"text": CLEAN, "n": True}] + [{"text": CLEAN}] * 5000
        rows.append({"text": CLEAN, "m": {"a": [1]}})
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert run("score", path, "-o", out).exit_code == 0
        made = pq.read_table(out).to_pylist()
        assert [made[0]["n"], made[1]["n"], made[-1]["m"]] == ["1.5", "true", '{"a":[1]}']

    def test_rows_without_a_column_of_text_get_one_for_what_fits_nowhere(self, run: Run, tmp_path: Path) -> None:
        path, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
        path.write_text('{"doc":{"text":"' + CLEAN + '"}}\n' + '{"doc":{"text":"a"}}\n' * 5000 + '{"doc":"x"}\n')
        assert run("score", path, "--text-column", "doc.text", "-o", out).exit_code == 4
        made = pq.read_table(out).to_pylist()
        assert (made[0]["status"], made[0]["raw"]) == ("scored", None)
        assert (made[-1]["status"], made[-1]["raw"]) == ("unreadable", '{"doc":"x"}')

    def test_columns_are_named_for_tables_only_and_once(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(json.dumps({"text": CLEAN}) + "\n")
        for options, words in ((["--columns", "text"], "csv, tsv and Parquet"), (["--columns", "a,a"], "repeats")):
            result = run("score", tmp_path / "in.jsonl", *options)
            assert result.exit_code == 2
            assert words in result.stderr

    def test_a_column_of_nothing_but_null_is_empty_text(self, run: Run, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": pa.nulls(3), "doc": [{"t": None}] * 3}), tmp_path / "in.parquet")
        for column in ("text", "doc.t"):
            out = tmp_path / "out.parquet"
            assert run("score", tmp_path / "in.parquet", "-o", out, "--text-column", column).exit_code == 0
            assert pq.read_table(out)["status"].to_pylist() == ["empty"] * 3

    def test_split_keeps_the_other_columns(self, run: Run, tmp_path: Path) -> None:
        table = pa.table({"id": pa.array([1, 2], pa.int16()), "text": [f"The end. {CLEAN.title()}.", ""]})
        pq.write_table(table, tmp_path / "in.parquet")
        assert run("score", tmp_path / "in.parquet", "--split", "-o", tmp_path / "out.parquet").exit_code == 0
        made = pq.read_table(tmp_path / "out.parquet")
        assert made["id"].to_pylist() == [1, 1, 2]
        assert made.schema.field("id").type == pa.int16()
        assert made["row"].to_pylist() == [1, 1, 2]

    def test_standard_input_and_compressed_files(self, run: Run, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": [CLEAN, GARBLED]}), tmp_path / "in.parquet")
        data = (tmp_path / "in.parquet").read_bytes()
        result = run("score", "--output-format", "jsonl", input=data)
        assert [json.loads(line)["flagged"] for line in result.stdout.splitlines()] == [False, True]
        (tmp_path / "in.parquet.gz").write_bytes(gzip.compress(data))
        assert "decompress this file first" in run("score", tmp_path / "in.parquet.gz").stderr
        result = run("score", tmp_path / "in.parquet", "-o", tmp_path / "out.parquet.gz")
        assert result.exit_code == 2
        assert "compressed inside" in result.stderr

    def test_shards_in_parts(self, run: Run, tmp_path: Path) -> None:
        table = odd_table(5000)
        pq.write_table(table, tmp_path / "in.parquet")
        arguments = ("score", tmp_path / "in.parquet", "--output-dir", tmp_path / "out", "--part-rows", 1700)
        assert run(*arguments).exit_code == 0
        parts = [pq.read_table(path) for path in sorted((tmp_path / "out").glob("*.parquet"))]
        assert [part.num_rows for part in parts] == [1700, 1700, 1600]
        big = [value for part in parts for value in part["big"].to_pylist()]
        assert big == table["big"].to_pylist()


class TestReaderAndWriter:
    def test_rows_kept_as_they_came(self, tmp_path: Path) -> None:
        pq.write_table(odd_table(50), tmp_path / "in.parquet")
        table = pq.read_table(tmp_path / "in.parquet")
        reader = open_rows(tmp_path / "in.parquet")
        out = io.BytesIO()
        writer = open_writer("parquet", out, reader.columns or (), like=reader)
        for chunk in reader:
            keep = chunk.select([1, 3, 4])
            assert keep.texts == [GARBLED, "", CLEAN]
            assert [record["big"] for record in keep.records] == table["big"].take([1, 3, 4]).to_pylist()
            writer.write(keep, [])
        writer.close()
        reader.close()
        made = pq.read_table(io.BytesIO(out.getvalue()))
        assert made.schema.equals(table.schema, check_metadata=True)
        assert made["map"].to_pylist() == table["map"].take([1, 3, 4]).to_pylist()

    def test_added_types_follow_the_first_rows_where_none_are_given(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": [CLEAN] * 2}), tmp_path / "in.parquet")
        reader = open_rows(tmp_path / "in.parquet")
        out = io.BytesIO()
        writer = open_writer("parquet", out, reader.columns or (), ["n", "score", "spans"], reader)
        (chunk,) = reader
        writer.write(chunk, [{"n": 1, "score": None, "spans": []}, {"n": 2, "score": 0.1, "spans": [{"start": 0}]}])
        writer.close()
        made = pq.read_table(io.BytesIO(out.getvalue()))
        assert [str(field.type) for field in made.schema][1:3] == ["int64", "float"]
        assert made["spans"].to_pylist() == [[], ['{"start":0}']]

    def test_a_writer_that_is_given_up_writes_no_footer(self, tmp_path: Path) -> None:
        pq.write_table(odd_table(5), tmp_path / "in.parquet")
        reader = open_rows(tmp_path / "in.parquet")
        out = io.BytesIO()
        writer = open_writer("parquet", out, reader.columns or (), like=reader)
        writer.write(next(iter(reader)), [])
        writer._write_group()  # type: ignore[attr-defined]
        del writer
        assert not out.getvalue().endswith(b"PAR1")

    def test_columns_of_one_name(self, tmp_path: Path) -> None:
        table = pa.Table.from_arrays([pa.array([CLEAN]), pa.array([1]), pa.array([2])], names=["text", "id", "id"])
        pq.write_table(table, tmp_path / "in.parquet")
        (chunk,) = open_rows(tmp_path / "in.parquet")
        assert list(chunk.records) == [{"text": CLEAN, "id": 1, "id_2": 2}]
        with pytest.raises(InputError, match=r'in.parquet: 2 columns are called "id"; rename'):
            open_rows(tmp_path / "in.parquet", text_column="id")

    def test_long_texts_are_bounded(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": ["x" * 3_000_000]}), tmp_path / "in.parquet")
        reader = open_rows(tmp_path / "in.parquet", max_row_bytes=2_000_000)
        with pytest.raises(InputError, match=r"longer than 2 MB.*--max-row-mb"):
            list(reader)

    def test_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pq.write_table(odd_table(1), tmp_path / "in.parquet")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[parquet\]'"):
            open_rows(tmp_path / "in.parquet")
        with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[parquet\]'"):
            open_writer("parquet", io.BytesIO(), ["text"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_bounded_by_the_batch_not_by_the_row_group(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    texts = pa.array([f"{i} {CLEAN * 30}" for i in range(2000)])
    schema = pa.schema([("text", pa.string())])
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        table = pa.Table.from_arrays([pa.concat_arrays([texts] * 100)], schema=schema)  # 190 MB in one group
        writer.write_table(table, row_group_size=10**9)
        del table
    code = (
        "import re, sys; from pathlib import Path; from mtdetect.formats import open_rows\n"
        "print(sum(len(chunk) for chunk in open_rows(Path(sys.argv[1]))))\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, cwd=root, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == 200_000
    assert peak < 160_000  # KiB


_LONG = "She closed the door and walked home. " * 20_000  # 740 KB

_REPEATED = {
    "dictionary": lambda: pa.table({"text": pa.array([_LONG]).dictionary_encode().take(pa.array([0] * 1000))}),
    "column": lambda: pa.table({"text": [CLEAN] * 1000, "other": [_LONG] * 1000}),
    "structs": lambda: pa.table({"text": [CLEAN] * 1000, "doc": [{"body": [_LONG]}] * 1000}),
}


def _bounded(megabytes: int, code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that may take so much memory more than it has with all libraries loaded."""
    before = (
        "import resource, sys; from pathlib import Path; from mtdetect.formats import open_rows, open_writer\n"
        "import numpy, pyarrow.compute, pyarrow.parquet\n"
        "has = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (has + {megabytes * 1_000_000},) * 2)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", before + code, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},  # what threads reserve and do not use is not what is measured
    )


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space")
@pytest.mark.parametrize("kind", list(_REPEATED))
def test_long_values_that_repeat_are_never_spelled_out_together(tmp_path: Path, kind: str) -> None:
    """Spelled out, the rows take 740 MB; the process may take 560 MB more than it has before it reads."""
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = _REPEATED[kind]()
    pq.write_table(table, path)
    assert path.stat().st_size < 10_000_000
    code = (
        "reader = open_rows(Path(sys.argv[1])); count = 0\n"
        "with open(sys.argv[2], 'wb') as stream:\n"
        "    writer = open_writer('parquet', stream, reader.columns, ['n'], reader, added_types=[int])\n"
        "    for chunk in reader:\n"
        "        assert sum(map(len, chunk.texts)) <= 64_000_000\n"
        "        writer.write(chunk, [{'n': count + i} for i in range(len(chunk))]); count += len(chunk)\n"
        "    writer.close()\n"
        "print(count)"
    )
    done = _bounded(560, code, path, out)
    assert done.returncode == 0, done.stderr[-500:]
    made = pq.ParquetFile(out)
    assert made.schema_arrow.remove(len(table.schema)).equals(table.schema)
    assert made.metadata.num_rows == int(done.stdout) == table.num_rows
    first = next(made.iter_batches(2))
    assert first.drop_columns(["n"]).to_pylist() == table.slice(0, 2).to_pylist()


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space")
def test_a_page_that_memory_cannot_hold_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["x" * 1_000_000] * 100}), path, use_dictionary=False, compression="none")
    done = _bounded(50, "for _ in open_rows(Path(sys.argv[1])): pass", path)
    line = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"mtdetect.errors.InputError: .*in\.parquet, after row 0: not enough memory .* pages", line)


class TestGate:
    @pytest.mark.parametrize("annotate", [True, False])
    def test_rows_by_action_with_their_types(self, run: Run, tmp_path: Path, annotate: bool) -> None:
        table = odd_table(400)
        pq.write_table(table, tmp_path / "in.parquet")
        table = pq.read_table(tmp_path / "in.parquet")
        options = ["--max-rejected", "100%", "--level", "sentence", *(["--annotate"] if annotate else [])]
        result = run("gate", tmp_path / "in.parquet", "--output-dir", tmp_path / "out", *options)
        assert result.exit_code == 0, result.output
        made = {name: pq.read_table(tmp_path / "out" / name / "in.parquet") for name in ("pass", "review", "reject")}
        assert [made[name].num_rows for name in made] == [300, 0, 100]
        for name, keep in (("pass", [i for i in range(400) if i % 4 != 1]), ("reject", range(1, 400, 4))):
            kept = made[name].select(table.column_names)
            assert kept.schema.equals(table.schema)
            assert repr(kept.to_pydict()) == repr(table.take(list(keep)).to_pydict())
        assert len({str(part.schema) for part in made.values()}) == 1  # with and without rows
        assert ("score" in made["pass"].column_names) == annotate


@pytest.mark.parametrize("codec", ["NONE", "SNAPPY", "GZIP", "BROTLI", "LZ4", "ZSTD"])
def test_the_layout_is_what_pyarrow_says_of_a_sound_file(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(odd_table(1000), path, row_group_size=300, compression=codec)
    metadata = pq.ParquetFile(path).metadata
    with path.open("rb") as stream:
        groups = row_groups(stream, 1 << 20)
        assert len(groups) == metadata.num_row_groups == 4
        for number, group in enumerate(groups):
            known = metadata.row_group(number)
            assert (group.rows, group.size, group.codec) == (known.num_rows, known.total_byte_size, codec)
            assert len(group.columns) == known.num_columns
        with pytest.raises(ValueError, match="footer"):
            row_groups(stream, 100)
