"""Labelled rows in columns: what training and evaluation work on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.errors import InputError

LABELS: Mapping[Any, int] = {"human": 0, "mt": 1, "0": 0, "1": 1, 0: 0, 1: 1}
"""Accepted spellings of the label: 0 is human English, 1 is machine translation."""

COLUMNS = (
    "source",
    "group",
    "pair",
    "doc_id",
    "source_lang",
    "system",
    "engine",
    "domain",
    "collection",
    "roundtrip",
    "origin",
    "licence",
    "quality",
    "quality_kind",
    "hter",
    "split",
    "held_out",
)
"""Optional columns a row may carry; others in the input are left alone. Empty string means not stated."""


@dataclass
class Rows:
    """N labelled texts in columns.

    Attributes:
        text: N strings.
        label: int8 (N,), 1 for machine translation and 0 for human English.
        weight: float64 (N,), weight in training.
        content: int64 (N,), number of the content group; rows that say the same thing share it.
        columns: for each name in :data:`COLUMNS` that occurs, N strings (``""`` where a row has none).
    """

    text: list[str]
    label: NDArray[np.int8]
    weight: NDArray[np.float64]
    content: NDArray[np.int64]
    columns: dict[str, NDArray[np.object_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.text)

    def column(self, name: str) -> NDArray[np.object_]:
        """Return a column of N strings; all empty when no row states it."""
        values = self.columns.get(name)
        if values is None:
            values = np.full(len(self), "", dtype=object)
        return values

    def take(self, index: NDArray[Any]) -> Rows:
        """Return the rows at ``index`` (integer positions or a boolean mask), in that order."""
        positions = np.flatnonzero(index) if index.dtype == np.bool_ else np.asarray(index, dtype=np.int64)
        return Rows(
            text=[self.text[i] for i in positions.tolist()],
            label=self.label[positions],
            weight=self.weight[positions],
            content=self.content[positions],
            columns={name: values[positions] for name, values in self.columns.items()},
        )


def concatenate(parts: Iterable[Rows]) -> Rows:
    """Join several row sets; content groups are kept as numbered."""
    parts = list(parts)
    names = sorted({name for part in parts for name in part.columns})
    return Rows(
        text=[text for part in parts for text in part.text],
        label=np.concatenate([part.label for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        content=np.concatenate([part.content for part in parts]),
        columns={name: np.concatenate([part.column(name) for part in parts]) for name in names},
    )


def rows_from_records(records: Iterable[Mapping[str, Any]], source: str) -> Rows:
    """Build rows from mappings with at least ``text`` and ``label``.

    A row with a ``human`` text (the English before a round trip) becomes two rows, the human one first,
    tied by ``pair``. Rows whose text is not a non-empty string are left out.

    Raises:
        InputError: a row has no usable label; the message names the row and the accepted labels.
    """
    text: list[str] = []
    label: list[int] = []
    columns: dict[str, list[str]] = {name: [] for name in COLUMNS}

    def add(value: str, is_mt: int, record: Mapping[str, Any], pair: str) -> None:
        text.append(value)
        label.append(is_mt)
        for name, cells in columns.items():
            cell = record.get(name)
            cells.append("" if cell is None else sys.intern(str(cell)))
        columns["source"][-1] = source
        columns["pair"][-1] = pair

    for number, record in enumerate(records, start=1):
        value = record.get("text")
        if not isinstance(value, str) or not value.strip():
            continue
        try:
            is_mt = LABELS[record.get("label")]
        except (KeyError, TypeError):
            raise InputError(
                f"{source}, row {number}: label is {record.get('label')!r}; write human or mt (or 0 or 1)"
            ) from None
        human = record.get("human")
        pair = record.get("pair")
        if isinstance(human, str) and human.strip():
            tie = f"{source}:{pair if pair is not None else number}"
            add(
                human,
                0,
                {
                    "group": record.get("group"),
                    "doc_id": record.get("doc_id"),
                    "domain": record.get("domain"),
                    "collection": record.get("collection"),
                    "licence": record.get("licence"),
                },
                tie,
            )
            add(value, is_mt, record, tie)
        else:
            add(value, is_mt, record, f"{source}:{pair}" if pair else "")
    return Rows(
        text=text,
        label=np.array(label, dtype=np.int8),
        weight=np.ones(len(text)),
        content=np.arange(len(text), dtype=np.int64),
        columns={name: np.array(cells, dtype=object) for name, cells in columns.items()},
    )
