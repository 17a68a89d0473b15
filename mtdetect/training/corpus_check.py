"""Look for what spoils training in rows of human and machine text, before any time goes into training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect import formats
from mtdetect.formats.parquet import parquet_rows
from mtdetect.training.corpus_check_form import LIMIT_TOGETHER, SMALLEST, FormCheck, check_form
from mtdetect.training.pairing import pair_weights
from mtdetect.training.rows import LABELS, Rows, concatenate, rows_from_records
from mtdetect.training.sentence_classifier import MINIMUM_ROWS
from mtdetect.training.splits import content_groups

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
class CorpusCheck:
    """The result of a check.

    Attributes:
        rows: rows that can be used.
        human: human rows among them.
        mt: machine rows among them.
        findings: what was found, the worst first.
        form: the form of both sides compared.
    """

    rows: int
    human: int
    mt: int
    findings: list[Finding]
    form: FormCheck

    def worst(self) -> str | None:
        """Return the worst severity, or None when nothing was found."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in (ERROR, PROBLEM, NOTE) if severity in found), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        form = asdict(self.form)
        for difference in form["differences"]:
            del difference["examples"]
        form["auc"] = None if np.isnan(form["auc"]) else form["auc"]
        return {
            "rows": self.rows,
            "human": self.human,
            "mt": self.mt,
            "verdict": self.worst() or "ok",
            "findings": [asdict(finding) for finding in self.findings],
            "form": form,
        }


def check_corpus(files: Sequence[Path], test: Sequence[Path] = (), examples: int = 3) -> CorpusCheck:
    """Check files of labelled rows.

    Args:
        files: rows to train on, in any format that :mod:`mtdetect.formats` reads.
        test: rows that are kept for measuring; they must share no content with ``files``.
        examples: rows shown for each finding, at most.

    Raises:
        InputError: a file cannot be opened.
    """
    corpus = _Corpus(examples)
    for path in files:
        corpus.read(path, None)
    for path in test:
        corpus.read(path, "test")
    return corpus.checked()


