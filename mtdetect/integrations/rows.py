"""What every framework adds to its rows: score, status and signature; under a gate also action and reason."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from mtdetect import __version__
from mtdetect.detector import Detector
from mtdetect.errors import InputError
from mtdetect.formats.base import position_of
from mtdetect.gate import Gate
from mtdetect.verdict import Level

PREFIX = "mtdetect_"
"""Starts the name of every added column."""


class RowScorer:
    """Scores rows of any values by a detector, or judges them by a gate.

    It pickles to a few hundred bytes that name the model, for caches; a process loads it once, at the first rows.

    Args:
        by: a detector (the shipped model if None), or a gate.
        level: what one text is, ``"sentence"`` or ``"document"``; None for sentences, and for the level of a gate.
        prefix: starts the name of every column.

    Attributes:
        names: the columns: ``score``, ``status`` and ``signature``, under a gate ``action``, ``score``, ``reason``,
            ``status`` and ``signature``, each behind the prefix.

    Raises:
        TypeError: ``by`` is neither a detector nor a gate.
        ValueError: an unknown level, or one that contradicts the gate.

    >>> RowScorer().columns(["Too short.", None, 7])["mtdetect_status"]
    ['too_short', 'empty', 'unreadable']
    """

    def __init__(self, by: Detector | Gate | None = None, level: Level | None = None, prefix: str = PREFIX) -> None:
        if level not in (None, "sentence", "document"):
            raise ValueError(f'level is "sentence" or "document", not {level!r}')
        if isinstance(by, Gate) and level not in (None, by.level):
            raise ValueError(f"the gate judges texts of the level {by.level!r}, not {level!r}; leave the level out")
        if by is not None and not isinstance(by, Detector | Gate):
            raise TypeError(f"by is a Detector or a Gate, not {type(by).__name__}; write mtdetect.load(folder)")
        self.by = Detector() if by is None else by
        self.level: Level = level or "sentence"
        plain = ("action", "score", "reason") if isinstance(by, Gate) else ("score",)
        self._added = (*plain, "status", "signature")
        self.names = tuple(prefix + name for name in self._added)

    def __getstate__(self) -> dict[str, Any]:
        detector = self.by.detector if isinstance(self.by, Gate) else self.by
        return self.__dict__ | {"_pickled_with": (__version__, detector.signature)}

    def check_columns(self, names: Iterable[Any], text_column: str = "", any_case: bool = False) -> None:
        """Refuse a table with an added column, or without the one of text; ``any_case``: capitals do not count.

        Raises:
            InputError: the message names the column and says what to do.
        """
        given = list(map(str, names))
        if text_column and position_of(text_column, given) is None:
            raise no_column(text_column, given)
        taken = {name.lower() if any_case else name: name for name in given}
        for name in self.names:
            if clash := taken.get(name.lower() if any_case else name):
                raise InputError(f"a column {clash!r} is there already; drop it, or choose another prefix")

    def columns(self, values: Iterable[Any], sources: Iterable[Any] | None = None) -> dict[str, list[Any]]:
        """Return the columns of N values: lists of N, in the order of the values.

        ``sources`` are N names for a gate with rules by source; None, or what is no string, is no source.
        None and NaN are empty texts; bytes in UTF-8 are text. A value that is no text gets the status
        ``"unreadable"``; a gate treats it as an empty text. A score is the float32 of
        :meth:`mtdetect.Detector.score` as a float, None where there is none.

        Raises:
            ModelError: the model folder cannot be used.
            ValueError: not as many sources as values.
        """
        given = [value if isinstance(value, str) else _plain(value) for value in values]
        texts = [value if isinstance(value, str) else None for value in given]
        odd = [i for i, value in enumerate(given) if not (value is None or isinstance(value, str))]
        if isinstance(self.by, Gate):
            named_by = None if sources is None else [name if isinstance(name, str) else None for name in sources]
            decided = self.by.decide_batch(texts, named_by)
            added = {name: [getattr(decision, name) for decision in decided] for name in self._added}
        else:
            scored = self.by.score_batch(texts, self.level)
            signatures = [self.by.signature] * len(given)
            added = {"score": scored.scores.tolist(), "status": list(scored.statuses), "signature": signatures}
        added["score"] = [None if math.isnan(score) else score for score in added["score"]]
        for i in odd:
            added["status"][i] = "unreadable"
            if "reason" in added:
                added["reason"][i] = f"not text but {type(given[i]).__name__}"
        return dict(zip(self.names, added.values(), strict=True))

    def rows(self, values: Iterable[Any], sources: Iterable[Any] | None = None) -> list[dict[str, Any]]:
        """Return what :meth:`columns` returns row by row: N dictionaries from column to value."""
        columns = self.columns(values, sources)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def no_column(name: str, given: Iterable[str], what: str = "text") -> InputError:
    """Return the error of a table without a column that was named."""
    return InputError(f"no column {name!r} among {', '.join(given)}; name the column of the {what}")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        with suppress(UnicodeDecodeError):
            return value.decode()
    return None if isinstance(value, float) and math.isnan(value) else value
