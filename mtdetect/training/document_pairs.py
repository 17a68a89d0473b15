"""Documents to learn from: neighbouring sentences of one side, with the other side of the same content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.training.pairing import is_garble, pair_key
from mtdetect.training.rows import Rows
from mtdetect.training.splits import group_key

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 30)
"""Sentences in a document; drawn at random."""


@dataclass(frozen=True)
class Documents:
    """D documents as lists of row numbers.

    Attributes:
        rows: int64 (R,), row numbers, document after document.
        start: int64 (D + 1,), where each document begins in :attr:`rows`.
        label: int8 (D,), 1 for machine translation.
        garble: bool (D,), machine documents of rule-based engines.
        domain: D names of where a document comes from.
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    label: NDArray[np.int8]
    garble: NDArray[np.bool_]
    domain: NDArray[np.object_]


def _assemble(pieces: list[tuple[NDArray[np.int64], int, bool, str]]) -> Documents:
    start = np.zeros(len(pieces) + 1, dtype=np.int64)
    np.cumsum([len(piece[0]) for piece in pieces], out=start[1:])
    return Documents(
        np.concatenate([piece[0] for piece in pieces]) if pieces else np.empty(0, dtype=np.int64),
        start,
        np.array([piece[1] for piece in pieces], dtype=np.int8),
        np.array([piece[2] for piece in pieces], dtype=bool),
        np.array([piece[3] for piece in pieces], dtype=object),
    )


def _cuts(size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    cuts, start = [], 0
    while start < size:
        end = start + int(rng.choice(SIZES))
        cuts.append((start, min(end, size)))
        start = end
    return cuts


def paired_documents(rows: Rows, seed: int) -> Documents:
    """Join machine rows of one system that stand next to each other, and the human rows of the same segments.

    Round trips of single sentences have no neighbours: those of one system and domain are joined.
    """
    rng = np.random.default_rng(seed)
    key = pair_key(rows)
    human: dict[int, int] = {}
    for i in np.flatnonzero(rows.label == 0).tolist():
        human.setdefault(int(key[i]), i)
    garble = is_garble(rows)
    system, language = rows.column("system"), rows.column("source_lang")
    group, doc = rows.column("group"), rows.column("doc_id")
    chains: dict[tuple[str, ...], list[int]] = {}
    for i in np.flatnonzero(rows.label == 1).tolist():
        if int(key[i]) in human:
            place = str(rows.content[i] % 97) if garble[i] else doc[i] or group_key(group[i], doc[i])
            chains.setdefault((system[i], language[i], place), []).append(i)
    pieces = []
    for (name, _, _), members in chains.items():
        for start, end in _cuts(len(members), rng):
            machine = np.array(members[start:end], dtype=np.int64)
            counterpart = np.array([human[int(key[i])] for i in machine], dtype=np.int64)
            is_rule_based = bool(garble[machine[0]])
            pieces.append((machine, 1, is_rule_based, name))
            pieces.append((counterpart, 0, is_rule_based, name))
    return _assemble(pieces)


def clean_documents(rows: Rows, seed: int) -> Documents:
    """Cut clean text into documents of neighbouring sentences of one source document, of all sizes."""
    rng = np.random.default_rng(seed)
    doc, collection = rows.column("doc_id"), rows.column("collection")
    members: dict[str, list[int]] = {}
    for i in range(len(rows)):
        members.setdefault(doc[i] or f"row {i}", []).append(i)
    pieces = []
    for indices in members.values():
        for start, end in _cuts(len(indices), rng):
            pieces.append((np.array(indices[start:end], dtype=np.int64), 0, False, collection[indices[start]]))
    return _assemble(pieces)
