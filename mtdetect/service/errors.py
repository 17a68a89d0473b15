"""What the service says when it does not do what was asked."""

from __future__ import annotations

import math

Headers = list[tuple[bytes, bytes]]


class Refusal(Exception):
    """A request that is not answered with a result.

    Args:
        status: HTTP status code.
        message: one line that says what is wrong and what to do next.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers: Headers = []


class Overloaded(Refusal):
    """There is more to do than the service holds; the request can be sent again.

    Args:
        message: one line.
        seconds: how long what is held will take; becomes ``Retry-After``, 1 to 60 seconds.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(503, message)
        self.headers = [(b"retry-after", b"%d" % min(max(math.ceil(seconds), 1), 60))]
