"""Thresholds for a user's own clean English: the weights of a model stay, its false-positive tables are read anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from mtdetect import artifact
from mtdetect.classifier import probability
from mtdetect.detector import Detector
from mtdetect.document import document_features
from mtdetect.errors import InputError
from mtdetect.shares import exact_interval, percent
from mtdetect.text import split_sentences
from mtdetect.training.model_card import model_card
from mtdetect.training.sentence_classifier import sentence_evidence
from mtdetect.training.sentence_sample import read_paragraphs
from mtdetect.training.thresholds import RATES, threshold_table
from mtdetect.training.unseen import learnt_from
from mtdetect.verdict import Level

LEVELS: tuple[Level, ...] = ("sentence", "document")
ABOVE = 10
"""Clean texts that must stand at or above a threshold for it to count as measured."""

SUSPICIOUS = 2.0
"""Clean text is doubted when it is flagged at this many times the stated rate, beyond noise."""

_DOUBTED_RATES = (0.01, 0.001)
_WORST = 5
_UNSCORED_SHARE = 0.3
_REPEATED_SHARE = 0.1


@dataclass(frozen=True)
class CleanText:
    """Clean English of a user, cut into sentences.

    Attributes:
        files: where it comes from.
        sentences: N sentences, document after document.
        document: int64 (N,), number of the document of each sentence.
        domain: N domain names: the column collection, else domain, else the file's name.
    """

    files: tuple[Path, ...]
    sentences: list[str]
    document: NDArray[np.int64]
    domain: NDArray[np.object_]


@dataclass(frozen=True)
class CleanScores:
    """What a model says to clean text, repeated texts counted once.

    Attributes:
        logits: by level, float64 log-odds of each text that can be scored.
        domain: by level, its domain.
        length: by level, int64 words of the sentence, or sentences of the document.
        sentences: the scored sentences.
        unscored: share of sentences without a score.
        repeated: share of sentences that occurred before.
    """

    logits: dict[Level, NDArray[np.float64]]
    domain: dict[Level, NDArray[np.object_]]
    length: dict[Level, NDArray[np.int64]]
    sentences: list[str]
    unscored: float
    repeated: float


def read_clean(files: Sequence[Path]) -> CleanText:
    """Read human text: a paragraph a line with an empty line between documents, or rows with a column text.

    Rows labelled as machine translation are passed over. Rows of one ``doc_id`` make one document.

    Raises:
        InputError: a file or row cannot be read, or there is no text.
    """
    sentences: list[str] = []
    document: list[int] = []
    domain: list[str] = []
    numbers: dict[tuple[Path, str], int] = {}
    for file in files:
        for paragraph, provenance in read_paragraphs(file):
            key = str(provenance.get("doc_id", provenance["group"]))
            number = numbers.setdefault((file, key), len(numbers))
            place = str(provenance.get("collection") or provenance.get("domain") or file.name)
            for start, end in split_sentences(paragraph):
                sentences.append(paragraph[start:end])
                document.append(number)
                domain.append(place)
    if not sentences:
        raise InputError(
            f"{files[0]}: no human text; give clean English, a paragraph a line or rows with a column text"
        )
    order = np.argsort(np.array(document), kind="stable")
    return CleanText(
        tuple(files),
        [sentences[i] for i in order],
        np.array(document, dtype=np.int64)[order],
        np.array(domain, dtype=object)[order],
    )


def score_clean(detector: Detector, clean: CleanText, jobs: int = 1) -> CleanScores:
    """Score clean text on both levels.

    Raises:
        InputError: no sentence can be scored.
    """
    model = detector.model
    evidence, scorable = sentence_evidence(clean.sentences, model.resources, model.sentence, jobs)
    first = _first_of_its_kind(clean.sentences)
    kept = scorable & first
    chosen = np.flatnonzero(scorable)
    if not len(chosen):
        raise InputError(f"{clean.files[0]}: no sentence can be scored (all too short, or not English)")
    _, starts = np.unique(clean.document[chosen], return_index=True)
    edges = np.append(starts, len(chosen))
    features = document_features(evidence.logits[chosen], evidence.heads[chosen], edges)
    logits = model.document.logits(model.document.contributions(features))
    whole = ["\n".join(clean.sentences[i] for i in chosen[a:b]) for a, b in pairwise(edges)]
    distinct = _first_of_its_kind(whole)
    words = np.array([len(text.split()) for text in clean.sentences], dtype=np.int64)
    return CleanScores(
        {"sentence": evidence.logits[kept], "document": logits[distinct]},
        {"sentence": clean.domain[kept], "document": clean.domain[chosen][starts][distinct]},
        {"sentence": words[kept], "document": np.diff(edges)[distinct]},
        [clean.sentences[i] for i in np.flatnonzero(kept)],
        float(1 - scorable.mean()),
        float(1 - first.mean()),
    )


def _first_of_its_kind(texts: Sequence[str]) -> NDArray[np.bool_]:
    seen: set[str] = set()
    first = np.zeros(len(texts), dtype=bool)
    for i, text in enumerate(texts):
        key = " ".join(text.split()).lower()
        first[i] = key not in seen
        seen.add(key)
    return first


def true_rate(above: int, texts: int) -> tuple[float, float]:
    """Return the 95% interval of the false-positive rate of a threshold that ``above`` of N clean texts reach.

    The rate of a threshold that is itself the k-th highest of N independent scores follows Beta(k, N - k + 1),
    whatever the scores' distribution (David and Nagaraja 2003, order statistics).

    >>> [round(edge, 4) for edge in true_rate(10, 1000)]
    [0.0048, 0.017]
    """
    low = float(beta.ppf(0.025, above, texts - above + 1)) if above else 0.0
    return low, float(beta.ppf(0.975, max(above, 1), texts - max(above, 1) + 1))


def needed(false_positive_rate: float) -> int:
    """Return how many clean texts a threshold for this rate takes.

    >>> needed(0.01)
    1000
    """
    return math.ceil(ABOVE / false_positive_rate - 1e-9)


def calibrate(
    base: Path,
    clean: CleanText,
    out: Path,
    false_positive_rate: float = 0.01,
    levels: Sequence[Level] | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Write a model folder with the weights of ``base`` and thresholds read off clean text.

    Args:
        base: model folder.
        clean: the user's clean English.
        out: folder to write.
        false_positive_rate: the rate that must be measured, not extrapolated.
        levels: tables to read anew; None for sentences, and documents where there are enough of them.
        jobs: processes.

    Returns:
        What the manifest keeps under ``calibration``: ``from``, ``files``, ``levels``, ``warnings``.

    Raises:
        InputError: too few texts for the rate; the message says how many are needed and why.
        ModelError: the base model cannot be used.
    """
    detector = Detector(base)
    manifest, pieces, arrays = artifact.load_files(base)
    scores = score_clean(detector, clean, jobs)
    tables = dict(manifest["thresholds"])
    results: dict[str, dict[str, Any]] = {}
    warnings = doubts(detector, clean, scores)
    for level in levels or LEVELS:
        size = len(scores.logits[level])
        if levels is None and level == "document" and np.median(scores.length[level]) < 2:
            warnings.append("most rows are single sentences, so the document threshold of the old model is kept")
            continue
        if size < needed(false_positive_rate):
            if levels is None and level == "document":
                warnings.append(
                    f"{size:,} different documents, where {percent(false_positive_rate)} takes "
                    f"{needed(false_positive_rate):,}: the document threshold of the old model is kept"
                )
                continue
            raise InputError(
                f"{clean.files[0]}: {_too_few(level, size, false_positive_rate)}; "
                f"add clean text, or ask for another rate{_possible(size)}"
            )
        tables[level] = threshold_table(scores.logits[level], scores.domain[level], scores.length[level])
        results[level] = _result(detector, level, scores.logits[level], tables[level], false_positive_rate)
    record = {
        "from": detector.signature,
        "files": [{"file": file.name, "sha256": artifact.file_hash(file)} for file in clean.files],
        "false_positive_rate": false_positive_rate,
        "levels": results,
        "warnings": warnings,
    }
    version = str(manifest["version"]).removesuffix("+calibrated")
    kept = {name: value for name, value in manifest.items() if name not in ("fingerprint", "signature", "files")}
    changed = {
        **kept,
        "version": f"{version}+calibrated",
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "thresholds": tables,
        "metrics": _without_own_thresholds(manifest.get("metrics", {})),
        "calibration": record,
    }
    artifact.save(out, changed, pieces, arrays, lambda whole: _card(whole, record))
    return record


