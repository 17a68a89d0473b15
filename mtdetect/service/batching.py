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

_ROUND_TEXTS = 1024
_ROUND_CHARACTERS = 300_000
_SHARE_TEXTS = 512
_SHARE_CHARACTERS = 150_000
_SMALL_TEXTS = 16
_SMALL_CHARACTERS = 20_000
_GATHER_SECONDS = 0.002

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Work:
    """Texts of one request, and how far they are."""

    scorer: Scorer
    texts: Sequence[str | None]
    finish: Callable[[list[dict[str, Any]]], bytes]
    future: asyncio.Future[bytes]
    deadline: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    cut: int = 0


@dataclass(slots=True)
class _Share:
    """Texts ``start`` to ``end`` of a request, to be scored in one round."""

    work: _Work
    start: int
    end: int
    characters: int


@dataclass(slots=True)
class _Outcome:
    work: _Work
    answer: bytes = b""
    error: Exception | None = None


class Batcher:
    """One thread that scores what waits, in rounds; a round takes what came in while the last one ran.

    A lone request is scored at once; where the last round had several, the next waits two milliseconds for more.
    Small requests go first, many in a round. Large ones are cut, and their parts take turns; a round has room for
    one of them whatever else waits. What is held is bounded by :meth:`hold`, so that memory is too.

    Args:
        capacity: bytes of requests that may be held at a time, waiting and in work.
        time_limit: seconds a request may wait for its turn.
        sizes: histogram that is told how many texts each round had.
    """

    def __init__(self, capacity: int, time_limit: float, sizes: Histogram | None = None) -> None:
        self.capacity = capacity
        self.held = 0
        self._time_limit = time_limit
        self._sizes = sizes
        self._incoming: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._small: deque[_Work] = deque()
        self._large: deque[_Work] = deque()
        self._closing = False
        self._company = False
        self._characters_per_second = 1e6
        self._thread = threading.Thread(target=self._run, name="mtdetect-scoring", daemon=True)

    def start(self) -> None:
        """Start the thread; call it in the event loop that requests come from."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Finish what was accepted and end the thread."""
        self._closing = True
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

    def submit(
        self, scorer: Scorer, texts: Sequence[str | None], finish: Callable[[list[dict[str, Any]]], bytes]
    ) -> asyncio.Future[bytes]:
        """Queue texts; the future holds ``finish(rows)``, with a row for every text in order.

        The future raises Overloaded if its turn did not come within the time limit.
        """
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._incoming.put(_Work(scorer, texts, finish, future, time.monotonic() + self._time_limit))
        return future

    def _run(self) -> None:
        while (shares := self._take()) is not None:
            outcomes: list[_Outcome] = []
            try:
                self._round(shares, outcomes)
            except Exception as error:  # the thread outlives whatever a text can do to it
                _log.exception("a round of scoring failed")
                outcomes += [_Outcome(share.work, error=error) for share in shares]
                self._drop({share.work for share in shares})
            if outcomes:
                self._loop.call_soon_threadsafe(_deliver, outcomes)

    def _take(self) -> list[_Share] | None:
        """Wait for work; return the shares of the next round, None at the end."""
        if not self._small and not self._large:
            if self._closing and self._incoming.empty():
                return None
            self._sort(self._incoming.get())
            if self._company:
                time.sleep(_GATHER_SECONDS)
        while not self._incoming.empty():
            self._sort(self._incoming.get())
        if self._closing and not self._small and not self._large:
            return None
        self._company = len(self._small) > 1
        shares: list[_Share] = []
        texts = characters = 0
        while self._small and texts < _ROUND_TEXTS and characters < _ROUND_CHARACTERS:
            shares.append(_cut(self._small.popleft()))
            texts += shares[-1].end - shares[-1].start
            characters += shares[-1].characters
        unfinished: list[_Work] = []
        while self._large and (not unfinished or (texts < _ROUND_TEXTS and characters < _ROUND_CHARACTERS)):
            shares.append(_cut(self._large.popleft()))
            texts += shares[-1].end - shares[-1].start
            characters += shares[-1].characters
            unfinished.append(shares[-1].work)
        self._large.extend(work for work in unfinished if work.cut < len(work.texts))
        return shares

    def _sort(self, work: _Work | None) -> None:
        if work is not None:
            small = len(work.texts) <= _SMALL_TEXTS and sum(map(len, filter(None, work.texts))) <= _SMALL_CHARACTERS
            (self._small if small else self._large).append(work)

    def _round(self, shares: list[_Share], outcomes: list[_Outcome]) -> None:
        begin = time.monotonic()
        groups: dict[Scorer, list[_Share]] = {}
        for share in shares:
            if share.start == 0 and begin > share.work.deadline:
                self._drop({share.work})
                error = Overloaded("the request waited too long for its turn; send it again later", self.seconds_behind)
                outcomes.append(_Outcome(share.work, error=error))
            else:
                groups.setdefault(share.work.scorer, []).append(share)
        for scorer, group in groups.items():
            self._score(scorer, group, outcomes)
            for share in group:
                if len(share.work.rows) == len(share.work.texts):
                    try:
                        outcomes.append(_Outcome(share.work, share.work.finish(share.work.rows)))
                    except Exception as error:
                        outcomes.append(_Outcome(share.work, error=error))
        rate = sum(share.characters for share in shares) / max(time.monotonic() - begin, 1e-6)
        self._characters_per_second += 0.1 * (rate - self._characters_per_second)

    def _score(self, scorer: Scorer, group: list[_Share], outcomes: list[_Outcome]) -> None:
        """Score the texts of a group together; if that fails, one request at a time, so that one alone fails."""
        texts = [text for share in group for text in share.work.texts[share.start : share.end]]
        if self._sizes is not None:
            self._sizes.observe(len(texts))
        try:
            rows = iter(scorer(texts))
        except Exception:
            _log.exception("scoring %d texts together failed; scoring each request alone", len(texts))
            for share in group:
                try:
                    share.work.rows += scorer(share.work.texts[share.start : share.end])
                except Exception as error:
                    self._drop({share.work})
                    outcomes.append(_Outcome(share.work, error=error))
        else:
            for share in group:
                share.work.rows += islice(rows, share.end - share.start)

    def _drop(self, works: set[_Work]) -> None:
        """Forget the shares of works that failed and are still to come."""
        self._large = deque(work for work in self._large if work not in works)


def _cut(work: _Work) -> _Share:
    """Take the next share of a request."""
    start, characters = work.cut, 0
    while work.cut < len(work.texts) and work.cut - start < _SHARE_TEXTS and characters < _SHARE_CHARACTERS:
        characters += len(work.texts[work.cut] or "")
        work.cut += 1
    return _Share(work, start, work.cut, characters)


def _deliver(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.work.future
        if future.done():  # the connection went away
            continue
        if outcome.error is None:
            future.set_result(outcome.answer)
        else:
            future.set_exception(outcome.error)
