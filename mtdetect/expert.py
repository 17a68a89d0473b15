"""Experts: linear models over hashed character and word n-grams, stored as small integers.

An expert is trained on pairs of one kind (garbled rule-based translation, or neural translation) and knows
its traces by heart; the classifier decides how far to believe it. Its evidence for a sentence is the sum of
the weights of its n-grams over the square root of their number, in log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import Characters
from mtdetect.language_model import shift

CHARACTER_LENGTHS = (5, 7)
"""Lengths of the character n-grams."""

WORD_OFFSETS = (0, 1, 2, 2)
"""Words, word pairs, pairs with a gap of one, word triples: how far their last word is from their first."""

_MIX = np.uint64(0x9FB21C651E98DF25)
_PAIR = np.uint64(0xA0761D6478BD642F)
_SKIP = np.uint64(0xE7037ED1A0B428DB)
_TRIPLE = np.uint64(0x8EBC6AF09C88C6E3)

Grams = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Buckets of all grams of one kind, and for each sentence the first and one past the last of them."""


def _bucket(keys: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    mixed = keys >> np.uint64(29)
    mixed ^= keys
    mixed *= _MIX
    mixed >>= np.uint64(64 - bits)
    return mixed.view(np.int64)


def character_grams(characters: Characters, bits: int) -> list[Grams]:
    """Return the buckets of character n-grams; a window may touch the edge of its sentence, not cross it."""
    grams = []
    for length in CHARACTER_LENGTHS:
        buckets = _bucket(characters.ngram_hashes(length), bits)
        first = np.minimum(characters.start[:-1] - 1, len(buckets))
        end = np.maximum(characters.start[1:] - length + 1, first)
        grams.append((buckets, first, end))
    return grams


def word_grams(characters: Characters, bits: int) -> list[Grams]:
    """Return the buckets of words, word pairs, pairs with a gap of one, and word triples."""
    words = characters.words
    key = words.key
    before = shift(key)
    before_that = shift(before)
    start, end = words.start[:-1], words.start[1:]
    pair = before * _PAIR
    pair += key
    gap = before_that * _SKIP
    gap += key
    triple = before_that * _TRIPLE
    triple += pair
    return [
        (_bucket(keys, bits), np.minimum(start + offset, end), end)
        for keys, offset in zip((key, pair, gap, triple), WORD_OFFSETS, strict=True)
    ]


GramMaker = Callable[[Characters, int], list[Grams]]
GRAM_MAKERS: dict[str, GramMaker] = {"characters": character_grams, "words": word_grams}


@dataclass(frozen=True)
class ExpertEvidence:
    """Evidence of E experts of one kind for a batch.

    Attributes:
        total: float64 (E, N), log-odds a sentence.
        tokens: int16 (E, W) evidence by word in steps of the scale, or None for character experts.
    """

    total: NDArray[np.float64]
    tokens: NDArray[np.int16] | None


@dataclass(frozen=True)
class Experts:
    """Experts that share their n-grams.

    Attributes:
        kind: ``"characters"`` or ``"words"``.
        weights: int8 (2**bits, E).
        scales: float64 (E,), log-odds of one step.
        intercepts: float64 (E,).
    """

    kind: str
    weights: NDArray[np.int8]
    scales: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    @property
    def bits(self) -> int:
        """Number of bits of a bucket number."""
        return len(self.weights).bit_length() - 1

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            f"expert_{self.kind}_weights": self.weights,
            f"expert_{self.kind}_scales": self.scales,
            f"expert_{self.kind}_intercepts": self.intercepts,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], kind: str) -> Experts:
        """Rebuild experts from :meth:`arrays`."""
        return cls(
            kind,
            np.asarray(arrays[f"expert_{kind}_weights"], dtype=np.int8),
            np.asarray(arrays[f"expert_{kind}_scales"], dtype=np.float64),
            np.asarray(arrays[f"expert_{kind}_intercepts"], dtype=np.float64),
        )

    @cached_property
    def _pairs(self) -> NDArray[np.int16]:
        """int16 (2**bits,): both weights of a bucket as one item, which is faster to fetch."""
        return np.ascontiguousarray(self.weights).view(np.int16).ravel()

    def score(self, characters: Characters) -> ExpertEvidence:
        """Weigh the n-grams of a batch."""
        if self.kind == "words":
            return self._score_words(characters)
        count = np.zeros(characters.size, dtype=np.int64)
        total = np.zeros((characters.size, 2), dtype=np.int64)
        for buckets, first, end in character_grams(characters, self.bits):
            weights = self._pairs.take(buckets).view(np.int8).reshape(-1, 2)
            total += _sums(weights, first, end)
            count += end - first
        return ExpertEvidence(self._evidence(total, count), None)

    def _score_words(self, characters: Characters) -> ExpertEvidence:
        words = characters.words
        count = np.zeros(characters.size, dtype=np.int64)
        tokens = np.zeros(2 * len(words.key), dtype=np.int16)
        for (buckets, _, _), offset in zip(word_grams(characters, self.bits), WORD_OFFSETS, strict=True):
            weights = self._pairs.take(buckets)
            if offset:  # the first words of a sentence complete no pair or triple
                weights *= words.position >= offset
            tokens += weights.view(np.int8)
            count += np.maximum(words.count - offset, 0)
        by_word = tokens.reshape(-1, 2)
        total = _sums(by_word, words.start[:-1], words.start[1:])
        return ExpertEvidence(self._evidence(total, count), by_word.T)

    def _evidence(self, total: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64 (E, N) log-odds from sums of weights (N, E) over n-grams (N,)."""
        root = np.sqrt(np.maximum(count, 1))
        evidence: NDArray[np.float64] = (total / root[:, None]) * self.scales + self.intercepts
        return evidence.T


def _sums(weights: NDArray[np.integer[Any]], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N, E) exact sums of the rows ``first`` to ``end`` of small weights (T, E)."""
    running = np.zeros((len(weights) + 1, weights.shape[1]), dtype=np.int32)
    np.cumsum(weights, axis=0, out=running[1:])
    sums: NDArray[np.int64] = running.take(end, axis=0) - running.take(first, axis=0)
    return sums
