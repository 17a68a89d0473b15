"""What is known about English words: how frequent they are, how often they are names, what class they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import DIGIT, MARK, Characters
from mtdetect.hash_table import HashTable
from mtdetect.word_lists import FUNCTION_WORDS

START_CLASS = 1
_FIRST_MARK_CLASS = 2
_FIRST_NUMBER_CLASS = _FIRST_MARK_CLASS + 128
_FIRST_ENDING_CLASS = _FIRST_NUMBER_CLASS + 8
_ENDINGS = tuple(
    "ing ion ity ess ent ant nce ful ous ive ble ism ist ate ize ise ify est ers ors ies ics ary ory ian ish men man son"
    " ngs nts ons ure age ade ine ile ite ude ght ver ter her der nal cal ial ual ary tor tic sed ted ned red led ked ded"
    " ves ges ces ses tes nes les res ass oss out own old ill all ear eer air ool ock ack ick ell ard ord".split()
) + tuple(
    "ed er or ly al ic es en th ty cy ry ss us an on le et in el ar ay ow oo ee ea ts ds ks ps ms ns rs ls gs ct pt st nt nd"
    " nk rk rt rm ne te se ce ge ve de ke me pe be".split()
) + tuple("abcdefghijklmnopqrstuvwxyz")  # fmt: skip
_FIRST_WORD_CLASS = _FIRST_ENDING_CLASS + len(_ENDINGS) + 1
CLASSES = _FIRST_WORD_CLASS + len(FUNCTION_WORDS)
"""Number of word classes."""


def _ending_table() -> NDArray[np.int64]:
    """Return int64 (27, 27, 27): class of a word by its last three letters (0 stands for no letter)."""
    table = np.full((27, 27, 27), _FIRST_ENDING_CLASS + len(_ENDINGS), dtype=np.int64)
    for number in reversed(range(len(_ENDINGS))):  # long endings stand first and win
        index = tuple(ord(letter) - 96 for letter in _ENDINGS[number])
        table[(slice(None),) * (3 - len(index)) + index] = _FIRST_ENDING_CLASS + number
    return table


_ENDING = _ending_table().ravel()
_LETTER_NUMBER = np.zeros(256, dtype=np.int64)
_LETTER_NUMBER[ord("a") : ord("z") + 1] = np.arange(1, 27)


@dataclass(frozen=True)
class WordFacts:
    """What the lexicon says of W words.

    Attributes:
        known: bool (W,), in the lexicon.
        frequency: int16 (W,), 10 * log10 of occurrences in a billion words; 0 when unknown.
        name_share: uint8 (W,), share of 255 in which the word is capitalised inside sentences.
    """

    known: NDArray[np.bool_]
    frequency: NDArray[np.int16]
    name_share: NDArray[np.uint8]


@dataclass(frozen=True)
class Lexicon:
    """Facts about words, in hash tables.

    Attributes:
        table: where known words stand.
        cells: uint8 (slots, 2), frequency and share of capitals.
        neighbours: hashes of frequent words with one letter left out (for near-misses).
    """

    table: HashTable
    cells: NDArray[np.uint8]
    neighbours: HashTable

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            "lexicon_prints": self.table.fingerprints,
            "lexicon_cells": self.cells,
            "lexicon_neighbours": self.neighbours.fingerprints,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Lexicon:
        """Rebuild a lexicon from :meth:`arrays`."""
        return cls(
            HashTable(np.asarray(arrays["lexicon_prints"], dtype=np.uint16)),
            np.asarray(arrays["lexicon_cells"], dtype=np.uint8),
            HashTable(np.asarray(arrays["lexicon_neighbours"], dtype=np.uint16)),
        )

    def facts(self, characters: Characters) -> WordFacts:
        """Look up the words of a batch."""
        words = characters.words
        slots, known = self.table.find(words.key)
        cells = self.cells.take(slots, axis=0)
        return WordFacts(
            known=known,
            frequency=np.where(known, cells[:, 0], 0).astype(np.int16),
            name_share=np.where(known, cells[:, 1], 0).astype(np.uint8),
        )

    def near_misses(self, characters: Characters, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of the words at ``index`` are one letter away from a frequent word.

        A word is tried with each of its letters left out, which finds changed, swapped and surplus letters.
        """
        words = characters.words
        begin, end = words.begin[index], words.end[index]
        length = end - begin
        owner = np.repeat(np.arange(len(index)), length)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
        keys = without_letter(characters, begin[owner], end[owner], place)
        hit = self.neighbours.find(keys)[1] | self.table.find(keys)[1] & (length[owner] > 5)
        return np.bincount(owner[hit], minlength=len(index)) > 0


def without_letter(
    characters: Characters, begin: NDArray[np.int64], end: NDArray[np.int64], place: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash words with the letter at ``place`` left out (not the plain word hash: parts are hashed apart)."""
    head = characters.hashes(begin, begin + place)
    tail = characters.hashes(begin + place + 1, end)
    keys: NDArray[np.uint64] = head * np.uint64(0x9E3779B97F4A7C15) + tail + place.astype(np.uint64)
    return keys


def word_classes(characters: Characters, listed: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return int64 (W,) class ids: the word itself for function words and marks, else number or ending.

    Args:
        characters: the batch.
        listed: int16 (W,), places in the word lists (see :func:`mtdetect.word_lists.listed`).
    """
    words = characters.words
    last = words.end - 1
    length = words.end - words.begin
    folded = characters.folded
    tail = _LETTER_NUMBER[folded.take(last)]
    middle = _LETTER_NUMBER[folded.take(last - 1)] * (length > 1)
    head = _LETTER_NUMBER[folded.take(np.maximum(last - 2, 0))] * (length > 2)
    result: NDArray[np.int64] = _ENDING[(head * 27 + middle) * 27 + tail]
    other = np.flatnonzero(words.kind >= DIGIT)
    result[other] = np.where(
        words.kind[other] == MARK,
        _FIRST_MARK_CLASS + (folded[last[other]] & 127),
        _FIRST_NUMBER_CLASS + np.minimum(length[other], 7),
    )
    function = np.flatnonzero(listed < len(FUNCTION_WORDS))
    result[function] = _FIRST_WORD_CLASS + listed[function]
    return result
