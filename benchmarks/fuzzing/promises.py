"""What must hold for any input. A target takes bytes, checks them and returns how many inputs they held.

A broken promise raises; so does any error that users were not promised. Failing bytes are kept in
tests/fuzz_corpus, in the folder of their target, and are checked again by every test run.
"""

from __future__ import annotations

import gzip
import io
import lzma
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

import mtdetect
from mtdetect.detector import Detector
from mtdetect.errors import InputError
from mtdetect.formats import FORMATS, Chunk, RowReader, free_names, open_rows, open_writer
from mtdetect.text import split_sentences

Target = Callable[[bytes], int]
SEPARATOR = "\x1e"
MISSING = "\x1f"


class BrokenPromiseError(AssertionError):
    """Something that must hold for any input does not hold for this one."""


class LostRowError(BrokenPromiseError):
    """A row, or some of its bytes, did not come out again."""


def promise(holds: object, what: str, error: type[BrokenPromiseError] = BrokenPromiseError) -> None:
    if not holds:
        raise error(what)


@cache
def detector() -> Detector:
    return mtdetect.load()


def texts_of(data: bytes, breaks: bool) -> list[str | None]:
    """Return the texts in bytes: invalid UTF-8 becomes lone surrogates, an odd sign alone stands for None."""
    whole = data.decode("utf-8", "surrogateescape")
    parts = (whole.replace("\n", SEPARATOR) if breaks else whole).split(SEPARATOR)
    return [None if part == MISSING else part for part in parts]


def check_scores(texts: Sequence[str | None], level: str, single: int) -> None:
    """As many scores as texts, numbers where promised, and the same bits for a text by itself."""
    scored = detector().score_batch(texts, level=level)  # type: ignore[arg-type]
    method = detector().score if level == "sentence" else detector().score_documents
    scores = method(texts)
    promise(
        len(scored.scores) == len(scored.statuses) == len(scores) == len(texts), "as many scores as texts", LostRowError
    )
    promise(scored.scores.tobytes() == scores.tobytes(), "score_batch and score agree to the bit")
    there = ~np.isnan(scores)
    promise(((scores[there] >= 0) & (scores[there] <= 1)).all(), "scores lie between 0 and 1")
    promise((there == [status == "scored" for status in scored.statuses]).all(), "a score where the status says so")
    at = single % len(texts)
    promise(method([texts[at]]).tobytes() == scores[at : at + 1].tobytes(), "a text scores the same by itself")
    scored.reasons(at)


def sentences(data: bytes) -> int:
    texts = texts_of(data, breaks=True)
    check_scores(texts, "sentence", len(data))
    return len(texts)


def documents(data: bytes) -> int:
    texts = texts_of(data, breaks=False)
    check_scores(texts, "document", len(data))
    return len(texts)


def verdicts(data: bytes) -> int:
    """Verdicts agree with scores; spans are what they say; contributions add up."""
    texts = texts_of(data, breaks=False)
    for text in texts:
        if text is None:
            continue
        verdict = detector().check(text)
        score = float(detector().score([text])[0])
        promise(verdict.score == score or (math.isnan(verdict.score) and math.isnan(score)), "check and score agree")
        promise(detector().spans([*texts, text])[-1] == verdict.spans, "neighbours change no span")
        for span in verdict.spans:
            promise(text[span.start : span.end] == span.text != "", "a span is a stretch of the text")
        verdict.to_dict()
        if verdict.status == "scored":
            whole = detector().contributions(text)
            total = whole.base + sum(part.contribution for part in whole.features)
            promise(abs(total - whole.logit) < 1e-6, "contributions add up")
            promise(float(np.float32(whole.score)) == score, "contributions explain the score that is given")
        else:
            try:
                detector().contributions(text)
            except ValueError:
                continue
            promise(False, "a text without a score has no contributions")
        whole_document = detector().check_document(text)
        document = float(detector().score_documents([text])[0])
        promise(
            whole_document.score == document or (math.isnan(whole_document.score) and math.isnan(document)),
            "check_document and score_documents agree",
        )
        end = 0
        for sentence, (start, stop) in zip(whole_document.sentences, split_sentences(text), strict=True):
            promise(
                end <= start == sentence.start and text[start:stop] == sentence.text, "sentences in order, in place"
            )
            promise(not text[end:start].strip(), "nothing but white space lies between sentences")
            end = stop
        promise(not text[end:].strip(), "no sentence is lost at the end")
    return len(texts)


FORMAT_NAMES = ("csv", "jsonl", "tsv", "txt", "parquet", "warc")
"""In the order of the first byte of a reader's input: kept failures depend on it."""

