"""N sentences as flat arrays: characters, words and word pieces, with no Python loop per token.

Layout of the characters: every sentence is followed by a line break and the first is preceded by one, so
that a break marks both edges of each sentence. All word and piece arrays run over the whole batch;
``*_start`` arrays of length N + 1 say where each sentence begins.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sentencepiece
from numpy.typing import NDArray

SPACE, LETTER, DIGIT, MARK = 0, 1, 2, 3
_BASE = 0xD1342543DE82EF95
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)

_KIND = np.full(256, MARK, dtype=np.uint8)
_KIND[[ord(" "), ord("\n")]] = SPACE
_KIND[[*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1), ord("'"), ord("@")]] = LETTER
_KIND[[*range(ord("0"), ord("9") + 1)]] = DIGIT
_APOSTROPHE = ord("'")

_LOWER = bytes(
    ord("0") if chr(code).isdigit() and code < 128 else ord(chr(code).lower()) if code < 128 else code
    for code in range(256)
)
_CHARACTER_KEYS = np.random.Generator(np.random.PCG64(20260202)).integers(1, 1 << 63, size=256, dtype=np.uint64)


class _Powers:
    """Powers of the hash base and of its inverse (modulo 2**64), grown on demand."""

    def __init__(self) -> None:
        one = np.ones(1, dtype=np.uint64)
        self._tables = one, one  # replaced together: other threads read them

    def of(self, size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        up, down = self._tables
        if len(up) < size:
            size = max(size, 1 << 17)
            base = np.full(size, _BASE, dtype=np.uint64)
            inverse = np.full(size, _BASE_INVERSE, dtype=np.uint64)
            base[0] = inverse[0] = 1
            up, down = np.cumprod(base, dtype=np.uint64), np.cumprod(inverse, dtype=np.uint64)
            self._tables = up, down
        return up[:size], down[:size]


_POWERS = _Powers()


@dataclass(frozen=True)
class Characters:
    """The characters of N plain texts.

    Attributes:
        lower: lower-cased texts with every digit as ``0`` (N strings).
        cased: uint8 (C,), characters as given, with the breaks around sentences.
        folded: uint8 (C,), the same lower-cased, digits as ``0``.
        start: int64 (N + 1,), offset of the first character of each sentence; the break that closes
            sentence ``k`` stands at ``start[k + 1] - 1``.
    """

    lower: list[str]
    cased: NDArray[np.uint8]
    folded: NDArray[np.uint8]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, plain: Sequence[str]) -> Characters:
        """Lay out N plain texts (see :func:`mtdetect.text.normalise`)."""
        joined = ("\n" + "\n".join(plain) + "\n").encode("ascii")
        folded = joined.translate(_LOWER)
        start = np.empty(len(plain) + 1, dtype=np.int64)
        start[0] = 1
        np.cumsum(np.fromiter(map(len, plain), dtype=np.int64, count=len(plain)) + 1, out=start[1:])
        start[1:] += 1
        return cls(
            lower=folded[1:-1].decode("ascii").split("\n") if plain else [],
            cased=np.frombuffer(joined, dtype=np.uint8),
            folded=np.frombuffer(folded, dtype=np.uint8),
            start=start,
        )

    @property
    def size(self) -> int:
        """Number of sentences N."""
        return len(self.start) - 1

    @cached_property
    def prefix_hash(self) -> NDArray[np.uint64]:
        """uint64 (C + 1,) running polynomial hash of :attr:`folded`."""
        up, _ = _POWERS.of(len(self.folded))
        prefix = np.empty(len(self.folded) + 1, dtype=np.uint64)
        prefix[0] = 0
        keys = _CHARACTER_KEYS.take(self.folded)
        keys *= up
        keys.cumsum(out=prefix[1:])
        return prefix

    def hashes(self, begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return uint64 hashes of the stretches ``folded[begin:end]``, equal for equal characters."""
        _, down = _POWERS.of(len(self.folded))
        keys = self.prefix_hash.take(end)
        keys -= self.prefix_hash.take(begin)
        keys *= down.take(begin)
        return keys

    def ngram_hashes(self, length: int) -> NDArray[np.uint64]:
        """Return uint64 (C - length + 1,) (or none) hashes of all stretches of ``length`` characters."""
        _, down = _POWERS.of(len(self.folded))
        prefix = self.prefix_hash
        keys = prefix[length:] - prefix[:-length]
        keys *= down[: len(keys)]
        return keys

    @cached_property
    def words(self) -> Words:
        """The words and marks of the batch."""
        return Words.of(self)


