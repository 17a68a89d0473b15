"""Experts: linear models over hashed character and word n-grams, stored as small integers.

An expert is trained on pairs of human text and fluent machine translation and knows its traces by heart; the
classifier decides how far to believe it. Its evidence for a sentence is the sum of the weights of its n-grams
over the square root of their number, in log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import Characters, segment_sums
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
    """Evidence of an expert for a batch.

    Attributes:
        total: float64 (N,), log-odds a sentence.
        tokens: int16 (W,) evidence by word in steps of the scale, or None for a character expert.
    """

    total: NDArray[np.float64]
    tokens: NDArray[np.int16] | None


@dataclass(frozen=True)
class Expert:
    """A linear model over one kind of n-grams.

    Attributes:
        kind: ``"characters"`` or ``"words"``.
        weights: int8 (2**bits,).
        scale: log-odds of one step.
        intercept: log-odds before any n-gram.
    """

    kind: str
    weights: NDArray[np.int8]
    scale: float
    intercept: float

    @property
    def bits(self) -> int:
        """Number of bits of a bucket number."""
        return len(self.weights).bit_length() - 1

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            f"expert_{self.kind}_weights": self.weights,
            f"expert_{self.kind}_line": np.array([self.scale, self.intercept]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], kind: str) -> Expert:
        """Rebuild an expert from :meth:`arrays`."""
        scale, intercept = (float(value) for value in arrays[f"expert_{kind}_line"])
        return cls(kind, np.asarray(arrays[f"expert_{kind}_weights"], dtype=np.int8), scale, intercept)

    def score(self, characters: Characters) -> ExpertEvidence:
        """Weigh the n-grams of a batch."""
        if self.kind == "words":
            return self._score_words(characters)
        count = np.zeros(characters.size, dtype=np.int64)
        total = np.zeros(characters.size, dtype=np.int64)
        for buckets, first, end in character_grams(characters, self.bits):
            total += _sums(self.weights.take(buckets), first, end)
            count += end - first
        return ExpertEvidence(self._evidence(total, count), None)

    def _score_words(self, characters: Characters) -> ExpertEvidence:
        words = characters.words
        count = np.zeros(characters.size, dtype=np.int64)
        tokens = np.zeros(len(words.key), dtype=np.int16)
        for (buckets, _, _), offset in zip(word_grams(characters, self.bits), WORD_OFFSETS, strict=True):
            weights = self.weights.take(buckets)
            if offset:  # the first words of a sentence complete no pair or triple
                weights *= words.position >= offset
            tokens += weights
            count += np.maximum(words.count - offset, 0)
        return ExpertEvidence(self._evidence(segment_sums(tokens, words.start), count), tokens)

    def _evidence(self, total: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return float64 (N,) log-odds from sums of weights (N,) over n-grams (N,)."""
        evidence: NDArray[np.float64] = (total / np.sqrt(np.maximum(count, 1))) * self.scale + self.intercept
        return evidence


def _sums(weights: NDArray[np.int8], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N,) exact sums of the elements ``first`` to ``end`` of small weights (T,)."""
    running = np.zeros(len(weights) + 1, dtype=np.int64)
    weights.cumsum(dtype=np.int64, out=running[1:])
    sums: NDArray[np.int64] = running.take(end) - running.take(first)
    return sums
