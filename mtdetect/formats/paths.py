"""Dotted paths into rows: ``page.text``, ``turns.0.text``."""

from __future__ import annotations

import re
from typing import Any


def step_into(value: Any, path: str) -> tuple[str | int, str | None] | None:
    """Return the first step of a dotted path, and the rest of it (None: there is none); None: it leads nowhere.

    In an object the longest name that is there comes first; in a list a step is a position, from 0.

    >>> step_into({"page.text": "News"}, "page.text"), step_into({"page": {}}, "page.text"), step_into([7, 8], "1")
    (('page.text', None), ('page', 'text'), (1, None))
    """
    head = path
    key: str | int | None = None
    if isinstance(value, dict):
        while head not in value and "." in head:
            head = head.rpartition(".")[0]
        key = head if head in value else None
    elif isinstance(value, list):
        head = path.partition(".")[0]
        at = list_position(path)
        key = at if at is not None and at < len(value) else None
    if key is None:
        return None
    return key, path[len(head) + 1 :] if len(head) < len(path) else None


def list_position(path: str) -> int | None:
    """Return the position in a list that a dotted path begins with, if it does.

    >>> list_position("0.content"), list_position("content")
    (0, None)
    """
    head = path.partition(".")[0]
    return int(head) if re.fullmatch("[0-9]{1,9}", head) else None


def follow(record: dict[str, Any], path: str) -> tuple[Any, str | None]:
    """Return what a dotted path leads to, and the part of it that leads on to nothing (None: there is none)."""
    value: Any = record
    rest: str | None = path
    while rest is not None and (step := step_into(value, rest)) is not None:
        value, rest = value[step[0]], step[1]
    return value, rest


def value_at(record: dict[str, Any], path: str, missing: Any = None) -> Any:
    """Return the value of a column, or at a dotted path into nested objects and lists; see ``step_into``.

    Below an object that is null, or not there, and behind the end of a list, everything is None, as in Parquet.

    Returns:
        The value; ``missing`` where the last object has no such name, or where what should be an object is none.

    >>> value_at({"page": {"title": "News"}}, "page.title"), value_at({"page.title": "Old"}, "page.title")
    ('News', 'Old')
    >>> [value_at(row, "page.title", "?") for row in ({"page": {}}, {"page": "News"}, {"page": None}, {})]
    ['?', '?', None, None]
    >>> row = {"turns": [{"text": "Hello."}]}
    >>> [value_at(row, path, "?") for path in ("turns.0.text", "turns.1.text", "turns.text")]
    ['Hello.', None, '?']
    """
    value, rest = follow(record, path)
    if rest is None or value is None:
        return value
    unknown = "." in rest if isinstance(value, dict) else isinstance(value, list) and list_position(rest) is not None
    return None if unknown else missing
