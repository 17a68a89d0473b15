"""The page at ``/``: text in, marked text out; its files are read once and served with a strict policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import mtdetect.report

_HERE = Path(__file__).parent
_SHARED = Path(mtdetect.report.__file__).parent

# Nothing from anywhere else, no markup from strings, no framing; the page may only ask its own service.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def page_routes() -> list[Route]:
    """Return the routes of the page and of what it loads; the stylesheet and the marked text are the report's."""
    return [
        _file("/", _HERE / "index.html"),
        _file("/page/page.js", _HERE / "page.js"),
        _file("/page/page.css", _HERE / "page.css"),
        _file("/page/marked_text.js", _SHARED / "marked_text.js"),
        _file("/page/style.css", _SHARED / "style.css"),
    ]


def _file(path: str, file: Path) -> Route:
    content = file.read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=_KINDS[file.suffix])

    endpoint: Callable[[Request], Awaitable[Response]] = answer
    return Route(path, endpoint)
