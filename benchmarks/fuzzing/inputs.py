"""Where fuzzing starts: strategies for property-based inputs, and seeds for coverage-guided ones."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Sequence

from hypothesis import strategies as st

from fuzzing.promises import COMPRESSIONS, FORMAT_NAMES, MISSING, SEPARATOR

WORDS = (
    "the of a an to in and that was is release liberation president committee self-secrification Kursk don't it's "
    "more thousands spirit very American which said on Tuesday I.e. U.S. 1,000 3.5% e-mail"
).split()
ODD = (
    "\0", "\x1b[31m", "\ud800", "\udc00", "\udfff", "\u202e", "\u2066",
    "\u200b", "\u200d", "\ufeff", "\ufffe", "\x85", "\u2028",
    "\u0301" * 40, "e\u0301", "ﷺ", "℀", "㍱", "½", "٣", "ß", "İ", "ı", "ŉ", "🙂", "👩\u200d👩\u200d👧", "漢字",
    "שלום", "Ελλάδα",
    "&amp;", "&#0;", "&#xD800;", "&#x110000;", "&#9999999;", "&amp;lt;", "&notanentity;", "&#", "<b>",
    "</p>", "<script>",
    "https://", "www.", "http://a.b/c?d=e", '"', "“", "”", "«", "''", "``", "'", "...", "!!!", "--", "—", "@@",
    "$ ", "( ",
    " n't", "=cmd()", "+1", "-1", "%s", "{}", "\\", "\r", "\t", "\x0b", "\x0c", "aaaa" * 50, "a-" * 60, "e.g. ", "1. ",
)  # fmt: skip

word = st.sampled_from(WORDS).map(lambda text: text + " ")
odd = st.sampled_from(ODD)
text = st.lists(word | word | odd | st.text(max_size=4), max_size=14).map("".join) | st.text(max_size=60)
repeated = st.builds(
    lambda part, times: part * times, odd | word | st.text(min_size=1, max_size=6), st.integers(1, 3000)
)


def joined(texts: Sequence[str | None]) -> bytes:
    """Lay texts out as the targets take them apart; what bytes cannot hold is replaced."""
    parts = [MISSING if text is None else text.replace(SEPARATOR, " ") for text in texts]
    return SEPARATOR.join(parts).encode("utf-8", "replace")


texts = st.lists(text | text | text | repeated | st.none(), min_size=1, max_size=24).map(joined)
few_texts = st.lists(text | repeated, min_size=1, max_size=2).map(joined)
paragraphs = st.lists(st.lists(text | repeated, max_size=5).map("\n".join) | st.none(), min_size=1, max_size=6).map(
    joined
)

cell = st.lists(
    st.sampled_from((*ODD, ",", "\n", "\r\n", '""', ";", "text", "id", "null", "1e999")) | word, max_size=6
).map("".join)
value = st.recursive(
    cell | st.none() | st.booleans() | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def _jsonl(rows: Sequence[tuple[str, object]], ascii_only: bool) -> bytes:
    lines = [json.dumps({"id": other, "text": text}, ensure_ascii=ascii_only) for text, other in rows]
    return "\n".join(lines).encode("utf-8", "replace")


def _csv(rows: Sequence[tuple[str, object]], end: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows([("id", "text"), *((str(other), text) for text, other in rows)])
    return out.getvalue().encode("utf-8", "replace")


def _tsv(rows: Sequence[tuple[str, object]], end: str) -> bytes:
    return ("id\ttext" + end + end.join(f"{other}\t{text}" for text, other in rows)).encode("utf-8", "replace")


def _parquet(rows: Sequence[tuple[str, object]], name: str = "text", kind: str = "string") -> bytes:
    import pyarrow
    import pyarrow.parquet

    texts = [text.encode("utf-8", "replace").decode() for text, _ in rows]
    column = pyarrow.array(texts, pyarrow.string())
    if kind == "dictionary":
        column = column.dictionary_encode()
    elif kind == "struct":
        column = pyarrow.StructArray.from_arrays([column], [name])
    elif kind == "list":
        column = pyarrow.array([[text] * (at % 3) for at, text in enumerate(texts)], pyarrow.list_(pyarrow.string()))
    table = pyarrow.table({"id": [ascii(other) for _, other in rows], name: column})
    out = io.BytesIO()
    encoding = {name: "DELTA_BYTE_ARRAY"} if kind == "delta" else None
    pyarrow.parquet.write_table(table, out, use_dictionary=kind != "delta", column_encoding=encoding)
    return out.getvalue()


def _warc(rows: Sequence[tuple[str, object]]) -> bytes:
    records = []
    for number, (text, _) in enumerate(rows):
        body = text.encode("utf-8", "replace")
        kind = "conversion" if number % 2 else "resource"
        head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nContent-Type: text/plain\r\n"
        head += f"WARC-Target-URI: http://a.b/{number}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        records.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n")
    return b"".join(records)


CHARSETS = (
    "", "utf-8", "utf8mb4", "none", "unicode", "x-sjis", "iso-8859-8-i", "hex", "undefined", "UTF-8,text/html",
    "utf-16", "windows-1251", '"',
)  # fmt: skip
ENCODINGS = ("", "gzip", "br", "deflate", "zstd", "gzip, gzip", "identity", "x")
TAGS = (
    "<div>", "</div>", "<p>", "</p>", "<b a=1>", "<i>", "</b>", "<a href='x'>", "<table>", "<tr>", "<td>", "<ul><li>",
    "<select>", "<option>", "<svg>", "<path/>", "</svg>", "<script>", "</script>", "<!--", "-->", "<![CDATA[", "]]>",
    "<", "<a b='", "<article>", "<style>", "<title>", "<meta charset=x-sjis>", "&amp;", "&", "<template>", "<br>",
)  # fmt: skip


def _response(charset: str, encoding: str, encoded: bool, chunked: int, html: bool, body: str, length: int) -> bytes:
    """Return a record of a response: encoded as it says or not, as long as it says or not."""
    data = body.encode("utf-8", "replace")
    if encoded:
        data = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)(data)
    if chunked == 2:
        data = b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/{'html' if html else 'plain'}; charset={charset}\r\n"
    head += f"Content-Encoding: {encoding}\r\n" if encoding else ""
    head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else "\r\n"
    block = head.encode() + data
    record = "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: http://a.b/\r\n"
    record += "WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
    return f"{record}Content-Length: {len(block) + length}\r\n\r\n".encode() + block + b"\r\n\r\n"


def _pages(records: Sequence[bytes], members: int) -> bytes:
    """Return an archive of records, each a gzip member of its own, one of them damaged, or plain."""
    if members == 0:
        return b"".join(records)
    packed = [gzip.compress(record, 1) for record in records]
    if members == 2 and len(packed) > 1:
        packed[1] = packed[1][: len(packed[1]) // 2]
    return b"".join(packed)


markup = st.lists(
    st.sampled_from(TAGS)
    | word
    | odd
    | st.builds(lambda tag, times: tag * times, st.sampled_from(TAGS), st.integers(2, 400)),
    max_size=12,
).map("".join)
response = st.builds(
    _response,
    st.sampled_from(CHARSETS),
    st.sampled_from(("", "", *ENCODINGS)),
    st.booleans(),
    st.sampled_from((0, 0, 1, 2)),
    st.booleans() | st.just(True),
    markup,
    st.sampled_from((0, 0, 0, -3, 7, 10**18)),
)
pages = st.builds(_pages, st.lists(response, min_size=1, max_size=4), st.sampled_from((0, 0, 1, 2)))

rows = st.lists(st.tuples(cell, value), max_size=12)
line_end = st.sampled_from(("\n", "\r\n", "\r"))
content = st.one_of(
    st.builds(_jsonl, rows, st.booleans()),
    st.builds(_csv, rows, line_end),
    st.builds(_tsv, rows, line_end),
    st.builds(
        _parquet,
        rows,
        st.sampled_from(("text", "text", "te\nxt", "")),
        st.sampled_from(("string", "dictionary", "struct", "list", "delta")),
    ),
    st.builds(_warc, rows),
    pages,
    st.lists(cell, max_size=20).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")),
    st.lists(
        st.sampled_from(('"', "a", ",", "\n", "\r", '","', '""', "text", "{", "}", "[", ":", "\\", "\t")), max_size=60
    ).map(lambda parts: b"text\n" + "".join(parts).encode()),
)
damage = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3)


def _file(format: int, compression: int, cut: int, content: bytes, damage: Sequence[tuple[int, int]]) -> bytes:
    body = bytearray(content)
    for place, byte in damage:
        if body:
            body[place % len(body)] = byte
    return bytes((format, compression, cut)) + bytes(body)


files = st.builds(
    _file,
    st.integers(0, len(FORMAT_NAMES) - 1),
    st.sampled_from((0, 0, *range(len(COMPRESSIONS)))),
    st.sampled_from((0, 0, 0, 0, 128, 255)),
    content,
    st.just(()) | damage,
)

model_changes = st.builds(lambda way, program: bytes([way]) + program, st.integers(0, 5), st.binary(max_size=60))

_KEY = st.sampled_from(
    "name level short foreign empty minimum_words max_rejected false_positives.sentence review.document drift.alarm "
    "sources.column sources.overrides.x.short a.b.c [drift] [review] [sources.overrides.x] [[drift]] drift".split()
)
_VALUE = st.sampled_from(
    ("0.01", "0.5", "1", "-1", "nan", "inf", "1e-400", '"pass"', '"reject"', '"sentence"', '""', "true", "[]", "{}",
     "{a.b=1}", "1979-05-27", "'x'", '"\\ud800"', "[" * 400, "9" * 5000, '"' + "x" * 300 + '"', "")
)  # fmt: skip
_line = st.builds(lambda key, value: key if key.startswith("[") else f"{key} = {value}", _KEY, _VALUE) | cell
policies = st.lists(_line, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))


def _lines() -> list[str]:
    lines = [" ".join(WORDS[i : i + 14]) + "." for i in range(0, len(WORDS), 3)]
    return lines + [f"{WORDS[i % len(WORDS)]} {part} the committee {part}" for i, part in enumerate(ODD)]


def text_seeds(size: int, breaks: bool) -> list[bytes]:
    """Return batches of ``size`` texts; several lines a text unless a line break ends one."""
    lines = _lines()
    if breaks:
        return [joined([*(lines[i:] + lines * size)[:size], None]) for i in range(0, len(lines), 24)]
    return [joined(["\n".join(lines[i + k : i + k + 3]) for k in range(size)]) for i in range(0, len(lines), 4)]


def file_seeds() -> list[bytes]:
    """Return small files of every format under every compression, also with the wrong names."""
    lines = _lines()
    rows = [(line, i) for i, line in enumerate(lines[:30:3])]
    bodies = (
        _jsonl(rows, True),
        _jsonl(rows, False),
        _csv(rows, "\r\n"),
        _tsv(rows, "\n"),
        "\n".join(lines).encode("utf-8", "replace"),
        b"text\n",
        _parquet(rows),
        _parquet(rows, kind="delta"),
        _warc(rows),
    )
    return (
        [
            bytes((format, compression, 0)) + body
            for body in bodies
            for format in range(len(FORMAT_NAMES))
            for compression in range(len(COMPRESSIONS))
        ]
        + [bytes((0, 0, 0)) + pack(b"text\nthe cat sat on the mat\n") for pack in COMPRESSIONS]
        + _page_seeds()
    )


def _page_seeds() -> list[bytes]:
    """Return archives of pages: every charset and every encoding, plain and as gzip members."""
    page = "<html><head><title>x</title></head><body><p>The cat sat on the mat.</p></body></html>"
    kinds = [(charset, "", True, 0, html, page, 0) for charset in CHARSETS for html in (True, False)]
    kinds += [("utf-8", name, encoded, 0, True, page, 0) for name in ENCODINGS for encoded in (True, False)]
    kinds += [("utf-8", "", True, chunked, True, page, 0) for chunked in (1, 2)]
    kinds += [("utf-8", "", True, 0, True, page, length) for length in (-3, 7, 10**18)]
    kinds += [("utf-8", "", True, 0, True, tag * 40, 0) for tag in TAGS]
    warc = bytes((FORMAT_NAMES.index("warc"), 0, 0))
    return [
        warc + _pages([_response(*kind), _response("utf-8", "", True, 0, True, page, 0)] * 2, members)
        for at, kind in enumerate(kinds)
        for members in ((0, 1, 2) if at % 9 == 0 else (0,))
    ]
