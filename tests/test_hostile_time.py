"""Time grows with the length of the input and no faster, whatever stands in it."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import re._parser
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import mtdetect
from mtdetect.detector import Detector
from mtdetect.errors import InputError
from mtdetect.formats import Chunk, open_rows
from mtdetect.formats.base import unique_names
from mtdetect.text import normalise, normalise_aligned, split_sentences

FACTOR = 4
"""How much longer the long input is; quadratic work takes 16 times as long, linear work 4 times."""

ALLOWED = 9.0
UNNOTICED = 0.03  # seconds: what a test machine may lose at any moment


def assert_linear(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> None:
    """Compare processor time on an input and on one four times as long: the best of three."""

    def seconds(value: Any) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            work(value)
            best = min(best, time.process_time() - start)
            if not UNNOTICED < best < 1.0:
                break
        return best

    short, long = make(size), make(FACTOR * size)
    work(make(8))  # what is made once is made now
    limit = ALLOWED * seconds(short) + UNNOTICED
    assert seconds(long) < limit


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every compiled expression that stands in a module of the package, alone or in a collection."""

    def inside(value: object) -> Iterator[re.Pattern[str]]:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, dict):
            yield from inside(list(value.values()))
        elif isinstance(value, list | tuple | set | frozenset):
            for entry in value:
                yield from inside(entry)

    seen: set[str] = set()
    for module in pkgutil.walk_packages(mtdetect.__path__, "mtdetect."):
        if module.name.endswith("__main__"):
            continue
        try:
            members = vars(importlib.import_module(module.name))
        except ImportError:  # an extra that is not installed here
            continue
        for name, value in members.items():
            for pattern in inside(value):
                if isinstance(pattern.pattern, str) and pattern.pattern not in seen:
                    seen.add(pattern.pattern)
                    yield f"{module.name}.{name}: {pattern.pattern}", pattern


