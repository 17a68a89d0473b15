"""The service in this process, without a socket: what fuzzing sends requests to, and what it writes down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from fuzzing import calls
from fuzzing.promises import detector, promise
from mtdetect.service.app import Settings, create_app
from mtdetect.service.endpoints import Endpoint, answer_of

SETTINGS = Settings(request_bytes=48 << 10, queue_bytes=160 << 10)
"""Small, so that inputs of some bytes reach every limit."""

PATIENCE = 25.0
"""Real seconds after which an answer is missing."""

LONGEST_LIMIT = 3 * SETTINGS.seconds
"""Seconds of the loop's clock after which nothing may still wait for a client."""


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward: a client that is silent for a minute costs no minute."""

    ahead = 0.0

    def time(self) -> float:
        """Return the time of the loop's timers."""
        return super().time() + self.ahead


@dataclass(eq=False)
class Exchange:
    """A request as the application heard it, and the answer it gave."""

    scope: Scope
    asked: bytearray = field(default_factory=bytearray)
    whole: bool = False
    gone: bool = False
    """The application was told that the client went away."""
    waiting: bool = False
    """It waits for the client: for more of the body, or to read the answer."""
    start: Message | None = None
    answer: bytearray = field(default_factory=bytearray)
    answered: bool = False
    over: bool = False


class Direct:
    """An endpoint as the HTTP protocol asks it without ASGI; what it answers is written down."""

    def __init__(self, live: Live, path: str, endpoint: Endpoint[Any]) -> None:
        self._live, self._path, self._endpoint = live, path, endpoint
        self.check = endpoint.check

    def start(self, body: bytes, deliver: Callable[[bytes | Exception], None]) -> None:
        """Begin to answer a request that is all there."""
        exchange = Exchange({"method": "POST", "path": self._path}, bytearray(body), whole=True)
        self._live.exchanges.append(exchange)

        def heard(outcome: bytes | Exception) -> None:
            promise(not exchange.over, "a request is answered once")
            answer = answer_of(outcome)
            fixed = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body))]
            exchange.start = {"status": answer.status, "headers": [*fixed, *answer.headers]}
            exchange.answer += answer.body
            exchange.answered = exchange.over = True
            deliver(outcome)

        self._endpoint.start(body, heard)


class Complaints(logging.Handler):
    """What is logged as an error: the service says there what it does not tell the client."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        for name in ("mtdetect.service", "uvicorn.error", "asyncio"):
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message and its traceback."""
        self.lines.append(logging.Formatter().format(record))


@cache
def complaints() -> Complaints:
    return Complaints()


class Live:
    """A running service without sockets: the loop, the application, and every exchange since it was last looked at."""

    def __init__(self) -> None:
        self.loop = Clock()
        self.loop.set_exception_handler(lambda _, context: complaints().lines.append(repr(context)))
        self.exchanges: list[Exchange] = []
        self.application = create_app(detector(), SETTINGS)
        self.direct = {path: Direct(self, path, endpoint) for path, endpoint in self.application.direct.items()}
        self.metrics = self.application.metrics
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._lifespan = self.loop.create_task(
            self.application({"type": "lifespan"}, self._events.get, self._said.put)  # type: ignore[arg-type]
        )
        self._tell("startup")

    def _tell(self, event: str) -> None:
        self._events.put_nowait({"type": f"lifespan.{event}"})
        said = self.loop.run_until_complete(asyncio.wait_for(self._said.get(), PATIENCE))
        promise(said["type"] == f"lifespan.{event}.complete", f"{event} is complete")

    def close(self) -> None:
        """Stop the service."""
        self._tell("shutdown")
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks - {self._lifespan}:
            task.cancel()
        self.loop.run_until_complete(asyncio.wait(tasks) if tasks else asyncio.sleep(0))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the end."""
        complaints().lines.clear()
        self.loop.run_until_complete(work)
        promise(not complaints().lines, "nothing fails behind the scenes: " + "".join(complaints().lines[:1]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application and write down what is said: an ASGI application itself."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope)
        self.exchanges.append(exchange)

        async def heard() -> Message:
            exchange.waiting = True
            message = await receive()
            exchange.waiting = False
            if message["type"] == "http.disconnect":
                exchange.gone = True
            else:
                exchange.asked += message.get("body", b"")
                exchange.whole = not message.get("more_body", False)
            return message

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                promise(exchange.start is None, "an answer begins once")
                exchange.start = message
            else:
                promise(exchange.start and not exchange.answered, "a body comes after its head and before its end")
                exchange.answer += message.get("body", b"")
                exchange.answered = not message.get("more_body", False)
            exchange.waiting = True
            await send(message)
            exchange.waiting = False

        try:
            await self.application(scope, heard, said)
        finally:
            exchange.over = True

    async def settle(self) -> None:
        """Wait until nothing moves: every request is over, or waits for its client."""
        begin = time.monotonic()
        still, before = 0, -1
        while still < 5:  # turns of the loop: the next of several requests begins when one is over
            promise(time.monotonic() - begin < PATIENCE, "an answer comes in time")
            moving = [exchange for exchange in self.exchanges if not (exchange.over or exchange.waiting)]
            still = 0 if moving or len(self.exchanges) != before else still + 1
            before = len(self.exchanges)
            await asyncio.sleep(0.0003 if moving else 0)

    async def after(self, seconds: float) -> None:
        """Let time pass on the loop's clock."""
        self.loop.ahead += seconds
        for _ in range(5):
            await asyncio.sleep(0)

    async def call(self, call: calls.Call) -> Exchange:
        """Send a request in the pieces it asks for."""
        inbox = list(call.messages)

        async def receive() -> Message:
            if not inbox:
                await asyncio.Event().wait()  # silent, but there
            return inbox.pop(0)

        async def send(_: Message) -> None:
            await asyncio.sleep(0)

        at = len(self.exchanges)
        await self(call.scope, receive, send)
        return self.exchanges[at]
