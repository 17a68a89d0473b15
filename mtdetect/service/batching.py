"""Micro-batches: texts of requests that wait at the same time are scored together, off the event loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from prometheus_client import Histogram

from mtdetect.service.errors import Overloaded

Scorer = Callable[[Sequence[str | None]], list[dict[str, Any]]]
"""Turns N texts into N rows. Requests with the same scorer (the same object) are scored together."""

Finish = Callable[[list[dict[str, Any]]], bytes]
"""Turns the rows of a request into the body of its answer."""

Deliver = Callable[[bytes | Exception], None]
"""Takes the answer of a request, or why there is none, in the event loop."""

_ROUND_TEXTS = 1024
_ROUND_CHARACTERS = 300_000
_SHARE_TEXTS = 512
_SHARE_CHARACTERS = 150_000
_SMALL_TEXTS = 16
_SMALL_BYTES = 20_000
_QUIET_SECONDS = 0.0003
_GATHER_SECONDS = 0.01

_log = logging.getLogger(__name__)


def _nobody(_: bytes | Exception) -> None:
    """Take the answer of a task that was never queued."""


@dataclass(eq=False, slots=True)
class Task:
    """What a request asks for, and how far that is.

    Attributes:
        scorer: scores its texts.
        texts: what to score.
        finish: turns all its rows into the body of the answer.
        size: bytes of the request; it has no more characters than that.
        held: bytes that are given back before its answer is delivered (see :meth:`Batcher.hold`).
        deliver: gets the answer.
        deadline: when its turn must have come (``time.monotonic()``).
        rows: results so far.
        cut: how many texts were given to a round.
        over: whether it was given up.
    """

    scorer: Scorer
    texts: Sequence[str | None]
    finish: Finish
    size: int = 0
    held: int = 0
    deliver: Deliver = _nobody
    deadline: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    cut: int = 0
    over: bool = False


@dataclass(slots=True)
class _Share:
    """Texts ``start`` to ``end`` of a task, to be scored in one round."""

    task: Task
    start: int
    end: int
    characters: int


_Outcome = tuple[Task, bytes | Exception]


class Batcher:
    """Scores what waits, in rounds; a round takes what came in while the last one ran.

    Small requests are scored in the event loop, many in a round: in Python a thread for them would fight with the loop
    over the interpreter, and a round takes milliseconds. A lone request is scored at once; where the last round had
    several, the next waits until no more come, or none can. Large requests are cut, and their parts take turns on a
    thread, so that they hold nobody up. What is held is bounded by :meth:`hold`, so that memory is too.

    Args:
        capacity: bytes of requests that may be held at a time, waiting and in work.
        time_limit: seconds a request may wait for its turn.
        sizes: histogram that is told how many texts each round had.
        small: whether there are small requests; if not, every request goes to the thread.
        callers: tells from how many connections requests can come, one at a time from each; 0 where nobody knows.
    """

    def __init__(
        self,
        capacity: int,
        time_limit: float,
        sizes: Histogram | None = None,
        small: bool = True,
        callers: Callable[[], int] = lambda: 0,
    ) -> None:
        self.capacity = capacity
        self.held = 0
        self._callers = callers
        self._time_limit = time_limit
        self._sizes = sizes
        self._has_small = small
        self._small: deque[Task] = deque()
        self._gathering = False
        self._company = False
        self._arrived = 0.0
        self._known_callers = 0
        self._incoming: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._large: deque[Task] = deque()
        self._closing = False
        self._characters_per_second = 1e6
        self._thread = threading.Thread(target=self._run, name="mtdetect-scoring", daemon=True)

    def start(self) -> None:
        """Start the thread; call it in the event loop that requests come from."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Finish what was accepted and end the thread."""
        self._closing = True
        while self._small:
            self._score_small()
        self._incoming.put(None)
        await asyncio.to_thread(self._thread.join)

    @property
    def ready(self) -> bool:
        """Whether work is taken."""
        return self._thread.is_alive() and not self._closing

    def hold(self, size: int) -> None:
        """Reserve bytes for a request before they are kept; give them back with :meth:`release`.

        Raises:
            Overloaded: there is no room; nothing was reserved.
        """
        if self.held + size > self.capacity:
            raise Overloaded("too many requests are waiting; send this one again later", self.seconds_behind)
        self.held += size

    def release(self, size: int) -> None:
        """Give back bytes of :meth:`hold`."""
        self.held -= size

    @property
    def seconds_behind(self) -> float:
        """How long what is held will take, at the speed so far."""
        return self.held / self._characters_per_second

    def submit(self, task: Task, size: int, deliver: Deliver) -> None:
        """Queue a new task of so many bytes; ``deliver`` gets ``finish(rows)``, a row a text in order, or an error.

        The error is Overloaded if its turn did not come within the time limit.
        """
        now = time.monotonic()
        task.size, task.deliver, task.deadline = size, deliver, now + self._time_limit
        if not self._has_small or size > _SMALL_BYTES or len(task.texts) > _SMALL_TEXTS:
            self._incoming.put(task)
            return
        self._small.append(task)
        self._arrived = now
        if not self._gathering:
            self._gathering = True
            self._loop.call_soon(self._gather, now + _GATHER_SECONDS)

    def _gather(self, end: float) -> None:
        """Wait while small requests keep coming: the more are scored together, the less time each takes."""
        waiting, callers, now = len(self._small), self._callers(), time.monotonic()
        connecting = callers != self._known_callers  # the event loop takes one new connection in a turn
        self._known_callers = callers
        expected = self._company and waiting != callers and now < self._arrived + _QUIET_SECONDS
        if (connecting or expected) and waiting < _ROUND_TEXTS and now < end:
            self._loop.call_soon(self._gather, end)  # the timers of event loops are too coarse
            return
        self._score_small()
        self._gathering = bool(self._small)
        if self._gathering:
            self._loop.call_soon(self._gather, 0.0)

    def _score_small(self) -> None:
        shares = _round_of(self._small)
        self._company = len(shares) > 1
        self._deliver(self._outcomes(shares))

    def _deliver(self, outcomes: list[_Outcome]) -> None:
        for task, outcome in outcomes:
            self.held -= task.held
            try:
                task.deliver(outcome)
            except Exception:  # one connection, not those of the others
                _log.exception("an answer could not be delivered")

    def _run(self) -> None:
        while (shares := self._take_large()) is not None:
            if outcomes := self._outcomes(shares):
                self._loop.call_soon_threadsafe(self._deliver, outcomes)

    def _take_large(self) -> list[_Share] | None:
        """Wait for large requests; return the shares of the next round, None at the end."""
        if not self._large:
            if self._closing and self._incoming.empty():
                return None
            self._accept(self._incoming.get())
        while not self._incoming.empty():
            self._accept(self._incoming.get())
        return None if self._closing and not self._large else _round_of(self._large)

    def _accept(self, task: Task | None) -> None:
        if task is not None:
            self._large.append(task)

    def _outcomes(self, shares: list[_Share]) -> list[_Outcome]:
        """Score a round; return what came of the requests that are done with it."""
        outcomes: list[_Outcome] = []
        try:
            self._round(shares, outcomes)
        except Exception as error:  # the service outlives whatever a text can do to it
            _log.exception("a round of scoring failed")
            known = {task for task, _ in outcomes}
            outcomes += [_failure(share.task, error) for share in shares if share.task not in known]
        return outcomes

    def _round(self, shares: list[_Share], outcomes: list[_Outcome]) -> None:
        begin = time.monotonic()
        groups: dict[Scorer, list[_Share]] = {}
        for share in shares:
            task = share.task
            if share.start == 0 and begin > task.deadline:
                error = Overloaded("the request waited too long for its turn; send it again later", self.seconds_behind)
                outcomes.append(_failure(task, error))
            else:
                groups.setdefault(task.scorer, []).append(share)
        for scorer, group in groups.items():
            self._score(scorer, group, outcomes)
            for share in group:
                task = share.task
                if not task.over and len(task.rows) == len(task.texts):
                    try:
                        outcomes.append((task, task.finish(task.rows)))
                    except Exception as error:
                        outcomes.append((task, error))
        rate = sum(share.characters for share in shares) / max(time.monotonic() - begin, 1e-6)
        self._characters_per_second += 0.1 * (rate - self._characters_per_second)

    def _score(self, scorer: Scorer, group: list[_Share], outcomes: list[_Outcome]) -> None:
        """Score the texts of a group together; if that fails, one request at a time, so that one alone fails."""
        texts = [text for share in group for text in share.task.texts[share.start : share.end]]
        if self._sizes is not None:
            self._sizes.observe(len(texts))
        try:
            rows = iter(scorer(texts))
        except Exception:
            _log.exception("scoring %d texts together failed; scoring each request alone", len(texts))
            for share in group:
                try:
                    share.task.rows += scorer(share.task.texts[share.start : share.end])
                except Exception as error:
                    outcomes.append(_failure(share.task, error))
        else:
            for share in group:
                share.task.rows += islice(rows, share.end - share.start)


