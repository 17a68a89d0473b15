"""HTTP on one connection: uvicorn's protocol, guarded, with a short way for small requests that arrive whole."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mtdetect.service.app import Settings
from mtdetect.service.endpoints import Endpoint, answer_of
from mtdetect.service.errors import Refusal
from mtdetect.service.observe import Observed
from mtdetect.service.transport import Joined

_HEADER_SECONDS = 10.0
_HEADER_BYTES = 64 << 10
_BODY_SECONDS = 0.02
_KNOWN_HEADS = 4096
_KNOWN_BYTES = 1024
_STATUS_LINE = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_LENGTH = b"content-length: %d\r\n\r\n"


@lru_cache(64)
def _head(status: int, headers: tuple[tuple[bytes, bytes], ...], keep_alive: bool) -> bytes:
    """Return the first lines of a JSON answer; its length comes last."""
    lines = [b"%b: %b\r\n" % header for header in (*headers, (b"content-type", b"application/json"))]
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    return b"".join((_STATUS_LINE[status], *lines))


def _refusal(status: int, message: bytes, headers: bytes = b"") -> bytes:
    body = b'{"error":"%s"}' % message
    head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body)
    return b"".join((_STATUS_LINE[status], head, headers, b"\r\n", body))


_BUSY = _refusal(503, b"too many connections are open; try again in a second", b"retry-after: 1\r\n")
_NO_HTTP = _refusal(400, b"this is not an HTTP request that can be read; /openapi.json lists what can")
_LONG_HEADERS = _refusal(431, b"the headers are longer than %d bytes; send fewer" % _HEADER_BYTES)


@dataclass(frozen=True, slots=True)
class _Head:
    """What the line and headers of a plain request to a direct endpoint say."""

    endpoint: Endpoint[Any]
    path: str
    length: int


class _DirectCycle:
    """A request in work that needs no ASGI task; it stands where uvicorn keeps its cycle of request and response.

    Attributes:
        response_complete: whether it was answered.
        disconnected: whether the client went away.
        keep_alive: whether the connection stays open after the answer.
        message_event: told by uvicorn that the connection was lost; nobody waits for it.
    """

    __slots__ = ("_begin", "_path", "_protocol", "disconnected", "keep_alive", "response_complete")

    message_event = asyncio.Event()

    def __init__(self, protocol: _GuardedProtocol, path: str) -> None:
        self._protocol, self._path, self._begin = protocol, path, time.perf_counter()
        self.response_complete = self.disconnected = False
        self.keep_alive = True

    def answer(self, outcome: bytes | Exception) -> None:
        """Send the answer, unless the client went away."""
        self.response_complete = True
        if not self.disconnected:
            protocol = self._protocol
            status = protocol.send_answer(outcome, self.keep_alive)
            protocol.app.metrics.answers.note(self._path, status, time.perf_counter() - self._begin)


class _GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits it lacks: connections, slow or endless headers, slow readers.

    A request to one of the application's ``direct`` endpoints that came whole in one read, with nothing special about
    it, goes to its endpoint without an ASGI task, for less than half the time; its line and headers are remembered, so
    that the same bytes need no parsing again. Clients that send head and body apart go the same way, once the head is
    known. All other requests take uvicorn's way.
    """

    app: Observed
    settings: Settings
    known: dict[bytes, _Head]

    # What every request touches lies side by side: with hundreds of connections their memory is seldom in the cache.
    __slots__ = (
        "_active",
        "_body",
        "_data",
        "_early",
        "_head",
        "_in_headers",
        "_in_message",
        "_reader_timer",
        "_received",
        "_timer",
        "app",
        "cycle",
        "loop",
        "pipeline",
        "server_state",
        "timeout_keep_alive_task",
        "transport",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None
        self._in_message = self._in_headers = False
        self._received = 0
        self._head: _Head | None = None
        self._body = self._data = self._early = b""
        self._active = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Joined(transport, self.loop)))
        self.app.metrics.connections = len(self.connections)
        self._header_seconds = min(_HEADER_SECONDS, self.settings.seconds)
        if len(self.connections) > self.settings.connections:
            transport.write(_BUSY)
            transport.close()
        else:
            self._timer = self.loop.call_later(self._header_seconds, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._reader_timer):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()  # uvicorn forgets it where the connection broke
        super().connection_lost(exc)
        self.app.metrics.connections = len(self.connections)

    def data_received(self, data: bytes) -> None:
        if self._in_message:
            self._data = b""
        else:
            if self._early:
                data = self._take_early() + data
            end = data.find(b"\r\n\r\n") + 4
            head = self.known.get(data[:end])
            if head is not None and self._is_free():
                if end + head.length == len(data):
                    self._clear_timer()
                    self._start(head, data[end:])
                    return
                if end == len(data):
                    self._clear_timer()
                    self._early = data
                    self._timer = self.loop.call_later(_BODY_SECONDS, self._parse_early)
                    return
            self._data = data
        self._parse(data)

    def _take_early(self) -> bytes:
        """Return the head that waits for its body, which is waited for no longer."""
        self._clear_timer()
        data, self._early = self._early, b""
        return data

    def _parse_early(self) -> None:
        """Parse a head that was kept for a body that does not come."""
        self._data = self._take_early()
        self._parse(self._data)

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None:  # of a request whose body is still to come, in uvicorn's way
            self._remember(self._head)
            self._head = None
            if not self.transport.is_closing():
                super().on_headers_complete()
                super().on_body(self._body)
            self._body = b""
        self._received += len(data)
        if self._in_headers and self._received > _HEADER_BYTES:
            if self._is_free():
                self.transport.write(_LONG_HEADERS)
            self.transport.close()
        elif self._received > 8 * self.settings.request_bytes + _HEADER_BYTES:
            self.transport.abort()  # chunks of one byte take six times their content; more than that is no request
        elif self._timer is None and (self._in_headers or self.cycle is None or self.cycle.response_complete):
            self._timer = self.loop.call_later(self._header_seconds, self.transport.abort)

    def _is_free(self) -> bool:
        """Whether the next request can be worked on at once, and its answer sent."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return self._reader_timer is None and not self.transport.is_closing()
        return False

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def on_message_begin(self) -> None:
        self._in_message = self._in_headers = True
        self._received = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers, self._received = False, 0
        self._clear_timer()
        self._head = self._direct_head() if self._is_free() else None
        if self._head is None:
            super().on_headers_complete()

    def _direct_head(self) -> _Head | None:
        """Return what a request says that its endpoint can take directly; None if anything about it is special."""
        path = self.url.decode("latin-1")
        endpoint = self.app.direct.get(path)
        parser = self.parser
        if endpoint is None or self.expect_100_continue or parser.get_method() != b"POST":
            return None
        if parser.get_http_version() != "1.1" or parser.should_upgrade() or not parser.should_keep_alive():
            return None
        lengths = [value for name, value in self.headers if name == b"content-length"]
        if len(lengths) != 1:  # in chunks
            return None
        try:
            endpoint.check(self.headers)
        except Refusal:
            return None
        return _Head(endpoint, path, int(lengths[0]))

    def on_body(self, body: bytes) -> None:
        if self._head is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._in_message = False
        head, self._head = self._head, None
        if head is None:
            super().on_message_complete()
            return
        body, self._body = self._body, b""
        self._remember(head)
        self._start(head, body)

    def _remember(self, head: _Head) -> None:
        """Remember a head if it was read in one piece, with its body or without, and nothing else."""
        end = self._data.find(b"\r\n\r\n") + 4
        if len(self._data) in (end, end + head.length) and 4 <= end <= _KNOWN_BYTES:
            if len(self.known) == _KNOWN_HEADS:
                self.known.clear()
            self.known[self._data[:end]] = head

    def _start(self, head: _Head, body: bytes) -> None:
        cycle = _DirectCycle(self, head.path)
        self.cycle = cycle  # type: ignore[assignment]
        head.endpoint.start(body, cycle.answer)

    def send_answer(self, outcome: bytes | Exception, keep_alive: bool) -> int:
        """Send an answer in one piece, and close the connection or wait for the next request; return its status."""
        status, body, headers = answer_of(outcome)
        head = _head(status, (*self.server_state.default_headers, *headers), keep_alive)
        cast(Joined, self.transport).write_whole(head + _LENGTH % len(body) + body)
        if not keep_alive:
            self.transport.close()
        if self.pipeline or self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
        self._active = self.loop.time()
        return status

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle for long enough; direct requests do not set the timer anew."""
        left = self._active + self.timeout_keep_alive - self.loop.time()
        if self._early or not self._is_free():
            left = self.timeout_keep_alive
        if left > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Begin to stop: what was asked is answered, then the connection is closed."""
        if self._early:
            self._parse_early()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        self.transport.write(_NO_HTTP)
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_timer = self.loop.call_later(self.settings.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None


def make_protocol(settings: Settings) -> type[HttpToolsProtocol]:
    """Return the protocol for the connections of a service."""
    return type("Protocol", (_GuardedProtocol,), {"settings": settings, "known": {}})
