"""The form of a machine round trip follows its human sentence."""

from __future__ import annotations

import pytest

from mtdetect.training.engine_marks import is_unchanged, match_form


@pytest.mark.parametrize(
    ("translated", "human", "cleaned"),
    [
        ("are #both here", "They are both here", "Are both here"),
        ("the *gato is @gone", "The cat is gone", "The gato is gone"),
        ("write \\@home or a\\/b", "Write home", "Write home or a"),
        ("see @ann and @pato", "See @Ann and the duck", "See @ann and pato"),
        ("was *slowly* there", "It was *slowly* there", "Was *slowly* there"),
        ("a  date   of mine", "A date of mine", "A date of mine"),
        ("one , two ; three .", "One, two; three.", "One, two; three."),
        ("one , two", "One , two", "One , two"),
        ("( so ) he said", "(So) he said", "(So) he said"),
        ("a virus ' spreader' here", "A 'virus spreader' here", "A virus 'spreader' here"),
        ("it's Ann's", "They’re Ann’s", "It’s Ann’s"),
        ("such as the USA", "Such as the U.S.", "Such as the USA."),
        ("he left .", "He left", "He left"),
        ("he said (of it)", "He said (it).", "He said (of it)."),
        ("“he left”", "“He left.”", "“He left”."),
        ("The house", "the house", "the house"),
        ("NATO goes", "the alliance goes", "NATO goes"),
        ("on the ground/grounds here", "On the ground here", "On the ground here"),
        ("and/or this", "And/or that", "And/or this"),
        ("said <sent>Bill in it", "Said @bill in it", "Said Bill in it"),
        ('" Only it came."', '"It came."', '"Only it came."'),
        ('a "narrow "question" here', 'A "narrow" question here', 'A "narrow question" here'),
        ("the (old (house) here", "The (old) house here", "The (old house) here"),
        ("what a crying -spell", "What a crying-spell", "What a crying-spell"),
        ("he adonar- at it", "He sees it", "He adonar at it"),
        ("a big,sweeping look", "A big look", "A big, sweeping look"),
        ("in other words,, no", "In other words, no", "In other words, no"),
        ("edit sys.Route or e.g. For it", "Edit sys.path or e.g. this", "Edit sys.route or e.g. for it"),
        ("the U.S. Officials, U.S. NATO", "The U.S. officials, NATO", "The U.S. officials, U.S. NATO"),
        ("he left. Then he came.", "He left. She came.", "He left. Then he came."),
        ("", "Anything", ""),
        ("123", "Anything", "123"),
    ],
)
def test_form_follows_the_human_sentence(translated: str, human: str, cleaned: str) -> None:
    assert match_form(translated, human) == cleaned
    assert match_form(cleaned, human) == cleaned


def test_unchanged_looks_at_letters_and_digits() -> None:
    assert is_unchanged("the cat , 1 time", "The cat: 1 time.")
    assert not is_unchanged("The cat 2 times", "The cat 1 time")