def _too_few(level: Level, size: int, rate: float) -> str:
    number = needed(rate)
    now = true_rate(math.floor(rate * size), size) if size else (0.0, 1.0)
    then = true_rate(ABOVE, number)
    return (
        f"{size:,} different {level}s can be scored, and a threshold for {percent(rate)} false positives takes "
        f"{number:,}, so that {ABOVE} stand above it: the true rate then lies between {then[0]:.2%} and {then[1]:.2%} "
        f"(95% interval), with {size:,} between {now[0]:.2%} and {now[1]:.2%}"
    )


def _possible(size: int) -> str:
    rate = next((rate for rate in RATES if needed(rate) <= size), None)
    return f" (these texts carry {percent(rate)} and more)" if rate is not None else ""


def _result(
    detector: Detector, level: Level, logits: NDArray[np.float64], table: Mapping[str, Any], rate: float
) -> dict[str, Any]:
    old = detector.threshold(level, rate)
    reached = int((probability(logits) >= np.float32(old)).sum())
    grid = [row["false_positive_rate"] for row in table["rates"]]
    logit = float(np.interp(np.log(rate), np.log(grid), [row["logit"] for row in table["rates"]]))
    above = int((logits >= logit - 1e-9).sum())
    return {
        "texts": len(logits),
        "old_threshold": old,
        "old_rate": _interval(reached, len(logits), exact_interval(reached, len(logits))),
        "threshold": float(probability(np.array([logit]))[0]),
        "rate": _interval(above, len(logits), true_rate(above, len(logits))),
        "measured_from": ABOVE / len(logits),
    }


