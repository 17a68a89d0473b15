"""Metrics in the form that Prometheus reads, and the outermost ASGI layer, which counts requests."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mtdetect.service.endpoints import Endpoint, failed, respond

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 4, 16, 64, 256, 1024)


class Answers(Collector):
    """Counts answers by path and status, and how long they took.

    The same as a counter and a histogram of the library, in a tenth of their time; for one thread.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        key = path, status
        self._counts[key] = self._counts.get(key, 0) + 1
        if path not in self._buckets:
            self._buckets[path], self._sums[path] = [0] * (len(_SECONDS) + 1), 0.0
        self._buckets[path][bisect_left(_SECONDS, seconds)] += 1
        self._sums[path] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield what was counted, in the form of the library."""
        counts = CounterMetricFamily("mtdetect_http_requests", "Requests answered.", labels=["path", "status"])
        for (path, status), count in self._counts.items():
            counts.add_metric([path, str(status)], count)
        yield counts
        times = HistogramMetricFamily(
            "mtdetect_http_request_seconds", "Time from a request's headers to its answer.", labels=["path"]
        )
        bounds = [str(float(bound)) for bound in _SECONDS] + ["+Inf"]
        for path, buckets in self._buckets.items():
            times.add_metric([path], list(zip(bounds, accumulate(buckets), strict=True)), self._sums[path])
        yield times


class Metrics:
    """The metrics of one service, in a registry of their own.

    Attributes:
        connections: how many are open; whoever takes them keeps count.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.answers = Answers()
        self.registry.register(self.answers)
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

    def __init__(self, app: ASGIApp, direct: Mapping[str, Endpoint[Any]], metrics: Metrics, paths: set[str]) -> None:
        self.direct = direct
        self.metrics = metrics
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        endpoint = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        app = self._app if endpoint is None else endpoint
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        except Exception as error:
            if status:  # half an answer is out: the server closes the connection
                raise
            await respond(noted, failed(error))
        if status:  # else the client went away before it was answered
            path = scope["path"] if scope["path"] in self._paths else "other"
            self.metrics.answers.note(path, status, time.perf_counter() - begin)
