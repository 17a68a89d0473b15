"""A report as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import mtdetect
from mtdetect.formats.base import encodable
from mtdetect.report.build import Report, Shown
from mtdetect.report.page import render_page
from mtdetect.shares import percent

_STATUS_WORDS = {
    "too_short": "too short",
    "not_english": "not English",
    "empty": "empty",
    "unreadable": "unreadable",
}
_SOURCES = 6  # rows of the table of sources; the filter knows them all


def render_report(report: Report) -> str:
    """Return the page: one file, no network, text escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    sources = sorted(report.sources.items(), key=lambda entry: (-entry[1][2], -entry[1][0], entry[0]))
    return render_page(
        "report.html.jinja",
        _data(report, [name for name, _ in sources]),
        ["style.css", "report.css"],
        ["marked_text.js", "report.js"],
        report=report,
        verdict=_verdict(report),
        expected=_expected(report),
        chance=_could_be_chance(report),
        threshold=f"{report.threshold:.3f}",
        sentence_threshold=f"{report.sentence_threshold:.3f}",
        rate=percent(report.false_positive_rate),
        share=f"{100 * report.flagged / report.scored:.0f}%" if report.scored else "",
        unscored=[(_STATUS_WORDS[s], n) for s, n in sorted(report.statuses.items()) if s != "scored" and n],
        bars=_bars(report),
        short=_short,
        sources=[(encodable(name), *counts) for name, counts in sources[:_SOURCES] if counts[2]],
        more_sources=sum(1 for _, counts in sources[_SOURCES:] if counts[2]),
        clean_sources=sum(1 for _, counts in sources if not counts[2]),
        version=mtdetect.__version__,
    )


def _verdict(report: Report) -> str:
    documents = f"{report.scored:,} document{'' if report.scored == 1 else 's'}"
    if not report.scored:
        return "No document could be scored"
    if not report.flagged:
        return f"None of {documents} reads like garbled machine translation"
    verb = "reads" if report.flagged == 1 else "read"
    return f"{report.flagged:,} of {documents} {verb} like garbled machine translation"


def _expected(report: Report) -> str:
    """How many of as many clean documents would be flagged by mistake, in words."""
    number = report.scored * report.false_positive_rate
    return "fewer than one" if number < 1 else f"about {round(number):,}"


def _could_be_chance(report: Report) -> bool:
    """Whether clean documents alone would often (one time in twenty) give as many flags."""
    from scipy.special import bdtrc

    n, flagged, rate = report.scored, report.flagged, report.false_positive_rate
    return flagged > 0 and float(bdtrc(flagged - 1, n, rate)) > 0.05


def _bars(report: Report) -> list[dict[str, Any]]:
    """One entry a bar of the distribution: its limits, how many, how tall (0..1), whether over the threshold."""
    most = max(report.bins) or 1
    return [
        {"start": start, "end": end, "count": count, "height": count / most, "over": start >= report.threshold}
        for (start, end), count in zip(pairwise(report.edges), report.bins, strict=True)
    ]


def _short(count: int) -> str:
    """Write a count in at most four characters.

    >>> _short(950), _short(1234), _short(25_600)
    ('950', '1.2k', '26k')
    """
    if count < 1000:
        return str(count)
    value, unit = (count / 1000, "k") if count < 999_500 else (count / 1_000_000, "M")
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


class _Index:
    """Gives each distinct string a number, in order of first use."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.numbers = {name: i for i, name in enumerate(names or [])}

    def __getitem__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def names(self) -> list[str]:
        return [encodable(name) for name in self.numbers]


def _data(report: Report, source_names: list[str]) -> dict[str, Any]:
    """What the script reads; reasons, sources and files as numbers into lists."""
    reasons, sources, files = _Index(), _Index(source_names), _Index()
    documents = [_document(shown, reasons, sources, files) for shown in report.shown]
    return {
        "documents": documents,
        "reasons": reasons.names(),
        "sources": sources.names(),
        "files": files.names(),
    }


def _document(shown: Shown, reasons: _Index, sources: _Index, files: _Index) -> dict[str, Any]:
    document, judgement = shown.document, shown.judgement
    text = encodable(document.text or "")
    units = _utf16_offsets(text)
    return {
        "position": shown.position,
        "title": encodable(document.title),
        "source": sources[document.source],
        "file": files[document.file],
        "row": document.row,
        "score": _down(judgement.score),
        "status": judgement.status,
        "flagged": judgement.flagged,
        "reasons": [reasons[reason] for reason in judgement.reasons],
        "text": text,
        "sentences": [
            [
                units(sentence.start),
                units(sentence.end),
                _down(sentence.score),
                int(sentence.flagged),
                [reasons[reason] for reason in sentence.reasons],
                [
                    [
                        units(sentence.start + start) - units(sentence.start),
                        units(sentence.start + end) - units(sentence.start),
                        reasons[reason],
                    ]
                    for start, end, reason in sentence.spans
                ],
            ]
            for sentence in shown.sentences
        ],
    }


def _utf16_offsets(text: str) -> Callable[[int], int]:
    """Turn offsets in characters into offsets in UTF-16 units, which is how scripts count."""
    if not text or max(text) < "\U00010000":
        return int
    offsets = [0, *accumulate(1 + (character > "\uffff") for character in text)]
    return offsets.__getitem__


def _down(score: float | None) -> float | None:
    """Four digits, rounded down: what does not reach a threshold never seems to."""
    return None if score is None else math.floor(score * 10_000) / 10_000
