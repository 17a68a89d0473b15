"""Micro-batches: what one request does to others, and what is given up."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the service needs its packages: pip install 'mtdetect[serve]'")

from mtdetect.service.batching import Batcher, Finish, Scorer, Task
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


def _submit(
    batcher: Batcher, scorer: Scorer, texts: Sequence[str | None], finish: Finish = _answer
) -> asyncio.Future[bytes]:
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def deliver(outcome: bytes | Exception) -> None:
        assert not future.done()
        if isinstance(outcome, bytes):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    batcher.submit(Task(scorer, texts, finish), sum(len(text or "") for text in texts), deliver)
    return future


def _run(steps: Any, capacity: int = 1 << 20, time_limit: float = 30.0, callers: Callable[[], int] = lambda: 0) -> None:
    async def main() -> None:
        batcher = Batcher(capacity, time_limit, callers=callers)
        batcher.start()
        await asyncio.wait_for(steps(batcher), 30)
        await batcher.close()

    asyncio.run(main())


def test_requests_that_wait_together_are_scored_together() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        futures = [_submit(batcher, recorder, [f"text {i}"]) for i in range(100)]
        answers = await asyncio.gather(*futures)
        assert [json.loads(answer) for answer in answers] == [[f"text {i}"] for i in range(100)]

    _run(steps)
    assert sum(recorder.rounds) == 100
    assert len(recorder.rounds) <= 3


def test_a_round_waits_for_nobody_once_every_connection_has_its_request_in() -> None:
    recorder = Recorder()
    asked = 0

    def callers() -> int:
        nonlocal asked
        asked += 1
        return 20

    async def steps(batcher: Batcher) -> None:
        for _ in range(50):
            await asyncio.gather(*(_submit(batcher, recorder, [f"text {i}"]) for i in range(20)))

    _run(steps, callers=callers)
    assert recorder.rounds == [20] * 50
    assert asked <= 3 * 50  # it asks in every turn of the event loop that it waits


def test_connections_that_are_just_being_made_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtdetect.service.batching._GATHER_SECONDS", 10.0)  # this machine may be busy
    recorder = Recorder()
    made = 1

    async def steps(batcher: Batcher) -> None:
        nonlocal made
        futures = []
        for i in range(10):  # one in a turn of the event loop, as they are accepted
            made += i < 9
            futures.append(_submit(batcher, recorder, [f"text {i}"]))
            await asyncio.sleep(0)
        await asyncio.gather(*futures)

    _run(steps, callers=lambda: made)
    assert recorder.rounds == [10]


def test_connections_that_never_stop_coming_hold_no_request_up() -> None:
    recorder = Recorder()
    made = iter(range(1 << 40))

    async def steps(batcher: Batcher) -> None:
        begin = time.monotonic()
        assert await _submit(batcher, recorder, ["text"]) == b'["text"]'
        assert time.monotonic() - begin < 5

    _run(steps, callers=lambda: next(made))


def test_a_large_request_is_cut_and_small_ones_pass_it() -> None:
    recorder = Recorder()
    done: list[str] = []

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        texts = [f"text {i}" for i in range(9000)]
        large = _submit(batcher, recorder, texts)
        small = _submit(batcher, recorder, ["small"])
        large.add_done_callback(lambda _: done.append("large"))
        small.add_done_callback(lambda _: done.append("small"))
        recorder.gate.set()
        assert json.loads(await large) == texts
        assert json.loads(await small) == ["small"]
        assert json.loads(await _submit(batcher, recorder, [])) == []

    _run(steps)
    assert done == ["small", "large"]
    assert max(recorder.rounds) <= 1024 + 512


def test_a_text_that_breaks_scoring_fails_alone() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        texts = [["fine"], ["poison"], ["also fine"], ["poison"] + ["x"] * 5000]
        futures = [_submit(batcher, recorder, one) for one in texts]
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert results[0] == b'["fine"]'
        assert isinstance(results[1], ValueError)
        assert results[2] == b'["also fine"]'
        assert isinstance(results[3], ValueError)
        assert await _submit(batcher, recorder, ["later"]) == b'["later"]'

    _run(steps)


def test_an_answer_that_cannot_be_written_fails_alone() -> None:
    def broken(rows: list[dict[str, Any]]) -> bytes:
        raise RuntimeError("no answer")

    async def steps(batcher: Batcher) -> None:
        recorder = Recorder()
        results = await asyncio.gather(
            _submit(batcher, recorder, ["a"], broken), _submit(batcher, recorder, ["b"]), return_exceptions=True
        )
        assert isinstance(results[0], RuntimeError)
        assert results[1] == b'["b"]'

    _run(steps)


def test_who_waited_too_long_is_told_when_to_come_back() -> None:
    recorder = Recorder()

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        first = _submit(batcher, recorder, ["in work"] * 20)
        await asyncio.sleep(0.05)
        late = _submit(batcher, recorder, ["late"] * 20)
        await asyncio.sleep(0.3)
        recorder.gate.set()
        assert json.loads(await first) == ["in work"] * 20
        with pytest.raises(Overloaded) as refusal:
            await late
        assert dict(refusal.value.headers)[b"retry-after"] == b"1"

    _run(steps, time_limit=0.2)


def test_while_a_large_request_is_scored_the_loop_answers_small_ones() -> None:
    recorder, small = Recorder(), Recorder()

    async def steps(batcher: Batcher) -> None:
        recorder.gate.clear()
        large = _submit(batcher, recorder, ["large"] * 5000)
        await asyncio.sleep(0.05)
        for _ in range(3):
            assert await _submit(batcher, small, ["small"]) == b'["small"]'
        assert not large.done()
        recorder.gate.set()
        assert len(json.loads(await large)) == 5000

    _run(steps)


def test_where_nothing_is_small_the_loop_scores_nothing() -> None:
    threads = set()

    def scorer(texts: Sequence[str | None]) -> list[dict[str, Any]]:
        threads.add(threading.current_thread())
        return [{"text": text} for text in texts]

    async def main() -> None:
        batcher = Batcher(1 << 20, 30, small=False)
        batcher.start()
        await _submit(batcher, scorer, ["one"])
        await batcher.close()

    asyncio.run(main())
    assert threading.main_thread() not in threads


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
        futures = [_submit(batcher, recorder, [f"text {i}"] * 2000) for i in range(5)]
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.05)
        assert not batcher.ready
        recorder.gate.set()
        begin = time.monotonic()
        await closing
        assert time.monotonic() - begin < 10
        assert [len(json.loads(answer)) for answer in await asyncio.gather(*futures)] == [2000] * 5

    asyncio.run(main())
