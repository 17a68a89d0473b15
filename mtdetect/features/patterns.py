"""Phrase patterns that translation engines leave: articles, "of the" chains, titles, quantifiers, prepositions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import word_keys
from mtdetect.features.analysis import Analysis
from mtdetect.features.registry import Family, Feature, Values
from mtdetect.function_words import (
    DETERMINERS,
    FUNCTION_WORDS,
    NATIONALITIES,
    PREPOSITIONS,
    QUANTIFIERS,
    TITLES,
)
from mtdetect.language_model import shift

_POPESCU = "Popescu 2011; Gamon et al. 2005 (linguistic patterns for MT detection)"
_COSTA = "Costa-jussa and Farrus 2014; Vilar et al. 2006, Error analysis of MT output"

FEATURES = (
    Feature("of_chain", "patterns", "chains of 'of the' as other languages build them", _POPESCU),
    Feature("of_share", "patterns", "'of' stands where English would put nouns side by side", _POPESCU),
    Feature("the_share", "patterns", "'the' is missing or stands where English has none", _COSTA),
    Feature("article_clash", "patterns", "an article stands before a word that takes none", _COSTA),
    Feature("preposition_clash", "patterns", "two prepositions stand side by side", _COSTA),
    Feature(
        "article_vowel", "patterns", "'a' stands where English says 'an', or the other way round", _COSTA
    ),
    Feature("title_pattern", "patterns", "'the American president X' where English has no article", _POPESCU),
    Feature("plural_number", "patterns", "quantities such as 'more thousands' or 'many of millions'", _COSTA),
    Feature("dangling_end", "patterns", "the sentence ends in a word that needs another after it", _COSTA),
    Feature("that_which_share", "patterns", "'that' and 'which' clauses pile up", _POPESCU),
)

_INDEX = {word: number for number, word in enumerate(FUNCTION_WORDS)}
_SIZE = len(FUNCTION_WORDS) + 1


def _flags(*words: str) -> NDArray[np.bool_]:
    flags = np.zeros(_SIZE, dtype=bool)
    flags[[_INDEX[word] for word in words]] = True
    return flags


_OF = _flags("of")
_THE = _flags("the")
_A = _flags("a")
_AN = _flags("an")
_ARTICLE = _flags("a", "an", "the")


_STRICT_PREPOSITION = _flags(
    "of", "in", "to", "for", "with", "at", "by", "from", "into", "during", "of", "against", "among"
)
_AFTER_NO_ARTICLE = _flags(
    *(set(PREPOSITIONS) - {"over", "under", "above", "below", "near", "inside", "outside", "down", "up", "off", "out",
                           "after", "before", "past", "like", "per", "on", "by", "about", "around", "in", "along"}
      & set(FUNCTION_WORDS)),
    *(set(DETERMINERS) - {"one"}), "is", "are", "was", "were", "have", "he", "they", "we", "it", "him", "them", "us", "and",
)  # fmt: skip
_QUANTIFIER = _flags(*(set(QUANTIFIERS) & {"many", "more", "several", "few", "some", "most", "much", "both"}))
_PLURAL_NUMBER = _flags("hundreds", "thousands", "millions", "billions")
_ENDS_BADLY = _flags(
    "a",
    "an",
    "the",
    "my",
    "your",
    "our",
    "their",
    "of",
    "and",
    "or",
    "very",
    "every",
    "from",
    "than",
    "during",
)
_CLAUSE = _flags("that", "which", "who", "whom", "whose")
_TITLES = np.sort(word_keys(TITLES))
_NATIONALITIES = np.sort(word_keys(NATIONALITIES))
_VOWEL = np.zeros(256, dtype=bool)
_VOWEL[[ord(letter) for letter in "aeio"]] = True
_CONSONANT = np.zeros(256, dtype=bool)
_CONSONANT[[ord(letter) for letter in "bcdgjkpqtvwyz"]] = True


def _listed(key: NDArray[np.uint64], listed: NDArray[np.uint64]) -> NDArray[np.bool_]:
    at = np.minimum(np.searchsorted(listed, key), len(listed) - 1)
    found: NDArray[np.bool_] = listed[at] == key
    return found


def compute(analysis: Analysis) -> list[Values]:
    """Return the phrase pattern features of a batch."""
    words, function = analysis.words, analysis.function
    second = words.position >= 1
    third = words.position >= 2
    previous = np.where(second, shift(function), _SIZE - 1)
    first_letter = analysis.characters.folded[words.begin]
    letter = analysis.is_letter
    before_before = np.where(third, shift(previous), _SIZE - 1)
    of, the = _OF[function], _THE[function]
    of_the = the & _OF[previous]
    # "the X of the": an article, any word, then "of the".
    three_back = np.where(words.position >= 3, shift(before_before), _SIZE - 1)
    chain = of_the & _THE[three_back]
    wrong_a = _A[previous] & _VOWEL[first_letter] & letter & (words.end - words.begin > 2)
    wrong_an = _AN[previous] & _CONSONANT[first_letter] & letter & (words.end - words.begin > 2)
    one_word = ~_listed(words.key, _EXCEPTIONS)
    title = _listed(words.key, _TITLES) & _listed(shift(words.key), _NATIONALITIES) & _THE[before_before]
    followed_by_name = np.zeros(len(title), dtype=bool)
    followed_by_name[:-1] = title[:-1] & analysis.capitalised[1:] & (words.position[1:] > 0)
    number = _PLURAL_NUMBER[function] & _QUANTIFIER[previous]
    last = np.zeros(len(function), dtype=bool)
    last[words.start[1:] - 1] = True
    count = analysis.word_count
    sums = analysis.word_sums
    return [
        sums(chain).astype(np.float64),
        sums(of) / count,
        sums(the) / count,
        sums(_AFTER_NO_ARTICLE[function] & _ARTICLE[previous]).astype(np.float64),
        sums(_STRICT_PREPOSITION[function] & _STRICT_PREPOSITION[previous]).astype(np.float64),
        sums((wrong_a | wrong_an) & one_word).astype(np.float64),
        sums(followed_by_name).astype(np.float64),
        sums(number).astype(np.float64),
        sums(_ENDS_BADLY[function] & last).astype(np.float64),
        sums(_CLAUSE[function]) / count,
    ]


_EXCEPTIONS = np.sort(
    word_keys(tuple(["one", "once", "european", "euro", "europe", "union", "unit", "united", "uniform", "unique", "universal", "university", "use", "used", "user", "useful", "usual"]))
)  # fmt: skip
FAMILY = Family("patterns", 1, FEATURES, compute)
