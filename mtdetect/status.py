"""Which sentences can be scored at all: long enough, and English."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.features import Analysis
from mtdetect.features.vocabulary import RARE, is_foreign
from mtdetect.text import OTHER_LETTER
from mtdetect.verdict import Status

MIN_WORDS = 4
"""Words of letters a sentence needs to be scored."""

STATUSES: tuple[Status, ...] = ("scored", "too_short", "not_english", "empty")
"""Status by code."""
SCORED, TOO_SHORT, NOT_ENGLISH, EMPTY = range(4)


def status_codes(analysis: Analysis) -> NDArray[np.uint8]:
    """Return uint8 (N,) status codes of N sentences that have at least one word or mark.

    A sentence is not English when most of its letters are of other scripts, when words that are frequent in
    another language outnumber English grammatical words, or when most of its words in small letters are not
    common in English and few are grammatical.
    """
    letter = analysis.is_letter
    letters = analysis.word_sums(letter)
    function = analysis.word_sums(analysis.is_function)
    foreign = analysis.word_sums(is_foreign(analysis))
    small = letter & ~analysis.capitalised
    common = analysis.word_sums(small & (analysis.facts.frequency >= RARE))
    smalls = analysis.word_sums(small)
    characters = analysis.characters
    other = (characters.folded == ord(OTHER_LETTER)).nonzero()[0].searchsorted(characters.start)
    others = other[1:] - other[:-1]
    length = characters.start[1:] - characters.start[:-1]
    codes = np.full(analysis.size, SCORED, dtype=np.uint8)
    codes[letters < MIN_WORDS] = TOO_SHORT
    strange = (foreign >= 2) & (foreign > function)
    strange |= (smalls >= 3) & (common * 2 < smalls) & (function * 4 < letters)
    strange |= (function == 0) & (common == 0) & (smalls >= 2)
    codes[strange & (letters >= MIN_WORDS)] = NOT_ENGLISH
    codes[others * 2 > length] = NOT_ENGLISH
    codes[(letters == 0) & (others == 0)] = TOO_SHORT
    return codes
