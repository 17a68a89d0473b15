"""Text before features: one plain form that hides typography, and sentences with offsets.

A detector must judge words, not typography: the same sentence with curly or straight quotes, doubled
spaces, HTML entities or a lost final stop has to score the same. :func:`normalise` therefore maps every
text to a *plain form* of printable ASCII: no quotation marks, one kind of dash and space, accents folded,
no space before punctuation, no final punctuation. Letters of other scripts become ``@``, so that their
number is still known. :func:`normalise_aligned` gives the same form with the origin of every character.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import sentencex

MAX_CHARACTERS = 8_000
"""Characters of one sentence that are read; the rest of a longer one does not enter its score."""

OTHER_LETTER = "@"
"""Stands in the plain form for a letter outside the Latin script."""

_WINDOW = 2 * MAX_CHARACTERS
_EDGES = " .!?,;:-*#>|_~=+/\\"
_FOLD = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "´": "'", "`": "'", "ʼ": "'",
    "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "″": '"', "‹": "'", "›": "'", "〝": '"',
    "〞": '"', "「": '"', "」": '"', "『": '"', "』": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "—": " - ", "―": " - ",
    "…": "...", "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "€": "$", "£": "$", "¥": "$",
    "@": " ", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", "\u00ad": "",
}  # fmt: skip


class _Folding(dict[int, str]):
    """Translation table from a code point to its plain characters, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        plain = self[code] = _fold(chr(code))
        return plain


def _fold(character: str) -> str:
    if character in _FOLD:
        return _FOLD[character]
    if " " <= character <= "~":
        return character
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return ""
    if category == "Nd":
        return "0"
    compatible = unicodedata.normalize("NFKD", character)
    if compatible != character:
        return "".join(_fold(part) for part in compatible if part != character)
    return OTHER_LETTER if category.startswith("L") else " "


_FOLDING = _Folding()

# Applied in this order to " text "; every pattern is a literal, or a run of one character.
_SPACING_RULES: tuple[tuple[str, str], ...] = (
    ("''", " "),
    ("--", " - "),
    ("..", "."),
    ("..", "."),
    ("!!", "!"),
    ("!!", "!"),
    ("??", "?"),
    ("  ", " "),
    ("  ", " "),
    ("  ", " "),
)
_MARK_RULES: tuple[tuple[str, str], ...] = (
    (" ,", ","),
    (" .", "."),
    (" ;", ";"),
    (" :", ":"),
    (" !", "!"),
    (" ?", "?"),
    (" %", "%"),
    (" )", ")"),
    (" ]", "]"),
    ("( ", "("),
    ("[ ", "["),
    ("$ ", "$"),
    (" n't", "n't"),
    (" 's ", "'s "),
    (" 're ", "'re "),
    (" 've ", "'ve "),
    (" 'll ", "'ll "),
    (" 'd ", "'d "),
    (" 'm ", "'m "),
    (" '", " "),
    ("' ", " "),
    ("',", ","),
    ("'.", "."),
    (".'", "."),
    (",'", ","),
    ("?'", "?"),
    ("!'", "!"),
    ("('", "("),
    ("')", ")"),
    ("  ", " "),
)
_RULES = (('"', " "), *_SPACING_RULES, *_MARK_RULES)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,30};)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FOREIGN_RUN = re.compile("[^ -?A-_a-~]+")  # everything but printable ASCII without ` and @
_LINK = re.compile(r"(?:https?://|www\.)[^ \n]*")


