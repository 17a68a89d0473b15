"""Phrase patterns that translation engines leave: articles, "of the" chains, titles, quantifiers, prepositions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values
from mtdetect.word_lists import AN_EXCEPTIONS, DETERMINERS, LISTED, NATIONALITIES, TITLES, members

_POPESCU = "Popescu 2011; Gamon et al. 2005 (linguistic patterns for MT detection)"
_COSTA = "Costa-jussa and Farrus 2014; Vilar et al. 2006, Error analysis of MT output"

FEATURES = (
    Feature("of_chain", "patterns", "chains of 'of the' as other languages build them", _POPESCU),
    Feature("of_share", "patterns", "'of' stands where English would put nouns side by side", _POPESCU),
    Feature("the_share", "patterns", "'the' is missing or stands where English has none", _COSTA),
    Feature("article_clash", "patterns", "an article stands before a word that takes none", _COSTA),
    Feature("preposition_clash", "patterns", "two prepositions stand side by side", _COSTA),
    Feature("article_vowel", "patterns", "'a' stands where English says 'an', or the other way round", _COSTA),
    Feature("title_pattern", "patterns", "'the American president X' where English has no article", _POPESCU),
    Feature("plural_number", "patterns", "quantities such as 'more thousands' or 'many of millions'", _COSTA),
    Feature("dangling_end", "patterns", "the sentence ends in a word that needs another after it", _COSTA),
    Feature("that_which_share", "patterns", "'that' and 'which' clauses pile up", _POPESCU),
)

_OF = members(("of",))
_THE = members(("the",))
_A = members(("a",))
_AN = members(("an",))
_ARTICLE = members(("a", "an", "the"))
_STRICT_PREPOSITION = members("of in to for with at by from into during against among".split())
_AFTER_NO_ARTICLE = members(
    (
        *"of to for with at from into during against among between within towards upon without than as".split(),
        *DETERMINERS,
        *"is are was were have he they we it him them us and".split(),
    )
)
_QUANTIFIER = members("many more several few some most much both".split())
_PLURAL_NUMBER = members("hundreds thousands millions billions".split())
_ENDS_BADLY = members("a an the my your our their of and or very every from than during".split())
_CLAUSE = members("that which who whom whose".split())
_EVERY_WORD = np.ones_like(_OF)

# A pattern is a word and the word before it: (places of the word, places of the one before). One bit each.
_PATTERNS = (
    (_THE, _OF),  # "the ... of the"; what else these four ask for is checked afterwards
    (members(TITLES), members(NATIONALITIES)),
    (~members(AN_EXCEPTIONS), _A),
    (_EVERY_WORD, _AN),
    (_OF, _EVERY_WORD),
    (_THE, _EVERY_WORD),
    (_AFTER_NO_ARTICLE, _ARTICLE),
    (_STRICT_PREPOSITION, _STRICT_PREPOSITION),
    (_PLURAL_NUMBER, _QUANTIFIER),
    (_CLAUSE, _EVERY_WORD),
    (_ENDS_BADLY, _EVERY_WORD),
)
_CHAIN, _TITLE, _A_CLASH, _AN_CLASH, *_OTHERS, _DANGLING = (1 << bit for bit in range(len(_PATTERNS)))
_TO_CHECK = _CHAIN | _TITLE | _A_CLASH | _AN_CLASH


def _bits(sides: Iterable[NDArray[np.bool_]]) -> NDArray[np.int16]:
    """Return int16 (places,): bit ``k`` is set where side ``k`` holds the place."""
    bits = np.zeros(len(LISTED) + 1, dtype=np.int16)
    for bit, side in enumerate(sides):
        bits |= side.astype(np.int16) << np.int16(bit)
    return bits


_WORD = _bits(word for word, _ in _PATTERNS)
_BEFORE = _bits(before for _, before in _PATTERNS)
_AT_START = np.int16(sum(1 << bit for bit, (_, before) in enumerate(_PATTERNS) if before is _EVERY_WORD))
_FIRST_LETTER = np.full(256, ~(_A_CLASH | _AN_CLASH), dtype=np.int16)
_FIRST_LETTER[[ord(letter) for letter in "aeio"]] |= _A_CLASH
_FIRST_LETTER[[ord(letter) for letter in "bcdgjkpqtvwyz"]] |= _AN_CLASH
_THE_PLACE = int(_THE.argmax())

# Counts travel in two integers, 12 bits each: a sentence has fewer words.
_COUNTED = ((_CHAIN, *_OTHERS[:3]), (_OTHERS[3], _A_CLASH | _AN_CLASH, _TITLE, *_OTHERS[4:]))


def _packed(counted: Sequence[int]) -> NDArray[np.int64]:
    flags = np.arange(1 << len(_PATTERNS))
    packed = np.zeros(len(flags), dtype=np.int64)
    for place, bits in enumerate(counted):
        packed += ((flags & bits) > 0) * np.int64(1 << 12 * place)
    return packed


_PACKED = tuple(_packed(counted) for counted in _COUNTED)


def compute(analysis: Analysis) -> list[Values]:
    """Return the phrase pattern features of a batch."""
    words, word = analysis.words, analysis.listed
    before = np.empty(len(word), dtype=np.int16)
    before[1:] = _BEFORE.take(word[:-1])
    before[words.start[:-1]] = _AT_START
    flags = _WORD.take(word)
    flags &= before
    flags &= _FIRST_LETTER.take(analysis.characters.folded.take(words.begin))
    at = (flags & _TO_CHECK).nonzero()[0]
    if len(at):
        flags[at] &= _checked(analysis, at)
    counts: list[Values] = []
    for packed, counted in zip(_PACKED, _COUNTED, strict=True):
        sums = analysis.word_sums(packed.take(flags))
        counts += [(sums >> 12 * place & 4095).astype(np.float64) for place in range(len(counted))]
    chain, of, the, *clashes, clause = counts
    dangling = (flags.take(words.start[1:] - 1) & _DANGLING > 0).astype(np.float64)
    share = 1.0 / analysis.word_count
    return [chain, of * share, the * share, *clashes, dangling, clause * share]


def _checked(analysis: Analysis, at: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return int16 (K,) the patterns that words ``at``, none the first of its sentence, may keep."""
    words, word = analysis.words, analysis.listed
    position = words.position.take(at)
    the_two_back = (position >= 2) & (word[at - 2] == _THE_PLACE)
    the_three_back = (position >= 3) & (word[at - 3] == _THE_PLACE)
    following = np.minimum(at + 1, len(word) - 1)
    name_follows = analysis.capitalised.take(following) & (words.position.take(following) > position)
    kept = np.full(len(at), ~_TO_CHECK, dtype=np.int16)
    kept |= the_three_back * np.int16(_CHAIN)
    kept |= (the_two_back & name_follows) * np.int16(_TITLE)
    kept |= (words.end.take(at) - words.begin.take(at) > 2) * np.int16(_A_CLASH | _AN_CLASH)
    return kept


FAMILY = Family("patterns", 1, FEATURES, compute)
