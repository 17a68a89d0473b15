"""Connections to the service: raw bytes into the HTTP protocol that ``mtdetect serve`` uses, with our own transport."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import h11
import uvicorn
from uvicorn.server import ServerState

from fuzzing import calls
from fuzzing.answers import check_refusal
from fuzzing.live import LONGEST_LIMIT, SETTINGS, Live
from fuzzing.promises import LostRowError, promise
from mtdetect.service.server import make_config

HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[!-9;-~]+: [^\r\n]*\r\n)*)\r\n")
STATUSES = (200, 400, 404, 405, 408, 413, 415, 422, 429, 431, 503)
BEGIN = re.compile(rb"(?=(?:GET|POST|HEAD) )")
MAX_PIECES = 80


@lru_cache(1)
def _config(live: Live) -> tuple[uvicorn.Config, ServerState]:
    config = make_config(live, SETTINGS, lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    return config, ServerState()


def protocol_of(live: Live) -> Any:
    """Return a protocol for one connection, as ``mtdetect serve`` has them made."""
    config, state = _config(live)
    return config.http_protocol_class(config=config, server_state=state, app_state={}, _loop=live.loop)  # type: ignore[call-arg]


class Wire(asyncio.Transport):
    """A transport that keeps what is written.

    Attributes:
        sent: everything written.
        closed: whether this side closed or gave up the connection.
        paused: whether no more is to be read.
    """

    def __init__(self, live: Live, protocol: Any, reading: bool) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8765)})
        self.sent = b""
        self.closed = self.aborted = self.paused = False
        self._loop, self._protocol, self._reading, self._stopped = live.loop, protocol, reading, False

    def write(self, data: Any) -> None:
        """Keep what is written; a client that does not read makes this a full pipe."""
        if self.closed:
            return
        self.sent += bytes(data)
        if not self._reading and not self._stopped:
            self._stopped = True
            self._protocol.pause_writing()

    def writelines(self, parts: Any) -> None:
        """Keep what is written."""
        self.write(b"".join(parts))

    def close(self, error: Exception | None = None) -> None:
        """Close the connection; the protocol is told later, as from a real one."""
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._protocol.connection_lost, error)

    def abort(self) -> None:
        """Give the connection up."""
        self.aborted = True
        self.close()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Take no more."""
        self.paused = True

    def resume_reading(self) -> None:
        """Take more again."""
        self.paused = False

    def is_reading(self) -> bool:
        """Whether more is taken."""
        return not self.paused and not self.closed

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be read by the client."""
        return len(self.sent) if self._stopped else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""


async def check_connection(live: Live, data: bytes) -> None:
    """Feed bytes in pieces; then the client closes, breaks off, falls silent, or never read a thing."""
    cut, ending = (*data[:2], 0, 0)[:2]
    raw = calls.unfold(data[2:], 1 << 18)
    ending %= 5
    if cut >= 254:  # request by request, each after the answer to the one before or at once
        pieces = [piece for piece in BEGIN.split(raw) if piece]
    else:
        size = max(cut or len(raw), len(raw) // MAX_PIECES, 1)
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    protocol = protocol_of(live)
    wire = Wire(live, protocol, reading=ending != 4)
    protocol.connection_made(wire)
    for piece in pieces:
        if wire.paused or cut == 255:
            await live.settle()
        if wire.closed or wire.paused:
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
    if ending != 2:
        await live.settle()
    if ending >= 3:
        await live.after(LONGEST_LIMIT)
        await live.settle()
        await live.after(LONGEST_LIMIT)
        promise(wire.closed, "a silent client is not waited for for ever")
    elif not wire.closed:
        if ending != 2:
            protocol.eof_received()
        wire.close(ConnectionResetError() if ending == 2 else None)
    await live.settle()
    check_heard(live, raw)
    statuses = check_wire(wire, b"HEAD " in raw, whole=ending not in (2, 4))
    answered = [exchange.start["status"] for exchange in live.exchanges if exchange.start and exchange.answered]
    if ending not in (2, 4) and statuses[-1:] not in ([400], [431]):  # a client that speaks no HTTP is hung up on
        promise(statuses == answered, "every answer is sent, in order", LostRowError)


def check_heard(live: Live, raw: bytes) -> None:
    """Check that the application heard the requests that another HTTP parser finds in the bytes, and no others."""
    found: list[tuple[str, str, bytes]] = []
    other = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    try:
        other.receive_data(raw)
        body, head = b"", None
        while isinstance(event := other.next_event(), h11.Request | h11.Data | h11.EndOfMessage):
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif head is not None:
                found.append((head.method.decode(), head.target.decode(), body))
                other.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                other.send(h11.EndOfMessage())
                if other.our_state is h11.MUST_CLOSE:
                    break
                other.start_next_cycle()
    except h11.ProtocolError:  # it takes less, and more, of what is not quite HTTP
        return
    for number, exchange in enumerate(live.exchanges):
        promise(number < len(found) or not exchange.whole, "a request is heard when all of it is there")
        if number < len(found):
            method, target, body = found[number]
            target = target.partition("#")[0]
            path = calls.scope_of(method, target if target.startswith("/") else urlsplit(target).path, ())["path"]
            promise((method, path) == (exchange.scope["method"], exchange.scope["path"]), "requests come in order")
            promise(not exchange.whole or method != "POST" or body == exchange.asked, "a request has its own body")


def check_wire(wire: Wire, heads: bool, whole: bool) -> list[int]:
    """Check that answers follow one another without a gap; returns their statuses.

    Args:
        wire: what was sent.
        heads: some may answer HEAD, which have no body.
        whole: the last is not cut off.
    """
    statuses = []
    rest = wire.sent
    while rest:
        head = HEAD.match(rest)
        promise(head, "what is sent is HTTP")
        assert head is not None
        status, rest = int(head[1]), rest[head.end() :]
        if status == 100:
            continue
        statuses.append(status)
        headers = dict(line.split(": ", 1) for line in head[2].decode("latin-1").lower().splitlines())
        promise(status in STATUSES, f"the status is documented, and not {status}")
        promise("content-length" in headers, "the length of an answer is told")
        length = int(headers["content-length"])
        if heads and (not rest or HEAD.match(rest)):
            continue
        body, rest = rest[:length], rest[length:]
        if len(body) < length:
            promise(not whole, "an answer is whole")
        elif status != 200:
            promise(headers.get("content-type") == "application/json", "a refusal is JSON")
            check_refusal(status, headers, body)
    return statuses
