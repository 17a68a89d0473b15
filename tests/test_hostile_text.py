"""Odd text: a score or a status for every row, the same to the last bit whichever way it came in."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mtdetect.cli import main
from mtdetect.detector import Detector
from mtdetect.text import split_sentences

CLEAN = "The committee will meet again on Thursday to vote on the budget."
GARBLED = "The president is to say that the release of the city it has been of many peoples the victory."
ODD = {
    "megabyte token": "a" * 1_000_000,
    "megabyte of hyphens": "self-" * 200_000,
    "megabyte token among words": f"{CLEAN} {'x' * 1_000_000} {CLEAN}",
    "combining flood": "e" + "\u0301" * 100_000 + " and the rest of it",
    "stacked marks": "".join(letter + "\u0336\u0489\u20dd" * 50 for letter in CLEAN),
    "NUL": f"\0{CLEAN}\0\0".replace(" ", " \0"),
    "lone surrogates": f"\ud800{CLEAN}\udfff\ud800",
    "bidi controls": f"\u202e{CLEAN}\u202c\u2066\u2069\u200f",
    "bom inside": CLEAN.replace(" ", " \ufeff"),
    "noncharacters": f"{CLEAN}\uffff\ufffe\U0010ffff",
    "private use": "\ue000\uf8ff " * 2000,
    "html": f"<html><script>alert('x')</script><p onclick=\"y\">{CLEAN}</p>&nbsp;&lt;b&gt;&#0;&#x110000;</html>",
    "entities": "&amp;" * 50_000,
    "nested entities": "&" + "amp;" * 50_000,
    "ligatures that unfold": "ﷺ" * 20_000,
    "terminal escapes": f"\x1b]0;title\x07\x1b[2J{CLEAN}",
    "formula": f'=HYPERLINK("http://a.b","{CLEAN}")',
    "every control": "".join(map(chr, range(32))) + CLEAN + "".join(map(chr, range(127, 160))),
    "line separators": CLEAN.replace(" ", "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"),
    "quotes": '"' * 100_000,
    "emoji": "👩\u200d👩\u200d👧\u200d👦🏽" * 5000,
    "many tiny sentences": "I. " * 50_000,
    "many lines": "a\n" * 100_000,
    "many real sentences": f"{CLEAN} {GARBLED} " * 2000,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_text_is_judged_by_itself_as_among_others(detector: Detector, name: str) -> None:
    text = ODD[name]
    among = [CLEAN, text, None, GARBLED, text, ""]
    for score in (detector.score, detector.score_documents):
        scores = score(among)
        alone = score([text])
        assert len(scores) == len(among)
        assert scores[1:2].tobytes() == scores[4:5].tobytes() == alone.tobytes()
        assert scores[:1].tobytes() == score([CLEAN]).tobytes()
        assert math.isnan(alone[0]) or 0 <= alone[0] <= 1
    verdict = detector.check(text)
    assert all(text[span.start : span.end] == span.text for span in verdict.spans)


def test_a_document_of_very_many_sentences(detector: Detector) -> None:
    text = ODD["many real sentences"]
    assert len(split_sentences(text)) == 4000
    verdict = detector.check_document(text[: len(f"{CLEAN} {GARBLED} ") * 100])
    assert len(verdict.sentences) == 200
    assert not math.isnan(float(detector.score_documents([text])[0]))


def as_jsonl(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


def as_csv(texts: list[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["text"], *([text] for text in texts)])
    return out.getvalue().encode()


def as_lines(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def as_tsv(texts: list[str]) -> bytes:
    return b"text\tid\n" + "".join(f"{text}\t1\n" for text in texts).encode()


WRITERS = {"jsonl": as_jsonl, "csv": as_csv, "txt": as_lines, "tsv": as_tsv}


@pytest.mark.parametrize("level", ["sentence", "document"])
@pytest.mark.parametrize("format", WRITERS)
def test_the_command_line_gives_the_bits_of_the_library(
    detector: Detector, tmp_path: Path, format: str, level: str
) -> None:
    texts = [CLEAN, GARBLED, *ODD.values()]
    if format != "jsonl":
        texts = [text for text in texts if "\ud800" not in text]
    if format in ("txt", "tsv"):
        texts = [text for text in texts if not set(text) & set("\n\r\t")]
    if format == "csv":
        texts = [text for text in texts if "\0" not in text]
    expected = (detector.score if level == "sentence" else detector.score_documents)(texts)
    path = tmp_path / f"texts.{format}"
    path.write_bytes(WRITERS[format](texts))
    result = CliRunner().invoke(main, ["score", "-q", "--no-reasons", "--level", level, str(path)])
    assert result.exit_code == 0, result.output[-300:]
    if format in ("csv", "tsv"):
        reader = csv.DictReader(
            io.StringIO(result.stdout, newline=""),
            delimiter="\t" if format == "tsv" else ",",
            quoting=csv.QUOTE_NONE if format == "tsv" else csv.QUOTE_MINIMAL,
        )
        csv.field_size_limit(10_000_000)
        found = [float(row["score"]) if row["score"] else math.nan for row in reader]
    else:
        rows = [json.loads(line) for line in result.stdout.split("\n") if line]
        found = [math.nan if row["score"] is None else row["score"] for row in rows]
    assert (
        np.array(found, dtype=np.float32).tobytes()
        == np.where(np.isnan(expected), np.float32("nan"), expected).tobytes()
    )
