"""Running the application: one process, guarded connections, a clean end."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mtdetect.errors import MtdetectError
from mtdetect.service.app import Settings

_HEADER_SECONDS = 10.0
_HEADER_BYTES = 64 << 10
_KEEP_ALIVE_SECONDS = 30
_BUSY_BODY = b'{"error":"too many connections are open; try again in a second"}'
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BUSY_BODY), _BUSY_BODY)
)


def serve(app: ASGIApp, host: str, port: int, settings: Settings, started: Callable[[str], None]) -> None:
    """Run the application until it is interrupted or terminated; what was accepted is finished first.

    Args:
        app: the application.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        settings: limits of the service.
        started: told the address once connections are taken.

    Raises:
        MtdetectError: the address cannot be listened on.
    """
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        http=_guarded(settings),
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(2 * settings.seconds) + 1,
    )
    server = uvicorn.Server(config)
    gc.freeze()  # the model and the modules stay: collecting garbage need not look at them
    started(f"http://{shown}:{listener.getsockname()[1]}")
    try:
        server.run(sockets=[listener])
    except (KeyboardInterrupt, SystemExit):
        if server.force_exit or not server.started:
            raise
        # Else the end was clean: uvicorn raises the signal that stopped it once more.


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise MtdetectError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --host or --port"
        ) from None
    listener.setblocking(False)
    return listener


class _Joined:
    """A transport that writes once in a turn of the event loop: head and body of an answer are one system call."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _guarded(settings: Settings) -> type[HttpToolsProtocol]:
    """Return uvicorn's HTTP protocol with limits it lacks: connections, slow or endless headers, slow readers."""

    header_seconds = min(_HEADER_SECONDS, settings.seconds)

    class Guarded(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _reader_timer: asyncio.TimerHandle | None = None
        _in_headers = False
        _received = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(cast(asyncio.Transport, _Joined(transport, self.loop)))
            if len(self.connections) > settings.connections:
                transport.write(_BUSY)
                transport.close()
            else:
                self._timer = self.loop.call_later(header_seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._timer, self._reader_timer):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._in_headers, self._received = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_headers, self._received = False, 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._received += len(data)
            # Chunks of one byte take six times their content; more than that is no request.
            if self._received > (_HEADER_BYTES if self._in_headers else 8 * settings.request_bytes + _HEADER_BYTES):
                self.transport.abort()
            elif self._timer is None and (self._in_headers or self.cycle is None or self.cycle.response_complete):
                self._timer = self.loop.call_later(header_seconds, self.transport.abort)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader_timer = self.loop.call_later(settings.seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._reader_timer is not None:
                self._reader_timer.cancel()
                self._reader_timer = None

    return Guarded