COMPRESSIONS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    bytes,
    lambda data: gzip.compress(data, 1),
    lambda data: lzma.compress(data, preset=0),
    lambda data: _zstandard(data),
)


def _zstandard(data: bytes) -> bytes:
    import zstandard

    compressed: bytes = zstandard.ZstdCompressor(level=1).compress(data)
    return compressed


@dataclass(frozen=True)
class File:
    """A file to read: its format and its bytes."""

    format: str
    data: bytes
    plain: bytes | None
    """What the bytes decompress to, where that is known."""


def file_of(data: bytes) -> File:
    """Take a file out of bytes: format, compression and how much is cut off, then its content."""
    format, compression, cut = (*data[:3], 0, 0, 0)[:3]
    plain = data[3:]
    packed = COMPRESSIONS[compression % len(COMPRESSIONS)](plain)
    if cut:
        return File(FORMAT_NAMES[format % len(FORMAT_NAMES)], packed[: len(packed) * cut // 256], None)
    known = not packed.startswith((b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")) or packed is not plain
    return File(FORMAT_NAMES[format % len(FORMAT_NAMES)], packed, plain if known else None)


def readers(data: bytes) -> int:
    """Every byte of a file comes back in a row, in order; what is written can be read again, row for row."""
    file = file_of(data)
    chunks: list[Chunk] = []
    broken = False
    try:
        reader = open_rows(None, file.format, stream=io.BytesIO(file.data))
        for chunk in reader:
            chunks.append(chunk)
    except InputError as error:
        promise("\n" not in str(error), "an error is one line")
        broken = True
    row = 1
    for chunk in chunks:
        as_many = len(chunk) == len(chunk.raws) == len(chunk.records) == len(chunk.rows)
        promise(as_many, "columns of a chunk fit together")
        promise(list(chunk.rows) == list(range(row, row + len(chunk))), "rows are numbered without a gap", LostRowError)
        row += len(chunk)
        for at in chunk.errors:
            promise(chunk.texts[at] is None and "\n" not in chunk.errors[at], "an unreadable row has no text")
    if chunks and file.plain is not None and FORMATS[file.format].reader.__name__ in BYTES_KEPT:
        _check_bytes(file.plain, reader.preamble, chunks, broken)
    if chunks:
        check_writers(file.format, reader, chunks)
    return 1


BYTES_KEPT = ("TxtReader", "JsonLinesReader", "CsvReader", "TsvReader")


def _check_bytes(plain: bytes, preamble: bytes, chunks: Sequence[Chunk], broken: bool) -> None:
    promise(plain.startswith(preamble), "the preamble is how the file begins")
    at = len(preamble)
    for chunk in chunks:
        for raw in chunk.raws:
            while not plain.startswith(raw, at):
                end = plain.find(b"\n", at) + 1
                promise(end > 0 and not plain[at:end].strip(), "only blank lines are left out", LostRowError)
                at = end
            at += len(raw)
    promise(broken or not plain[at:].strip(), "the last rows are not lost", LostRowError)


def check_writers(format: str, reader: RowReader, chunks: Sequence[Chunk]) -> None:
    """Write rows with an added column in every format and read them back."""
    columns = reader.columns or tuple(dict.fromkeys(name for c in chunks for r in c.records for name in r))
    texts = [text for chunk in chunks for text in chunk.texts]
    bad = [at in chunk.errors for chunk in chunks for at in range(len(chunk))]
    column = reader.text_column or "text"
    for name in ("jsonl", "csv", "tsv", "parquet"):
        out = io.BytesIO()
        added = free_names(["score"], columns)
        same = name == format
        try:
            writer = open_writer(name, out, columns, added, reader if same else None)
            for chunk in chunks:
                kept = chunk.rebuilt
                if not same:
                    chunk.rebuilt = range(len(chunk))
                writer.write(chunk, [dict.fromkeys(added, 0.5)] * len(chunk))
                chunk.rebuilt = kept
            writer.close()
        except InputError as error:
            promise(name != "jsonl" and "\n" not in str(error), "JSON lines hold any row")
            continue
        again = [r for c in open_rows(None, name, None, stream=io.BytesIO(out.getvalue())) for r in c.records]
        promise(len(again) == len(texts), f"as many rows written as read ({name})", LostRowError)
        for text, record, unreadable in zip(texts, again, bad, strict=True):
            if unreadable or text is None or "\ufffd" in text or (name == "tsv" and name != format):
                continue  # U+FFFD may stand for a lone surrogate, which is escaped; tsv escapes tabs and line ends
            promise(record[column] == text, f"a text comes back as it was ({name})")
