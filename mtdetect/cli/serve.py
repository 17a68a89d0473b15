"""``mtdetect serve``: the HTTP service, one process."""

from __future__ import annotations

from pathlib import Path

import click

from mtdetect.cli.gate_options import POLICY_FILE, load_policy, make_gate
from mtdetect.cli.options import load_detector, model_option
from mtdetect.cli.workers import start_no_threads
from mtdetect.errors import MissingExtraError


@click.command("serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; the default is this machine only."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--max-request",
    type=click.IntRange(1, 1024),
    default=4,
    show_default=True,
    metavar="MB",
    help="Largest request; a larger one is refused (413).",
)
@click.option(
    "--max-held",
    type=click.IntRange(1, 65536),
    default=32,
    show_default=True,
    metavar="MB",
    help="Requests held at a time; more are refused until there is room (503).",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for a request to arrive (408), and for its turn to come (503).",
)
@click.option(
    "--max-connections",
    type=click.IntRange(1),
    default=2048,
    show_default=True,
    help="Connections open at a time; more are refused (503).",
)
@click.option(
    "--policy",
    "policy_file",
    type=POLICY_FILE,
    metavar="FILE",
    help="Policy (TOML) that the gate follows where a request says nothing else.",
)
@model_option
def serve(
    host: str,
    port: int,
    max_request: int,
    max_held: int,
    time_limit: float,
    max_connections: int,
    policy_file: Path | None,
    model: Path | None,
) -> None:
    """Score and gate over HTTP, on this machine only unless --host says otherwise.

    GET /openapi.json describes every request. Many single requests at a time are scored together. Ctrl-C or
    SIGTERM stops it after what was accepted is answered. There is no password: on another address than this
    machine's own, put a proxy before it that lets in whom you trust.
    """
    if max_held < max_request:
        raise click.UsageError("--max-held is below --max-request: no request of that size could be taken")
    start_no_threads()
    try:
        from mtdetect.service.app import Settings, create_app
        from mtdetect.service.server import serve as run
    except ImportError as error:
        raise MissingExtraError(
            f"mtdetect serve needs the package {error.name}; install it with: pip install 'mtdetect[serve]'"
        ) from None
    policy = load_policy(policy_file)
    detector = load_detector(model)
    make_gate(detector, policy)  # rates without figures are refused now, not with every request
    settings = Settings(max_request << 20, max_held << 20, time_limit, max_connections)

    def started(address: str) -> None:
        click.echo(f"listening on {address} with {detector.signature}; Ctrl-C stops", err=True)

    run(create_app(detector, settings, policy), host, port, settings, started)
