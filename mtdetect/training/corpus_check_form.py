"""Whether the form of texts alone tells the two labels apart: quotation marks, spacing, casing, length and the like.

A detector must learn how a translation reads. Where one side was tokenised, cut, lower-cased or typed by other hands
than the other, it learns the file instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtdetect.text import normalise
from mtdetect.training.metrics import auc
from mtdetect.training.pairing import pair_key
from mtdetect.training.rows import Rows

LIMIT = 0.6
"""AUC of one property of form at which it is a problem (0.5: says nothing about the label)."""

LIMIT_TOGETHER = 0.65
"""AUC of all properties of form together at which they are a problem."""

NOTED_SHARE, NOTED_ODDS, NOISE = 0.05, 2.0, 4.0
"""A property is noted when it is this much commoner on one side, by this odds ratio, this many standard errors off."""

_WORD = re.compile(r"[^\W_]+")

SMALLEST, LARGEST = 100, 20_000
"""Pairs that are needed, and that are looked at."""

_TRIM = "Bring both sides to the same form before they become rows, with the same tool for both."
_DETOKENISE = "Detokenise this side (for example with sacremoses), or take the text from before tokenisation."


@dataclass(frozen=True)
class Property:
    """One property of form.

    Attributes:
        name: what it is, in a few words.
        has: whether a text has it.
        advice: what to do when only one side has it.
    """

    name: str
    has: Callable[[str], object]
    advice: str = _TRIM


PROPERTIES = (
    Property("straight double quotes", re.compile('"').search),
    Property("curly quotes or apostrophes", re.compile("[“”‘’]").search),
    Property("quotes such as «» or „", re.compile("[«»„‹›]").search),
    Property("quotes written `` or ''", re.compile("``|''").search, _DETOKENISE),
    Property("space before punctuation", re.compile(r"\w [,.;:!?](?:\s|$)").search, _DETOKENISE),
    Property("contractions cut in two", re.compile(r"\w (?:n't|'(?:s|re|ve|ll|d|m))\b", re.I).search, _DETOKENISE),
    Property("numbers cut in two", re.compile(r"\d [,./:] \d").search, _DETOKENISE),
    Property("marks of a tokeniser", re.compile(r"@-@|@@|▁|-[LR][RSC]B-|</?s>|<unk>").search, _DETOKENISE),
    Property("HTML entities", re.compile(r"&(?:#x?[0-9a-f]{1,6}|[a-z]{2,8});", re.I).search, "Unescape entities."),
    Property("markup tags", re.compile(r"</?[a-z][^<>]*>", re.I).search, "Take the text out of the markup."),
    Property("no capital letter", lambda text: text == text.lower() and text != text.upper(),
             "Use the text from before lower-casing; casing enters the score."),
    Property("capital letters only", lambda text: text == text.upper() and text != text.lower(),
             "Use the text as it was written; casing enters the score."),
    Property("first letter in lower case", re.compile(r"^\W*[a-z]").search,
             "Use whole sentences with their casing on both sides."),
    Property("no punctuation at the end", lambda text: re.search(r"[.!?…:;)\]\"'”’]\s*$", text) is None,
             "Use whole sentences on both sides; do not cut texts at a length."),
    Property("doubled spaces or tabs", re.compile(r" {2}|\t").search),
    Property("spaces at an end", lambda text: text != text.strip()),
    Property("line breaks", re.compile(r"\S\s*\n\s*\S").search, "Use one sentence or paragraph a row on both sides."),
    Property("no-break spaces", re.compile("[\u00a0\u202f\u2009]").search),
    Property("characters broken by a wrong encoding", re.compile("\ufffd|â€|Ã[\u0080-\u00bf]").search,
             "Read the file in its own encoding (ftfy repairs what is broken already)."),
    Property("marks of untranslated words (*, #, @)", re.compile(r"(?:^|\s)[*#@]\w").search,
             "Take the engine's marks out; mtdetect corpus roundtrip does."),
    Property("typographic dashes", re.compile("[–—]").search),
    Property("letters with accents or of other scripts", lambda text: any(c > "\x7f" and c.isalpha() for c in text),
             "Normalise both sides alike; keep rows whose machine side was left untranslated out."),
)  # fmt: skip
"""Every property that is looked at; the length in words comes on top."""

LENGTH = Property("length in words", len, "Cut both sides alike; drop rows whose machine side was cut or doubled.")


@dataclass(frozen=True)
class Difference:
    """How one property differs between the sides.

    Attributes:
        name: the property.
        advice: what to do about it.
        human: share of human texts that have it (length: mean number of words).
        mt: the same of machine texts.
        auc: how well it tells machine (above 0.5) from human (below).
        odds: how many times commoner its odds are on the machine side, from pairs that differ; None for the length.
        verdict: ``"problem"``, ``"note"`` or ``"ok"``.
        evened_out: whether it is gone from the plain form that the detector reads.
        examples: positions of rows that show it, on the side where it is commoner.
    """

    name: str
    advice: str
    human: float
    mt: float
    auc: float
    odds: float | None
    verdict: str
    evened_out: bool
    examples: tuple[int, ...]


@dataclass(frozen=True)
class FormCheck:
    """The form of both sides compared.

    Attributes:
        pairs: pairs looked at; 0 when there are too few rows.
        paired: whether they are pairs of the same content.
        auc: how well all properties together tell the sides apart (cross-validated over content).
        differences: one entry a property, the most telling first.
    """

    pairs: int
    paired: bool
    auc: float
    differences: tuple[Difference, ...]


def check_form(rows: Rows, seed: int = 0) -> FormCheck:
    """Compare the form of human and machine rows, of the same content where rows are paired."""
    human, machine, paired = _draw(rows, np.random.default_rng(seed))
    if len(human) < SMALLEST:
        return FormCheck(0, paired, float("nan"), ())
    sides = [[rows.text[i] for i in chosen.tolist()] for chosen in (human, machine)]
    plain = [normalise(texts) for texts in sides]
    differences, columns = [], []
    for one in PROPERTIES:
        has = [_which(one, texts) for texts in sides]
        left = [float(_which(one, texts).mean()) for texts in plain]
        differences.append(_difference(one, has[0], has[1], abs(left[1] - left[0]), human, machine))
        columns.append(np.concatenate(has).astype(np.float64))
    words = [np.array([len(_WORD.findall(text)) for text in texts], dtype=np.float64) for texts in sides]
    differences.append(_length(words[0], words[1], human, machine))
    columns.append(np.log(np.maximum(np.concatenate(words), 1)))
    together = _together(np.stack(columns, axis=1), rows.content[np.concatenate([human, machine])])
    differences.sort(key=lambda one: -abs(one.auc - 0.5))
    return FormCheck(len(human), paired, together, tuple(differences))


def _which(one: Property, texts: Sequence[str]) -> NDArray[np.bool_]:
    return np.fromiter((bool(one.has(text)) for text in texts), dtype=bool, count=len(texts))


def _draw(rows: Rows, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Draw one human and one machine row of each pair; where there are few pairs, rows of any content."""
    key = pair_key(rows)
    order = rng.permutation(len(rows))
    found: list[NDArray[np.int64]] = []
    for side in (0, 1):
        mine = order[rows.label[order] == side]
        _, first = np.unique(key[mine], return_index=True)
        found.append(mine[first])
    both = np.intersect1d(key[found[0]], key[found[1]])
    if len(both) >= SMALLEST:
        both = np.sort(rng.permutation(both)[:LARGEST])
        pairs = [side[np.searchsorted(key[side], both)] for side in found]  # np.unique sorted them by key
        return pairs[0], pairs[1], True
    size = min(LARGEST, *(int((rows.label == side).sum()) for side in (0, 1)))
    some = [order[rows.label[order] == side][:size] for side in (0, 1)]
    return some[0], some[1], False


