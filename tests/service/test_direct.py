"""Requests that come whole and those that do not get the same answers, in order, on one connection."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the service needs its packages: pip install 'mtdetect[serve]'")

from uvicorn.server import ServerState

from mtdetect.detector import Detector
from mtdetect.service.app import Settings, create_app
from mtdetect.service.server import make_config
from tests.service.harness import Service, http_post, read_answer

PLAIN = "She closed the door behind her and walked to the station in the rain."
OTHER = "He opened the door behind her and walked to the station in the snow."


def _score(body: bytes) -> float:
    score: float = json.loads(body)["score"]
    return score


def _scores(service: Service) -> list[float]:
    return [service.post("/v1/score", {"text": text})[1]["score"] for text in (PLAIN, OTHER)]


def test_the_same_head_again_and_again(service: Service) -> None:
    assert len(PLAIN) == len(OTHER) + 1
    plain, other = _scores(service)
    with service.connect() as connection:
        for text, expected in [(PLAIN, plain), (OTHER + " ", other), (PLAIN, plain), (OTHER, other)] * 3:
            connection.sendall(http_post("/v1/score", {"text": text}))
            status, body = read_answer(connection)
            assert (status, _score(body)) == (200, expected)


@pytest.mark.parametrize("size", [1, 7, 60, 100, 150])
def test_a_request_in_parts(service: Service, size: int) -> None:
    plain, _ = _scores(service)
    request = http_post("/v1/score", {"text": PLAIN})
    with service.connect() as connection:
        for _ in range(2):
            for start in range(0, len(request), size):
                connection.sendall(request[start : start + size])
                time.sleep(0.001)
            status, body = read_answer(connection)
            assert (status, _score(body)) == (200, plain)


def test_a_head_that_is_known_with_a_body_that_comes_later(service: Service) -> None:
    plain, other = _scores(service)
    head, _, body = http_post("/v1/score", {"text": PLAIN}).partition(b"\r\n\r\n")
    with service.connect() as connection:
        connection.sendall(head + b"\r\n\r\n" + body)
        assert _score(read_answer(connection)[1]) == plain
        connection.sendall(head + b"\r\n\r\n")
        time.sleep(0.05)
        connection.sendall(body[:10])
        time.sleep(0.05)
        connection.sendall(body[10:] + http_post("/v1/score", {"text": OTHER}))
        assert _score(read_answer(connection)[1]) == plain
        assert _score(read_answer(connection)[1]) == other


def test_requests_that_do_not_wait_for_answers_get_them_in_order(service: Service) -> None:
    plain, other = _scores(service)
    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    post, second = (http_post("/v1/score", {"text": text}) for text in (PLAIN, OTHER))
    chunked = (
        b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%s\r\n0\r\n\r\n"
    ) % (len(second.partition(b"\r\n\r\n")[2]), second.partition(b"\r\n\r\n")[2])
    wanted: list[tuple[bytes, Any]] = [(post, plain), (health, None), (second, other), (chunked, other), (post, plain)]
    with service.connect() as connection:
        for _ in range(5):
            connection.sendall(b"".join(request for request, _ in wanted))
            for _, expected in wanted:
                status, body = read_answer(connection)
                assert status == 200
                assert json.loads(body) == {"status": "alive"} if expected is None else _score(body) == expected


@pytest.mark.parametrize(
    ("status", "request_bytes"),
    [
        (400, http_post("/v1/score", b"{")),
        (422, http_post("/v1/score", {"texts": []})),
        (415, http_post("/v1/score", {"text": PLAIN}).replace(b"application/json", b"application/toml")),
        (415, http_post("/v1/score", {"text": PLAIN}, "Content-Encoding: gzip")),
        (413, http_post("/v1/check", {"text": "a" * 2_000_000})),
    ],
)
def test_after_a_refusal_the_connection_goes_on(service: Service, status: int, request_bytes: bytes) -> None:
    plain, _ = _scores(service)
    with service.connect() as connection:
        for _ in range(2):
            connection.sendall(request_bytes)
            refused, body = read_answer(connection)
            assert (refused, list(json.loads(body))) == (status, ["error"])
            connection.sendall(http_post("/v1/score", {"text": PLAIN}))
            assert _score(read_answer(connection)[1]) == plain


def test_who_asks_to_close_is_closed(service: Service) -> None:
    for request in (
        http_post("/v1/score", {"text": PLAIN}, "Connection: close"),
        http_post("/v1/score", {"text": PLAIN}).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        with service.connect() as connection:
            connection.sendall(request)
            assert read_answer(connection)[0] == 200
            assert connection.recv(1) == b""


def test_metrics_count_whole_requests_too(service: Service) -> None:
    def answered() -> int:
        lines = service.get("/metrics")[1].decode().splitlines()
        name = 'mtdetect_http_requests_total{path="/v1/score",status="200"} '
        return sum(int(float(line.removeprefix(name))) for line in lines if line.startswith(name))

    before = answered()
    _scores(service)
    with service.connect() as connection:
        for _ in range(3):
            connection.sendall(http_post("/v1/score", {"text": PLAIN}))
            read_answer(connection)
    assert answered() - before == 5
    assert "mtdetect_http_request_seconds_bucket" in service.get("/metrics")[1].decode()


def test_half_of_a_surrogate_pair_is_text(service: Service) -> None:
    body = rb'{"text": "\ud800 %s"}' % PLAIN.encode()
    for path in ("/v1/score", "/v1/gate", "/v1/check"):
        status, answer = service.post(path, body)
        assert status == 200, answer
        assert answer["status"] == "scored"
    garbled = (
        rb'{"text": "The persons of the city they were of the libera\udc00tion very happy by the soldiers of the."}'
    )
    assert service.post("/v1/check", garbled)[0] == 200
    assert service.post("/v1/score", rb'{"text": "\ud800" 1}')[0] == 400


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@asynccontextmanager
async def _accepting(detector: Detector) -> AsyncIterator[Callable[[], tuple[Any, _Transport]]]:
    """Run the service without sockets, and an idle limit of a second; gives what opens a connection."""
    settings = Settings()
    config = make_config(create_app(detector, settings), settings, timeout_keep_alive=1, log_config=None)
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()

    def connect() -> tuple[Any, _Transport]:
        protocol: Any = config.http_protocol_class(config, ServerState(), {})  # type: ignore[call-arg]
        transport = _Transport()
        protocol.connection_made(transport)
        return protocol, transport

    yield connect
    await lifespan.shutdown()


def _apart(request: bytes) -> tuple[bytes, bytes]:
    """Return line and headers of a request, and its body."""
    end = request.index(b"\r\n\r\n") + 4
    return request[:end], request[end:]


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(detector: Detector) -> None:
    async def main() -> None:
        async with _accepting(detector) as connect:
            protocol, transport = connect()
            request = http_post("/v1/score", {"text": PLAIN})
            for count in range(1, 5):
                protocol.data_received(request)
                await asyncio.sleep(0.5)
                assert not transport.closed
                assert transport.written.count(b"HTTP/1.1 200 OK") == count
            await asyncio.sleep(1.2)
            assert transport.closed

    asyncio.run(main())


def test_head_and_body_apart_need_no_task_once_the_head_is_known(detector: Detector) -> None:
    head, body = _apart(http_post("/v1/score", {"text": PLAIN}))

    async def main() -> None:
        async with _accepting(detector) as connect:
            protocol, transport = connect()
            for count in range(1, 4):
                protocol.data_received(head)
                protocol.data_received(body)
                assert len(protocol.tasks) == (count == 1)
                await asyncio.sleep(0.2)
                assert transport.written.count(b"HTTP/1.1 200 OK") == count
            # A body that takes its time is waited for in the usual way, and so is one that comes in parts.
            protocol.data_received(head)
            assert not protocol.tasks
            await asyncio.sleep(0.1)
            assert len(protocol.tasks) == 1
            protocol.data_received(body)
            await asyncio.sleep(0.2)
            protocol.data_received(head)
            protocol.data_received(body[:20])
            assert len(protocol.tasks) == 1
            protocol.data_received(body[20:])
            await asyncio.sleep(0.2)
            assert transport.written.count(b"HTTP/1.1 200 OK") == 5

    asyncio.run(main())


def test_a_stop_between_head_and_body_loses_nothing(detector: Detector) -> None:
    head, body = _apart(http_post("/v1/score", {"text": PLAIN}))

    async def main() -> None:
        async with _accepting(detector) as connect:
            protocol, transport = connect()
            protocol.data_received(head + body)
            await asyncio.sleep(0.2)
            protocol.data_received(head)
            protocol.shutdown()
            assert not transport.closed
            protocol.data_received(body)
            await asyncio.sleep(0.2)
            assert transport.written.count(b"HTTP/1.1 200 OK") == 2
            assert transport.closed

    asyncio.run(main())


def test_of_a_connection_that_broke_nothing_is_left(detector: Detector) -> None:
    async def main() -> None:
        async with _accepting(detector) as connect:
            broken = []
            for answered in (True, False):
                protocol, transport = connect()
                protocol.data_received(http_post("/v1/score", {"text": PLAIN}))
                if answered:
                    await asyncio.sleep(0.2)
                    assert b"HTTP/1.1 200 OK" in transport.written
                transport.closed = True
                protocol.connection_lost(ConnectionResetError())
                broken.append(weakref.ref(protocol))
            del protocol
            await asyncio.sleep(1.5)
            gc.collect()
            assert [reference() for reference in broken] == [None, None]

    asyncio.run(main())
