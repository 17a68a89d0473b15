"""Make a machine round trip look like its human sentence in everything but the words.

A rule-based engine leaves marks (``#``, ``*``, ``@``, ``\\``, ``<sent>``), doubled spaces, spaces before
punctuation and capitals where it thought that a sentence begins. A detector trained on them would learn the
engine's printer, not its translation. Every step follows the human sentence: what it has itself stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Apertium: # no surface form found, * unknown word, @ no translation, \ escape, ~ ^ $ stream format.
MARKS = "#*@\\~^$"
_MARKED_WORD = {mark: re.compile(re.escape(mark) + r"+(\w*)") for mark in MARKS}

# Traces that a pattern finds, and what takes their place where the human sentence has no such trace.
_TRACES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<(?:sent|cm|guio|lquot|rquot|lpar|rpar|apos)>"), ""),  # the class of a sign: <sent>Bill
    (re.compile(r"(?<=[^\W\d_])(?:/\w+)+"), ""),  # every form of a word: ground/grounds
    *((re.compile(f"(?<! ) +(?={re.escape(sign)})"), "") for sign in ",.;:!?%)]}”’»…"),
    *((re.compile(f"(?<={re.escape(sign)}) +"), "") for sign in "([{“‘«"),
    (re.compile(r"^(['\"]) +"), r"\1"),
    (re.compile(r"(?<=\s)(['\"]) (?=\w)"), r"\1"),
    (re.compile(r"(?<=\w) -(?=\w)"), "-"),  # crying -spells
    (re.compile(r"(?<=[^\W\d_])- (?=\w)"), " "),  # what is left of a pronoun that hung on a verb
    (re.compile(r"(?<=[^\W\d_]),(?=[^\W\d_])"), ", "),
    (re.compile(r"([,;:])\1+"), r"\1"),
)
_PAIRED_SIGNS = '"“”()[]'
_TERMINAL = ".!?…"
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_AFTER_SIGN = re.compile(r"(?P<sign>[.!?…:;\"“”‘(]\s?)(?P<letter>[^\W\d_])(?P<rest>\w*)")


def collapse_whitespace(text: str) -> str:
    """Return the text with every run of white space, line ends and no-break spaces included, as one space."""
    return " ".join(text.replace("\x00", " ").split())


def match_form(translated: str, human: str) -> str:
    """Return the round trip with the engine's marks removed and the form of its human sentence.

    Marks, spacing, surplus quotation marks and brackets, the style of apostrophes, capitals at a beginning
    and the final stop follow ``human``.

    >>> match_form("are #both  here ,  said @Ann", "They’re both here, Ann said.")
    'Are both here, said Ann.'
    """
    text = translated
    for step in _STEPS:
        text = collapse_whitespace(step(text, human))
    return text


def is_unchanged(translated: str, human: str) -> bool:
    """Whether two sentences have the same letters and digits: nothing that a detector could learn."""
    return _letters(translated) == _letters(human)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _strip_marks(text: str, human: str) -> str:
    lowered = human.casefold()
    for mark in MARKS:
        if text.count(mark) <= human.count(mark):
            continue

        def unmark(match: re.Match[str], mark: str = mark) -> str:
            word = match.group(1)
            return match.group() if word and mark + word.casefold() in lowered else word

        text = _MARKED_WORD[mark].sub(unmark, text)
    return text


def _remove_traces(text: str, human: str) -> str:
    for pattern, replacement in _TRACES:
        if pattern.search(text) and not pattern.search(human):
            text = pattern.sub(replacement, text)
    return text


def _drop_surplus_signs(text: str, human: str) -> str:
    """Remove quotation marks and brackets that the human sentence does not have; the outer ones stay."""
    for sign in _PAIRED_SIGNS:
        for _ in range(text.count(sign) - human.count(sign)):
            inner = text.find(sign, text.find(sign) + 1)
            at = inner if inner >= 0 else text.find(sign)
            text = f"{text[:at]}{' ' if text[at - 1 : at].isalnum() else ''}{text[at + 1 :]}"
    return text


def _match_apostrophes(text: str, human: str) -> str:
    if "’" in human and "'" not in human:
        return text.replace("'", "’")
    if "'" in human and "’" not in human:
        return text.replace("’", "'")
    return text


def _match_ending(text: str, human: str) -> str:
    stem, tail = _split_ending(text)
    expected = "".join(sign for sign in _split_ending(human)[1] if sign in _TERMINAL)
    found = any(sign in _TERMINAL for sign in tail)
    if expected and not found:
        return stem + tail.rstrip(",;:") + expected
    if not expected and found:
        return stem + "".join(sign for sign in tail if sign not in _TERMINAL)
    return text


def _split_ending(text: str) -> tuple[str, str]:
    """A text up to its last letter or digit, and the signs after it."""
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    return text[:end], text[end:]


def _match_first_letter(text: str, human: str) -> str:
    first, model = _FIRST_WORD.search(text), _FIRST_WORD.search(human)
    if first is None or model is None:
        return text
    word, at = first.group(), first.start()
    if model.group()[0].isupper() and word[0].islower():
        return text[:at] + word[0].upper() + text[at + 1 :]
    if model.group()[0].islower() and word[0].isupper() and word[1:].islower():
        return text[:at] + word[0].lower() + text[at + 1 :]
    return text


def _match_later_capitals(text: str, human: str) -> str:
    """Lower a capital after a sign (sys.Path, e.g. For) where the human sentence has only small letters."""
    upper: set[str] = set()
    lower: set[str] = set()
    for match in _AFTER_SIGN.finditer(human):
        (upper if match["letter"].isupper() else lower).add(match["sign"])
    only_lower = lower - upper
    if not only_lower:
        return text

    def lowered(match: re.Match[str]) -> str:
        word = match["letter"] + match["rest"]
        name = word == "I" or word in human or (match["rest"] and not match["rest"].islower())
        return match.group() if name or match["sign"] not in only_lower else match["sign"] + word.lower()

    return _AFTER_SIGN.sub(lowered, text)


_STEPS: tuple[Callable[[str, str], str], ...] = (
    _strip_marks,
    _drop_surplus_signs,
    _remove_traces,
    _match_apostrophes,
    _match_ending,
    _match_later_capitals,
    _match_first_letter,
)
