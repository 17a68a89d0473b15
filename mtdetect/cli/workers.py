"""Worker processes: they survive Ctrl-C until their parent answers it, and never survive their parent.

What makes and runs them is imported where they are used: a command that works alone does not wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

WORKER_KILLED = "a worker process was killed, perhaps for want of memory"


def start_no_threads() -> None:
    """Keep numpy from starting threads for linear algebra, here and in workers; call this before it is imported.

    Scoring has no use for them, and each keeps a core busy for a while at its start.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def make_pool(jobs: int, prepare: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """Return a pool of processes that call ``prepare(*arguments)`` once, at their start.

    Spawned, not forked: the same on every platform, and safe whatever threads the libraries started.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(prepare, arguments))


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C from processes started inside, for good; this process gets it, as SIGTERM, when the block ends."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield  # on Windows, or where no signal is handled
        return
    numbers, came = (signal.SIGINT, signal.SIGTERM), list[int]()
    # Other threads take signals too, and have them handled in this one: the mask alone would not hold them off.
    handlers = [signal.signal(number, lambda signum, _frame: came.append(signum)) for number in numbers]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)


def _start(prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent answers it
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # by which a broken pool ends its processes
    threading.Thread(target=_follow_parent, daemon=True).start()
    prepare(*arguments)


def _follow_parent() -> None:
    """End this process with its parent: one that is killed cannot tell its workers."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
