"""A read-only hash table over flat arrays: many 64-bit keys looked up with a handful of numpy calls.

Keys stand in buckets of four slots, told apart by 16-bit fingerprints (a key that was never stored is taken
for a stored one about once in 16,000 look-ups). A bucket that overflows keeps the keys of highest priority;
the caller sizes the table so that few are lost and says which matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SLOTS = 4
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S32 = np.uint64(32)
_S29 = np.uint64(29)
_S15 = np.uint64(15)
_S48 = np.uint64(48)
_PRINT = np.uint64(0xFFFF)
_EACH_LANE = np.uint64(0x0001_0001_0001_0001)
_LANE_TOPS = np.uint64(0x8000_8000_8000_8000)
_LANE_NUMBERS = np.uint64(0x0000_0001_0002_0003)
"""Times 1 << 16 * k, its top 16 bits are k."""


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

    def _locate(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Return the bucket of each key and its fingerprint, never 0."""
        mixed = _mix(keys)
        bucket = mixed >> _S32
        bucket *= np.uint64(self.size // SLOTS)
        bucket >>= _S32
        prints = mixed
        prints &= _PRINT
        np.maximum(prints, np.uint64(1), out=prints)
        return bucket.view(np.int64), prints

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Look up N keys.

        Returns:
            int64 (N,) slots and bool (N,) whether the key is stored; the slot of an absent key is any slot.
        """
        slots, wanted = self._locate(keys)
        # The four fingerprints of a bucket are compared inside one 64-bit word (Lamport 1975): a lane that
        # equals the wanted one becomes 0, and the lowest zero lane sets the lowest bit of `zeros`.
        wanted *= _EACH_LANE
        lanes = self._buckets.take(slots)
        lanes ^= wanted
        zeros = lanes - _EACH_LANE
        np.invert(lanes, out=lanes)
        zeros &= lanes
        zeros &= _LANE_TOPS
        found = zeros != 0
        lane = np.negative(zeros.view(np.int64)).view(np.uint64)
        lane &= zeros
        lane >>= _S15
        lane *= _LANE_NUMBERS
        lane >>= _S48
        slots *= SLOTS
        slots += lane.view(np.int64)
        return slots, found

    @cached_property
    def _buckets(self) -> NDArray[np.uint64]:
        return self.fingerprints.view(np.uint64)


def build(keys: NDArray[np.uint64], load: float = 0.72) -> tuple[HashTable, NDArray[np.int64]]:
    """Store N distinct keys, given in order of falling priority.

    Returns:
        The table and int64 (N,) the slot of each key, -1 for one that found its bucket full (or shares
        bucket and fingerprint with a key of higher priority).
    """
    buckets = max(1, round(len(keys) / load / SLOTS))
    table = HashTable(np.zeros(buckets * SLOTS, dtype=np.uint16))
    bucket, prints = table._locate(keys)
    order = np.lexsort((np.arange(len(keys)), prints, bucket))
    twin = np.zeros(len(keys), dtype=bool)
    twin[1:] = (bucket[order][1:] == bucket[order][:-1]) & (prints[order][1:] == prints[order][:-1])
    unique = np.sort(order[~twin])
    by_bucket = unique[np.argsort(bucket[unique], kind="stable")]
    starts = np.flatnonzero(np.diff(bucket[by_bucket], prepend=-1))
    rank = np.arange(len(by_bucket)) - np.repeat(starts, np.diff(starts, append=len(by_bucket)))
    kept = by_bucket[rank < SLOTS]
    slots = np.full(len(keys), -1, dtype=np.int64)
    slots[kept] = bucket[kept] * SLOTS + rank[rank < SLOTS]
    table.fingerprints[slots[kept]] = prints[kept]
    return table, slots
