"""The detector: sentences and documents in, scores and verdicts out."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect import artifact
from mtdetect.classifier import probability
from mtdetect.document import DOCUMENT_FEATURES, document_features
from mtdetect.explain import Explanation, explain_sentence, find_spans
from mtdetect.features import FEATURES, Analysis, compute
from mtdetect.model import Model, load_model
from mtdetect.scored import Scored, reasons
from mtdetect.status import EMPTY, SCORED, STATUSES, TOO_SHORT, status_codes
from mtdetect.text import MAX_CHARACTERS, normalise, split_sentences
from mtdetect.verdict import DocumentVerdict, Level, SentenceVerdict, Span

FLAG_RATE = 0.01
"""False-positive rate at which verdicts are flagged."""

_BATCH_TEXTS = 1536
_BATCH_CHARACTERS = 400_000
_JOB_TEXTS = 16_384

_LOADING = threading.Lock()
if hasattr(os, "register_at_fork"):  # a fork waits for a load, else its child would wait for it for ever
    os.register_at_fork(before=_LOADING.acquire, after_in_parent=_LOADING.release, after_in_child=_LOADING.release)


@dataclass(frozen=True)
class _Sentences:
    """Sentence results in full precision."""

    logits: NDArray[np.float64]
    heads: NDArray[np.float64]
    contributions: NDArray[np.float32]
    codes: NDArray[np.uint8]


class Detector:
    """Finds garbled machine translation in English.

    A detector is cheap to make and to pickle: it remembers its folder, and a process loads a folder once.

    >>> import mtdetect
    >>> detector = mtdetect.load()
    >>> scores = detector.score(["The committee will meet again on Thursday to vote on the budget.", None])
    >>> scores.dtype.name, len(scores), bool(scores[0] < 0.5), bool(np.isnan(scores[1]))
    ('float32', 2, True, True)
    """

    def __init__(self, path: Path | str | None = None) -> None:
        """Take a model folder (the shipped model if None); it is read at first use, or by :func:`load`."""
        self._shipped = path is None
        self.path = artifact.default_model() if path is None else Path(path).absolute()

    def __repr__(self) -> str:
        return f"Detector({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The shipped model lies elsewhere on another machine, so it travels without its path.
        return Detector, ((None if self._shipped else self.path),)

    @property
    def model(self) -> Model:
        """The loaded model.

        Raises:
            ModelError: the folder cannot be used.
        """
        with _LOADING:  # of threads that start together one loads, and the others wait for it
            return load_model(self.path)

    @property
    def signature(self) -> str:
        """Name, version and fingerprint of the model; every result carries it."""
        return self.model.signature

    def threshold(self, level: Level, false_positive_rate: float) -> float:
        """Return the score that at most this share of clean English reaches.

        Args:
            level: ``"sentence"`` or ``"document"``.
            false_positive_rate: share of clean English, for example 0.01.

        Raises:
            ValueError: unknown level, or a rate outside the calibration table.

        >>> import mtdetect
        >>> detector = mtdetect.load()
        >>> detector.threshold("sentence", 0.001) > detector.threshold("sentence", 0.01)
        True
        """
        return self.model.threshold(level, false_positive_rate)

    def score(self, texts: Sequence[str | None], jobs: int = 1) -> NDArray[np.float32]:
        """Score N sentences.

        Args:
            texts: N strings or None. Order, batch size and neighbours never change a value.
            jobs: processes to use; -1 for all cores.

        Returns:
            float32 (N,), 0..1, higher is more garbled; NaN where a text cannot be scored.

        Raises:
            TypeError: a bare string, or an element that is neither a string nor None.
        """
        return self._scores(texts, "sentence", jobs)

    def score_documents(self, texts: Sequence[str | None], jobs: int = 1) -> NDArray[np.float32]:
        """Score N documents (paragraphs on lines); as :meth:`score`, NaN where no sentence can be scored.

        >>> import mtdetect
        >>> mtdetect.load().score_documents(["It rained all day. We stayed at home and read the papers.", ""]).shape
        (2,)
        """
        return self._scores(texts, "document", jobs)

    def _scores(self, texts: Sequence[str | None], level: Level, jobs: int) -> NDArray[np.float32]:
        checked = check_texts(texts, "score" if level == "sentence" else "score_documents")
        if jobs == 1 or len(checked) <= _JOB_TEXTS // 4:
            return self._plain_scores(checked, level)
        import joblib  # takes longer to import than a model to load, and one process has no use for it

        workers = joblib.effective_n_jobs(jobs)
        rounds = math.ceil(len(checked) / (workers * _JOB_TEXTS))
        size = math.ceil(len(checked) / (workers * rounds))  # the same for all: none waits for the last
        parts = joblib.Parallel(n_jobs=jobs)(
            joblib.delayed(_job)(self, checked[i : i + size], level) for i in range(0, len(checked), size)
        )
        joined: NDArray[np.float32] = np.concatenate(parts)
        return joined

    def _plain_scores(self, texts: list[str | None], level: Level) -> NDArray[np.float32]:
        if level == "document":
            return self._documents(texts).scores
        sentences = self._sentences(texts, with_contributions=False)
        return _probabilities(sentences.logits, sentences.codes)

    def score_batch(self, texts: Sequence[str | None], level: Level = "sentence") -> Scored:
        """Score N texts and keep statuses and contributions.

        Args:
            texts: N strings or None.
            level: ``"sentence"`` or ``"document"``.

        Raises:
            TypeError: as :meth:`score`.
            ValueError: unknown level.

        >>> import mtdetect
        >>> mtdetect.load().score_batch(["", "Too short.", None]).statuses
        ['empty', 'too_short', 'empty']
        """
        return self._score_batch(check_texts(texts, "score_batch"), level)

    def _score_batch(self, texts: list[str | None], level: Level) -> Scored:
        if level == "sentence":
            sentences = self._sentences(texts, with_contributions=True)
            return _scored(sentences.logits, sentences.contributions, sentences.codes, FEATURES)
        if level != "document":
            raise ValueError(f"level is {level!r}; use 'sentence' or 'document'")
        return self._documents(texts)

    def _sentences(self, texts: Sequence[str | None], with_contributions: bool) -> _Sentences:
        """Score sentences in batches that fit the processor's cache."""
        n = len(texts)
        result = _Sentences(
            np.full(n, np.nan),
            np.full((n, 2), np.nan),
            np.zeros((n if with_contributions else 0, len(FEATURES)), np.float32),
            np.full(n, EMPTY, np.uint8),
        )
        model = self.model
        for start, end in _batches(texts):
            at, analysis = self._analyse(texts, start, end)
            if analysis is None:
                continue
            codes = status_codes(analysis)
            evidence = model.sentence.evidence(compute(analysis))
            there = codes == SCORED
            result.codes[at] = codes
            if with_contributions:
                result.contributions[at[there]] = evidence.contributions[there]
            result.logits[at[there]] = evidence.logits[there]
            result.heads[at[there]] = evidence.heads[there]
        return result

    def _analyse(self, texts: Sequence[str | None], start: int, end: int) -> tuple[NDArray[np.int64], Analysis | None]:
        """Analyse ``texts[start:end]``; returns where those with anything to read stand in ``texts``."""
        plain = normalise(texts[start:end])
        filled = [i for i, text in enumerate(plain) if text]
        if not filled:
            return np.zeros(0, np.int64), None
        lines = [plain[i] for i in filled] if len(filled) < len(plain) else plain
        return np.array(filled) + start, self.model.resources.analyse(lines)

    def _documents(self, texts: Sequence[str | None]) -> Scored:
        n = len(texts)
        logits, codes = np.full(n, np.nan), np.full(n, EMPTY, dtype=np.uint8)
        contributions = np.zeros((n, len(DOCUMENT_FEATURES)))
        for start, end in _batches(texts, limit=1 << 62):
            cut = [[text[a:b] for a, b in split_sentences(text)] if text else [] for text in texts[start:end]]
            sentences = self._sentences(
                [sentence for document in cut for sentence in document], with_contributions=False
            )
            owner = np.repeat(np.arange(len(cut)), [len(document) for document in cut])
            scorable = sentences.codes == SCORED
            # A document without a scorable sentence takes the most telling status of its sentences.
            worst = np.full(len(cut), TOO_SHORT, dtype=np.uint8)
            np.maximum.at(worst, owner, np.where(sentences.codes == EMPTY, TOO_SHORT, sentences.codes))
            for i, document in enumerate(cut):
                codes[start + i] = worst[i] if document else EMPTY
            present, count = np.unique(owner[scorable], return_counts=True)
            if not len(present):
                continue
            edges = np.concatenate([[0], np.cumsum(count)])
            features = document_features(sentences.logits[scorable], sentences.heads[scorable], edges)
            added = self.model.document.contributions(features)
            contributions[start + present] = added
            logits[start + present] = self.model.document.logits(added)
            codes[start + present] = SCORED
        return _scored(logits, contributions, codes, DOCUMENT_FEATURES)

    def check(self, text: str) -> SentenceVerdict:
        """Score one sentence with its evidence: reasons in plain words and suspicious spans.

        Raises:
            TypeError: ``text`` is not a string.

        >>> import mtdetect
        >>> verdict = mtdetect.load().check("The board approved the merger after a long debate on Tuesday.")
        >>> verdict.status, verdict.flagged
        ('scored', False)
        """
        return self._verdicts([_one(text, "check")], [0])[0]

    def _verdicts(self, texts: Sequence[str], starts: Sequence[int]) -> list[SentenceVerdict]:
        """Return the verdicts on N sentences, which start at these places of their document."""
        model = self.model
        threshold = model.threshold("sentence", FLAG_RATE)
        verdicts = [
            SentenceVerdict(text, math.nan, False, STATUSES[EMPTY], (), (), model.signature, start)
            for text, start in zip(texts, starts, strict=True)
        ]
        for start, end in _batches(texts):
            at, analysis = self._analyse(texts, start, end)
            if analysis is None:
                continue
            codes = status_codes(analysis)
            evidence = model.sentence.evidence(compute(analysis))
            scores = _probabilities(evidence.logits, codes).tolist()
            spans = find_spans(_scorable(texts, at, codes), analysis)
            for row, i in enumerate(at.tolist()):
                verdicts[i] = SentenceVerdict(
                    text=texts[i],
                    score=scores[row],
                    flagged=scores[row] >= threshold,
                    status=STATUSES[codes[row]],
                    reasons=reasons(evidence.contributions[row], FEATURES, 5) if codes[row] == SCORED else (),
                    spans=spans[row],
                    signature=model.signature,
                    start=starts[i],
                )
        return verdicts

    def spans(self, texts: Sequence[str | None]) -> list[tuple[Span, ...]]:
        """Find the suspicious stretches of N sentences, strongest first; none where a text cannot be scored.

        They are those of :meth:`check`, whatever the order, batch size and neighbours, at a fraction of its time.

        Raises:
            TypeError: as :meth:`score`.

        >>> import mtdetect
        >>> garbled = "The nurses were praised for the spirit of self-secrification."
        >>> [[span.text for span in spans] for spans in mtdetect.load().spans([garbled, None])]
        [['self-secrification', 'nurses'], []]
        """
        checked = check_texts(texts, "spans")
        result: list[tuple[Span, ...]] = [()] * len(checked)
        for start, end in _batches(checked):
            at, analysis = self._analyse(checked, start, end)
            if analysis is None:
                continue
            found = find_spans(_scorable(checked, at, status_codes(analysis)), analysis)
            for i, spans in zip(at.tolist(), found, strict=True):
                result[i] = spans
        return result

    def check_document(self, text: str) -> DocumentVerdict:
        """Score one document with a verdict for every sentence, in reading order.

        Raises:
            TypeError: ``text`` is not a string.

        >>> import mtdetect
        >>> verdict = mtdetect.load().check_document("It rained all day. We stayed at home and read the papers.")
        >>> [sentence.start for sentence in verdict.sentences]
        [0, 19]
        """
        _one(text, "check_document")
        scored = self._documents([text])
        cut = split_sentences(text)
        sentences = tuple(self._verdicts([text[a:b] for a, b in cut], [a for a, _ in cut]))
        judged = [sentence for sentence in sentences if sentence.status == "scored"]
        score = float(scored.scores[0])
        return DocumentVerdict(
            score=score,
            flagged=bool(score >= self.threshold("document", FLAG_RATE)),
            status=scored.statuses[0],
            sentences=sentences,
            flagged_share=sum(sentence.flagged for sentence in judged) / max(len(judged), 1),
            reasons=scored.reasons(0, 5),
            signature=self.signature,
        )

    def contributions(self, text: str) -> Explanation:
        """Return what each feature adds to the score of one sentence; base plus contributions reproduce it.

        Raises:
            TypeError: ``text`` is not a string.
            ValueError: the sentence cannot be scored; the message holds its status.

        >>> import mtdetect
        >>> whole = mtdetect.load().contributions("The board approved the merger after a long debate on Tuesday.")
        >>> abs(whole.base + sum(part.contribution for part in whole.features) - whole.logit) < 1e-9
        True
        """
        _, analysis = self._analyse([_one(text, "contributions")], 0, 1)
        if analysis is None:
            raise ValueError("the text cannot be scored: empty")
        code = int(status_codes(analysis)[0])
        if code != SCORED:
            raise ValueError(f"the text cannot be scored: {STATUSES[code]}")
        return explain_sentence(analysis, self.model)


