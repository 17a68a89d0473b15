from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtdetect
from mtdetect.errors import PolicyError
from mtdetect.gate import Policy, Rules
from mtdetect.gate.policy import MAX_BYTES

EXAMPLE = Path(__file__).parent.parent / "examples" / "gate.toml"

FULL = """
name = "news"
level = "document"
minimum_words = 20
short = "review"
foreign = "reject"
empty = "reject"
max_rejected = 0.1

[false_positives]
sentence = 0.005
document = 0.002

[review]
document = 0.02

[drift]
baseline = "usual.json"
confidence = 0.999
tolerance = 0.01
alarm = "warn"

[sources]
column = "site"

[sources.overrides."forum.example"]
false_positives.document = 0.01
minimum_words = 5
foreign = "pass"
"""


def test_every_setting_arrives(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("\ufeff" + FULL, encoding="utf-8")
    policy = Policy.load(path)
    assert policy.rules() == Rules(0.002, 0.02, 20, "review", "reject", "reject")
    assert policy["max_rejected"] == 0.1
    assert policy.baseline == tmp_path / "usual.json"
    assert policy.facts()["drift.confidence"] == 0.999


def test_a_source_inherits_what_it_does_not_set() -> None:
    policy = Policy.parse(FULL)
    assert policy.rules("forum.example") == Rules(0.01, 0.02, 5, "review", "pass", "reject")
    assert policy.rules("elsewhere.example") == policy.rules()


def test_the_budget_of_the_level_in_use_counts() -> None:
    policy = Policy.parse(FULL)
    assert policy.replaced({"level": "sentence"}, {}).rules() == Rules(0.005, 0.05, 20, "review", "reject", "reject")


def test_an_unstated_review_rate_follows_the_false_positives() -> None:
    assert Policy.parse("false_positives.document = 0.2").rules().review_rate == 0.2
    assert Policy.parse("").rules() == Rules()


def test_options_override_the_file_and_add_to_its_sources() -> None:
    policy = Policy.parse(FULL)
    changed = policy.replaced(
        {"short": "pass", "false_positives.document": 0.001},
        {"forum.example": {"short": "reject"}, "new.example": {"empty": "pass"}},
    )
    assert changed.rules() == Rules(0.001, 0.02, 20, "pass", "reject", "reject")
    assert changed.rules("forum.example") == Rules(0.01, 0.02, 5, "reject", "pass", "reject")
    assert changed.rules("new.example").empty == "pass"
    assert policy.rules().short == "review"


def test_the_fingerprint_says_whether_policies_decide_alike() -> None:
    def fingerprint(text: str) -> str:
        return Policy.parse(text).fingerprint

    assert fingerprint("") == fingerprint('name = "a"\nmax_rejected = 0.3\n[drift]\ntolerance = 0.2')
    assert fingerprint("") == fingerprint("false_positives.document = 0.01\nreview.sentence = 0.5")
    override = '[sources]\ncolumn = "site"\n[sources.overrides."a"]\nshort = "reject"'
    different = [
        "",
        'short = "reject"',
        'level = "sentence"',
        "false_positives.document = 0.02",
        override,
        override.replace('"a"', '"b"'),
        override.replace('"site"', '"host"'),
    ]
    assert len({fingerprint(text) for text in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('fals_positives.document = 0.1', 'unknown key fals_positives; did you mean "false_positives.'),
        ("xyzzy = 1", "unknown key xyzzy; known keys: name, level, false_positives.sentence"),
        ("false_positives.paragraph = 0.1", "unknown key false_positives.paragraph; did you mean"),
        ("false_positives = 0.1", "false_positives is 0.1; allowed: a table"),
        ("false_positives.document = 1", "false_positives.document is 1; allowed: a share above 0 and up to 0.5"),
        ("false_positives.document = 0.0", "false_positives.document is 0.0; allowed: a share above 0"),
        ("false_positives.document = nan", "false_positives.document is nan; allowed"),
        ("false_positives.document = inf", "false_positives.document is inf; allowed"),
        ("false_positives.document = -0.01", "false_positives.document is -0.01; allowed"),
        ('false_positives.document = "1%"', "false_positives.document is '1%'; allowed"),
        ("false_positives.document = true", "false_positives.document is True; allowed"),
        ("review.document = 0.001", "review.document is 0.001, below false_positives.document, 0.01"),
        ("max_rejected = 1", "max_rejected is 1; allowed: a share from 0.0 to 1.0, with a point: 0.05 for 5%"),
        ("max_rejected = nan", "max_rejected is nan"),
        ("max_unreadable = 1", "max_unreadable is 1; allowed: a share from 0.0 to 1.0, with a point: 0.05 for 5%"),
        ("minimum_words = 2.5", "minimum_words is 2.5; allowed: a whole number from 0 to 10,000"),
        ("minimum_words = true", "minimum_words is True; allowed"),
        ("minimum_words = 0x" + "f" * 900, "minimum_words is 510486651"),
        ('short = "drop"', "short is 'drop'; allowed: \"pass\", \"review\", \"reject\""),
        ('level = ["document"]', "level is ['document']; allowed"),
        ("drift.confidence = 1.0", "drift.confidence is 1.0; allowed: a number from 0.5"),
        ('drift.alarm = "ring"', "drift.alarm is 'ring'; allowed"),
        ('drift.baseline = ""', "drift.baseline is ''; allowed"),
        ('name = "a\\nb"', "name is 'a\\nb'; allowed: a line of 1 to 200 printable characters"),
        ('[sources.overrides."a"]\nshort = "pass"', "sources.overrides needs sources.column"),
        ('sources = {column="s", overrides={a=3}}', "sources.overrides.\"a\" is 3; allowed: a table"),
        ('sources = {column="s", overrides={a={level="sentence"}}}', 'unknown key sources.overrides."a".level'),
        (
            '[sources]\ncolumn = "s"\n[sources.overrides.news.co.uk]\nshort = "pass"',
            'sources.overrides."news".co is a table; a name with dots stands in quotes: [sources.overrides."news.',
        ),
        ('sources = {column="s", overrides={a={short=1}}}', 'sources.overrides."a".short is 1; allowed'),
        (
            'sources = {column="s", overrides={a={false_positives={document=0.1}}}}\nreview.document=0.05',
            "review.document is 0.05, below false_positives.document, 0.1 (source 'a')",
        ),
        ("a = 1\na = 2", "not valid TOML: Cannot overwrite"),
        ("[" * 900, "not valid TOML"),
        ("a = [\n" + "[\n" * 50_000, "nested too deeply"),
        ("\na" + ".a" * 50_000 + " = 1", "line 2 is longer than 1,000 characters"),
        (("a" + ".a" * 490 + "=1\n") * 250, "not valid TOML"),
        ("minimum_words = " + "9" * 900, "minimum_words is 9999"),
        (b"\x00\xff\xfe" * 100, "not UTF-8 text (byte 1)"),
        (b"short = '\x00'", "not valid TOML"),
        ("x" * 900 + " = 1", "unknown key xxx"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str | bytes, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text)
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def test_numbers_too_long_to_write_down() -> None:
    with pytest.raises(PolicyError, match="minimum_words is a huge number; allowed: a whole number"):
        Policy({"minimum_words": 10**9000})


def test_files_are_read_so_far_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    with pytest.raises(PolicyError, match="No such file"):
        Policy.load(path)
    with path.open("wb") as stream:
        stream.truncate(1 << 33)  # sparse: reading all of it would take 8 GB of memory
    with pytest.raises(PolicyError, match=f"larger than {MAX_BYTES // 1024} KB"):
        Policy.load(path)
    path.write_text("short = 1")
    with pytest.raises(PolicyError, match=r"policy\.toml: short is 1"):
        Policy.load(path)


def test_the_example_is_a_policy() -> None:
    policy = Policy.load(EXAMPLE)
    assert mtdetect.Gate.from_policy(mtdetect.load(), EXAMPLE).sources.keys() == policy.overrides.keys() != set()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["pass", "sentence"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.text(max_size=8) | st.sampled_from(
    ["level", "short", "minimum_words", "review.document", "false_positives.document", "sources.column", "drift.alarm"]
)


@given(settings=st.dictionaries(_KEYS, _VALUES, max_size=4), override=st.dictionaries(_KEYS, _VALUES, max_size=3))
def test_a_policy_is_refused_or_has_rules(settings: dict[str, object], override: dict[str, object]) -> None:
    try:
        policy = Policy(settings, {"a": override} if override else {})
    except PolicyError:
        return
    for rules in (policy.rules(), policy.rules("a")):
        assert 0 < rules.false_positive_rate <= rules.review_rate <= 0.5
    assert len(policy.fingerprint) == 12


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_arbitrary_contents_are_refused_or_read(data: bytes | str) -> None:
    with suppress(PolicyError):
        Policy.parse(data).rules()
