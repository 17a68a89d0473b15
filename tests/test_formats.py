from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.formats import FORMATS, Chunk, RowReader, format_of, open_rows, read_rows
from mtdetect.formats.output import Output, check_outputs
from mtdetect.formats.source import CHUNK_BYTES, CHUNK_ROWS

# text that has broken readers before: separators, quotes, controls, odd line ends, other scripts, marks
hostile = st.text(
    st.one_of(
        st.sampled_from(list(",\"'\t;\\{}[]: \x00\x0b\x0c\x1c\x85\u2028\ufeff\u200b\u202eéא漢🙂\ufffd")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"),
    ),
    max_size=40,
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(data: bytes, format: str, **options: Any) -> tuple[RowReader, list[Chunk]]:
    reader = open_rows(None, format, stream=io.BytesIO(data), **options)
    return reader, list(reader)


def flat(chunks: list[Chunk], field: str) -> list[Any]:
    return [entry for chunk in chunks for entry in getattr(chunk, field)]


def errors(chunks: list[Chunk]) -> dict[int, str]:
    return {chunk.rows[i]: error for chunk in chunks for i, error in chunk.errors.items()}


def extended(data: bytes, format: str, to: str) -> bytes:
    """All rows with one added column ``score``, the way the command line writes them."""
    reader, chunks = read(data, format)
    out = io.BytesIO()
    columns = reader.columns or tuple(dict.fromkeys(key for record in flat(chunks, "records") for key in record))
    make = FORMATS[to].writer
    assert make is not None
    writer = make(out, columns, ["score"], reader.preamble if format == to else b"")
    for chunk in chunks:
        if format != to:
            chunk.rebuilt = range(len(chunk))
        writer.write(chunk, [{"score": 0.5}] * len(chunk))
    return out.getvalue()


class TestRoundTrips:
    @quick
    @given(st.lists(hostile, max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans())
    def test_txt(self, texts: list[str], end: str, last_end: bool) -> None:
        data = end.join(texts).encode() + (end.encode() if last_end and texts else b"")
        reader, chunks = read(data, "txt")
        assert reader.preamble + b"".join(flat(chunks, "raws")) == data
        body = data.removeprefix(b"\xef\xbb\xbf").decode()
        lines = body.split("\n")
        if lines[-1] == "":
            lines.pop()
        assert flat(chunks, "texts") == [line.removesuffix("\r") for line in lines[:-1]] + [
            line.removesuffix("\r") if body.endswith("\n") else line for line in lines[-1:]
        ]

    @quick
    @given(
        st.lists(st.dictionaries(hostile, hostile | st.none() | st.integers() | st.lists(st.floats(allow_nan=False)))),
        st.lists(hostile, min_size=30, max_size=30),
        st.booleans(),
    )
    def test_jsonl(self, others: list[dict[str, Any]], texts: list[str], ascii_only: bool) -> None:
        records = [{**other, "text": text} for other, text in zip(others, texts, strict=False)]
        lines = [json.dumps(record, ensure_ascii=ascii_only).encode() for record in records]
        _, chunks = read(b"\n".join(lines), "jsonl")
        assert not errors(chunks)
        assert flat(chunks, "texts") == [record["text"] for record in records]
        out = extended(b"\n".join(lines) + b"\n", "jsonl", "jsonl").split(b"\n")
        assert out.pop() == b""
        assert len(out) == len(lines)
        for before, after in zip(lines, out, strict=True):
            assert after.startswith(before[:-1])  # byte for byte
            assert list(json.loads(after))[:-1] == list(json.loads(before))

    @quick
    @given(
        st.lists(st.tuples(hostile, hostile, hostile), max_size=20),
        st.sampled_from(["\n", "\r\n"]),
        st.booleans(),
    )
    def test_csv(self, rows: list[tuple[str, str, str]], end: str, newlines: bool) -> None:
        if newlines:
            rows = [(a, f"{b}\r\n{c}", c) for a, b, c in rows]
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator=end)
        writer.writerows([("id", "text", "other"), *rows])
        data = buffer.getvalue().encode()
        reader, chunks = read(data, "csv")
        assert not errors(chunks)
        assert reader.preamble + b"".join(flat(chunks, "raws")) == data
        assert flat(chunks, "texts") == [row[1] for row in rows]
        out = list(csv.reader(io.StringIO(extended(data, "csv", "csv").decode(), newline="")))
        assert out == [["id", "text", "other", "score"], *([*row, "0.5"] for row in rows)]

    @quick
    @given(st.lists(st.tuples(hostile, hostile), max_size=20), st.sampled_from([b"\n", b"\r\n"]))
    def test_tsv(self, rows: list[tuple[str, str]], end: bytes) -> None:
        rows = [("x" + a.replace("\t", " "), b.replace("\t", " ")) for a, b in rows]
        lines = [b"text\tid", *("\t".join(row).encode() for row in rows)]
        data = b"".join(line + end for line in lines)
        reader, chunks = read(data, "tsv")
        assert not errors(chunks)
        assert reader.preamble + b"".join(flat(chunks, "raws")) == data
        assert flat(chunks, "texts") == [row[0] for row in rows]
        expected = [lines[0] + b"\tscore" + end, *(line + b"\t0.5" + end for line in lines[1:])]
        assert extended(data, "tsv", "tsv") == b"".join(expected)

    @pytest.mark.parametrize("source", ["txt", "jsonl", "csv", "tsv"])
    @pytest.mark.parametrize("target", ["jsonl", "csv", "tsv"])
    def test_every_format_to_every_other(self, source: str, target: str) -> None:
        data = {
            "txt": b'one, "two"\nthree\n',
            "jsonl": b'{"text":"one, \\"two\\"","n":1}\n{"text":"three","n":[2,{"a":null}]}\n',
            "csv": b'n,text\n1,"one, ""two"""\n2,three\n',
            "tsv": b'n\ttext\n1\tone, "two"\n2\tthree\n',
        }[source]
        _, chunks = read(extended(data, source, target), target)
        assert flat(chunks, "texts") == ['one, "two"', "three"]
        assert [float(record["score"]) for record in flat(chunks, "records")] == [0.5, 0.5]


class TestChunks:
    def test_rows_are_numbered_through_and_chunks_are_bounded(self) -> None:
        count = 3 * CHUNK_ROWS + 17
        _, chunks = read(b"".join(b"row %d\n" % i for i in range(count)), "txt")
        assert flat(chunks, "rows") == list(range(1, count + 1))
        assert flat(chunks, "texts") == [f"row {i}" for i in range(count)]
        assert max(map(len, chunks)) <= CHUNK_ROWS

    @pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "tsv"])
    def test_long_rows_make_small_chunks(self, format: str) -> None:
        long = "word " * 20_000
        row = {"jsonl": json.dumps({"text": long})}.get(format, long)
        data = ("" if format in ("txt", "jsonl") else "text\n") + f"{row}\n" * 40
        _, chunks = read(data.encode(), format)
        assert flat(chunks, "texts") == [long] * 40
        assert max(sum(map(len, chunk.raws)) for chunk in chunks) <= CHUNK_BYTES + 2 * len(row) + 300_000

    @pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "tsv"])
    def test_ten_megabytes_on_one_line(self, format: str) -> None:
        long = "word " * 2_000_000
        row = {"jsonl": json.dumps({"text": long})}.get(format, long)
        data = ("" if format in ("txt", "jsonl") else "text\n") + f"{row}\n{row}"
        _, chunks = read(data.encode(), format)
        assert [len(text) for text in flat(chunks, "texts")] == [10_000_000] * 2

    @pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "tsv"])
    def test_empty_input_has_no_rows(self, format: str) -> None:
        reader, chunks = read(b"", format)
        assert chunks == []
        assert reader.preamble == b""

    def test_select_keeps_rows_and_errors_together(self) -> None:
        _, (chunk,) = read(b'{"text":"a"}\n{"text":1}\nbroken\n{"text":"d"}\n', "jsonl")
        part = chunk.select([1, 2, 3])
        assert list(part.rows) == [2, 3, 4]
        assert set(part.errors) == {0, 1}
        assert set(part.rebuilt) == {1}  # type: ignore[call-overload]
        assert part.describe_error(1).startswith("standard input, row 3: invalid JSON")