def load(path: Path | str | None = None) -> Detector:
    """Load a model folder and return its detector.

    Args:
        path: a folder written by ``mtdetect train``; the shipped model if None.

    Raises:
        ModelError: a file is missing or changed, or the folder is of a newer format.
    """
    detector = Detector(path)
    _ = detector.model
    return detector


def check_texts(texts: Iterable[Any], caller: str) -> list[str | None]:
    """Return the texts as a list; NaN (a missing value in data frames) counts as None.

    Raises:
        TypeError: a bare string or bytes, something without order, or an element that is neither a string nor None.
    """
    if isinstance(texts, str | bytes | bytearray):
        raise TypeError(f"{caller} takes a list of texts, not one {type(texts).__name__}; write {caller}([text])")
    if not isinstance(texts, Iterable) or isinstance(texts, Mapping | Set):
        raise TypeError(f"{caller} takes a list of texts in order, not {type(texts).__name__}; write {caller}([text])")
    checked: list[str | None] = list(texts)
    for i, text in enumerate(checked):
        if text is None or isinstance(text, str):
            continue
        if isinstance(text, float) and math.isnan(text):
            checked[i] = None
            continue
        raise TypeError(f"text {i} is {type(text).__name__}, not str or None; decode or convert it first")
    return checked


def _one(text: Any, caller: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{caller} takes one string, not {type(text).__name__}")
    return text


def _batches(texts: Sequence[str | None], limit: int = MAX_CHARACTERS) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of runs of texts, bounded in number and in characters."""
    if len(texts) == 1:
        yield 0, 1
        return
    sizes = [len(text) if text else 0 for text in texts]
    total = np.concatenate([[0], np.cumsum(np.minimum(sizes, limit))])
    start = 0
    while start < len(texts):
        end = int(np.searchsorted(total, total[start] + _BATCH_CHARACTERS, side="right")) - 1
        end = min(max(end, start + 1), start + _BATCH_TEXTS, len(texts))
        yield start, end
        start = end


def _scorable(texts: Sequence[str | None], at: NDArray[np.int64], codes: NDArray[np.uint8]) -> list[str | None]:
    """Return the texts at these places, None where they cannot be scored."""
    return [texts[i] if code == SCORED else None for i, code in zip(at.tolist(), codes.tolist(), strict=True)]


def _scored(
    logits: NDArray[np.float64],
    contributions: NDArray[Any],
    codes: NDArray[np.uint8],
    features: tuple[Any, ...],
) -> Scored:
    return Scored(_probabilities(logits, codes), codes, np.asarray(contributions, dtype=np.float32), features)


def _probabilities(logits: NDArray[np.float64], codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    scores = np.full(len(logits), np.nan, dtype=np.float32)
    there = codes == SCORED
    scores[there] = probability(logits[there])
    return scores


def _job(detector: Detector, texts: list[str | None], level: Level) -> NDArray[np.float32]:
    return detector._plain_scores(texts, level)


__all__ = ["FLAG_RATE", "Detector", "load"]
