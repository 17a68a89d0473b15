"""The service as a fuzzing target: requests to its application, and raw bytes to its HTTP protocol.

Whatever is sent, in whatever pieces, beside whatever else: an answer comes, it is one that the OpenAPI document knows,
its scores are the library's to the bit, and nothing of it stays behind.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fuzzing import calls
from fuzzing.answers import check_exchange
from fuzzing.connections import check_connection
from fuzzing.live import LONGEST_LIMIT, SETTINGS, Live
from fuzzing.promises import LostRowError, promise


async def check_application(live: Live, requests: Sequence[calls.Call]) -> None:
    """Send requests at the same time; time passes for those whose client falls silent."""
    tasks = [live.loop.create_task(live.call(request)) for request in requests]
    await live.settle()
    if not all(task.done() for task in tasks):
        await live.after(LONGEST_LIMIT)
        await live.settle()
    promise(all(task.done() for task in tasks), "a client that falls silent is not waited for for ever")
    for task in tasks:
        task.result()


async def check_aftermath(live: Live) -> None:
    """Check every exchange, that nothing of them is held, and that a plain request is answered."""
    room = sum(len(exchange.asked) for exchange in live.exchanges) <= SETTINGS.queue_bytes
    for exchange in live.exchanges:
        check_exchange(exchange)
        refused = exchange.start is not None and exchange.start["status"] == 503
        promise(not (room and refused), "what there is room for is taken", LostRowError)
    live.exchanges.clear()
    metrics, ready, plain = [await live.call(calls.call(*request)) for request in calls.PLAIN]
    promise(b"\nmtdetect_held_bytes 0.0\n" in metrics.answer, "nothing is held any more")
    for exchange in (metrics, ready, plain):
        promise(exchange.start and exchange.start["status"] == 200, "the service goes on")
        check_exchange(exchange)
    live.exchanges.clear()


_live: list[Live] = []


def service(data: bytes) -> int:
    """Requests to the application, or bytes to a connection: answered as documented, and nothing stays behind."""
    live = _live.pop() if _live else Live()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    try:
        if data[:1] == calls.CONNECTION:
            live.run(check_connection(live, data[1:]))
            count = max(len(live.exchanges), 1)
        else:
            requests = calls.calls_of(data, SETTINGS.request_bytes)
            live.run(check_application(live, requests))
            count = len(requests)
        live.run(check_aftermath(live))
    except BaseException:
        live.close()  # one that broke a promise is not used again
        raise
    _live.append(live)
    return count
