"""Micro-batches: what one request does to others, and what is given up."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the service needs its packages: pip install 'mtdetect[serve]'")

from mtdetect.service.batching import Batcher
from mtdetect.service.errors import Overloaded


def _answer(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps([row["text"] for row in rows]).encode()


class Recorder:
    """A scorer that remembers how texts came, and fails on poison."""

    def __init__(self) -> None:
        self.rounds: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, texts: Sequence[str | None]) -> list[dict[str, Any]]:
        self.gate.wait(10)
        self.rounds.append(len(texts))
        if "poison" in texts:
            raise ValueError("poison")
        return [{"text": text} for text in texts]


def _run(steps: Any, capacity: int = 1 << 20, time_limit: float = 30.0) -> None:
    async def main() -> None:
        batcher = Batcher(capacity, time_limit)
        batcher.start()
        await asyncio.wait_for(steps(batcher), 30)
        await batcher.close()

    asyncio.run(main())


def test_requests_that_wait_together_are_scored_together() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        futures = [batcher.submit(recorder, [f"text {i}"], _answer) for i in range(100)]
        await asyncio.sleep(0.05)
        recorder.gate.set()
        answers = await asyncio.gather(*futures)
        assert [json.loads(answer) for answer in answers] == [[f"text {i}"] for i in range(100)]

    _run(steps)
    assert sum(recorder.rounds) == 100
    assert len(recorder.rounds) <= 3


def test_a_large_request_is_cut_and_small_ones_pass_it() -> None:
    recorder = Recorder()
    done: list[str] = []

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        texts = [f"text {i}" for i in range(9000)]
        large = batcher.submit(recorder, texts, _answer)
        small = batcher.submit(recorder, ["small"], _answer)
        large.add_done_callback(lambda _: done.append("large"))
        small.add_done_callback(lambda _: done.append("small"))
        recorder.gate.set()
        assert json.loads(await large) == texts
        assert json.loads(await small) == ["small"]
        assert json.loads(await batcher.submit(recorder, [], _answer)) == []

    _run(steps)
    assert done == ["small", "large"]
    assert max(recorder.rounds) <= 1024 + 512


def test_a_text_that_breaks_scoring_fails_alone() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        texts = [["fine"], ["poison"], ["also fine"], ["poison"] + ["x"] * 5000]
        futures = [batcher.submit(recorder, one, _answer) for one in texts]
        await asyncio.sleep(0.05)
        recorder.gate.set()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert results[0] == b'["fine"]'
        assert isinstance(results[1], ValueError)
        assert results[2] == b'["also fine"]'
        assert isinstance(results[3], ValueError)
        assert await batcher.submit(recorder, ["later"], _answer) == b'["later"]'

    _run(steps)


def test_an_answer_that_cannot_be_written_fails_alone() -> None:
    def broken(rows: list[dict[str, Any]]) -> bytes:
        raise RuntimeError("no answer")

    async def steps(batcher: Batcher) -> None:
        recorder = Recorder()
        results = await asyncio.gather(
            batcher.submit(recorder, ["a"], broken), batcher.submit(recorder, ["b"], _answer), return_exceptions=True
        )
        assert isinstance(results[0], RuntimeError)
        assert results[1] == b'["b"]'

    _run(steps)


def test_who_waited_too_long_is_told_when_to_come_back() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        first = batcher.submit(recorder, ["in work"], _answer)
        await asyncio.sleep(0.05)
        late = batcher.submit(recorder, ["late"], _answer)
        await asyncio.sleep(0.3)
        recorder.gate.set()
        assert await first == b'["in work"]'
        with pytest.raises(Overloaded) as refusal:
            await late
        assert dict(refusal.value.headers)[b"retry-after"] == b"1"

    _run(steps, time_limit=0.2)


def test_holding_is_bounded() -> None:
    batcher = Batcher(100, 1.0)
    batcher.hold(60)
    with pytest.raises(Overloaded):
        batcher.hold(41)
    assert batcher.held == 60
    batcher.hold(40)
    batcher.release(100)
    assert batcher.held == 0


def test_closing_finishes_what_waits() -> None:
    recorder = Recorder()

    async def main() -> None:
        batcher = Batcher(1 << 20, 30)
        batcher.start()
        recorder.gate.clear()
        futures = [batcher.submit(recorder, [f"text {i}"] * 2000, _answer) for i in range(5)]
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.05)
        assert not batcher.ready
        recorder.gate.set()
        begin = time.monotonic()
        await closing
        assert time.monotonic() - begin < 10
        assert [len(json.loads(answer)) for answer in await asyncio.gather(*futures)] == [2000] * 5

    asyncio.run(main())
