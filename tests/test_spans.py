"""Spans: the words that gave a text away, the same for a batch as for one sentence, and the strongest there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import load_cases
from mtdetect import Gate
from mtdetect import detector as detector_module
from mtdetect.detector import Detector
from mtdetect.explain import MAX_SPAN_WORDS, MAX_SPANS, word_evidence
from mtdetect.text import normalise, split_sentences
from mtdetect.verdict import Span

NATURAL = [case["text"] for case in load_cases("must_not_flag")]
GARBLED = [case["text"] for case in load_cases("in_the_wild") + load_cases("synthetic")]
LONG = [" ".join(GARBLED[:80]), "self-" * 3000, "zorblat, " * 2000, "the of &amp;quot; " * 900, "x" * 20_000]
FOREIGN = ["Ceci est une phrase écrite en français pour les lecteurs.", "Это предложение написано по-русски."]

_WORD = st.sampled_from(sorted({word for text in GARBLED[:60] for word in text.split()}))
_ODD = st.text(alphabet=st.sampled_from("ab nts'\"“”’.,-!?()[]$%&;#39\n\tre—…éП日😀\ud800\x00@`/w:"), max_size=60)
_TEXT = st.one_of(
    st.none(),
    st.sampled_from([*GARBLED, *NATURAL, *FOREIGN]),
    st.lists(_WORD | _ODD, max_size=30).map(" ".join),
    _ODD,
    st.text(max_size=60),
    st.sampled_from(LONG),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_TEXT, max_size=12))
@example([*GARBLED[:100], None, *LONG, "", *FOREIGN, *NATURAL[:100], "\ud800 ", "Too short."])
def test_a_batch_finds_what_one_sentence_finds(detector: Detector, texts: list[str | None]) -> None:
    found = detector.spans(texts)
    assert len(found) == len(texts)
    assert repr(found) == repr([() if text is None else detector.check(text).spans for text in texts])
    for text, spans in zip(texts, found, strict=True):
        assert all(text and text[span.start : span.end] == span.text != "" for span in spans)


def test_cutting_into_batches_and_order_change_nothing(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*GARBLED[:60], None, "", *FOREIGN, *LONG[:1], *NATURAL[:20]]
    whole = detector.spans(texts)
    assert sum(map(bool, whole)) > 40
    assert detector.spans(texts[::-1])[::-1] == whole
    monkeypatch.setattr(detector_module, "_BATCH_TEXTS", 7)
    assert detector.spans(texts) == whole
    monkeypatch.setattr(detector_module, "_BATCH_CHARACTERS", 300)
    assert detector.spans(texts) == whole


def test_pieces_that_a_model_does_not_know_stay_in_their_sentence(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An unknown character is a piece named <unk>, longer than itself; the shipped model knows all characters.
    encoder = detector.model.resources.encoder
    monkeypatch.setattr(encoder, "lengths", encoder.lengths + 1)
    assert detector.spans(GARBLED[:50]) == [detector.check(text).spans for text in GARBLED[:50]]


def test_a_document_has_the_verdicts_of_its_sentences(detector: Detector) -> None:
    text = "\n".join([*GARBLED[:20], "Too short.", FOREIGN[0], *NATURAL[:20], "..."])
    verdict = detector.check_document(text)
    assert {sentence.status for sentence in verdict.sentences} == {"scored", "too_short", "not_english", "empty"}
    for sentence, (start, end) in zip(verdict.sentences, split_sentences(text), strict=True):
        alone = detector.check(text[start:end])
        assert sentence.start == start
        assert repr(sentence.to_dict() | {"start": 0}) == repr(alone.to_dict())


def test_gated_documents_have_the_spans_they_have_alone(detector: Detector) -> None:
    documents = [" ".join(GARBLED[i : i + 9]) for i in range(0, 45, 9)] + [None, "", FOREIGN[0]]
    gate = Gate(detector, 0.4, 0.5)
    decisions = gate.decide_batch(documents, spans=True)
    assert sum(len(decision.spans) > 1 for decision in decisions) > 2
    assert repr(decisions) == repr([gate.decide(text, spans=True) for text in documents])


def _strongest(detector: Detector, text: str) -> list[float]:
    """Weights of the best runs of words, picked one after the other in the plainest way."""
    total = word_evidence(detector.model.resources.analyse(normalise([text]))).sum(axis=0)
    running = np.concatenate([[0.0], np.cumsum(total - 0.35)])
    n = len(total)
    runs = [(running[b] - running[a], a, b) for a in range(n) for b in range(a + 1, min(a + MAX_SPAN_WORDS, n) + 1)]
    chosen: list[tuple[int, int]] = []
    for weight, first, end in sorted(runs, key=lambda run: (-run[0], run[1])):
        if weight >= 1.0 and len(chosen) < MAX_SPANS and all(end <= a or first >= b for a, b in chosen):
            chosen.append((first, end))
    return [round(float(total[first:end].sum()), 3) for first, end in chosen]


def test_spans_are_the_strongest_runs_of_words(detector: Detector) -> None:
    texts = [text for text in [*GARBLED, *NATURAL, LONG[0]] if detector.check(text).status == "scored"]
    for text, spans in zip(texts, detector.spans(texts), strict=True):
        assert [span.weight for span in spans] == _strongest(detector, text)


def test_what_is_no_list_of_texts_is_refused(detector: Detector) -> None:
    with pytest.raises(TypeError, match=r"write spans\(\[text\]\)"):
        detector.spans("a bare string")
    with pytest.raises(TypeError, match="text 1 is int"):
        detector.spans(["fine", 5])  # type: ignore[list-item]
    assert detector.spans([]) == []
    assert all(isinstance(span, Span) for span in detector.spans(GARBLED[:1])[0])
