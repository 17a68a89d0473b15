"""Requests to the service out of bytes: what is mutated, where that starts, and property-based ones."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from fuzzing.inputs import ODD, WORDS, repeated, text

SEPARATOR = b"\x1e"
"""Stands between requests that are sent at the same time."""

REPEAT = b"\x1f"
"""Stands around a byte and what is repeated, as often as two to the power of that byte."""

CONNECTION = b"\x00"
"""First byte of an input that is raw bytes for a connection; any other is requests for the application."""

POSTS = ("/v1/score", "/v1/score/batch", "/v1/gate", "/v1/gate/batch", "/v1/check")
GETS = ("/v1/model", "/health", "/ready", "/metrics", "/openapi.json", "/", "/page/page.js", "/v1/score", "/health/")
KINDS = (
    b"application/json", b"Application/JSON; charset=utf-8", b"application/json;charset=utf-16", b"text/plain", b"",
    b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"application/json, text/plain", b"\xff",
)  # fmt: skip
PLAIN: tuple[tuple[str, str, bytes], ...] = (
    ("GET", "/metrics", b""),
    ("GET", "/ready", b""),
    ("POST", "/v1/score", b'{"text":"The committee said that the release of Kursk was very happy by the soldiers."}'),
)


@dataclass(frozen=True)
class Call:
    """A request for the application: its scope, and the messages that carry its body."""

    scope: dict[str, Any]
    messages: Sequence[dict[str, Any]]


def scope_of(method: str, target: str, headers: Sequence[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Return a scope as the HTTP server makes it."""
    path, _, query = target.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        "method": method, "path": urllib.parse.unquote(path), "raw_path": path.encode("utf-8", "replace"),
        "query_string": query.encode("utf-8", "replace"), "root_path": "", "headers": list(headers),
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8765), "state": {},
    }  # fmt: skip


def call(method: str, target: str, body: bytes) -> Call:
    """Return a request that is sent whole."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return Call(scope_of(method, target, headers), [{"type": "http.request", "body": body, "more_body": False}])


def unfold(data: bytes, most: int) -> bytes:
    """Write out what is to be repeated, up to ``most`` bytes of it."""
    parts = data.split(REPEAT)
    for at in range(1, len(parts), 2):
        parts[at] = (parts[at][1:] * (1 << parts[at][0] % 17))[:most] if parts[at] else b""
    return b"".join(parts)


def calls_of(data: bytes, limit: int) -> list[Call]:
    """Take requests out of bytes: up to eight; how it is sent, what for, then a head where one is asked for, a body."""
    return [_call_of(part, limit) for part in data.split(SEPARATOR)[:8]]


def _call_of(part: bytes, limit: int) -> Call:
    way, choice = (*part[:2], 0, 0)[:2]
    body = part[2:]
    kind, other = choice % 8, choice // 8
    headers = [(b"content-type", KINDS[0])]
    method, target = "POST", POSTS[kind % len(POSTS)]
    if kind == 5:
        target = POSTS[other % len(POSTS)]
        headers = [(b"content-type", KINDS[way % len(KINDS)])]
    elif kind == 6:
        method, target = "GET", GETS[other % len(GETS)]
    elif kind == 7:
        head, _, body = body.partition(b"\n\n")
        method, target, headers = _head_of(head)
    body = unfold(body, 2 * limit)
    length = len(body) if way & 32 else 1 << other if way & 64 else None
    if length is not None and kind != 7:
        headers.append((b"content-length", b"%d" % length))
    return Call(scope_of(method, target, headers), _messages(way, body))


def _head_of(head: bytes) -> tuple[str, str, list[tuple[bytes, bytes]]]:
    """Read a head as the HTTP server would hand it on: names in lower case, lengths of digits only."""
    first, *lines = head.split(b"\n")
    method, _, target = first.decode("latin-1").partition(" ")
    if not (method.isascii() and method.isalpha()):
        method = "POST"
    headers = []
    for line in lines[:40]:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name == b"content-length" and not (value.isdigit() and len(value) < 20):
            continue
        headers.append((name, value))
    return method.upper(), "/" + target.lstrip("/") if not target.startswith("/") else target, headers


def _messages(way: int, body: bytes) -> list[dict[str, Any]]:
    """Cut a body into messages; at its end, or in the middle, the client may go away or fall silent."""
    size = (len(body), len(body) // 2, len(body) // 8, 7)[way & 3] or 1
    size = max(size, len(body) // 60)
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    ending = way >> 2 & 3
    if ending < 2:
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False
    else:
        kept = parts[: len(parts) // 2] if way & 16 else parts
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in kept]
    if way & 128:
        messages.insert(0, {"type": "http.request", "body": b"", "more_body": True})
    if ending == 2 or (ending < 2 and way & 16):
        messages.append({"type": "http.disconnect"})
    return messages


def join(parts: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Lay requests out as :func:`calls_of` takes them apart; the first byte says that they are for the application."""
    return SEPARATOR.join(bytes((way or 1, choice)) + body for way, choice, body in parts)


