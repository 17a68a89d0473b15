"""The checks of labelled rows, each of which adds what it finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mtdetect.training.corpus_check_form import LIMIT_TOGETHER, SMALLEST, FormCheck
from mtdetect.training.rows import Rows
from mtdetect.training.sentence_classifier import MINIMUM_ROWS

ERROR, PROBLEM, NOTE = "error", "problem", "note"
"""Severities: rows that cannot be used; what spoils training or measuring; what is worth knowing."""

SMALL_SHARE = 0.01
"""Repeated text across content, up to this share of the rows, is only a note."""

UNPAIRED_SHARE = 0.1
"""Machine rows without a human row, up to this share of the machine rows, are only a note."""

ONE_SYSTEM_SHARE = 0.6
"""One system with more than this share of the machine rows is worth a note."""

ONE_SIDED_GUESS = 0.6
"""A column is one-sided when its value guesses the label right this often (0.5: by chance)."""

NEEDED_PAIRED = round(MINIMUM_ROWS / 0.15)
"""Paired rows a side without which ``train`` refuses: its smallest part takes 15% and needs MINIMUM_ROWS."""

_WORD = re.compile(r"[^\W_]+")
_SHOWN = 80


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        check: its short name.
        severity: :data:`ERROR`, :data:`PROBLEM` or :data:`NOTE`.
        message: what was found, in one sentence.
        advice: what to do about it.
        count: rows concerned.
        examples: lines such as ``pairs.jsonl:12 (mt) The text``.
    """

    check: str
    severity: str
    message: str
    advice: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass
class Findings:
    """What was found so far, and what checks need to name rows.

    Attributes:
        shown: examples of one finding, at most.
        places: file and row number of each row.
        human_with_human: rows labelled human that carry a human original, as lines.
        entries: the findings.
    """

    shown: int
    places: list[str] = field(default_factory=list)
    human_with_human: list[str] = field(default_factory=list)
    entries: list[Finding] = field(default_factory=list)

    def add(self, check: str, severity: str, message: str, advice: str, count: int, examples: Sequence[str]) -> None:
        """Add a finding (see :class:`Finding`)."""
        self.entries.append(Finding(check, severity, message, advice, count, tuple(examples[: self.shown])))

    def at(self, rows: Rows, position: int) -> str:
        """Name one row: its place, its side and how it begins."""
        side = "mt" if rows.label[position] else "human"
        return f"{self.places[position]} ({side}) {short(rows.text[position])}"

    def some(self, rows: Rows, mask: NDArray[np.bool_]) -> list[str]:
        """Name the first rows of a mask."""
        return [self.at(rows, i) for i in np.flatnonzero(mask)[: self.shown].tolist()]

    def couples(self, rows: Rows, couples: Sequence[tuple[int, int]]) -> list[str]:
        """Name rows with the earlier row that each repeats."""
        return [f"{self.at(rows, i)} = {self.places[earlier]}" for i, earlier in couples[: self.shown]]


def check_labels(found: Findings, rows: Rows) -> None:
    """Labels that disagree with the system, and sides that are missing."""
    named = (rows.column("system") != "") | (rows.column("engine") != "")
    wrong = (rows.label == 0) & named
    if wrong.any():
        found.add("label and system disagree", PROBLEM,
                  f"rows labelled human that name a system or engine: {int(wrong.sum()):,}",
                  "Label machine output mt; clear system and engine where a person wrote the text.",
                  int(wrong.sum()), found.some(rows, wrong))  # fmt: skip
    if found.human_with_human:
        found.add("label and system disagree", PROBLEM,
                  f"rows labelled human with a human original beside them: {len(found.human_with_human):,}",
                  "A row with the column human is machine output: label it mt.",
                  len(found.human_with_human), found.human_with_human)  # fmt: skip
    unnamed = (rows.label == 1) & ~named
    if unnamed.any():
        found.add("no system", NOTE, f"machine rows that name no system and no engine: {int(unnamed.sum()):,}",
                  "Say where they come from: without it no engine can be held out or weighed.",
                  int(unnamed.sum()), found.some(rows, unnamed))  # fmt: skip
    for side, name in ((0, "human"), (1, "machine")):
        if not (rows.label == side).any():
            found.add("one side only", PROBLEM, f"there is no {name} row",
                      "Training needs both sides; mtdetect corpus roundtrip makes machine rows from human text.",
                      0, ())  # fmt: skip