def _interval(count: int, size: int, edges: tuple[float, float]) -> dict[str, Any]:
    return {"value": count / size, "low": edges[0], "high": edges[1], "size": size}


def doubts(detector: Detector, clean: CleanText, scores: CleanScores) -> list[str]:
    """Return what speaks against clean text being clean, or against thresholds read off it, one line each."""
    found = []
    logits = scores.logits["sentence"]
    given = probability(logits)
    for rate in _DOUBTED_RATES if len(logits) else ():
        count = int((given >= np.float32(detector.threshold("sentence", rate))).sum())
        low, high = exact_interval(count, len(logits))
        if low > SUSPICIOUS * rate:
            worst = np.argsort(-logits, kind="stable")[:_WORST]
            shown = "".join(f"\n    {given[i]:.3f}  {_short(scores.sentences[i])}" for i in worst)
            found.append(
                f"this text may not be clean: {count / len(logits):.1%} [{low:.1%}, {high:.1%}] of its sentences reach "
                f"the score that {percent(rate)} of clean English reaches. If the worst ones are machine translation, "
                f"take them out and calibrate again; if they are good English, go on:{shown}"
            )
            break
    if scores.unscored > _UNSCORED_SHARE:
        found.append(f"{scores.unscored:.0%} of the sentences cannot be scored (too short, or not English)")
    if scores.repeated > _REPEATED_SHARE:
        found.append(f"{scores.repeated:.0%} of the sentences repeat an earlier one; each counts once")
    if learnt_from(detector.model.manifest, clean.files):
        found.append(
            "the model learnt from this text: on new text it will flag more than the stated rate; "
            "calibrate on clean text that training did not see"
        )
    return found


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _without_own_thresholds(metrics: Any) -> Any:
    """Drop figures that stand on the old thresholds; the others hold for the same weights."""
    if isinstance(metrics, Mapping):
        return {name: _without_own_thresholds(value) for name, value in metrics.items() if "_own_" not in name}
    if isinstance(metrics, list):
        return [_without_own_thresholds(value) for value in metrics]
    return metrics


def _card(manifest: dict[str, Any], record: Mapping[str, Any]) -> str:
    lines = [
        "## Thresholds",
        "",
        f"Weights of `{record['from']}`; thresholds read anew off clean English. Figures that stand on the old "
        "thresholds are left out of this card.",
        "",
    ]
    lines += [f"- Clean text: {file['file']}, sha256 `{file['sha256'][:12]}`." for file in record["files"]]
    for level, result in record["levels"].items():
        rate = result["rate"]
        lines.append(
            f"- {level}: {result['texts']:,} texts; score {result['threshold']:.3f} for "
            f"{percent(record['false_positive_rate'])} false positives (true rate {rate['low']:.2%} to "
            f"{rate['high']:.2%}); rates under {result['measured_from']:.2%} are extrapolated."
        )
    lines += [f"- Note: {warning.splitlines()[0]}" for warning in record["warnings"]]
    return "\n".join([model_card(manifest, manifest.get("metrics") or {}), *lines, ""])