@dataclass(frozen=True)
class Words:
    """W words, numbers and marks of a batch. ``don't`` is two words, ``self-made`` three.

    Attributes:
        begin: int64 (W,), offset of the first character.
        end: int64 (W,), one past the last character.
        kind: uint8 (W,), LETTER, DIGIT or MARK.
        key: uint64 (W,), hash of the lower-cased characters.
        start: int64 (N + 1,), first word of each sentence.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    kind: NDArray[np.uint8]
    key: NDArray[np.uint64]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, characters: Characters) -> Words:
        """Find the words of a batch."""
        kind = _KIND[characters.folded]
        edge = np.empty(len(kind), dtype=bool)
        edge[0] = True
        np.not_equal(kind[1:], kind[:-1], out=edge[1:])
        edge |= kind == MARK
        edge |= characters.folded == _APOSTROPHE
        edges = np.flatnonzero(edge)
        is_word = kind[edges] != SPACE
        begin = edges[is_word]
        end = np.append(edges[1:], len(kind))[is_word]
        return cls(
            begin=begin,
            end=end,
            kind=kind[begin],
            key=characters.hashes(begin, end),
            start=np.searchsorted(begin, characters.start),
        )

    @cached_property
    def count(self) -> NDArray[np.int64]:
        """int64 (N,), words of each sentence."""
        return self.start[1:] - self.start[:-1]

    @cached_property
    def sentence(self) -> NDArray[np.int64]:
        """int64 (W,), which sentence each word belongs to."""
        return np.arange(len(self.start) - 1).repeat(self.count)

    @cached_property
    def position(self) -> NDArray[np.int64]:
        """int64 (W,), place of each word in its sentence, from 0."""
        return np.arange(len(self.begin)) - self.start[:-1].repeat(self.count)


def word_keys(words: Sequence[str]) -> NDArray[np.uint64]:
    """Return uint64 hashes of single lower-case words, as :attr:`Words.key` has them."""
    characters = Characters.of(list(words))
    return characters.hashes(characters.start[:-1], characters.start[1:] - 1)


@dataclass(frozen=True)
class Pieces:
    """T word pieces of a batch; every sentence begins with the start id.

    Attributes:
        ids: int64 (T,), sentencepiece ids.
        position: int64 (T,), place in the sentence, 0 for the start id.
        start: int64 (N + 1,), first id (the start id) of each sentence.
        end_character: int64 (T,), offset one past the last character of each piece.
    """

    ids: NDArray[np.int64]
    position: NDArray[np.int64]
    start: NDArray[np.int64]
    end_character: NDArray[np.int64]


class PieceEncoder:
    """A sentencepiece model with the arrays that lead from pieces back to characters."""

    def __init__(self, serialised: bytes) -> None:
        self.processor = sentencepiece.SentencePieceProcessor()
        self.processor.LoadFromSerializedProto(serialised)
        self.size = int(self.processor.GetPieceSize())
        self.start_id = int(self.processor.bos_id())
        self.processor.Encode("", add_bos=True, out_type=int)  # a model without start id is refused here, not later
        lengths = [len(self.processor.IdToPiece(i)) for i in range(self.size)]
        lengths[self.start_id] = 0
        self.lengths = np.array(lengths, dtype=np.int64)

    def encode(self, characters: Characters) -> Pieces:
        """Cut the lower-cased sentences into pieces."""
        encode, flat, counts = self.processor.Encode, array("q"), []
        # One by one: a list goes to a thread that is started for it, and on a busy machine waits for a core twice.
        for sentence in characters.lower:
            pieces = encode(sentence, add_bos=True, out_type=int)
            counts.append(len(pieces))
            flat.fromlist(pieces)
        count, ids = np.array(counts, dtype=np.int64), np.array(flat, dtype=np.int64)
        start = np.zeros(len(count) + 1, dtype=np.int64)
        count.cumsum(out=start[1:])
        owner_start = start[:-1].repeat(count)
        position = np.arange(len(ids)) - owner_start
        # A piece's length in characters counts the space before a word; the first word of a sentence has none.
        run = np.cumsum(self.lengths[ids])
        end = run - run[start[:-1]].repeat(count) - 1 + characters.start[:-1].repeat(count)
        return Pieces(ids, position, start, np.maximum(end, characters.start[:-1].repeat(count)))


def segment_sums(values: NDArray[np.generic], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64 (N,) sums of integers (or bools) (T,) over the segments, exactly; empty segments give 0."""
    if len(start) == 2:  # one sentence: a plain sum takes a third of the calls
        whole: NDArray[np.int64] = values.sum(dtype=np.int64, keepdims=True)
        return whole
    total = np.zeros(len(values) + 1, dtype=np.int64)
    values.cumsum(out=total[1:])
    at = total.take(start)
    result: NDArray[np.int64] = at[1:] - at[:-1]
    return result
