"""Phrase patterns that translation engines leave: articles, "of the" chains, titles, quantifiers, prepositions."""

from __future__ import annotations

import numpy as np

from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values
from mtdetect.language_model import shift
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
_TITLE = members(TITLES)
_NATIONALITY = members(NATIONALITIES)
_AN_EXCEPTION = members(AN_EXCEPTIONS)
_VOWEL = np.zeros(256, dtype=bool)
_VOWEL[[ord(letter) for letter in "aeio"]] = True
_CONSONANT = np.zeros(256, dtype=bool)
_CONSONANT[[ord(letter) for letter in "bcdgjkpqtvwyz"]] = True


def compute(analysis: Analysis) -> list[Values]:
    """Return the phrase pattern features of a batch."""
    words, word = analysis.words, analysis.listed
    position = words.position
    nothing = np.int16(len(LISTED))
    # Words before; across the start of a sentence there are none.
    one_back = np.where(position >= 1, shift(word), nothing)
    two_back = np.where(position >= 2, shift(one_back), nothing)
    three_back = np.where(position >= 3, shift(two_back), nothing)
    letter = analysis.is_letter & (words.end - words.begin > 2)
    first_letter = analysis.characters.folded.take(words.begin)
    the = _THE[word]
    chain = the & _OF[one_back] & _THE[three_back]
    wrong_article = letter & (
        (_A[one_back] & _VOWEL[first_letter] & ~_AN_EXCEPTION[word]) | (_AN[one_back] & _CONSONANT[first_letter])
    )
    title = _TITLE[word] & _NATIONALITY[one_back] & _THE[two_back]
    followed_by_name = np.zeros(len(title), dtype=bool)
    followed_by_name[:-1] = title[:-1] & analysis.capitalised[1:] & (position[1:] > 0)
    last = np.zeros(len(word), dtype=bool)
    last[words.start[1:] - 1] = True
    # Ten counts travel in two integers, 12 bits each: a sentence has fewer words.
    flags = (
        chain,
        _OF[word],
        the,
        _AFTER_NO_ARTICLE[word] & _ARTICLE[one_back],
        _STRICT_PREPOSITION[word] & _STRICT_PREPOSITION[one_back],
        wrong_article,
        followed_by_name,
        _PLURAL_NUMBER[word] & _QUANTIFIER[one_back],
        _ENDS_BADLY[word] & last,
        _CLAUSE[word],
    )
    counts: list[Values] = []
    for half in (flags[:5], flags[5:]):
        packed = np.zeros(len(word), dtype=np.int64)
        for place, flag in enumerate(half):
            packed += flag * np.int64(1 << 12 * place)
        sums = analysis.word_sums(packed)
        counts += [(sums >> 12 * place & 4095).astype(np.float64) for place in range(len(half))]
    share = 1.0 / analysis.word_count
    return [counts[0], counts[1] * share, counts[2] * share, *counts[3:9], counts[9] * share]


FAMILY = Family("patterns", 1, FEATURES, compute)