def _difference(
    one: Property,
    human: NDArray[np.bool_],
    mt: NDArray[np.bool_],
    left: float,
    human_rows: NDArray[np.int64],
    mt_rows: NDArray[np.int64],
) -> Difference:
    only_mt, only_human = int((mt & ~human).sum()), int((human & ~mt).sum())
    shares = float(human.mean()), float(mt.mean())
    odds = (only_mt + 0.5) / (only_human + 0.5)
    area = 0.5 + (shares[1] - shares[0]) / 2
    certain = abs(only_mt - only_human) >= NOISE * np.sqrt(max(only_mt + only_human, 1))
    verdict = "ok"
    if certain and abs(shares[1] - shares[0]) >= NOTED_SHARE and max(odds, 1 / odds) >= NOTED_ODDS:
        verdict = "problem" if abs(area - 0.5) >= LIMIT - 0.5 else "note"
    shown = mt_rows[mt & ~human] if only_mt > only_human else human_rows[human & ~mt]
    examples = tuple(np.sort(shown)[:10].tolist())
    return Difference(one.name, one.advice, shares[0], shares[1], area, odds, verdict, left < NOTED_SHARE, examples)


def _length(
    human: NDArray[np.float64], mt: NDArray[np.float64], human_rows: NDArray[np.int64], mt_rows: NDArray[np.int64]
) -> Difference:
    area = auc(mt, human, resamples=0).value
    longer = np.argsort(human - mt if area > 0.5 else mt - human, kind="stable")[:10]
    examples = tuple(np.sort((mt_rows if area > 0.5 else human_rows)[longer]).tolist())
    verdict = "problem" if abs(area - 0.5) >= LIMIT - 0.5 else "ok"
    return Difference(
        LENGTH.name, LENGTH.advice, float(human.mean()), float(mt.mean()), area, None, verdict, False, examples
    )


def _together(matrix: NDArray[np.float64], content: NDArray[np.int64]) -> float:
    """Return the AUC of a classifier over all properties, on content it did not learn from."""
    size = len(matrix) // 2
    label = np.repeat([0, 1], size)
    if len(np.unique(content)) < 5:
        return float("nan")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    given = cross_val_predict(classifier, matrix, label, groups=content, cv=GroupKFold(5), method="decision_function")
    return auc(given[size:], given[:size], resamples=0).value
