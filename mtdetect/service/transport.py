"""Writing to a connection: one system call for an answer."""

from __future__ import annotations

import asyncio
from typing import Any


class Joined:
    """A transport that writes once in a turn of the event loop: head and body of an answer are one system call."""

    __slots__ = ("_loop", "_parts", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write part of an answer, with the other parts of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def write_whole(self, data: bytes) -> None:
        """Write a whole answer, behind what waits."""
        if self._parts:
            self.write(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Write what waits and close the connection."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