_LINES = (
    " ".join(WORDS[:14]) + ".",
    "the committee said that the release of Kursk was more thousands",
    "Это предложение написано не на английском языке.",
    "=1+1|x <script>alert(1)</script> was read aloud to them",
    "a\0b \U0001f600 of the of the of the",
    "",
)
_SCORE = {"level": "document", "false_positive_rate": 0.05}
_GATE = {
    "level": "sentence", "source": "example.org", "false_positive_rate": 0.01, "review_rate": 0.3, "minimum_words": 4,
    "short": "review", "foreign": "reject", "empty": "pass",
}  # fmt: skip


def _bodies() -> list[bytes]:
    """Return valid bodies: for every endpoint one with defaults and one with every option."""
    one, many = {"text": _LINES[1]}, {"texts": [*_LINES, None]}
    values = [one, many, one, many, {"text": "\n".join(_LINES)}]
    options: list[dict[str, Any]] = [_SCORE, _SCORE, _GATE, _GATE, {}]
    plain = [json.dumps(value, ensure_ascii=False).encode() for value in values]
    return plain + [json.dumps({**value, **more}).encode() for value, more in zip(values, options, strict=True)]


_BROKEN = (
    b"", b"[]", b"null", b'"x"', b"{}", b'{"text":', b'{"text":"a","text":"b"}', b'{"text":"a","level":"word"}',
    b'{"text":"\xff"}', b'{"text":"\xed\xa0\x80"}', rb'{"text":"\ud800 and so on"}', rb'{"t\ne":1}', b'{"text":null}',
    b'{"text":"a","false_positive_rate":1e999}', b'{"text":"a","false_positive_rate":-0}', b'\xef\xbb\xbf{"text":""}',
    b'{"text":"a","minimum_words":1.5}', b'{"text":"a","false_positive_rate":1e-9}', b'{"text":1}', b"{'text':''}",
    rb'{"text":"\ud800","minimum_words":NaN}', rb'{"text":"\ud800","false_positive_rate":Infinity}',
    b'{"text":"\\ud800","x":\x1f\x0f[\x1f', b'{"text":"\\ud800","false_positive_rate":\x1f\x0c9\x1f}',
    b'\x1f\x10 \x1f{"text":"the release of it was said"}',
    b'{"text":"a","false_positive_rate":\x1f\x0c9\x1f}', b'{"text":\x1f\x0f[\x1f', b'\x1f\x0c{"text":\x1f',
    b'{"texts":[\x1f\x0d"",\x1f""]}', b'{"texts":[\x1f\x0enull,\x1fnull]}', b'{"text":"\x1f\x0fa\x1f"}',
    b"\x1f\x10 \x1f{}", b'{"text":"\x1f\x0ba. \x1f"}',
    b'{"texts":["\x1f\x08the spirit of release \x1f"],"level":"document"}',
)  # fmt: skip
_WAYS = (1, 2, 32, 33, 131, 8, 24, 12, 28, 65, 16)


