"""Self-contained pages: one file that holds its styles, scripts and data, and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from mtdetect.errors import needs_extra

_FOLDER = Path(__file__).parent

# As CONTROL in marked_text.js: control characters, those that turn the reading order, those nobody can see.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def require_jinja() -> None:
    """Check that pages can be made, before long work is done for one.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    with needs_extra("report", "pages need Jinja2; install it with"):
        import jinja2  # noqa: F401


def render_page(template: str, data: object, styles: Iterable[str], scripts: Iterable[str], **values: Any) -> str:
    """Fill a template of this folder that extends ``page.html.jinja``.

    The policy of the page allows exactly its own styles and scripts, by their hashes, and nothing from
    anywhere. Everything a template prints is escaped; the filter ``visible`` shows control characters by code.

    Args:
        template: name of the template.
        data: what the scripts read, by ``JSON.parse``, from the element ``data``; anything orjson encodes,
            without lone surrogates.
        styles: names of stylesheets in this folder, in order.
        scripts: names of scripts in this folder, in order.
        **values: what the template prints.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    require_jinja()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup, escape

    def visible(text: str) -> Markup:
        return Markup(_CONTROL.sub(lambda found: f'<span class="control">U+{ord(found[0]):04X}</span>', escape(text)))

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "\n".join(_asset(name) for name in styles)
    sources = [_asset(name) for name in scripts]
    environment.filters["visible"] = visible
    policy = [
        "default-src 'none'",
        "script-src " + " ".join(_hash(source) for source in sources),
        "style-src " + _hash(style),
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return environment.get_template(template).render(
        **values,
        policy="; ".join(policy),
        style=Markup(style),
        scripts=[Markup(source) for source in sources],
        data=htmlsafe_json_dumps(data, dumps=_dumps),
    )


def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() + "'"


def _dumps(data: object, **_options: Any) -> str:
    return orjson.dumps(data).decode()
