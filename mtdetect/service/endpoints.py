"""One JSON request in, one JSON answer out: reading within limits, checking, queueing, answering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import orjson
from starlette.types import Receive, Scope, Send

from mtdetect.service.batching import Batcher, Scorer
from mtdetect.service.errors import Refusal

Request = TypeVar("Request", bound=msgspec.Struct)
Headers = list[tuple[bytes, bytes]]

_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Limits:
    """What one request may take.

    Attributes:
        size: bytes of a request's body.
        seconds: for the body to arrive; the same for its turn to come.
    """

    size: int
    seconds: float


@dataclass(frozen=True)
class Task:
    """What a request asks for: a scorer, its texts, and how rows become an answer."""

    scorer: Scorer
    texts: Sequence[str | None]
    answer: Callable[[list[dict[str, Any]]], dict[str, Any]]


class Endpoint(Generic[Request]):
    """An ASGI application that decodes a request, has its texts scored, and answers.

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
            length = _check_headers(scope["headers"])
            if length > self._limits.size:
                raise self._too_large()
            message = await receive()
            body: bytes = message.get("body", b"")
            self._batcher.hold(len(body))
            held = len(body)
            if message.get("more_body"):
                parts = [body]
                try:
                    async with asyncio.timeout(self._limits.seconds):
                        while message.get("more_body"):
                            message = await receive()
                            part: bytes = message.get("body", b"")
                            if held + len(part) > self._limits.size:
                                raise self._too_large()
                            self._batcher.hold(len(part))
                            held += len(part)
                            parts.append(part)
                except TimeoutError:
                    raise Refusal(408, f"the body did not arrive within {self._limits.seconds:g} seconds") from None
                body = b"".join(parts)
                del parts
            if message["type"] == "http.disconnect":
                return
            if len(body) > self._limits.size:
                raise self._too_large()
            task = self._task(body)
            del body
            answer = await self._batcher.submit(task.scorer, task.texts, lambda rows: dumps(task.answer(rows)))
            await respond(send, 200, answer)
        except Refusal as refusal:
            await refuse(send, refusal)
        finally:
            self._batcher.release(held)

    def _task(self, body: bytes) -> Task:
        try:
            request = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Refusal(422, f"{_clip(error)}; /openapi.json describes every field") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(400, f"the body is not JSON in UTF-8: {_clip(error)}") from None
        try:
            return self._plan(request)
        except ValueError as error:
            raise Refusal(422, _clip(error)) from None

    def _too_large(self) -> Refusal:
        return Refusal(413, f"a request may have {self._limits.size:,} bytes; send the texts in several requests")


def dumps(value: Any) -> bytes:
    """Write JSON; numpy's 32-bit floats as the shortest number that is the same float, NaN as null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


async def respond(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Send a JSON answer."""
    fixed = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: Refusal) -> None:
    """Send a refusal."""
    await respond(send, refusal.status, dumps({"error": refusal.message}), refusal.headers)


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
    message = str(error)
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