def _raw() -> list[bytes]:
    """Return what comes over a connection: whole requests, several, in chunks, and what is none."""
    json_head = b"Host: x\r\nContent-Type: application/json\r\n"
    posts = [
        b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path.encode(), json_head, len(body), body)
        for path, body in zip(POSTS * 2, _bodies(), strict=True)
    ]
    gets = [b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in GETS]
    body = _bodies()[0]
    chunked = b"POST /v1/score HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n" % json_head
    chunked += b"5\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\nX: y\r\n\r\n" % (body[:5], len(body) - 5, body[5:])
    return [
        *posts, *gets, chunked, posts[0] + gets[1] + posts[3] + chunked + gets[2], b"".join(gets) * 3,
        posts[0] * 3 + posts[1] + posts[0], posts[3] * 2 + gets[1] + posts[3] + posts[3][:-7], b"".join(posts * 2),
        b"".join(post.replace(b"Host: x", b"Host: y%d" % at) for at, post in enumerate(posts)),
        posts[0].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), posts[0][: -len(body)], posts[0][:-5],
        posts[0].replace(b"1.1", b"1.0"), posts[0].replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length"),
        posts[0].replace(b"Host: x", b"Connection: close"), gets[1].replace(b"GET", b"HEAD") + gets[2],
        gets[1].replace(b"Host: x", b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x"),
        b"OPTIONS * HTTP/1.1\r\n\r\n", b"CONNECT x:80 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://a.b/health HTTP/1.1\r\nHost: a.b\r\n\r\n", b"GET /%00%ff%0a/../health?x=y#z HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00 nonsense\r\n\r\n", b"GET /health\r\n", b"\r\n\r\n", b"",
        b"GET /health HTTP/1.1\r\n\x1f\x0dX-Filler: aaaaaaaaaaaaaaaaaaaaaaaa\r\n\x1f\r\n", posts[0] + posts[0][:-9],
    ]  # fmt: skip


def seeds() -> list[bytes]:
    """Return valid and broken requests to every endpoint, sent in every way, and connections."""
    bodies = _bodies()
    some = [(_WAYS[at % len(_WAYS)], at % 5, body) for at, body in enumerate(bodies)]
    heads = (
        b"POST /v1/score?x=y\ncontent-type: application/json\ncontent-length: 9\n\n" + bodies[0],
        b"DELETE /v1/gate/batch\n\n", b"HEAD /health\n\n", b"GET /v1/score/\nhost: [\xff\n\n", b"OPTIONS *\n\n",
        b"\n\n", b"POST /v1/score\ncontent-type: application/json\ncontent-encoding: gzip\n\n" + bodies[0],
        b"GET /v1/../%2e%2e/etc/passwd%00%0a?%ff\ncookie: a=b; c\nrange: bytes=0-1\n\n",
    )  # fmt: skip
    parts = [*some, *((way, at % 5, body) for way in (32, 1) for at, body in enumerate(_BROKEN))]
    parts += [(way, at % 5, body) for way in _WAYS for at, body in enumerate(bodies[:5])]
    parts += [(1 + at, 5 + 8 * (at % 5), bodies[at % 5]) for at in range(len(KINDS))]
    parts += [(1, 6 + 8 * at, b"") for at in range(len(GETS))] + [(1, 7, head) for head in heads]
    together = [join(parts[at : at + 5]) for at in range(0, len(parts) - 5, 3)]
    full = b'{"texts":["\x1f\x0bthe release of it \x1f"]}'
    raw = [CONNECTION + bytes((cut, at % 5)) + data for at, data in enumerate(_raw()) for cut in (0, 1 + 5 * at, 255)]
    raw += [CONNECTION + bytes((0, ending)) + data for data in (b"", b"GET /hea", _raw()[0]) for ending in range(5)]
    return [*(join([part]) for part in parts), *together, join([(33, 1, full)] * 8), *raw]


