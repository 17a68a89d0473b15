"""The HTTP service under load: single calls against batches, and minutes of more than it can do."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import click
from common import Figure, json_option, model_arguments, model_option, publish, text_option, texts

BATCH = 500
DOCUMENT = 10
HUGE = 4000
CLIENTS = 64
TURNS = 3
MANY = 512  # with fewer, what a round of scoring costs however few texts it has is felt
HELD = 8  # MB; small, so that few connections are more than the service holds


@dataclass
class Tally:
    """What came back."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    without_retry_after: int = 0
    wrong: int = 0
    lost: int = 0
    seconds: list[float] = field(default_factory=list)


class Caller(asyncio.Protocol):
    """One connection that sends the next request when the last one is answered."""

    def __init__(self, tally: Tally, requests: Iterator[tuple[bytes, Callable[[bytes], bool]]]) -> None:
        self.tally = tally
        self.requests = requests
        self.stopping = False
        self.buffer = b""
        self.missing = -1
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self) -> None:
        if self.stopping:
            self.finish()
            return
        request, self.check = next(self.requests)
        self.tally.sent += 1
        self.begin = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.missing < 0:
            head, blank, _ = self.buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            lower = head.lower()
            self.status = int(head[9:12])
            self.retry = b"\r\nretry-after: " in lower
            length = int(lower.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            self.start = len(head) + 4
            self.missing = self.start + length
        if len(self.buffer) < self.missing:
            return
        body, self.buffer, self.missing = self.buffer[self.start :], b"", -1
        tally = self.tally
        if self.status == 200:
            tally.answered += 1
            tally.seconds.append(time.perf_counter() - self.begin)
            tally.wrong += not self.check(body)
            self.send()
        else:
            tally.refused += self.status == 503
            tally.wrong += self.status != 503
            tally.without_retry_after += not self.retry
            asyncio.get_running_loop().call_later(0.05, self.send)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.done():
            self.tally.lost += 1
            self.idle.set_result(None)

    def finish(self) -> None:
        if not self.idle.done():
            self.idle.set_result(None)
        self.transport.close()


def post(path: str, value: Any) -> bytes:
    """Return a whole request."""
    body = json.dumps(value).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def expected(scores: list[float]) -> Callable[[bytes], bool]:
    """Return a check that an answer holds exactly these float32 scores, in this order."""
    import numpy as np

    wanted = np.array(scores, dtype=np.float32)

    def check(body: bytes) -> bool:
        answer = json.loads(body)
        got = np.array([row["score"] for row in answer.get("results", [answer])], dtype=np.float32)
        return bool(np.array_equal(got, wanted))

    return check


async def drive_anew(port: int, clients: int, seconds: float, requests: list[Any]) -> float:
    """Keep so many clients busy that open a connection for every call; return answers a second."""
    order = (requests[i % len(requests)] for i in count())
    tally = Tally()
    begin = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - begin < seconds:
            (caller,) = await connect(port, 1, lambda: Caller(tally, order))
            caller.send()
            caller.stopping = True
            await caller.idle

    await asyncio.gather(*(client() for _ in range(clients)))
    return tally.answered / (time.perf_counter() - begin)


async def connect(port: int, connections: int, caller: Callable[[], Caller]) -> list[Caller]:
    """Open so many connections; nothing is sent yet."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(caller, "127.0.0.1", port))[1] for _ in range(connections)]


async def drive(
    port: int, connections: int, seconds: float, requests: list[tuple[bytes, Callable[[bytes], bool]]]
) -> tuple[Tally, float]:
    """Keep so many connections busy for a while; return the tally and the wall time."""
    tally = Tally()
    order = (requests[i % len(requests)] for i in count())
    callers = await connect(port, connections, lambda: Caller(tally, order))
    begin = time.perf_counter()
    for caller in callers:
        caller.send()
    await asyncio.sleep(seconds)
    for caller in callers:
        caller.stopping = True
    await asyncio.wait_for(asyncio.gather(*(caller.idle for caller in callers)), 120)
    return tally, time.perf_counter() - begin


@contextmanager
def service(model: Path | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start ``mtdetect serve`` on a free port."""
    arguments = ["serve", "--port", "0", "--max-held", str(HELD), *model_arguments(model)]
    command = [sys.executable, "-m", "mtdetect", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield process, int(line.split("//", 1)[1].split(" ", 1)[0].rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait(60)


def memory(pid: int) -> float:
    """Return resident memory in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


async def watch(pid: int, samples: list[float]) -> None:
    """Sample memory four times a second."""
    while True:
        samples.append(memory(pid))
        await asyncio.sleep(0.25)


def aim(connections: int) -> str:
    """Return what single calls over so many connections should reach."""
    return "0.5 or more" if connections >= MANY else ""


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return 1000 * sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else float("nan")


@dataclass
class Speed:
    """Texts a second, and how long calls took, over several turns."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, tally: Tally, wall: float, size: int = 1) -> None:
        """Add a turn of requests with so many texts each."""
        self.rates.append(tally.answered * size / wall)
        self.seconds += tally.seconds

    @property
    def rate(self) -> float:
        """Mean over the turns."""
        return sum(self.rates) / len(self.rates)


async def speeds(
    port: int, seconds: float, connections: Sequence[int], single: list[Any], batch: list[Any], size: int
) -> tuple[Speed, dict[int, Speed]]:
    """Return the speed of batches, and of single calls over so many connections, all taken in turns."""
    batches, singles = Speed(), {many: Speed() for many in connections}
    for _ in range(TURNS):
        batches.add(*await drive(port, 4, seconds / TURNS, batch), size)
        for many, speed in singles.items():
            speed.add(*await drive(port, many, seconds / TURNS, single))
    return batches, singles


@click.command()
@model_option
@text_option
@json_option
@click.option("--duration", type=float, default=180.0, show_default=True, help="Seconds of more than it can do.")
@click.option("--connections", type=int, multiple=True, default=(64, 256, 512), show_default=True, help="Single calls.")
@click.option("--speed-seconds", type=float, default=12.0, show_default=True, help="Seconds for each speed.")
def main(
    model: Path | None,
    text: Path | None,
    json_out: Path | None,
    duration: float,
    connections: tuple[int, ...],
    speed_seconds: float,
) -> None:
    """Measure single calls against batches, then hold the service above what it can do, then stop it under load."""
    import mtdetect

    detector = mtdetect.load(model) if model else mtdetect.load()
    sentences = texts(text, HUGE)
    documents = [" ".join(sentences[i : i + DOCUMENT]) for i in range(0, HUGE, DOCUMENT)]
    scores, document_scores = detector.score(sentences).tolist(), detector.score_documents(documents).tolist()

    def fine(_: bytes) -> bool:
        return True

    singles = [(post("/v1/score", {"text": t}), expected([s])) for t, s in zip(sentences, scores, strict=True)]
    cuts = range(0, HUGE, BATCH)
    batches = [(post("/v1/score/batch", {"texts": sentences[i : i + BATCH]}), fine) for i in cuts]
    document_singles = [(post("/v1/score", {"text": t, "level": "document"}), fine) for t in documents]
    document_batch = [(post("/v1/score/batch", {"texts": documents, "level": "document"}), fine)]
    huge = [
        (post("/v1/score/batch", {"texts": sentences}), expected(scores)),
        (post("/v1/score/batch", {"texts": documents, "level": "document"}), expected(document_scores)),
    ]
    figures: list[Figure] = []

    async def measure(process: subprocess.Popen[str], port: int) -> None:
        quick = [(request, fine) for request, _ in singles]
        batched, called = await speeds(port, speed_seconds, connections, quick, batches, BATCH)
        figures.append(Figure(f"sentences, {BATCH} a request", batched.rate, "sentences/s"))
        for many, speed in called.items():
            name = f"one a request, {many} connections"
            figures.append(Figure(f"sentences, {name}", speed.rate, "sentences/s"))
            figures.append(Figure(f"sentences, {name}, to batches", speed.rate / batched.rate, "ratio", aim(many)))
            figures.append(Figure(f"sentences, {name}: latency, median", percentile(speed.seconds, 0.5), "ms"))
        anew = await drive_anew(port, CLIENTS, speed_seconds / TURNS, quick)
        figures.append(Figure(f"sentences, a new connection for each, {CLIENTS} clients", anew, "sentences/s"))
        many = connections[-1]
        batched, called = await speeds(port, speed_seconds, [many], document_singles, document_batch, len(documents))
        speed = called[many]
        figures.append(
            Figure(f"documents of {DOCUMENT} sentences, {len(documents)} a request", batched.rate, "documents/s")
        )
        figures.append(Figure(f"documents, one a request, {many} connections", speed.rate, "documents/s"))
        figures.append(Figure("documents: single calls to batches", speed.rate / batched.rate, "ratio", aim(many)))

        samples: list[float] = []
        watcher = asyncio.create_task(watch(process.pid, samples))
        calls = asyncio.create_task(drive(port, 16, duration, singles))
        tally, wall = await drive(port, 48, duration, huge)
        probes, _ = await calls
        watcher.cancel()
        third = len(samples) // 3
        figures.extend(
            [
                Figure("overload: seconds", wall, "s"),
                Figure("overload: large requests sent", tally.sent, ""),
                Figure("overload: large requests answered", tally.answered, ""),
                Figure("overload: refused with 503 and Retry-After", tally.refused - tally.without_retry_after, ""),
                Figure("overload: single calls answered beside them", probes.answered, ""),
                Figure("overload: accepted and lost", tally.lost + probes.lost, "", "0"),
                Figure("overload: answers that differ from the API", tally.wrong + probes.wrong, "", "0"),
                Figure("overload: peak memory, first third", max(samples[: third or 1]), "MB"),
                Figure("overload: peak memory, last third", max(samples[-third or -1 :]), "MB", "as the first third"),
            ]
        )
        for name, values in (("large requests", tally.seconds), ("single calls", probes.seconds)):
            for share in (0.5, 0.95, 0.99):
                label = f"overload: latency of accepted {name}, {share:.0%}"
                figures.append(Figure(label, percentile(values, share), "ms"))

        # Ask it to stop while requests are in work: every one of them is answered.
        ending = Tally()
        order = (huge[i % 2] for i in count())
        callers = await connect(port, 6, lambda: Caller(ending, order))
        for caller in callers:
            caller.send()
            caller.stopping = True
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*(caller.idle for caller in callers)), 120)
        figures.append(Figure("stop under load: accepted", ending.sent - ending.refused, ""))
        figures.append(Figure("stop under load: lost", ending.lost + ending.wrong, "", "0"))

    with service(model) as (process, port):
        try:
            import uvloop
        except ImportError:
            asyncio.run(measure(process, port))
        else:
            uvloop.run(measure(process, port))
        figures.append(Figure("exit code after the stop", process.wait(60), "", "0"))
    publish("HTTP service", figures, json_out, signature=detector.signature)


if __name__ == "__main__":
    main()
