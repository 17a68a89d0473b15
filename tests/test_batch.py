"""Flat arrays: words, hashes and pieces agree with what plain Python says."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mtdetect.batch import Characters, segment_sums, word_keys
from mtdetect.detector import Detector
from mtdetect.lexicon import CLASSES, word_classes
from mtdetect.word_lists import FUNCTION_WORDS, LISTED, listed, members

PLAIN = st.text(alphabet="abtheof'- .,0129AB@", min_size=1, max_size=40).map(lambda t: " ".join(t.split()) or "x")
WORD = re.compile(r"'?[A-Za-z@]+|'|[0-9]+|[^\sA-Za-z0-9@']")


@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_words_are_those_of_a_regular_expression(plain: list[str]) -> None:
    characters = Characters.of(plain)
    words = characters.words
    folded = characters.folded.tobytes().decode("ascii")
    for k, text in enumerate(plain):
        mine = slice(words.start[k], words.start[k + 1])
        found = [folded[a:b] for a, b in zip(words.begin[mine], words.end[mine], strict=True)]
        assert found == WORD.findall(re.sub(r"\d", "0", text.lower()))


@given(st.lists(PLAIN, min_size=1, max_size=4))
def test_equal_words_have_equal_keys(plain: list[str]) -> None:
    characters = Characters.of(plain)
    words = characters.words
    folded = characters.folded.tobytes()
    spelt = [folded[a:b] for a, b in zip(words.begin, words.end, strict=True)]
    by_word = {word: key for word, key in zip(spelt, words.key.tolist(), strict=True)}  # noqa: C416
    assert [by_word[word] for word in spelt] == words.key.tolist()
    assert len(set(by_word.values())) == len(by_word)


def test_listed_words_are_found_and_others_are_not() -> None:
    characters = Characters.of([" ".join(FUNCTION_WORDS[:120]), "zebra quixotic"])
    found = listed(characters.words)
    names = [LISTED[i] if i < len(LISTED) else None for i in found.tolist()]
    assert names[-2:] == [None, None]
    assert {"the", "of", "this"} <= {name for name in names if name}
    assert members(["the"]).sum() == 1
    assert len(np.unique(word_keys(LISTED))) == len(LISTED)


def test_word_classes() -> None:
    characters = Characters.of(["The walking talking man said 5 , 50 zebras the"])
    classes = word_classes(characters, listed(characters.words)).tolist()
    assert classes[0] == classes[-1]
    assert classes[1] == classes[2]
    assert len({classes[5], classes[6], classes[7]}) == 3
    assert max(classes) < CLASSES


def test_pieces_lead_back_to_characters(detector: Detector) -> None:
    texts = ["The committee rejected the self-serving proposal", "It's 5 o'clock, isn't it"]
    characters = Characters.of(texts)
    encoder = detector.model.resources.encoder
    pieces = encoder.encode(characters)
    folded = characters.folded.tobytes().decode("ascii")
    for k, text in enumerate(texts):
        mine = slice(pieces.start[k] + 1, pieces.start[k + 1])
        ends = pieces.end_character[mine].tolist()
        assert ends[-1] - characters.start[k] == len(text)
        begin = int(characters.start[k])
        for piece, end in zip(pieces.ids[mine].tolist(), ends, strict=True):
            name = encoder.processor.IdToPiece(piece).replace("\u2581", " ")
            assert folded[begin:end].strip() == name.strip()
            begin = end


@given(st.lists(st.lists(st.integers(-1000, 1000), max_size=9), min_size=1, max_size=9))
def test_segment_sums(segments: list[list[int]]) -> None:
    start = np.concatenate([[0], np.cumsum([len(s) for s in segments])]).astype(np.int64)
    flat = np.array([v for s in segments for v in s], dtype=np.int64)
    assert segment_sums(flat, start).tolist() == [sum(s) for s in segments]