class TestMarksAndLineEnds:
    @pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "tsv"])
    def test_byte_order_mark_is_no_part_of_the_data(self, format: str) -> None:
        body = {"jsonl": b'{"text":"good day"}\n'}.get(format, b"text\ngood day\n")
        reader, chunks = read(b"\xef\xbb\xbf" + body, format)
        assert flat(chunks, "texts")[-1] == "good day"
        assert reader.preamble.startswith(b"\xef\xbb\xbf")
        assert reader.preamble + b"".join(flat(chunks, "raws")) == b"\xef\xbb\xbf" + body

    def test_utf16_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(InputError, match="iconv"):
            read("some text\n".encode("utf-16"), "txt")

    def test_blank_lines_are_rows_of_plain_text_only(self) -> None:
        assert flat(read(b"a\n\nb\n", "txt")[1], "texts") == ["a", "", "b"]
        assert flat(read(b'{"text":"a"}\n\n  \n{"text":"b"}\n', "jsonl")[1], "rows") == [1, 2]
        assert flat(read(b"id,text\n1,a\n\n2,b\n", "csv")[1], "texts") == ["a", "b"]
        assert flat(read(b"id\ttext\n1\ta\n\n2\tb\n", "tsv")[1], "texts") == ["a", "b"]
        assert flat(read(b"text\na\n\nb\n", "tsv")[1], "texts") == ["a", "", "b"]


