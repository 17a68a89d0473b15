"""Closed word lists of English and of its neighbours, written by hand."""

from __future__ import annotations

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
