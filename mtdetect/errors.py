"""Errors that users see: one line each, saying what is wrong and what to do next."""

from __future__ import annotations


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