@dataclass
class _Corpus:
    """Rows that were read, where they stand, and what was found."""

    shown: int
    parts: list[Rows] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    unusable: dict[str, list[str]] = field(default_factory=dict)
    human_with_human: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def read(self, path: Path, split: str | None) -> None:
        self.parts.append(rows_from_records(self._usable(path, split), path.name))

    def _usable(self, path: Path, split: str | None) -> Iterator[dict[str, Any]]:
        for number, record, error in _numbered(path):
            place = f"{path.name}:{number}"
            text, label = record.get("text"), record.get("label")
            if error:
                self.unusable.setdefault("unreadable", []).append(f"{place} {error}")
            elif not isinstance(text, str) or not text.strip():
                self.unusable.setdefault("no text", []).append(place)
            elif not isinstance(label, str | int) or label not in LABELS:
                self.unusable.setdefault("no label", []).append(f"{place} label is {label!r}: {_short(text)}")
            else:
                human = record.get("human")
                has_human = isinstance(human, str) and bool(human.strip())
                if has_human and LABELS[label] == 0:
                    self.human_with_human.append(f"{place} {_short(text)}")
                self.places += [place] * (1 + has_human)
                yield {**record, "split": split or record.get("split")}

    def checked(self) -> CorpusCheck:
        rows = concatenate(self.parts)
        self._unusable()
        form = FormCheck(0, False, float("nan"), ())
        if len(rows):
            rows.content = content_groups(rows, block=1)
            self._labels(rows)
            self._repeated(rows)
            self._splits(rows)
            if (rows.label == 1).any() and (rows.label == 0).any():
                weight = pair_weights(rows, {})
                self._pairs(rows, weight)
                self._sources(rows, weight)
                form = check_form(rows)
                self._form(rows, form)
        order = (ERROR, PROBLEM, NOTE)
        self.findings.sort(key=lambda finding: order.index(finding.severity))
        machine = int((rows.label == 1).sum())
        return CorpusCheck(len(rows), len(rows) - machine, machine, self.findings, form)

    def _add(self, check: str, severity: str, message: str, advice: str, count: int, examples: Sequence[str]) -> None:
        self.findings.append(Finding(check, severity, message, advice, count, tuple(examples[: self.shown])))

    def _at(self, rows: Rows, position: int) -> str:
        side = "mt" if rows.label[position] else "human"
        return f"{self.places[position]} ({side}) {_short(rows.text[position])}"

    def _some(self, rows: Rows, mask: NDArray[np.bool_]) -> list[str]:
        return [self._at(rows, i) for i in np.flatnonzero(mask)[: self.shown].tolist()]

    def _unusable(self) -> None:
        advice = {
            "unreadable": "Repair or remove these rows; train stops at the first.",
            "no text": "Give each row a string in the column text; train leaves these rows out.",
            "no label": "Write human or mt (or 0 or 1) in the column label; train stops at the first.",
        }
        for kind, places in self.unusable.items():
            self._add(
                kind,
                ERROR,
                f"rows with {'an error' if kind == 'unreadable' else kind}: {len(places):,}",
                advice[kind],
                len(places),
                places,
            )

    def _labels(self, rows: Rows) -> None:
        named = (rows.column("system") != "") | (rows.column("engine") != "")
        wrong = (rows.label == 0) & named
        if wrong.any():
            self._add("label and system disagree", PROBLEM,
                      f"rows labelled human that name a system or engine: {int(wrong.sum()):,}",
                      "Label machine output mt; clear system and engine where a person wrote the text.",
                      int(wrong.sum()), self._some(rows, wrong))  # fmt: skip
        if self.human_with_human:
            self._add("label and system disagree", PROBLEM,
                      f"rows labelled human with a human original beside them: {len(self.human_with_human):,}",
                      "A row with the column human is machine output: label it mt.",
                      len(self.human_with_human), self.human_with_human)  # fmt: skip
        unnamed = (rows.label == 1) & ~named
        if unnamed.any():
            self._add("no system", NOTE, f"machine rows that name no system and no engine: {int(unnamed.sum()):,}",
                      "Say where they come from: without it no engine can be held out or weighed.",
                      int(unnamed.sum()), self._some(rows, unnamed))  # fmt: skip
        for side, name in ((0, "human"), (1, "machine")):
            if not (rows.label == side).any():
                self._add("one side only", PROBLEM, f"there is no {name} row",
                          "Training needs both sides; mtdetect corpus roundtrip makes machine rows from human text.",
                          0, ())  # fmt: skip

    def _repeated(self, rows: Rows) -> None:
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
            self._add("conflicting text", PROBLEM, f"machine rows with the text of a human row: {len(conflicts):,}",
                      "Drop the machine rows: an unchanged text is no example of garble (train leaves them out).",
                      len(conflicts), self._couples(rows, conflicts))  # fmt: skip
        if across:
            severity = PROBLEM if len(across) > SMALL_SHARE * len(rows) else NOTE
            self._add("duplicated text", severity,
                      f"rows that repeat an earlier row of the same label in another group: {len(across):,}",
                      "Keep one of them, or give both the same group: split apart, they make figures too good.",
                      len(across), self._couples(rows, across))  # fmt: skip
        if within:
            self._add("duplicated text", NOTE, f"machine rows that repeat one of their own group: {len(within):,}",
                      "Two systems said the same; nothing needs to be done.", len(within),
                      self._couples(rows, within))  # fmt: skip

    def _couples(self, rows: Rows, couples: Sequence[tuple[int, int]]) -> list[str]:
        return [f"{self._at(rows, i)} = {self.places[earlier]}" for i, earlier in couples[: self.shown]]

    def _splits(self, rows: Rows) -> None:
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
                f"{self._at(rows, i)} [{split[i] or 'train'}] and {self.places[earlier]} [{split[earlier] or 'train'}]"
                for i, earlier in list(torn.values())[: self.shown]
            ]
            self._add("content in both splits", PROBLEM,
                      f"content that stands in more than one split: {len(torn):,} groups, {count:,} rows",
                      "Keep all rows of a group, document, pair or near-duplicate text in one split: measured on "
                      "content it learnt, every model looks too good.", count, examples)  # fmt: skip

    def _pairs(self, rows: Rows, weight: NDArray[np.float64]) -> None:
        machine = rows.label == 1
        for mask, name in ((machine & (weight == 0), "machine"), (~machine & (weight == 0), "human")):
            count = int(mask.sum())
            if not count:
                continue
            if name == "machine":
                severity = PROBLEM if count > UNPAIRED_SHARE * machine.sum() else NOTE
                self._add("unpaired rows", severity, f"machine rows without a human row in their group: {count:,}",
                          "Add the human text of the same content under the same group; unpaired they are not used.",
                          count, self._some(rows, mask))  # fmt: skip
            else:
                self._add("unpaired rows", NOTE, f"human rows without a machine row in their group: {count:,}",
                          "They set thresholds only; mtdetect corpus roundtrip makes their machine side.",
                          count, self._some(rows, mask))  # fmt: skip
        paired = [int(((rows.label == side) & (weight > 0)).sum()) for side in (0, 1)]
        if min(paired) < NEEDED_PAIRED:
            self._add("too few rows", PROBLEM, f"only {paired[0]:,} human and {paired[1]:,} machine rows are paired",
                      f"train needs about {NEEDED_PAIRED} of each; a few thousand make a useful model.",
                      min(paired), ())  # fmt: skip

    def _sources(self, rows: Rows, weight: NDArray[np.float64]) -> None:
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
                self._add("unbalanced sources", PROBLEM,
                          f"the {name} alone guesses the label right {guess:.0%} of the time; "
                          f"{values[code == worst][0] or 'none stated'!r} is mostly on the {side} side",
                          f"Give both rows of a pair the same {name}: otherwise the model can learn the {name}.",
                          len(mine), [self._at(rows, i) for i in mine[: self.shown].tolist()])  # fmt: skip
        system = rows.column("system")[rows.label == 1]
        system = np.where(system == "", rows.column("engine")[rows.label == 1], system)
        top, count = Counter(system.tolist()).most_common(1)[0]
        if top and count > ONE_SYSTEM_SHARE * len(system):
            self._add("one system prevails", NOTE, f"{count / len(system):.0%} of the machine rows come from {top!r}",
                      "A model learns the garble it sees: add other systems, or take fewer rows of this one.",
                      count, ())  # fmt: skip

    def _form(self, rows: Rows, form: FormCheck) -> None:
        for one in form.differences:
            if one.verdict == "ok":
                continue
            if one.odds is None:
                what = f"{one.human:.1f} words in human rows, {one.mt:.1f} in machine rows (AUC {one.auc:.2f})"
            else:
                what = f"{one.human:.1%} of human rows, {one.mt:.1%} of machine rows (AUC {one.auc:.2f}, odds "
                what += f"{one.odds:,.0f} to 1)" if one.odds >= 1 else f"1 to {1 / one.odds:,.0f})"
            examples = [self._at(rows, i) for i in one.examples[: self.shown]]
            if one.evened_out:
                what += "; the detector reads a plain form without it, but what differs here may differ elsewhere too"
            self._add("form tells the label", one.verdict, f"{one.name}: {what}", one.advice, form.pairs, examples)
        if form.auc >= LIMIT_TOGETHER:
            self._add("form tells the label", PROBLEM,
                      f"all properties together tell the label with AUC {form.auc:.2f} (limit {LIMIT_TOGETHER})",
                      "Look at the properties above, and at both sides of a few pairs; 0.5 means form says nothing.",
                      form.pairs, ())  # fmt: skip


def _numbered(path: Path) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    """Yield row number, record and error of every row."""
    if path.suffix.lower() == ".parquet":
        for number, record in enumerate(parquet_rows(path), 1):
            yield number, record, None
        return
    reader = formats.open_rows(path, text_column=None)
    try:
        for chunk in reader:
            for position, record in enumerate(chunk.records):
                yield chunk.rows[position], record, chunk.errors.get(position)
    finally:
        reader.close()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