def check_repeated(found: Findings, rows: Rows) -> None:
    """Text that occurs twice: under both labels, in several groups, within one group."""
    first: tuple[dict[str, int], dict[str, int]] = {}, {}
    keys = [" ".join(_WORD.findall(text.lower())) for text in rows.text]
    within, across, conflicts = [], [], []
    for i, key in enumerate(keys):
        earlier = first[rows.label[i]].setdefault(key, i) if key else i
        if earlier != i and rows.content[earlier] != rows.content[i]:
            across.append((i, earlier))
        elif earlier != i and rows.label[i] == 1:  # the human row may stand beside each of its versions
            within.append((i, earlier))
    for i, key in enumerate(keys):
        if rows.label[i] == 1 and key in first[0]:
            conflicts.append((i, first[0][key]))
    if conflicts:
        found.add("conflicting text", PROBLEM, f"machine rows with the text of a human row: {len(conflicts):,}",
                  "Drop the machine rows: an unchanged text is no example of garble (train leaves them out).",
                  len(conflicts), found.couples(rows, conflicts))  # fmt: skip
    if across:
        severity = PROBLEM if len(across) > SMALL_SHARE * len(rows) else NOTE
        found.add("duplicated text", severity,
                  f"rows that repeat an earlier row of the same label in another group: {len(across):,}",
                  "Keep one of them, or give both the same group: split apart, they make figures too good.",
                  len(across), found.couples(rows, across))  # fmt: skip
    if within:
        found.add("duplicated text", NOTE, f"machine rows that repeat one of their own group: {len(within):,}",
                  "Two systems said the same; nothing needs to be done.", len(within),
                  found.couples(rows, within))  # fmt: skip


def check_splits(found: Findings, rows: Rows) -> None:
    """Content that stands in more than one split."""
    split = rows.column("split")
    if not (split != "").any():
        return
    first: dict[int, int] = {}
    torn: dict[int, tuple[int, int]] = {}
    for i, content in enumerate(rows.content.tolist()):
        earlier = first.setdefault(content, i)
        if split[earlier] != split[i]:
            torn.setdefault(content, (i, earlier))
    if torn:
        count = int(np.isin(rows.content, list(torn)).sum())
        examples = [
            f"{found.at(rows, i)} [{split[i] or 'train'}] and {found.places[earlier]} [{split[earlier] or 'train'}]"
            for i, earlier in list(torn.values())[: found.shown]
        ]
        found.add("content in both splits", PROBLEM,
                  f"content that stands in more than one split: {len(torn):,} groups, {count:,} rows",
                  "Keep all rows of a group, document, pair or near-duplicate text in one split: measured on "
                  "content it learnt, every model looks too good.", count, examples)  # fmt: skip


