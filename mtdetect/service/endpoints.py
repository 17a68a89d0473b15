"""One JSON request in, one JSON answer out: reading within limits, checking, queueing, answering."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import orjson
from starlette.types import Receive, Scope, Send

from mtdetect.service.batching import Batcher, Deliver, Task
from mtdetect.service.errors import Headers, Refusal

Request = TypeVar("Request", bound=msgspec.Struct)

_LONGEST_MESSAGE = 300
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one request may take.

    Attributes:
        size: bytes of a request's body.
        seconds: for the body to arrive; the same for its turn to come.
    """

    size: int
    seconds: float


class Answer(NamedTuple):
    """A JSON answer."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


class Endpoint(Generic[Request]):
    """Decodes a request, has its texts scored, and answers.

    As an ASGI application it reads the body first, within limits; :meth:`start` takes a request that is all there.

    Args:
        kind: what a request holds.
        plan: turns a request into a task; ValueError refuses it.
        batcher: scores the texts.
        limits: what one request may take.
    """

    def __init__(self, kind: type[Request], plan: Callable[[Request], Task], batcher: Batcher, limits: Limits) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._plan = plan
        self._batcher = batcher
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = 0
        try:
            self.check(scope["headers"])
            parts: list[bytes] = []
            try:
                async with asyncio.timeout(self._limits.seconds):
                    more = True
                    while more:
                        message = await receive()
                        part: bytes = message.get("body", b"")
                        if held + len(part) > self._limits.size:
                            raise self._too_large()
                        self._batcher.hold(len(part))
                        held += len(part)
                        parts.append(part)
                        more = message.get("more_body", False)
            except TimeoutError:
                raise Refusal(408, f"the body did not arrive within {self._limits.seconds:g} seconds") from None
            if message["type"] == "http.disconnect":
                return
            body = b"".join(parts)
            del parts, part
            task = self._task(body)
            del body
            future: asyncio.Future[bytes | Exception] = asyncio.get_running_loop().create_future()
            self._batcher.submit(task, held, lambda outcome: None if future.done() else future.set_result(outcome))
            await respond(send, answer_of(await future))
        except Refusal as refusal:
            await respond(send, refused(refusal))
        finally:
            self._batcher.release(held)

    def start(self, body: bytes, deliver: Deliver) -> None:
        """Begin to answer a request that is all there, and whose headers were checked.

        ``deliver`` gets the body of the answer or why there is none, now or later, in the event loop.
        """
        size = len(body)
        try:
            self._batcher.hold(size)
        except Refusal as refusal:
            deliver(refusal)
            return
        try:
            task = self._task(body)
        except Exception as error:
            self._batcher.release(size)
            deliver(error)
        else:
            task.held = size
            self._batcher.submit(task, size, deliver)

    def check(self, headers: Headers) -> None:
        """Check the headers of a request.

        Raises:
            Refusal: the body is of another type, encoded, or too large.
        """
        if _check_headers(headers) > self._limits.size:
            raise self._too_large()

    def _task(self, body: bytes) -> Task:
        try:
            request = self._decoded(body)
        except msgspec.ValidationError as error:
            raise Refusal(422, f"{_clip(error)}; /openapi.json describes every field") from None
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Refusal(400, f"the body is not JSON in UTF-8: {_clip(error)}") from None
        try:
            return self._plan(request)
        except ValueError as error:
            raise Refusal(422, _clip(error)) from None

    def _decoded(self, body: bytes) -> Request:
        try:
            return self._decoder.decode(body)
        except msgspec.DecodeError:
            if not _HALF.search(body):
                raise
            # Half of a surrogate pair, which JSON can write and UTF-8 cannot: only the slower decoder takes it.
            return msgspec.convert(json.loads(body), self._decoder.type)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"a request may have {self._limits.size:,} bytes; send the texts in several requests")


def dumps(value: Any) -> bytes:
    """Write JSON; numpy's 32-bit floats as the shortest number that is the same float, NaN as null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def refused(refusal: Refusal) -> Answer:
    """Return the answer that says why there is no result."""
    return Answer(refusal.status, dumps({"error": refusal.message}), refusal.headers)


def answer_of(outcome: bytes | Exception) -> Answer:
    """Return the answer to a request that came to this."""
    return Answer(200, outcome) if isinstance(outcome, bytes) else failed(outcome)


def failed(error: Exception) -> Answer:
    """Return the answer to a request that failed; what no refusal explains goes to the log."""
    if isinstance(error, Refusal):
        return refused(error)
    _log.error("a request failed", exc_info=error)
    return refused(Refusal(500, "unexpected error; the log of the service says more"))


async def respond(send: Send, answer: Answer) -> None:
    """Send an answer through ASGI."""
    fixed = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": [*fixed, *answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})


def _check_headers(headers: Headers) -> int:
    """Return the announced length of the body, 0 where there is none."""
    kind, length = b"", 0
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
        elif name == b"content-length":
            length = int(value)  # the HTTP parser lets nothing but digits through
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Refusal(415, "compressed bodies are not read; send plain JSON")
    if kind != b"application/json":
        raise Refusal(415, "send JSON with the header Content-Type: application/json")
    return length


def _clip(error: Exception) -> str:
    message = " ".join(str(error).splitlines())
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