def normalise(texts: Sequence[str | None]) -> list[str]:
    """Return the plain form of N texts: printable ASCII, case kept, form removed.

    The result of a text does not depend on its neighbours. ``None`` gives ``""``. Only the first
    :data:`MAX_CHARACTERS` characters of a text are read.

    >>> normalise(["He said:\\u00a0“It&#39;s  fine” .", None])
    ["He said: It's fine", '']
    """
    lines = [text or "" for text in texts]
    if max(map(len, lines), default=0) > MAX_CHARACTERS:
        lines = [line[:MAX_CHARACTERS] for line in lines]
    joined = "\n".join(lines)
    if joined.count("\n") >= len(lines):  # breaks within texts; they fold to spaces like any white space
        lines = [line.replace("\n", " ") for line in lines]
        joined = "\n".join(lines)
    unruly = _RAW_SIGNS.lines(joined)
    if unruly:
        joined = "\n".join([_fold_text(lines[i]) for i in unruly])
        if "http" in joined or "www." in joined:
            joined = _LINK.sub("link", joined)
        ruled = joined.replace('"', " ").split("\n")
        _apply_rules(ruled)
        for i, line in zip(unruly, ruled, strict=True):
            lines[i] = line
    return [line.strip(_EDGES) for line in lines]


def _apply_rules(lines: list[str]) -> None:
    """Apply all rules but the first in place; white space at the edges of the lines is still to be stripped."""
    at = _RULE_SIGNS.lines("\n".join(lines))
    if not at:
        return
    joined = " " + " \n ".join([lines[i] for i in at]) + " "
    for old, new in _SPACING_RULES:
        joined = joined.replace(old, new)
    spaced = joined.split("\n")
    for i, line in zip(at, spaced, strict=True):
        lines[i] = line
    marked = _MARK_SIGNS.lines(joined)
    if marked:
        joined = "\n".join([spaced[i] for i in marked])
        for old, new in _MARK_RULES:
            joined = joined.replace(old, new)
        for i, line in zip(marked, joined.split("\n"), strict=True):
            lines[at[i]] = line


class _Signs:
    """Pairs of neighbouring characters that tell that a rule may apply to a line.

    Up to eight pairs of sets: a line may need a rule if a character of a first set stands before one of its
    second set (``n`` counts only after a space). Some pairs that need no rule are told too, which costs time
    only. ``\\n`` stands for the edge of a line.
    """

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._first, self._second = (
            bytes(sum(1 << bit for bit, pair in enumerate(pairs) if chr(code) in pair[side]) for code in range(256))
            for side in (0, 1)
        )

    def lines(self, joined: str) -> list[int]:
        """Return the numbers of the lines that show a sign."""
        codes = f"\n{joined}\n".encode("utf-8", "surrogatepass")
        first = np.frombuffer(codes.translate(self._first), dtype=np.uint8)
        second = np.frombuffer(codes.translate(self._second), dtype=np.uint8)
        at = (first[:-1] & second[1:]).nonzero()[0]
        if not len(at):
            return []
        values = np.frombuffer(codes, dtype=np.uint8)
        at = at[(values.take(at) != _N) | (values.take(at - 1) <= _SPACE)]
        # A pair may begin with the break before its line.
        numbers = (values == _BREAK).nonzero()[0].searchsorted(at, side="right") - 1
        return list(dict.fromkeys(numbers.tolist()))


_ANY = "".join(map(chr, range(256)))
_FOREIGN = "".join(chr(code) for code in range(256) if not 32 <= code < 127 and code != 10) + "`@&"
_BREAK, _SPACE, _N = 10, 32, ord("n")
_MARK_PAIRS = (
    (" ", " "),
    (" \n", ",.;:!?%)]'"),
    ("([$", " \n"),
    ("'", " \n,.)"),
    (".,?!(", "'"),
    ("n", "'"),  # of n't
)
_MARK_SIGNS = _Signs(*_MARK_PAIRS)
_RULE_SIGNS = _Signs(*_MARK_PAIRS, ("-.!?'", "-.!?'"))
_RAW_SIGNS = _Signs(
    *_MARK_PAIRS,
    ("-:w.!?'", "-/w.!?'"),  # doubled marks and links
    (_FOREIGN + '"', _ANY),  # bytes above 127 are parts of characters that are not ASCII
)


def _fold_text(text: str | None) -> str:
    if text is None:
        return ""
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS]
    if "&" in text:
        text = _ENTITY.sub(_unescape, _ENTITY.sub(_unescape, text))
    if not (text.isascii() and text.isprintable()) or "`" in text or "@" in text:
        text = _FOREIGN_RUN.sub(_fold_run, text)
    return text