class TestBrokenRows:
    def test_jsonl(self) -> None:
        lines = [
            b'{"text":"fine"}',
            b'{"text": fine}',
            b'{"text":"\xff"}',
            b'["a"]',
            b'"just a string"',
            b'{"txt":"a"}',
            b'{"text":3.5}',
            b'{"text":true}',
            b'{"text":["a"]}',
            b'{"text":{"a":1}}',
            b'{"text":null}',
            b'{"text":"cut',
            b"[" * 100_000,
            b'{"text":"also fine"}',
        ]
        _, chunks = read(b"\n".join(lines), "jsonl")
        found = errors(chunks)
        assert flat(chunks, "texts") == ["fine", *[None] * 12, "also fine"]
        assert set(found) == {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13}
        expected = {
            2: "invalid JSON",
            3: "invalid UTF-8 at byte 10",
            4: "a list where a JSON object",
            5: "a string where a JSON object",
            6: 'no field "text" (fields: txt)',
            7: '"text" is a number',
            8: '"text" is a boolean',
            9: '"text" is a list',
            10: '"text" is an object',
            12: "invalid JSON",
            13: "invalid JSON",
        }
        for row, words in expected.items():
            assert words in found[row]
            assert "\n" not in found[row]
            assert len(found[row]) < 300

    def test_lenient_json_is_read(self) -> None:
        data = b'{"text":"a \\ud800 b","n":NaN}\n{"text":"a\\u0000b"}\n{"text":"\\ud83d\\ude42"}\n'
        _, chunks = read(data, "jsonl")
        assert flat(chunks, "texts") == ["a \ufffd b", "a\0b", "🙂"]
        assert extended(data, "jsonl", "jsonl").startswith(b'{"text":"a \\ud800 b","n":NaN,"score":0.5}\n')
        assert len(extended(data, "jsonl", "csv").decode().splitlines()) >= 4

    def test_dotted_paths(self) -> None:
        rows = ['{"page":{"text":"a"}}', '{"page.text":"b"}', '{"page":{"text":null}}', '{"page":"c"}', '{"page":{}}']
        _, chunks = read("\n".join(rows).encode(), "jsonl", text_column="page.text")
        assert flat(chunks, "texts") == ["a", "b", None, None, None]
        found = errors(chunks)
        assert found.pop(4) == '"page" is a string, not an object'
        assert found.pop(5).startswith('no field "page.text" (fields: page)')
        assert not found

    def test_below_what_is_null_there_is_no_text_and_no_error(self) -> None:
        rows = ['{"page":null}', "{}", '{"page":{"body":null}}', '{"page":{}}', '{"page":{"body":[]}}']
        _, chunks = read("\n".join(rows).encode(), "jsonl", text_column="page.body.text")
        assert flat(chunks, "texts") == [None] * 5
        assert errors(chunks) == {5: '"page.body" is a list, not an object; name a position in it: page.body.0.text'}

    def test_csv(self) -> None:
        data = b'id,text,n\n1,fine,1\n2,"two\nlines",2\n3,short\n4,a,b,c\n5,\xff\xfe,5\n6,also fine,6\n'
        _, chunks = read(data, "csv")
        assert flat(chunks, "texts") == ["fine", "two\nlines", None, None, None, "also fine"]
        found = errors(chunks)
        assert found[3] == "2 fields where the header has 3"
        assert found[4] == "4 fields where the header has 3"
        assert found[5].startswith("invalid UTF-8 at byte 3")
        records = flat(chunks, "records")
        assert records[3] == {"id": "4", "text": "a", "n": "b,c"}  # nothing lost, columns still aligned
        out = list(csv.DictReader(io.StringIO(extended(data, "csv", "csv").decode(), newline="")))
        assert len(out) == 6
        assert all(row["score"] == "0.5" for row in out)

    def test_a_quote_never_closed_costs_one_row(self) -> None:
        rows = b"".join(b"%d,a plain text\n" % i for i in range(5000))
        _, chunks = read(b'id,text\n1,"open\n' + rows, "csv")
        assert errors(chunks) == {1: "a quote opens here and is never closed"}
        assert flat(chunks, "texts") == [None, *["a plain text"] * 5000]

    def test_a_huge_unclosed_quote_is_given_up_early(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mtdetect.formats.csv._LONGEST_QUOTED", 1000)
        rows = b"".join(b"%d,a plain text\n" % i for i in range(200))
        _, chunks = read(b'id,text\n1,"open\n' + rows + b'2,"closed"\n', "csv")
        assert set(errors(chunks)) == {1}
        assert len(flat(chunks, "texts")) == 202

    def test_csv_carriage_return_inside_a_row(self) -> None:
        _, chunks = read(b"id,text\n1,a\rb,c\n2,fine\n", "csv")
        assert flat(chunks, "texts")[-1] == "fine"
        assert len(errors(chunks)) == 1

    def test_nul_bytes_are_data(self) -> None:
        for format in ("txt", "csv", "tsv"):
            data = b"a\0b\n" if format == "txt" else b"text\na\0b\n"
            assert flat(read(data, format)[1], "texts") == ["a\0b"]

    def test_tsv(self) -> None:
        _, chunks = read(b'id\ttext\n1\t"quoted" stays\n2\n3\ta\tb\n4\t\xff\n5\tfine\n', "tsv")
        assert flat(chunks, "texts") == ['"quoted" stays', None, None, None, "fine"]
        assert set(errors(chunks)) == {2, 3, 4}

    def test_txt_invalid_utf8_is_shown_replaced(self) -> None:
        _, chunks = read(b"fine\nbro\xffken\n", "txt")
        assert flat(chunks, "texts") == ["fine", None]
        assert flat(chunks, "records")[1] == {"text": "bro\ufffdken"}
        assert errors(chunks) == {2: "invalid UTF-8 at byte 4 (0xff)"}

    @pytest.mark.parametrize(("format", "head"), [("csv", b"id,body\n1,a\n"), ("tsv", b"id\tbody\n1\ta\n")])
    def test_missing_text_column_names_the_columns(self, format: str, head: bytes) -> None:
        with pytest.raises(InputError, match=r'no column "text" \(columns: id, body\).*--text-column'):
            read(head, format)
        assert flat(read(head, format, text_column="body")[1], "texts") == ["a"]

    def test_columns_of_one_name_are_all_kept(self) -> None:
        _, chunks = read(b"id,id,,text\na,b,c,d\n", "csv")
        assert flat(chunks, "records") == [{"id": "a", "id_2": "b", "column_3": "c", "text": "d"}]
        assert extended(b"id,id,,text\na,b,c,d\n", "csv", "csv") == b"id,id,,text,score\na,b,c,d,0.5\n"

    @pytest.mark.parametrize("format", ["csv", "tsv"])
    def test_two_columns_of_text_are_refused(self, format: str) -> None:
        data = b"text,id,text\na,b,c\n".replace(b",", b"," if format == "csv" else b"\t")
        with pytest.raises(InputError, match='2 columns are called "text"; rename all but the one you mean'):
            read(data, format)

    def test_a_field_that_has_no_column_stops_csv_output(self) -> None:
        _, (chunk,) = read(b'{"text":"a"}\n{"text":"b","new":1}\n', "jsonl")
        writer = FORMATS["csv"].writer
        assert writer is not None
        chunk.rebuilt = range(2)
        with pytest.raises(InputError, match=r'row 2: "new".*--output-format jsonl'):
            writer(io.BytesIO(), ["text"], ["score"]).write(chunk, [{"score": 1}] * 2)

    def test_unreadable_rows_that_fit_no_column_are_written_whole(self) -> None:
        _, (chunk,) = read(b'{"text":"a","id":1}\n{broken\n{"new":2}\n', "jsonl")
        writer = FORMATS["csv"].writer
        assert writer is not None
        chunk.rebuilt = range(3)
        out = io.BytesIO()
        writer(out, ["text", "id"], ["score"]).write(chunk, [{"score": 0.5}] * 3)
        rows = list(csv.reader(io.StringIO(out.getvalue().decode())))
        assert rows[2:] == [["{broken", "", "0.5"], ['{"new":2}', "", "0.5"]]


class TestExistingColumns:
    def test_jsonl_row_with_a_column_of_an_added_name(self) -> None:
        out = extended(b'{"text":"a"}\n{"text":"b","score":7,"mtdetect_score":8}\n', "jsonl", "jsonl")
        assert orjson.loads(out.splitlines()[1]) == {
            "text": "b",
            "score": 7,
            "mtdetect_score": 8,
            "mtdetect_mtdetect_score": 0.5,
        }


class TestCompression:
    DATA = b"".join(b"line number %d of the file\n" % i for i in range(50_000))

    @staticmethod
    def pack(kind: str, data: bytes) -> bytes:
        if kind == "zst":
            return bytes(pytest.importorskip("zstandard").ZstdCompressor().compress(data))
        return {"gz": gzip.compress, "xz": lzma.compress}[kind](data)

    @pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
    def test_recognised_by_content_and_several_members(self, kind: str) -> None:
        data = self.pack(kind, self.DATA) + self.pack(kind, b"one more\n")
        texts = flat(read(data, "txt")[1], "texts")
        assert len(texts) == 50_001
        assert texts[-1] == "one more"

    @pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
    def test_truncated_gives_every_readable_row_first(self, kind: str) -> None:
        packed = self.pack(kind, self.DATA)
        reader = open_rows(None, "txt", stream=io.BytesIO(packed[: len(packed) * 3 // 4]))
        chunks: list[Chunk] = []
        with pytest.raises(InputError, match="truncated"):
            chunks.extend(reader)
        texts = flat(chunks, "texts")
        assert texts == self.DATA.decode().splitlines()[: len(texts)]
        assert len(texts) > (20_000 if kind == "gz" else -1)

    def test_truncated_at_the_very_start_and_damaged(self) -> None:
        packed = gzip.compress(self.DATA)
        with pytest.raises(InputError, match="truncated"):
            read(packed[:12], "txt")
        damaged = packed[:50_000] + bytes(64) + packed[50_064:]
        reader = open_rows(None, "txt", stream=io.BytesIO(damaged))
        with pytest.raises(InputError, match=r"damaged|truncated"):
            list(reader)

    def test_truncated_csv_gives_its_rows(self) -> None:
        packed = gzip.compress(b"id,text\n" + b"".join(b"%d,some text\n" % i for i in range(20_000)))
        reader = open_rows(None, "csv", stream=io.BytesIO(packed[:-20]))
        chunks: list[Chunk] = []
        with pytest.raises(InputError, match="truncated"):
            chunks.extend(reader)
        assert len(flat(chunks, "texts")) > 19_000

    def test_zstandard_missing_names_the_pip_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        packed = self.pack("zst", self.DATA)
        monkeypatch.setitem(sys.modules, "zstandard", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[zstd\]'"):
            read(packed, "txt")

    @pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
    def test_written_by_suffix(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / f"out.txt.{kind}"
        if kind == "zst":
            pytest.importorskip("zstandard")
        with Output(path) as stream:
            stream.write(self.DATA)
        assert path.stat().st_size < len(self.DATA) / 2
        with open_rows(path).source as source:
            assert b"".join(line for lines in source.line_batches() for line in lines) == self.DATA


class TestRegistry:
    @pytest.mark.parametrize(
        ("name", "format"),
        [("a.txt", "txt"), ("a.JSONL", "jsonl"), ("a.csv.gz", "csv"), ("a.b.tsv.zst", "tsv"), ("a.gz", None)],
    )
    def test_format_of(self, name: str, format: str | None) -> None:
        assert format_of(Path(name)) == format

    @pytest.mark.parametrize(
        ("head", "format"),
        [
            (b'{"text": "a"}\n', "jsonl"),
            (b"{not json\n", "txt"),
            (b"", "txt"),
            (b'{"broken\n', "jsonl"),
            (b"x", "txt"),
        ],
    )
    def test_unknown_suffix_goes_by_the_first_line(self, head: bytes, format: str) -> None:
        assert open_rows(None, stream=io.BytesIO(head)).format_name == format

    def test_folder_and_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is a folder"):
            open_rows(tmp_path)
        with pytest.raises(InputError, match="No such file"):
            open_rows(tmp_path / "none.txt")


class TestReadRows:
    def test_every_format_gives_whole_records(self, tmp_path: Path) -> None:
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        records = [{"text": "a, b", "label": "human"}, {"text": 'c "d"', "label": "mt"}]
        (tmp_path / "a.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b'text,label\n"a, b",human\n"c ""d""",mt\n'))
        (tmp_path / "a.tsv").write_bytes(b'text\tlabel\na, b\thuman\nc "d"\tmt\n')
        parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "a.parquet")
        for name in ("a.jsonl", "a.csv.gz", "a.tsv", "a.parquet"):
            assert list(read_rows(tmp_path / name)) == records
        (tmp_path / "a.txt").write_bytes(b"one\ntwo\n")
        assert list(read_rows(tmp_path / "a.txt")) == [{"text": "one"}, {"text": "two"}]

    def test_stops_at_the_first_broken_row(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_bytes(b'{"other":1}\n{"text":2}\nnot json\n')
        rows = read_rows(path)
        assert next(rows) == {"other": 1}
        assert next(rows) == {"text": 2}
        with pytest.raises(InputError, match=r"a\.jsonl, row 3: invalid JSON"):
            next(rows)

    def test_parquet_without_pyarrow_and_broken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "a.parquet"
        path.write_bytes(b"PAR1 not really")
        pytest.importorskip("pyarrow")
        with pytest.raises(InputError, match=r"a\.parquet.*not readable as Parquet"):
            list(read_rows(path))
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[parquet\]'"):
            list(read_rows(path))


class TestOutput:
    def test_appears_whole_or_not_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "out.jsonl"
        path.write_bytes(b"before")
        output = Output(path)
        output.__enter__().write(b"half")
        output.__exit__(RuntimeError, RuntimeError(), None)
        assert path.read_bytes() == b"before"
        with Output(path) as stream:
            stream.write(b"after")
            assert path.read_bytes() == b"before"
        assert path.read_bytes() == b"after"
        assert list(tmp_path.iterdir()) == [path]

    def test_keeps_the_mode_and_follows_links(self, tmp_path: Path) -> None:
        path, link = tmp_path / "real", tmp_path / "link"
        path.write_bytes(b"")
        path.chmod(0o640)
        link.symlink_to(path)
        with Output(link) as stream:
            stream.write(b"new")
        assert link.is_symlink()
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode & 0o777 == 0o640

    def test_refuses_one_file_twice(self, tmp_path: Path) -> None:
        path, hard, soft = tmp_path / "a", tmp_path / "hard", tmp_path / "soft"
        path.write_bytes(b"")
        hard.hardlink_to(path)
        soft.symlink_to(path)
        for other in (path, hard, soft, tmp_path / "." / "a"):
            with pytest.raises(InputError, match="is also the input"):
                check_outputs([path], [other])
        new = tmp_path / "new"
        with pytest.raises(InputError, match="is also the output"):
            check_outputs([path], [new, tmp_path / "x" / ".." / "new"])
        check_outputs([path], [new, tmp_path / "newer", Path("/dev/null"), Path("/dev/null")])

    def test_refuses_folders(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is a folder"):
            check_outputs([], [tmp_path])
        with pytest.raises(InputError, match="does not exist"):
            check_outputs([], [tmp_path / "none" / "out"])