_KEYS = ("text", "texts", *_GATE, "tex", "te\nxt", "", "\ud800", "a" * 400)
_TOKENS = (
    "null", "true", "0", "-0", "1", "0.01", "0.5", "1e999", "-1e-400", "NaN", "Infinity", "01", "9" * 400, "1.5", "4.0",
    '"sentence"', '"document"', '"word"', '"reject"', '"review"', '"\\ud800"', '"\\u0000"', '"\\x"', '""', "[]", "{}",
    "[null]", "[[", "[1]", "\x1f\x0d[\x1f", '\x1f\x0b{"a":\x1f', '\x1f\x0c"a":1,\x1f"a":1', "",
)  # fmt: skip


def _object(pairs: Sequence[tuple[str, str]]) -> bytes:
    inner = ",".join(f"{json.dumps(key)}:{token}" for key, token in pairs)
    return f"{{{inner}}}".encode("utf-8", "surrogatepass")


_string = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only), text | repeated, st.booleans()
)
_texts = st.lists(_string | st.just("null"), max_size=12).map(lambda parts: f"[{','.join(parts)}]")
_option = st.sampled_from([(key, json.dumps(value)) for key, value in _GATE.items()])
_odd_option = st.tuples(st.sampled_from(_KEYS), st.sampled_from(_TOKENS) | _string)
_options = st.lists(_option, max_size=3) | st.lists(_option | _odd_option, max_size=3)
_body = st.one_of(
    st.builds(lambda value, more: _object([("text", value), *more]), _string, _options),
    st.builds(lambda value, more: _object([("texts", value), *more]), _texts, _options),
    st.builds(lambda value, more: _object([*more, ("text", value)]), st.sampled_from(_TOKENS), _options),
    st.sampled_from(_BROKEN),
    st.binary(max_size=30),
)
_header = st.tuples(
    st.sampled_from(("content-type", "content-length", "content-encoding", "host", "accept", "expect", "cookie", "")),
    st.sampled_from(
        ("application/json", "3", "0", "99999999999", "gzip", "identity", "[", "\xff", "100-continue", *ODD[:3])
    ),
).map(": ".join)
_target = st.sampled_from(
    (*POSTS, *GETS, "*", "//x", "/v1/score/", "/%ff%0a", "/health%0a", "/../..", "/?" + "a" * 300)
)
_free = st.builds(
    lambda method, target, headers, body: (
        "\n".join([f"{method} {target}", *headers, "\n"]).encode("utf-8", "replace") + body
    ),
    st.sampled_from(("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "QUERY", "")),
    _target, st.lists(_header, max_size=4), _body,
)  # fmt: skip
_byte = st.integers(0, 255)
_plain = st.tuples(
    st.sampled_from((*_WAYS, 1, 32)) | _byte, st.integers(0, 4) | _byte.map(lambda at: at & ~7 | at % 7), _body
)
_any = _plain | _plain | st.tuples(_byte, st.just(7), _free)
_damage = st.lists(st.tuples(st.integers(0, 600), _byte), max_size=2)


def _connection(cut: int, ending: int, parts: Sequence[bytes], damage: Sequence[tuple[int, int]]) -> bytes:
    raw = bytearray(b"".join(parts))
    for place, byte in damage:
        if raw:
            raw[place % len(raw)] = byte
    return CONNECTION + bytes((cut, ending)) + bytes(raw)


_request = st.builds(
    lambda path, body, kind: b"POST %s HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
    % (path.encode(), kind, len(body), body),
    st.sampled_from(POSTS), _body.map(lambda body: unfold(body, 4000)), st.sampled_from((KINDS[0], *KINDS)),
)  # fmt: skip
connections = st.builds(
    _connection,
    st.sampled_from((0, 0, 255, 255, 254, 1, 7, 100)),
    st.integers(0, 4),
    st.lists(st.sampled_from(_raw()) | _request | st.binary(max_size=20), max_size=4).map(lambda parts: parts * 2),
    st.just(()) | _damage,
)
requests = st.lists(_any, min_size=1, max_size=6).map(join) | connections