def _fold_run(match: re.Match[str]) -> str:
    return match.group().translate(_FOLDING)


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(match.group())


def normalise_aligned(text: str) -> tuple[str, list[int]]:
    """Return the plain form of one text and where each of its characters comes from.

    Returns:
        The plain form (M characters, the same as ``normalise([text])[0]``) and M + 1 offsets:
        plain character ``i`` stems from ``text[origin[i]:origin[i + 1]]`` or starts there.

    >>> plain, origin = normalise_aligned("“So”  be&nbsp;it")
    >>> plain, origin
    ('So be it', [1, 2, 3, 6, 7, 8, 14, 15, 16])
    """
    plain = text[:MAX_CHARACTERS]
    origin = list(range(len(plain) + 1))
    if "&" in plain:
        plain, origin = _replace_matches(_ENTITY, _unescape, plain, origin)
        plain, origin = _replace_matches(_ENTITY, _unescape, plain, origin)
    if _FOREIGN_RUN.search(plain):
        pieces = [_FOLDING[ord(character)] for character in plain]
        origin = [origin[i] for i, piece in enumerate(pieces) for _ in piece] + [origin[-1]]
        plain = "".join(pieces)
    plain = f" {plain} "
    origin = [origin[0], *origin[:-1], origin[-1], origin[-1]]
    if "http" in plain or "www." in plain:
        plain, origin = _replace_matches(_LINK, lambda _: "link", plain, origin)
    for old, new in _RULES:
        if old in plain:
            plain, origin = _replace_matches(re.compile(re.escape(old)), partial(_literal, new), plain, origin)
    start = len(plain) - len(plain.lstrip(_EDGES))
    plain = plain.strip(_EDGES)
    return plain, origin[start : start + len(plain) + 1]


def _literal(new: str, _: re.Match[str]) -> str:
    return new


def _replace_matches(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], plain: str, origin: list[int]
) -> tuple[str, list[int]]:
    """Substitute as ``pattern.sub`` does, carrying the origin of each character along."""
    if pattern.search(plain) is None:
        return plain, origin
    characters: list[str] = []
    origins: list[int] = []
    last = 0
    for match in pattern.finditer(plain):
        characters.append(plain[last : match.start()])
        origins.extend(origin[last : match.start()])
        new = replacement(match)
        characters.append(new)
        kept = match.group() if len(new) <= len(match.group()) else ""
        # A character that survives keeps its own place; invented ones stand at the start of the match.
        at = match.start() + max(kept.find(new), 0)
        origins.extend(origin[at + i] if kept else origin[at] for i in range(len(new)))
        last = match.end()
    characters.append(plain[last:])
    origins.extend(origin[last:])
    return "".join(characters), origins


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return (start, end) character offsets of the sentences of a text, outer white space left out.

    A line break always ends a sentence. Empty text gives an empty list.

    >>> split_sentences("It rained. We left at 5 p.m. for St. Louis.")
    [(0, 10), (11, 43)]
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        line_start = start
        start += len(line)
        if not line.strip():
            continue
        at = line_start
        for sentence in _segments(_without_surrogates(line)):
            stripped = sentence.strip()
            if stripped:
                lead = len(sentence) - len(sentence.lstrip())
                spans.append((at + lead, at + lead + len(stripped)))
            at += len(sentence)
    return spans


def _segments(line: str) -> Iterator[str]:
    """Cut a line into sentences; a long one window by window, as sentencex takes time to the square of its length.

    Where a sentence ends can depend on what follows, such as the end of a quotation. So the sentences of the first
    half of a window count, at least one, and the next window begins after them.
    """
    at = 0
    while len(line) - at > _WINDOW:
        begin = at
        for sentence in sentencex.segment("en", line[begin : begin + _WINDOW]):
            if at > begin and at + len(sentence) > begin + _WINDOW // 2:
                break
            yield sentence
            at += len(sentence)
    yield from sentencex.segment("en", line[at:] if at else line)


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no encoder takes, by a character of the same length."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
