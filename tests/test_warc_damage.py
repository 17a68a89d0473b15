"""Odd records and damaged archives: one row each, and every good record around them."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run

from mtdetect.errors import InputError
from mtdetect.formats import Chunk, open_rows

pytest.importorskip("fastwarc")

from test_warc import INFO, PAGE, record, response

GOOD = record("conversion", CLEAN.encode(), 1)
AFTER = record("conversion", b"The rain had stopped.", 2)


def rows(data: bytes, **settings: int) -> tuple[list[tuple[str | None, str | None]], str]:
    """Return text and error of every row, and the error that ended the archive; row bytes come back in order."""
    chunks: list[Chunk] = []
    failure = ""
    try:
        reader = open_rows(None, "warc", stream=io.BytesIO(data), **settings)
        chunks.extend(reader)
    except InputError as error:
        failure = str(error)
    if data.startswith(b"WARC/") and not failure:
        assert reader.preamble + b"".join(raw for chunk in chunks for raw in chunk.raws) == data
    return [(text, chunk.errors.get(at)) for chunk in chunks for at, text in enumerate(chunk.texts)], failure


def only_middle(data: bytes, **settings: int) -> tuple[str | None, str | None]:
    """Return the row between two good ones."""
    found, failure = rows(GOOD + data + AFTER, **settings)
    assert not failure
    assert [text for text, _ in (found[0], found[-1])] == [CLEAN, "The rain had stopped."]
    assert len(found) == 3
    return found[1]


class TestResponses:
    @pytest.mark.parametrize("media", ["text/html", "text/plain"])
    @pytest.mark.parametrize(
        "label",
        "utf8mb4 none unicode x-sjis iso-8859-8-i hex base64 undefined idna UTF-8,text/html 'utf-8' nobody\xfc".split(),
    )
    def test_odd_charsets(self, media: str, label: str) -> None:
        text, error = only_middle(response(CLEAN.encode(), 1, f"{media}; charset={label}"))
        assert (text or "").strip() == CLEAN
        assert error is None

    @pytest.mark.parametrize(
        ("label", "codec", "text"),
        [
            ("x-sjis", "shift_jis", "夜の雨"),
            ("iso-8859-8-i", "iso8859-8", "שלום לכם"),
            ("UTF-8,text/html", "utf-8", "Café"),
            ("unicode", "utf-16-le", "Café au lait"),
            ("windows-1251", "cp1251", "дождь"),
        ],
    )
    def test_names_that_the_web_gives_charsets(self, label: str, codec: str, text: str) -> None:
        for media in ("text/html", "text/plain"):
            found, _ = only_middle(response(text.encode(codec), 1, f"{media}; charset={label}"))
            assert (found or "").strip() == text

    @pytest.mark.parametrize("name", ["gzip", "br", "deflate", "zstd", "nobody-knows"])
    def test_content_that_is_not_encoded_as_it_says(self, name: str) -> None:
        text, error = only_middle(response(PAGE, 1, more=f"Content-Encoding: {name}\r\n"))
        assert text is None
        assert error == f"content that is not encoded as its header says (Content-Encoding: {name})"

    def test_plain_content_that_says_it_is_chunked(self) -> None:
        text, error = only_middle(response(PAGE, 1, more="Transfer-Encoding: chunked\r\n"))
        assert text is None
        assert error == "content that is not encoded as its header says (Transfer-Encoding: chunked)"

    def test_encoded_content(self) -> None:
        chunked = b"%x\r\n" % len(PAGE) + PAGE + b"\r\n0\r\n\r\n"
        for body, more in (
            (gzip.compress(PAGE), "Content-Encoding: gzip\r\n"),
            (zlib.compress(PAGE), "Content-Encoding: deflate\r\n"),
            (chunked, "Transfer-Encoding: chunked\r\n"),
        ):
            text, error = only_middle(response(body, 1, more=more))
            assert (text or "").strip() == GARBLED
            assert error is None

    def test_an_image_needs_no_decoding(self) -> None:
        assert only_middle(response(b"\x89PNG", 1, "image/png", "Content-Encoding: gzip\r\n")) == (None, None)

    def test_no_http_header(self) -> None:
        data = record("response", b"<p>just a page</p>", 1, "application/http; msgtype=response")
        assert only_middle(data) == (None, "a response without an HTTP header")

    def test_a_bomb(self) -> None:
        body = gzip.compress(b"<p>" + b"a" * 3_000_000)
        text, error = only_middle(response(body, 1, more="Content-Encoding: gzip\r\n"), max_row_bytes=2_000_000)
        assert text is None
        assert "longer than 2 MB once decoded; see --max-row-mb" in (error or "")

    def test_pages_that_would_take_minutes(self) -> None:
        text, error = only_middle(response(b"<div>" * 200_000 + PAGE, 1))
        assert text is None
        assert "nested too deep" in (error or "")

    def test_invalid_bytes_name_their_charset(self) -> None:
        _, error = only_middle(response(b"abc \x81\x20", 1, "text/plain; charset=shift_jis"))
        assert error == "invalid SHIFT_JIS at byte 5 (0x81)"

    @pytest.mark.parametrize("errors", ["flag", "skip"])
    def test_status(self, run: Run, tmp_path: Path, errors: str) -> None:
        path = tmp_path / "a.warc"
        path.write_bytes(GOOD + response(PAGE, 1, more="Content-Encoding: br\r\n") + AFTER)
        result = run("score", path, "--errors", errors)
        assert result.exit_code == 4
        assert "row 2: content that is not encoded as its header says (Content-Encoding: br)" in result.stderr
        statuses = [json.loads(line)["status"] for line in result.stdout.splitlines()]
        assert statuses == (["scored", "unreadable", "scored"] if errors == "flag" else ["scored", "scored"])

    def test_gate_keeps_what_stands_around(self, run: Run, tmp_path: Path) -> None:
        odd = response(PAGE, 1, more="Content-Encoding: br\r\n")
        path = tmp_path / "a.warc"
        path.write_bytes(GOOD + odd + GOOD + b"garbage\r\n\r\n" + AFTER)
        passed, rejected = tmp_path / "pass.warc", tmp_path / "reject.warc"
        arguments = ("--level", "document", "--max-unreadable", "100%", "--pass", passed, "--reject", rejected)
        result = run("gate", path, *arguments)
        assert result.exit_code == 4
        assert passed.read_bytes() + rejected.read_bytes() == GOOD + GOOD + AFTER + odd + b"garbage\r\n\r\n"


def with_length(length: object, content: bytes = CLEAN.encode()) -> bytes:
    return record("conversion", content, 7).replace(b"Length: %d" % len(content), f"Length: {length}".encode())


class TestLengths:
    @pytest.mark.parametrize("length", [10**18, 10**19, 63_000_000, 0, 7, len(CLEAN) + 9, len(GOOD), "-5", "x", ""])
    def test_a_wrong_length_costs_one_record(self, length: object) -> None:
        text, error = only_middle(with_length(length))
        assert text is None
        assert "Content-Length" in (error or "")
        assert f"at byte {len(GOOD)}" in (error or "")

    @pytest.mark.parametrize("length", [10**18, len(CLEAN) + 42])
    def test_the_last_record_breaks_off(self, length: int) -> None:
        found, failure = rows(GOOD + with_length(length))
        assert found == [(CLEAN, None)]
        assert "not readable as WARC from here on" in failure
        assert f"at byte {len(GOOD)}," in failure
        assert "\n" not in failure

    def test_the_row_of_a_wrong_length_has_its_address(self) -> None:
        reader = open_rows(None, "warc", stream=io.BytesIO(with_length(7) + AFTER))
        (chunk,) = reader
        assert chunk.records[0]["url"] == "http://example.org/7"
        assert chunk.records[0]["type"] == "conversion"

    def test_two_lengths(self) -> None:
        data = GOOD.replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length")
        assert only_middle(data)[0] is None

    @pytest.mark.parametrize("cut", [b"\r\n\r\n<html>", b"text/html; charset=utf-8\r\n\r\n", b"</p>"])
    def test_cut(self, run: Run, tmp_path: Path, cut: bytes) -> None:
        page = response(PAGE, 1)
        data = GOOD + page[: page.index(cut) + len(cut)]
        assert rows(data)[0] == [(CLEAN, None)]
        path = tmp_path / "a.warc"
        path.write_bytes(data)
        result = run("score", path)
        assert result.exit_code == 4
        assert len(result.stdout.splitlines()) == 1
        assert "truncated" in result.stderr

    def test_an_archive_within_a_record_is_its_content(self) -> None:
        inner = GOOD + AFTER
        found, failure = rows(record("conversion", inner, 3) + AFTER)
        assert [text for text, _ in found] == [inner.decode(), "The rain had stopped."]
        assert not failure


class TestDamage:
    @pytest.mark.parametrize(
        "garbage", [b"garbage\r\n\r\n", b"WARC/1.0\r\n", b"WARC/1.0\r\n\r\n", b"\x00" * 90 + b"\n"]
    )
    def test_garbage_between_records(self, garbage: bytes) -> None:
        text, error = only_middle(garbage)
        assert text is None
        assert f"at byte {len(GOOD)}" in (error or "")

    def test_what_stands_before_the_damage_comes_out(self) -> None:
        found, failure = rows(GOOD * 3 + b"garbage\r\n\r\n" + GOOD)
        assert [text for text, _ in found] == [CLEAN, CLEAN, CLEAN, None, CLEAN]
        assert not failure
        found, failure = rows(GOOD * 3 + b"garbage\r\n\r\n")
        assert [text for text, _ in found] == [CLEAN] * 3
        assert f"no WARC record, at byte {3 * len(GOOD)}" in failure

    def test_other_line_ends(self) -> None:
        assert rows(INFO.replace(b"\r\n", b"\n") + GOOD.replace(b"\r\n", b"\n"))[0] == [(CLEAN, None)]
        reader = open_rows(None, "warc", stream=io.BytesIO(GOOD + b"\r\n\r\n\r\n" + GOOD + b"\r\n"))
        assert [text for chunk in reader for text in chunk.texts] == [CLEAN] * 2

    def test_a_record_without_its_type(self) -> None:
        text, error = only_middle(GOOD.replace(b"WARC-Type: conversion\r\n", b""))
        assert text is None
        assert "no clear WARC-Type" in (error or "")

    @pytest.mark.parametrize("pack", [gzip.compress, lambda data: lzma.compress(data, preset=0)], ids=["gzip", "xz"])
    @pytest.mark.parametrize("place", [3, 30, 60, -6])
    def test_a_damaged_member_costs_one_record(self, pack: Callable[[bytes], bytes], place: int) -> None:
        damaged = bytearray(pack(record("conversion", bytes(range(32, 127)) * 3, 5)))
        damaged[place : place + 4 or None] = b"\xff" * 4
        before, after = pack(INFO + GOOD), pack(AFTER)
        found, failure = rows(before + bytes(damaged) + after * 2)
        assert not failure
        assert [text for text, _ in found] == [CLEAN, None, *["The rain had stopped."] * 2]
        assert "damaged" in (found[1][1] or "")
        assert "of the decompressed data" in (found[1][1] or "")

    def test_a_member_that_ends_early(self) -> None:
        members = [gzip.compress(record("conversion", b"%d word " % i * 50, i)) for i in range(60)]
        members[30] = members[30][:-20]
        found, failure = rows(b"".join(members))
        assert not failure
        bad = [at for at, (_, error) in enumerate(found) if error]
        assert len(bad) == 1
        assert len(found) >= 59

    def test_the_last_member_is_damaged(self) -> None:
        found, failure = rows(gzip.compress(GOOD) + gzip.compress(AFTER)[:-30] + b"\xff" * 30)
        assert [text for text, error in found if not error] == [CLEAN]
        assert "damaged gzip data" in failure

    def test_what_a_cut_member_leaves_can_be_read_again(self, run: Run, tmp_path: Path) -> None:
        cut = gzip.compress(record("conversion", b" ".join(b"%d" % (i * i * i % 7919) for i in range(9000)), 5))
        path = tmp_path / "a.warc.gz"
        path.write_bytes(gzip.compress(GOOD) + cut[:12_000] + b"\xff" * 50 + gzip.compress(AFTER))
        kept = [tmp_path / name for name in ("pass.warc", "reject.warc")]
        arguments = ("--level", "document", "--max-unreadable", "100%", "--pass", kept[0], "--reject", kept[1])
        assert run("gate", path, *arguments).exit_code == 4
        found, failure = rows(kept[0].read_bytes() + kept[1].read_bytes() + AFTER)
        assert not failure
        assert [text for text, _ in found if text] == [CLEAN, "The rain had stopped.", "The rain had stopped."]


def test_another_text_column_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(GOOD)
    result = run("score", path, "--text-column", "url")
    assert result.exit_code != 0
    assert "leave out --text-column url" in result.stderr
