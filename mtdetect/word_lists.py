"""Closed word lists of English and of its neighbours, written by hand, and one look-up for all of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import Words, word_keys

DETERMINERS = tuple("a an the this that these those my your his her its our their".split())
QUANTIFIERS = tuple("some any no every each either neither all both half several many much more most few fewer less enough such".split())  # fmt: skip
PRONOUNS = tuple(
    "i you he she it we they me him us them myself yourself himself herself itself ourselves themselves mine yours hers"
    " ours theirs who whom whose which what one ones someone anyone everyone nobody something anything everything"
    " nothing somebody anybody everybody whoever whatever".split()
)
PREPOSITIONS = tuple(
    "of in to for with on at by from about into over after before between under during without through against among"
    " within towards toward upon across behind beyond near since until till despite except along around above below"
    " beside besides inside outside onto off out up down per via than as like unlike regarding throughout".split()
)
CONJUNCTIONS = tuple("and or but nor so yet if because although though while when where whereas unless whether how why once that".split())  # fmt: skip
AUXILIARIES = tuple(
    "be am is are was were been being have has had having do does did doing will would shall should can could may"
    " might must ought need dare used 's 're 've 'll 'd 'm 't don won isn aren wasn weren doesn didn hasn haven hadn"
    " couldn wouldn shouldn ain not cannot let".split()
)
ADVERBS = tuple(
    "very too also only just even still already again ever never always often sometimes usually here there now then"
    " well quite rather almost perhaps maybe however therefore thus instead else not yet soon later ago away back"
    " together once twice today yesterday tomorrow".split()
)
NUMBER_WORDS = tuple(
    "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred hundreds thousand"
    " thousands million millions billion billions dozen dozens first second third last next other another same own".split()
)
COMMON_VERBS = tuple(
    "say says said saying make makes made making take takes took taken taking get gets got getting go goes going went"
    " gone come comes came coming see sees saw seen give gives gave given giving know knows knew known think thinks"
    " thought want wants wanted use uses using find finds found put keep kept become became left told tell asked ask"
    " seem seems felt feel show shows shown called call try tried work worked working".split()
)
FUNCTION_WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        DETERMINERS + QUANTIFIERS + PRONOUNS + PREPOSITIONS + CONJUNCTIONS + AUXILIARIES + ADVERBS + NUMBER_WORDS + COMMON_VERBS
    )
)  # fmt: skip
"""Words that are their own class in the class language model."""

TITLES = tuple(
    "president minister chancellor king queen prince princess general colonel captain major sergeant senator governor"
    " mayor professor doctor director secretary ambassador pope bishop cardinal judge premier deputy chairman chairwoman"
    " spokesman spokeswoman leader coach actor actress singer writer".split()
)
NATIONALITIES = tuple(
    "american british russian chinese french german spanish italian japanese ukrainian polish turkish israeli iranian"
    " iraqi syrian indian pakistani canadian australian mexican brazilian argentine greek dutch swedish norwegian danish"
    " finnish czech hungarian romanian bulgarian serbian croatian egyptian saudi korean vietnamese european african asian"
    " english irish scottish palestinian lebanese afghan nigerian kenyan portuguese belgian austrian swiss".split()
)

FOREIGN_FUNCTION_WORDS = tuple(
    dict.fromkeys(
        (
            "el los las una unos unas del al que por para con sin sobre como pero muy mas este esta esto ese eso su sus"
            " lo y es era fue ser estan han hay nao um uma dos das os ao pelo pela com voce foi sao els amb tambien dels"
            " unha le la des du et est une dans pour pas qui sur avec ce cette ces ses aux par mais nous vous ils elle"
            " leur etre sont ete fait ont il gli di che della dei delle nel alla sono piu anche questo questa si der und"
            " das den von zu mit sich auf fur ist im dem nicht ein eine einer eines auch es werden aus er hat dass wird"
            " bei het een en van dat niet te zijn voor met og av som det pa til ar att och inte ikke ve bir bu icin ile"
            " de nie sie jest ze je na care este pentru az hogy nem ja ei yang dan untuk dengan tidak ini itu dari pada"
            " kaj estas mi ne pri"
        ).split()
    )
)
"""Frequent words of other languages (accents folded) that are not words of English text."""

AN_EXCEPTIONS = tuple(
    "one once european euro europe union unit united uniform unique universal university use used user useful"
    " usual".split()
)
"""Words that take "a" although they begin with a vowel letter."""

LISTED: tuple[str, ...] = tuple(
    dict.fromkeys((*FUNCTION_WORDS, *FOREIGN_FUNCTION_WORDS, *TITLES, *NATIONALITIES, *AN_EXCEPTIONS))
)
"""Every word that stands in any list; the function words come first."""

_NUMBER = {word: number for number, word in enumerate(LISTED)}
_KEYS = np.append(word_keys(LISTED), np.uint64(0))
_BITS = 16


def _perfect_slots() -> tuple[np.uint64, NDArray[np.int16]]:
    """Return a multiplier under which no two listed words share a slot, and the slots."""
    draw = np.random.Generator(np.random.PCG64(1))
    while True:
        multiplier = draw.integers(1, 1 << 63, dtype=np.uint64) | np.uint64(1)
        at = ((_KEYS[:-1] * multiplier) >> np.uint64(64 - _BITS)).astype(np.int64)
        if len(set(at.tolist())) == len(LISTED):  # np.unique would import numpy.ma, which nothing else here needs
            slots = np.full(1 << _BITS, len(LISTED), dtype=np.int16)
            slots[at] = np.arange(len(LISTED))
            return multiplier, slots


_MULTIPLIER, _SLOTS = _perfect_slots()


def listed(words: Words) -> NDArray[np.int16]:
    """Return int16 (W,) the place of each word in :data:`LISTED`, one past its end for other words."""
    number = _SLOTS.take(((words.key * _MULTIPLIER) >> np.uint64(64 - _BITS)).view(np.int64))
    number[_KEYS.take(number) != words.key] = len(LISTED)
    return number


def members(words: Iterable[str]) -> NDArray[np.bool_]:
    """Return bool (len(LISTED) + 1,): which places of :data:`LISTED` hold one of these words."""
    flags = np.zeros(len(LISTED) + 1, dtype=bool)
    flags[[_NUMBER[word] for word in words]] = True
    return flags
