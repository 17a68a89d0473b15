"""A read-only hash table over flat arrays: many 64-bit keys looked up with a handful of numpy calls.

Keys stand in buckets of four slots, told apart by 16-bit fingerprints (a key that was never stored is taken
for a stored one about once in 16,000 look-ups). A bucket that overflows keeps the keys of highest priority;
the caller sizes the table so that few are lost and says which matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOTS = 4
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S32 = np.uint64(32)
_S29 = np.uint64(29)
_LOW_32 = np.uint64(0xFFFFFFFF)


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the information of every key bit over all bits (two rounds of splitmix64)."""
    mixed = (keys ^ (keys >> _S32)) * _MIX_1
    mixed ^= mixed >> _S29
    mixed *= _MIX_2
    return mixed


@dataclass(frozen=True)
class HashTable:
    """Where stored keys stand.

    Attributes:
        fingerprints: uint16 (4 * buckets,), 0 for a free slot.
    """

    fingerprints: NDArray[np.uint16]

    @property
    def size(self) -> int:
        """Number of slots; value arrays of the table have this length."""
        return len(self.fingerprints)

    def _locate(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        mixed = _mix(keys)
        first = ((mixed >> _S32) * np.uint64(self.size // SLOTS)) >> _S32
        first *= np.uint64(SLOTS)
        prints = mixed.astype(np.uint16)
        np.maximum(prints, np.uint16(1), out=prints)
        return first.view(np.int64), prints

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Look up N keys.

        Returns:
            int64 (N,) slots and bool (N,) whether the key is stored; the slot of an absent key is any slot.
        """
        slots, prints = self._locate(keys)
        found = self.fingerprints.take(slots) == prints
        at = slots
        for _ in range(SLOTS - 1):
            at = at + 1
            hit = self.fingerprints.take(at) == prints
            np.copyto(slots, at, where=hit)
            found |= hit
        return slots, found


def build(keys: NDArray[np.uint64], load: float = 0.72) -> tuple[HashTable, NDArray[np.int64]]:
    """Store N distinct keys, given in order of falling priority.

    Returns:
        The table and int64 (N,) the slot of each key, -1 for one that found its bucket full (or shares
        bucket and fingerprint with a key of higher priority).
    """
    buckets = max(1, round(len(keys) / load / SLOTS))
    table = HashTable(np.zeros(buckets * SLOTS, dtype=np.uint16))
    first, prints = table._locate(keys)
    bucket = first // SLOTS
    order = np.lexsort((np.arange(len(keys)), prints, bucket))
    twin = np.zeros(len(keys), dtype=bool)
    twin[1:] = (bucket[order][1:] == bucket[order][:-1]) & (prints[order][1:] == prints[order][:-1])
    unique = np.sort(order[~twin])
    by_bucket = unique[np.argsort(bucket[unique], kind="stable")]
    starts = np.flatnonzero(np.diff(bucket[by_bucket], prepend=-1))
    rank = np.arange(len(by_bucket)) - np.repeat(starts, np.diff(starts, append=len(by_bucket)))
    kept = by_bucket[rank < SLOTS]
    slots = np.full(len(keys), -1, dtype=np.int64)
    slots[kept] = first[kept] + rank[rank < SLOTS]
    table.fingerprints[slots[kept]] = prints[kept]
    return table, slots
