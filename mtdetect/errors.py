"""Errors that users see: one line each, saying what is wrong and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MtdetectError(Exception):
    """Base class of every error this package raises on purpose."""


class ModelError(MtdetectError):
    """A model folder cannot be used: a file is missing, changed, or of a newer format."""


class InputError(MtdetectError):
    """Input that cannot be read: a broken file, a missing column, an unknown format."""


class PolicyError(MtdetectError):
    """A gate's policy or baseline cannot be used: a wrong key, value or file."""


class MissingExtraError(MtdetectError):
    """An optional dependency is not installed; the message holds the pip line that installs it."""


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Import optional packages inside: where one is missing, say what needs it and which extra brings it.

    >>> with needs_extra("report", "pages need one more package"):
    ...     import no_such_package
    Traceback (most recent call last):
    mtdetect.errors.MissingExtraError: pages need one more package: pip install 'mtdetect[report]'
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"{what}: pip install 'mtdetect[{extra}]'") from error


def one_line(name: object) -> str:
    """Return a name as it can stand in a message, on one line and without commands to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(name))
