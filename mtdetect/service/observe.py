"""Metrics in the form that Prometheus reads, and the outermost ASGI layer, which counts requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mtdetect.service.endpoints import refuse
from mtdetect.service.errors import Refusal

_log = logging.getLogger(__name__)

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 4, 16, 64, 256, 1024)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.answers = Counter(
            "mtdetect_http_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "mtdetect_http_request_seconds",
            "Time from a request's headers to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.round_texts = Histogram(
            "mtdetect_round_texts", "Texts scored together.", buckets=_TEXTS, registry=self.registry
        )

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read when metrics are asked for."""
        Gauge(name, description, registry=self.registry).set_function(value)


class Observed:
    """ASGI layer around the application: counts answers, and lets no exception out to the client.

    Args:
        app: the application.
        direct: path to endpoint for POST; they carry the load, and the framework's layers would cost them as much
            time as their own work.
        metrics: counts go here.
        paths: paths that get a line of their own; others share one, so that nobody can grow the metrics.
    """

    def __init__(self, app: ASGIApp, direct: Mapping[str, ASGIApp], metrics: Metrics, paths: set[str]) -> None:
        self._app = app
        self._direct = direct
        self._metrics = metrics
        self._paths = paths
        self._counters: dict[tuple[str, int], Counter] = {}
        self._timers = {path: metrics.seconds.labels(path) for path in (*paths, "other")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        app = self._direct.get(scope["path"], self._app) if scope["method"] == "POST" else self._app
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        except Exception:
            _log.exception("a request failed")
            if status:  # half an answer is out: the server closes the connection
                raise
            await refuse(noted, Refusal(500, "unexpected error; the log of the service says more"))
        if not status:  # the client went away before it was answered
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        counter = self._counters.get((path, status))
        if counter is None:
            counter = self._counters[path, status] = self._metrics.answers.labels(path, status)
        counter.inc()
        self._timers[path].observe(time.perf_counter() - begin)
