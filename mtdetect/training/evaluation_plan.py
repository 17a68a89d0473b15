"""The plan of a study: what to leave out of training, the sets to measure on, and text with marked errors."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtdetect import formats
from mtdetect.errors import InputError
from mtdetect.training.evaluation_leave_out import LeaveOut
from mtdetect.training.evaluation_sets import NamedSet
from mtdetect.training.evaluation_spans import MarkedText


@dataclass(frozen=True)
class StudySet:
    """A named set, the left-out rows whose model is measured on it (or none), and what is aimed for."""

    named: NamedSet
    without: str = ""
    aim: str = ""


@dataclass(frozen=True)
class MarkedFile:
    """A file of rows with marked errors, and the left-out rows whose model is measured on it beside the model."""

    name: str
    file: str
    without: str = ""
    limit: int = 2000


@dataclass(frozen=True)
class Plan:
    """What a study measures.

    Attributes:
        trainings: left-out rows by the name of the training that goes without them.
        sets: named sets.
        spans: files of rows with marked errors.
    """

    trainings: Mapping[str, tuple[LeaveOut, ...]]
    sets: tuple[StudySet, ...]
    spans: tuple[MarkedFile, ...]


def read_plan(path: Path) -> Plan:
    """Read the plan of a study: tables ``leave_out``, ``set``, ``spans``; ``benchmarks/quality.toml`` shows all keys.

    Raises:
        InputError: the file cannot be read, lacks a key, or names left-out rows that it does not list.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        trainings: dict[str, list[LeaveOut]] = {}
        for one in raw.get("leave_out", ()):
            left_out = LeaveOut(one["name"], one["kind"], _values(one["rows"]))
            trainings.setdefault(one.get("training", one["name"]), []).append(left_out)
        sets = tuple(
            StudySet(
                NamedSet(one["name"], _values(one["where"]), one.get("low_rated", False), one.get("level", "sentence")),
                one.get("without", ""),
                one.get("aim", ""),
            )
            for one in raw.get("set", ())
        )
        spans = tuple(MarkedFile(**one) for one in raw.get("spans", ()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not a readable plan ({error})") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: a table lacks or misuses {error}; benchmarks/quality.toml shows every key") from None
    known = {one.name for group in trainings.values() for one in group} | {""}
    for without in [one.without for one in sets] + [one.without for one in spans]:
        if without not in known:
            raise InputError(f"{path}: without = {without!r} is no leave_out of this plan")
    return Plan({name: tuple(group) for name, group in trainings.items()}, sets, spans)


def _values(raw: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {column: tuple(str(value) for value in values) for column, values in raw.items()}


def marked_texts(one: MarkedFile, data: Path | None) -> list[MarkedText]:
    """Return the machine rows of a file that carry ``spans`` (start, end, ...), in file order.

    Raises:
        InputError: there is no data folder, or the file cannot be read.
    """
    if data is None:
        raise InputError(f"{one.file}: name the folder of the sources with --data")
    found: list[MarkedText] = []
    for row in formats.read_rows(data / one.file):
        if row.get("label") == "mt" and row.get("spans"):
            errors = tuple((int(span[0]), int(span[1])) for span in row["spans"] if span[1] > span[0])
            found.append(MarkedText(row["text"], errors, str(row.get("group", len(found)))))
        if len(found) == one.limit:
            break
    return found
