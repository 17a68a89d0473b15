"""Normalisation removes form, keeps offsets, and never depends on neighbours."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtdetect.text import MAX_CHARACTERS, normalise, normalise_aligned, split_sentences

ODD = st.text(alphabet=st.sampled_from("ab nts'\"“”’.,-!?()[]$%&;#39\n\tre—…éП日😀\ud800\x00@`/w:"), max_size=60)


@pytest.mark.parametrize(
    "form",
    [
        "He said: “It's fine”, and left.",
        'He said: "It\'s fine", and left.',
        "He said:  ``It's fine'' , and left .",
        "He said: &quot;It&#39;s fine&quot;, and left",
        "He said:\u00a0«It’s fine»,\u2009and left…",
        "  He said : “It 's fine” ,and left !" .replace(",and", ", and"),
        "He\u200b said: “It’s ﬁne”, and left.",
        "He said: &amp;quot;It's fine&amp;quot;, and left.",
    ],
)  # fmt: skip
def test_typography_disappears(form: str) -> None:
    assert normalise([form]) == ["He said: It's fine, and left"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Über naïve Straße, Łódź", "Uber naive Strasse, Lodz"),
        ("Привет, мир", "@@@@@@, @@@"),
        ("١٢٣ cases", "000 cases"),
        ("see https://example.org/a?b=c&d=1 now", "see link now"),
        ("ok 😀 fine", "ok fine"),
        ("do n't go", "don't go"),
        ("nul\x00byte\r\nline", "nul byte line"),
        ("", ""),
        ("...", ""),
        ("AT&T and R&D", "AT&T and R&D"),
    ],
)
def test_plain_form(text: str, plain: str) -> None:
    assert normalise([text]) == [plain]


def test_none_is_empty() -> None:
    assert normalise([None, "a"]) == ["", "a"]


@given(st.lists(ODD, max_size=6))
def test_neighbours_change_nothing(texts: list[str]) -> None:
    assert normalise(texts) == [normalise([text])[0] for text in texts]


@given(ODD | st.text(max_size=60))
def test_aligned_form_is_the_same_and_its_offsets_point_into_the_text(text: str) -> None:
    plain, origin = normalise_aligned(text)
    assert plain == normalise([text])[0]
    assert plain.isascii()
    assert "\n" not in plain
    assert len(origin) == len(plain) + 1
    assert all(0 <= a <= b <= len(text) for a, b in itertools.pairwise(origin))


def test_letters_keep_their_place() -> None:
    text = "“So”  be&nbsp;it — naïve"
    plain, origin = normalise_aligned(text)
    for character, place in zip(plain, origin, strict=False):
        if character.isascii() and character.isalpha() and text[place].isascii():
            assert text[place] == character


def test_only_the_beginning_of_an_endless_sentence_is_read() -> None:
    assert len(normalise(["a" * (3 * MAX_CHARACTERS)])[0]) == MAX_CHARACTERS


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith left the U.S. on Monday. He said it was fine.", 2),
        ('"Is it you?" she asked. Nobody answered.', 2),
        ("One line\nanother line\n\nA third one.", 3),
        ("He arrived at 5 p.m. for St. Louis.", 1),
        ("", 0),
        (" \n ", 0),
    ],
)
def test_sentence_splitting(text: str, sentences: int) -> None:
    assert len(split_sentences(text)) == sentences


@given(st.text(max_size=200))
def test_sentences_cover_the_text_but_for_space(text: str) -> None:
    spans = split_sentences(text)
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    kept = "".join(text[a:b] for a, b in spans)
    assert "".join(kept.split()) == "".join(text.split())


def test_a_long_line_is_cut_into_the_same_sentences() -> None:
    said = [f'"The board met on day {i} to vote on the {i % 7}th budget." the mayor said.' for i in range(400)]
    plain = [f"Nobody knew that road {i} had been closed since Monday." for i in range(400)]
    sentences = [*said[:100], *plain[:300], *said[100:], *plain[300:]]
    text = " ".join(sentences)
    assert [text[start:end] for start, end in split_sentences(text)] == [
        part for sentence in sentences for part in [sentence[a:b] for a, b in split_sentences(sentence)]
    ]
