"""The ASGI application: which path does what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mtdetect.gate import Policy
from mtdetect.service import messages
from mtdetect.service.batching import Batcher, Task
from mtdetect.service.endpoints import Endpoint, Limits, dumps
from mtdetect.service.observe import Metrics, Observed
from mtdetect.service.openapi import openapi
from mtdetect.service.page import page_routes
from mtdetect.service.scorers import Scorers

if TYPE_CHECKING:
    from mtdetect.detector import Detector

_CHECK_CAPACITY = 2 << 20
_CHECK_SIZE = 12 * messages.MAX_CHECKED + 4096  # a character takes twelve bytes at most, as \uXXXX\uXXXX


@dataclass(frozen=True)
class Settings:
    """Limits of a service.

    Attributes:
        request_bytes: size of one request.
        queue_bytes: requests held at a time, waiting and in work; more are refused with 503.
        seconds: for a request to arrive, and for its turn to come.
        connections: open at a time; more are refused with 503.
    """

    request_bytes: int = 4 << 20
    queue_bytes: int = 32 << 20
    seconds: float = 30.0
    connections: int = 2048


def create_app(detector: Detector, settings: Settings, policy: Policy | None = None) -> Observed:
    """Make the application around a loaded detector; without a policy, its defaults hold."""
    metrics = Metrics()
    scorers = Scorers(detector, policy or Policy())
    scoring = Batcher(settings.queue_bytes, settings.seconds, metrics.round_texts, callers=lambda: metrics.connections)
    checking = Batcher(
        _CHECK_CAPACITY, settings.seconds, small=False
    )  # on its own thread: people who look do not hold up pipelines
    limits = Limits(settings.request_bytes, settings.seconds)
    check_limits = Limits(min(_CHECK_SIZE, settings.request_bytes), settings.seconds)
    metrics.watch("mtdetect_connections", "Connections open.", lambda: metrics.connections)
    metrics.watch("mtdetect_held_bytes", "Bytes of requests held.", lambda: scoring.held + checking.held)
    metrics.watch("mtdetect_seconds_behind", "Time that what is held will take.", lambda: scoring.seconds_behind)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        scoring.start()
        checking.start()
        yield
        await scoring.close()
        await checking.close()

    def single(rows: list[dict[str, Any]]) -> bytes:
        return dumps({**rows[0], "signature": scorers.signature})

    def many(rows: list[dict[str, Any]]) -> bytes:
        return dumps({"results": rows, "signature": scorers.signature})

    def score(request: messages.ScoreRequest) -> Task:
        return Task(scorers.for_score(request), [request.text], single)

    def score_batch(request: messages.ScoreBatchRequest) -> Task:
        return Task(scorers.for_score(request), request.texts, many)

    def gate(request: messages.GateRequest) -> Task:
        return Task(scorers.for_gate(request), [request.text], single)

    def gate_batch(request: messages.GateBatchRequest) -> Task:
        return Task(scorers.for_gate(request), request.texts, many)

    check_scorer = scorers.check

    def check(request: messages.CheckRequest) -> Task:
        return Task(check_scorer, [request.text], single)

    async def model(_: Request) -> Response:
        return _json({"signature": scorers.signature, "policy": scorers.policy, "budgets": scorers.budgets()})

    async def health(_: Request) -> Response:
        return _json({"status": "alive"})

    async def ready(_: Request) -> Response:
        if scoring.ready and checking.ready:
            return _json({"status": "ready"})
        return _json({"error": "the service is stopping; use another one"}, 503, {"retry-after": "5"})

    async def exposition(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    document = dumps(openapi(scorers.rates))

    async def description(_: Request) -> Response:
        return Response(document, media_type="application/json")

    endpoints: dict[str, Endpoint[Any]] = {
        "/v1/score": Endpoint(messages.ScoreRequest, score, scoring, limits),
        "/v1/gate": Endpoint(messages.GateRequest, gate, scoring, limits),
        "/v1/score/batch": Endpoint(messages.ScoreBatchRequest, score_batch, scoring, limits),
        "/v1/gate/batch": Endpoint(messages.GateBatchRequest, gate_batch, scoring, limits),
        "/v1/check": Endpoint(messages.CheckRequest, check, checking, check_limits),
    }
    routes = [
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()),
        Route("/v1/model", model),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", exposition),
        Route("/openapi.json", description),
        *page_routes(),
    ]
    application = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _not_there})
    application.router.redirect_slashes = False  # to the host that the request names, whatever it is
    return Observed(application, endpoints, metrics, {route.path for route in routes})


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(value), status, headers, "application/json")


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow")
    message = (
        f"{request.method} does not work here; use {allowed}"
        if allowed
        else "there is nothing here; /openapi.json lists what there is"
    )
    return _json({"error": message}, error.status_code, dict(error.headers or {}))