def alphabet(pattern: re.Pattern[str]) -> list[str]:
    """Characters that the parts of an expression take, and some that none does."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, re._parser.SubPattern | list | tuple):
            items = list(node)
            if len(items) == 2 and str(items[0]) == "LITERAL":
                found.add(chr(items[1]))
            elif len(items) == 2 and str(items[0]) == "RANGE":
                found.add(chr(items[1][0]))
            elif len(items) == 2 and str(items[0]) == "CATEGORY":
                found.update({"DIGIT": "7", "SPACE": " ", "WORD": "a"}.get(str(items[1]).rsplit("_", 1)[-1], "-"))
            else:
                for item in items:
                    walk(item)

    walk(re._parser.parse(pattern.pattern, pattern.flags))
    return [*sorted(found)[:12], "a", "7", " ", "!"]


PATTERNS = dict(patterns())


def test_the_patterns_were_found() -> None:
    assert len(PATTERNS) > 20


@pytest.mark.parametrize("name", PATTERNS)
def test_no_expression_takes_more_than_linear_time(name: str) -> None:
    pattern = PATTERNS[name]
    letters = alphabet(pattern)
    units = [*letters, *(a + b for a in letters for b in letters if a != b)][:120]

    def everything(text: str) -> None:
        for _ in pattern.finditer(text):
            pass

    for unit in units:
        for end in ("", "\x00"):
            for size in (28, 250, 1000):  # what is much worse than quadratic would not come to an end below
                start = time.process_time()
                everything(unit * (size // len(unit)) + end)
                assert time.process_time() - start < 0.1, f"{size} characters take very long"
            assert_linear(everything, lambda size, unit=unit, end=end: unit * (size // len(unit)) + end, 4000)


SENTENCE_UNITS = [
    "a", "a ", "word ", ". ", "a. ", "a.\n", "! ", "' ", '"', "“a. ", "«a. ", "(a. ", "&", "&amp;", "&#",
    "e.g. ", "Mr. ", "1. ",
    "A.", "...", "-", "--", "a-", "@", "$ ", " n't", "http://", "www.", "\u0301", "e\u0301", "ﷺ", "\u202e",
    "漢", "😀", "\ud800 ", "\0",
]  # fmt: skip


@pytest.mark.parametrize("unit", SENTENCE_UNITS, ids=ascii)
@pytest.mark.parametrize("work", [split_sentences, normalise_aligned, lambda text: normalise([text])])
def test_text_is_taken_apart_in_linear_time(work: Callable[[str], object], unit: str) -> None:
    assert_linear(work, lambda size: unit * (size // len(unit)), 60_000)


SCORED_UNITS = [
    "word ", "a. ", "“a. ", "a-b ", "ﷺ", "the the ", "!", "a", "self-", "\u0301", "&amp;", "<b>", "漢", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("unit", SCORED_UNITS, ids=ascii)
def test_texts_are_scored_in_linear_time(detector: Detector, unit: str) -> None:
    assert_linear(detector.check, lambda size: unit * (size // len(unit)), 1500)
    assert_linear(detector.check_document, lambda size: unit * (size // len(unit)), 1500)
    assert_linear(lambda text: detector.score_documents([text]), lambda size: unit * (size // len(unit)), 40_000)


def read(format: str) -> Callable[[bytes], object]:
    return lambda data: list(open_rows(None, format, None, stream=io.BytesIO(data)))


@pytest.mark.parametrize(
    ("format", "unit"),
    [
        ("csv", b'a","\n'),  # every line opens a quote that no other closes
        ("csv", b'"\n'),
        ("csv", b'"a""\n'),
        ("csv", b"\r"),
        ("csv", b"a,"),
        ("tsv", b"a\t"),
        ("tsv", b"\r\n"),
        ("jsonl", b"["),
        ("jsonl", b'{"a":'),
        ("jsonl", b'{"a":[NaN]}\n'),
        ("jsonl", b'{"text":"[[[["}\n'),
        ("txt", b"\xff"),
        ("txt", b"\n"),
    ],
)
def test_rows_are_read_in_linear_time(format: str, unit: bytes) -> None:
    assert_linear(read(format), lambda size: b"text\n" + unit * (size // len(unit)), 60_000)


@pytest.mark.parametrize(
    "unit", ["<div>", "<b>", "<p>", "<table><tr><td>", "<i><div>", "&amp;", "<", "<br>", "<x y=z>"]
)
def test_pages_of_an_archive_are_read_in_linear_time(unit: str) -> None:
    pytest.importorskip("fastwarc")

    def page(size: int) -> bytes:
        html = "<html><body>" + unit * (size // len(unit)) + "<p>It was said.</p>"
        head = "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length: "
        return f"{head}{len(html)}\r\n\r\n{html}\r\n\r\n".encode()

    def read_page(data: bytes) -> None:
        (chunk,) = open_rows(None, "warc", stream=io.BytesIO(data))
        assert chunk.texts

    assert_linear(read_page, page, 40_000)


def test_names_of_columns_are_made_distinct_in_linear_time() -> None:
    assert_linear(unique_names, lambda size: ["a"] * size, 10_000)
    assert_linear(unique_names, lambda size: [f"a_{i}" for i in range(size)] + ["a"] * size, 10_000)


PAGES: dict[str, Callable[[int], str]] = {
    "nested tags": lambda n: "<div>" * n,
    "nested and closed": lambda n: "<div>" * n + "</div>" * n,
    "nested a few hundred at a time": lambda n: ("<div>" * 300 + "</div>" * 300) * (n // 300),
    "nested paragraphs": lambda n: "<div><p>" * n,
    "nested tables": lambda n: "<table><tr><td>x" * n,
    "nested inline elements": lambda n: "<b><i>x" * n,
    "other end tags": lambda n: "<b></i>" * n,
    "inline elements to open again": lambda n: "<p>" + "".join(f"<b a={i}>" for i in range(n)) + "<p>x" * n,
    "end tags in comments": lambda n: "<article><!-- </article> -->" * n,
    "end tags in attributes": lambda n: "<article><p a='</article>'></p>" * n,
    "end tags in scripts": lambda n: "<article><script><!--<script></script></article></script>" * n,
    "ends of tags that the start of another closed": lambda n: "<p><article></p>" * n,
    "left SVG": lambda n: "<svg><p></p><article/></svg>" * n,
    "many tag names": lambda n: "".join(f"<x{i}>" for i in range(n)),
    "many attributes": lambda n: "<p " + " ".join(f"a{i}=1" for i in range(n)) + ">x",
    "many attributes of the body": lambda n: "".join(f"<body a{i}=1>" for i in range(n)),
    "one list of options": lambda n: "<select>" + "<option>x" * n,
    "many lists of options": lambda n: "<select><option>x</select>" * n,
    "unclosed <": lambda n: "<" * n,
    "unclosed tags": lambda n: "<a" * n,
    "unclosed comments": lambda n: "<!--" * n,
    "unclosed quotes": lambda n: "<a b='" * n + '<a b="' * n,
    "comments": lambda n: "<!-- x -->" * n,
    "entities": lambda n: "&amp;&ampx&#x41;" * n,
    "scripts": lambda n: "<script>x < y</script>" * n,
    "unclosed scripts": lambda n: "<script><!--" * n,
    "paragraphs": lambda n: "<p>She closed the door." * n,
    "lists": lambda n: "<ul><li>one<li>two</ul>" * n,
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_read_in_linear_time(name: str) -> None:
    pytest.importorskip("fastwarc")

    def archive(size: int) -> bytes:
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGES[name](size).encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: {len(http)}\r\n\r\n"
        )
        return head.encode() + http + b"\r\n\r\n"

    start = time.process_time()
    data = archive(50_000)
    read("warc")(data)
    assert time.process_time() - start < 1 + 2 * len(data) / 1_000_000  # seconds a megabyte, on a slow machine
    assert_linear(read("warc"), archive, 8_000)
    for size in (250, 500, 1000, 2000, 4000):  # whatever is taken is taken within the bound
        start = time.process_time()
        data = archive(size)
        read("warc")(data)
        assert time.process_time() - start < 0.2 + 2 * len(data) / 1_000_000


def test_archives_are_read_in_linear_time() -> None:
    pytest.importorskip("fastwarc")
    for unit in (
        b"WARC/1.0\r\na: b\r\n",
        b"WARC/1.0\r\na: b\r\n\r\n",
        b"WARC/1.0\r\nContent-Length: 60000000\r\n\r\n\r\n\r\n",
        b"\nWARC/1.",
        b"\r\n",
        b"a\n\n",
    ):
        assert_linear(
            lambda data: list(fallible(open_rows(None, "warc", None, stream=io.BytesIO(data)))),
            lambda size, unit=unit: (
                b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 0\r\n\r\n\r\n\r\n" + unit * (size // len(unit))
            ),
            100_000,
        )


def fallible(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    with suppress(InputError):
        yield from chunks