def check_pairs(found: Findings, rows: Rows, weight: NDArray[np.float64]) -> None:
    """Rows without a counterpart, and too few of those with one."""
    machine = rows.label == 1
    for mask, name in ((machine & (weight == 0), "machine"), (~machine & (weight == 0), "human")):
        count = int(mask.sum())
        if not count:
            continue
        if name == "machine":
            severity = PROBLEM if count > UNPAIRED_SHARE * machine.sum() else NOTE
            found.add("unpaired rows", severity, f"machine rows without a human row in their group: {count:,}",
                      "Add the human text of the same content under the same group; unpaired they are not used.",
                      count, found.some(rows, mask))  # fmt: skip
        else:
            found.add("unpaired rows", NOTE, f"human rows without a machine row in their group: {count:,}",
                      "They set thresholds only; mtdetect corpus roundtrip makes their machine side.",
                      count, found.some(rows, mask))  # fmt: skip
    paired = [int(((rows.label == side) & (weight > 0)).sum()) for side in (0, 1)]
    if min(paired) < NEEDED_PAIRED:
        found.add("too few rows", PROBLEM, f"only {paired[0]:,} human and {paired[1]:,} machine rows are paired",
                  f"train needs about {NEEDED_PAIRED} of each; a few thousand make a useful model.",
                  min(paired), ())  # fmt: skip


def check_sources(found: Findings, rows: Rows, weight: NDArray[np.float64]) -> None:
    """Columns that tell the label, and one system that prevails."""
    used = weight > 0
    for column, name in (("source", "file"), ("collection", "collection"), ("domain", "domain")):
        values = rows.column(column)[used].astype(str)
        if not used.any() or len(values) < 2 * SMALLEST:
            continue
        _, code = np.unique(values, return_inverse=True)
        shares = [
            np.bincount(code, weights=weight[used] * (rows.label[used] == side), minlength=code.max() + 1)
            for side in (0, 1)
        ]
        share = np.stack([side / side.sum() for side in shares])
        guess = float(share.max(axis=0).sum() / 2)
        if guess >= ONE_SIDED_GUESS:
            worst = int(np.abs(share[0] - share[1]).argmax())
            side = "human" if share[0, worst] > share[1, worst] else "machine"
            mine = np.flatnonzero(used)[code == worst]
            found.add("unbalanced sources", PROBLEM,
                      f"the {name} alone guesses the label right {guess:.0%} of the time; "
                      f"{values[code == worst][0] or 'none stated'!r} is mostly on the {side} side",
                      f"Give both rows of a pair the same {name}: otherwise the model can learn the {name}.",
                      len(mine), [found.at(rows, i) for i in mine[: found.shown].tolist()])  # fmt: skip
    system = rows.column("system")[rows.label == 1]
    system = np.where(system == "", rows.column("engine")[rows.label == 1], system)
    top, count = Counter(system.tolist()).most_common(1)[0]
    if top and count > ONE_SYSTEM_SHARE * len(system):
        found.add("one system prevails", NOTE, f"{count / len(system):.0%} of the machine rows come from {top!r}",
                  "A model learns the garble it sees: add other systems, or take fewer rows of this one.",
                  count, ())  # fmt: skip


def report_form(found: Findings, rows: Rows, form: FormCheck) -> None:
    """Properties of form that tell the label."""
    for one in form.differences:
        if one.verdict == "ok":
            continue
        if one.odds is None:
            what = f"{one.human:.1f} words in human rows, {one.mt:.1f} in machine rows (AUC {one.auc:.2f})"
        else:
            what = f"{one.human:.1%} of human rows, {one.mt:.1%} of machine rows (AUC {one.auc:.2f}, odds "
            what += f"{one.odds:,.0f} to 1)" if one.odds >= 1 else f"1 to {1 / one.odds:,.0f})"
        examples = [found.at(rows, i) for i in one.examples[: found.shown]]
        if one.evened_out:
            what += "; the detector reads a plain form without it, but what differs here may differ elsewhere too"
        found.add("form tells the label", one.verdict, f"{one.name}: {what}", one.advice, form.pairs, examples)
    if form.auc >= LIMIT_TOGETHER:
        found.add("form tells the label", PROBLEM,
                  f"all properties together tell the label with AUC {form.auc:.2f} (limit {LIMIT_TOGETHER})",
                  "Look at the properties above, and at both sides of a few pairs; 0.5 means form says nothing.",
                  form.pairs, ())  # fmt: skip


def short(text: str) -> str:
    """Return the beginning of a text on one line."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
