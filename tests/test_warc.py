"""WARC and WET: rows of archives, records kept byte for byte, damaged archives."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.formats import Chunk, RowReader, open_rows, open_writer
from mtdetect.formats.output import Output

pytest.importorskip("fastwarc")


def record(kind: str, content: bytes, number: int = 0, media: str = "text/plain") -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.org/{number}\r\n"
        f"WARC-Date: 2026-01-01T00:00:{number % 60:02d}Z\r\nx-Odd-Header:   kept  as it is\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
        f"Content-Type: {media}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def response(body: bytes, number: int, media: str = "text/html; charset=utf-8", more: str = "") -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{more}\r\n".encode()
    return record("response", http + body, number, "application/http; msgtype=response")


INFO = record("warcinfo", b"software: a test\r\n", media="application/warc-fields")
PAGE = f"<html><head><title>x</title><script>no()</script></head><body><p>{GARBLED}</p></body></html>".encode()


def wet(texts: list[str]) -> bytes:
    return INFO + b"".join(record("conversion", text.encode(), i) for i, text in enumerate(texts, 1))


def read(data: bytes) -> tuple[RowReader, list[Chunk]]:
    reader = open_rows(None, stream=io.BytesIO(data))
    return reader, list(reader)


class TestReader:
    def test_wet(self) -> None:
        reader, chunks = read(wet([CLEAN, "", "Ünïcödé\nzwei Zeilen\n"]))
        (chunk,) = chunks
        assert reader.format_name == "warc"
        assert chunk.texts == [CLEAN, "", "Ünïcödé\nzwei Zeilen\n"]
        assert chunk.records[0] == {
            "url": "http://example.org/1",
            "record_id": "<urn:uuid:00000000-0000-0000-0000-000000000001>",
            "date": "2026-01-01T00:00:01Z",
            "type": "conversion",
            "text": CLEAN,
        }
        assert reader.preamble + b"".join(chunk.raws) == wet([CLEAN, "", "Ünïcödé\nzwei Zeilen\n"])

    def test_pages_of_a_crawl(self) -> None:
        data = INFO + b"".join(
            [
                record("request", b"GET / HTTP/1.1\r\n\r\n", 1, "application/http; msgtype=request"),
                response(PAGE, 1),
                record("metadata", b"fetchTimeMs: 3\r\n", 1, "application/warc-fields"),
                response(b"\x89PNG\r\n\r\n", 2, "image/png"),
                response("schön".encode("latin-1"), 3, "text/plain; charset=iso-8859-1"),
                response(gzip.compress(PAGE), 4, more="Content-Encoding: gzip\r\n"),
                response(b"\xff\xfe", 5, "text/plain"),
                response(b"abc", 6, "text/plain; charset=nobody-knows"),
            ]
        )
        _, (chunk,) = read(data)
        assert [row["url"][-1] for row in chunk.records] == ["1", "2", "3", "4", "5", "6"]
        assert [(text or "").strip() or None for text in chunk.texts] == [
            GARBLED, None, "schön", GARBLED, None, "abc",
        ]  # fmt: skip
        assert list(chunk.errors) == [4]
        assert "invalid UTF-8" in chunk.errors[4]

    @pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
    def test_compressed_whole_or_record_by_record(self, pack: Callable[[bytes], bytes]) -> None:
        texts = [f"{CLEAN} {i} " + "word " * (i * 37 % 5000) for i in range(60)]
        whole = wet(texts)
        pieces = [INFO, *(record("conversion", text.encode(), i) for i, text in enumerate(texts, 1))]
        for data in (pack(whole), b"".join(map(pack, pieces))):
            reader, chunks = read(data)
            assert [text for chunk in chunks for text in chunk.texts] == texts
            assert reader.preamble + b"".join(raw for chunk in chunks for raw in chunk.raws) == whole

    def test_archives_that_break_off(self) -> None:
        data = wet([CLEAN, GARBLED, CLEAN])
        for broken in (data[:-10], data[:-2], data + b"garbage\r\n\r\n", data.replace(b"WARC/1.0", b"WRAC/1.0", 4)):
            with pytest.raises(InputError, match="not readable as WARC"):
                read(broken if broken.startswith(b"WARC") else b"WARC/1.0\r\n" + broken)
        reader = open_rows(None, stream=io.BytesIO(gzip.compress(wet([CLEAN] * 300))[:-40]))
        chunks: list[Chunk] = []
        with pytest.raises(InputError, match="truncated"):
            chunks.extend(reader)

    def test_what_is_no_archive_is_refused_at_once(self) -> None:
        with pytest.raises(InputError, match="not readable as WARC"):
            open_rows(None, "warc", stream=io.BytesIO(b"just text\n" * 100))

    @pytest.mark.parametrize("length", [b"-5", b"99999999999999999999999", b"abc", b"", b"1e3"])
    def test_hostile_lengths(self, length: bytes) -> None:
        head = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: "
        with pytest.raises(InputError):
            read(head + length + b"\r\n\r\nsome text\r\n\r\n")

    def test_a_record_that_is_too_long(self) -> None:
        data = INFO + record("conversion", b"x" * 10_000_000, 1) + record("conversion", b"y", 2)
        reader = open_rows(None, stream=io.BytesIO(gzip.compress(data)), max_row_bytes=2_000_000)
        with pytest.raises(InputError, match=r"longer than 2 MB.*--max-row-mb"):
            list(reader)

    def test_without_the_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "fastwarc", None)
        monkeypatch.setitem(sys.modules, "fastwarc.warc", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'mtdetect\[warc\]'"):
            read(wet([CLEAN]))


class TestWriter:
    @pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
    def test_kept_records_have_their_bytes_and_a_member_each(self, tmp_path: Path, suffix: str) -> None:
        texts = [CLEAN, GARBLED, CLEAN, ""]
        reader = open_rows(None, stream=io.BytesIO(wet(texts)))
        path = tmp_path / f"kept.warc.wet{suffix}"
        with Output(path) as stream:
            writer = open_writer("warc", stream, reader.columns or (), like=reader)
            for chunk in reader:
                writer.write(chunk.select([0, 2, 3]), [])
            writer.close()
        expected = [INFO, *(record("conversion", texts[i].encode(), i + 1) for i in (0, 2, 3))]
        data = path.read_bytes()
        if suffix:
            unpack = gzip.decompress if suffix == ".gz" else lzma.decompress
            magic = b"\x1f\x8b\x08" if suffix == ".gz" else b"\xfd7zXZ"
            assert data.count(magic) == 4
            assert unpack(data) == b"".join(expected)
        else:
            assert data == b"".join(expected)

    def test_columns_cannot_be_added(self) -> None:
        with pytest.raises(ValueError, match="no place"):
            open_writer("warc", io.BytesIO(), ["text"], ["score"])


class TestScore:
    def test_rows_with_address_and_record_as_json_lines(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "CC-MAIN-1.warc.wet.gz"
        path.write_bytes(b"".join(gzip.compress(piece) for piece in (wet([CLEAN]), record("conversion", b"", 2))))
        result = run("score", path, "--level", "document")
        assert result.exit_code == 0, result.output
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert [row["status"] for row in rows] == ["scored", "empty"]
        assert rows[0]["url"] == "http://example.org/1"
        assert rows[0]["record_id"].startswith("<urn:uuid:")
        assert run("score", path, "--output-dir", tmp_path / "out", "--level", "document").exit_code == 0
        (made,) = (tmp_path / "out").glob("*.gz")
        assert made.name == "CC-MAIN-1.warc.jsonl.gz"
        assert gzip.decompress(made.read_bytes()) == result.stdout_bytes

    @pytest.mark.parametrize("errors", ["flag", "skip", "fail"])
    def test_unreadable_records(self, run: Run, tmp_path: Path, errors: str) -> None:
        path = tmp_path / "a.wet"
        path.write_bytes(wet([CLEAN]) + record("conversion", b"bad \xff", 2) + record("conversion", b"", 3))
        result = run("score", path, "--errors", errors)
        assert result.exit_code == 4
        assert "row 2: invalid UTF-8" in result.stderr
        count = {"flag": 3, "skip": 2, "fail": 1}[errors]
        assert len(result.stdout.splitlines()) == count

    def test_split(self, run: Run) -> None:
        result = run("score", "--split", input=wet([f"The end. {GARBLED.capitalize()}."]))
        assert [json.loads(line)["flagged"] for line in result.stdout.splitlines()] == [False, True]
