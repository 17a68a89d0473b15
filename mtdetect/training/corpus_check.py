"""Look for what spoils training in rows of human and machine text, before any time goes into training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtdetect import formats
from mtdetect.training import corpus_check_rows as checks
from mtdetect.training.corpus_check_form import FormCheck, check_form
from mtdetect.training.corpus_check_rows import ERROR, NOTE, PROBLEM, Finding, Findings, short
from mtdetect.training.pairing import pair_weights
from mtdetect.training.rows import LABELS, Rows, concatenate, rows_from_records
from mtdetect.training.splits import content_groups

_ADVICE = {
    "an error": "Repair or remove these rows; train stops at the first.",
    "no text": "Give each row a string in the column text; train leaves these rows out.",
    "no label": "Write human or mt (or 0 or 1) in the column label; train stops at the first.",
}


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
    found = Findings(examples)
    unusable: dict[str, list[str]] = {}
    named = [*((path, None) for path in files), *((path, "test") for path in test)]
    rows = concatenate([rows_from_records(_usable(path, split, found, unusable), path.name) for path, split in named])
    for kind, places in unusable.items():
        found.add("unreadable" if kind == "an error" else kind, ERROR, f"rows with {kind}: {len(places):,}",
                  _ADVICE[kind], len(places), places)  # fmt: skip
    form = FormCheck(0, False, float("nan"), ())
    if len(rows):
        form = _check(rows, found)
    order = (ERROR, PROBLEM, NOTE)
    machine = int((rows.label == 1).sum())
    findings = sorted(found.entries, key=lambda finding: order.index(finding.severity))
    return CorpusCheck(len(rows), len(rows) - machine, machine, findings, form)


def _check(rows: Rows, found: Findings) -> FormCheck:
    rows.content = content_groups(rows, block=1)
    checks.check_labels(found, rows)
    checks.check_repeated(found, rows)
    checks.check_splits(found, rows)
    if not ((rows.label == 1).any() and (rows.label == 0).any()):
        return FormCheck(0, False, float("nan"), ())
    weight = pair_weights(rows, {})
    checks.check_pairs(found, rows, weight)
    checks.check_sources(found, rows, weight)
    form = check_form(rows)
    checks.report_form(found, rows, form)
    return form


def _usable(path: Path, split: str | None, found: Findings, unusable: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file that can be used, and note where each stands; gather the others."""
    for number, record, error in _numbered(path):
        place = f"{path.name}:{number}"
        text, label = record.get("text"), record.get("label")
        if error:
            unusable.setdefault("an error", []).append(f"{place} {error}")
        elif not isinstance(text, str) or not text.strip():
            unusable.setdefault("no text", []).append(place)
        elif not isinstance(label, str | int | float) or label not in LABELS:
            unusable.setdefault("no label", []).append(f"{place} label is {label!r}: {short(text)}")
        else:
            human = record.get("human")
            has_human = isinstance(human, str) and bool(human.strip())
            if has_human and LABELS[label] == 0:
                found.human_with_human.append(f"{place} {short(text)}")
            found.places += [place] * (1 + has_human)
            yield {**record, "split": split or record.get("split")}


def _numbered(path: Path) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    """Yield row number, record and error of every row."""
    reader = formats.open_rows(path, text_column=None)
    try:
        for chunk in reader:
            for position, record in enumerate(chunk.records):
                yield chunk.rows[position], record, chunk.errors.get(position)
    finally:
        reader.close()