def _failure(task: Task, error: Exception) -> _Outcome:
    """Give a task up, with the shares of it that are still to come."""
    task.over = True
    return task, error


def _round_of(waiting: deque[Task]) -> list[_Share]:
    """Take the next share of every task in turn, up to a round; tasks with more to come queue up again."""
    shares: list[_Share] = []
    unfinished: list[Task] = []
    texts = characters = 0
    while waiting and texts < _ROUND_TEXTS and characters < _ROUND_CHARACTERS:
        task = waiting.popleft()
        if not task.over:
            share = _cut(task)
            shares.append(share)
            texts += share.end - share.start
            characters += share.characters
            if share.end < len(task.texts):
                unfinished.append(task)
    waiting.extend(unfinished)
    return shares


def _cut(task: Task) -> _Share:
    """Take the next share of a task."""
    if task.size <= _SHARE_CHARACTERS and len(task.texts) <= _SHARE_TEXTS:
        task.cut = len(task.texts)
        return _Share(task, 0, task.cut, task.size)
    start, characters = task.cut, 0
    while task.cut < len(task.texts) and task.cut - start < _SHARE_TEXTS and characters < _SHARE_CHARACTERS:
        characters += len(task.texts[task.cut] or "")
        task.cut += 1
    return _Share(task, start, task.cut, characters)
