"""Running the application: one process, guarded connections, a clean end."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from mtdetect.errors import MtdetectError
from mtdetect.service.app import Settings
from mtdetect.service.observe import Observed
from mtdetect.service.protocol import make_protocol

_KEEP_ALIVE_SECONDS = 30
_GARBAGE = 100_000


def serve(app: Observed, host: str, port: int, settings: Settings, started: Callable[[str], None]) -> None:
    """Run the application until it is interrupted or terminated; what was accepted is finished first.

    Args:
        app: the application.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        settings: limits of the service.
        started: told the address once connections are taken.

    Raises:
        MtdetectError: the address cannot be listened on.
    """
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    config = make_config(app, settings)
    server = _Server(config, lambda: started(f"http://{shown}:{listener.getsockname()[1]}"))
    gc.set_threshold(_GARBAGE, 20, 50)  # a request leaves no cycles behind; looking for them took a tenth of the time
    gc.freeze()  # the model and the modules stay: collecting garbage need not look at them
    try:
        server.run(sockets=[listener])
    except (KeyboardInterrupt, SystemExit):
        if server.force_exit or not server.started:
            raise
        # Else the end was clean: uvicorn raises the signal that stopped it once more.


def make_config(app: Observed, settings: Settings, **others: Any) -> uvicorn.Config:
    """Return how uvicorn runs an application, with other options in place of these."""
    options: dict[str, Any] = {
        "http": make_protocol(settings),
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "log_level": "warning",
        "server_header": False,
        "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": int(2 * settings.seconds) + 1,
    }
    return uvicorn.Config(app, **options | others)


class _Server(uvicorn.Server):
    """A server that tells when it can be used, and be stopped cleanly."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise MtdetectError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --host or --port"
        ) from None
    listener.setblocking(False)
    return listener
