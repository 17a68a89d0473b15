from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from scipy.stats import binomtest

from mtdetect.errors import PolicyError
from mtdetect.gate import Baseline, Batch, Decision, Policy
from mtdetect.gate.metrics import prometheus_text
from mtdetect.shares import exact_interval

USUAL = Baseline(10_000, 100, "document", Policy().fingerprint, "model")


def decisions(passed: int, rejected: int) -> list[Decision]:
    return [Decision("pass", 0.1, "", "scored", "model")] * passed + [
        Decision("reject", 0.9, "odd words", "scored", "model")
    ] * rejected


def facts(passed: int, rejected: int, policy: Policy | None = None, baseline: Baseline | None = None) -> dict:
    batch = Batch(policy or Policy(), "model", baseline)
    batch.add(decisions(passed, rejected))
    return batch.facts()


def test_the_limit_is_on_the_share_rejected() -> None:
    assert facts(95, 5)["verdict"] == "passed"
    assert facts(94, 6)["failed_on"] == ["max_rejected"]
    assert facts(94, 6, Policy({"max_rejected": 0.06}))["verdict"] == "passed"
    assert facts(0, 1, Policy({"max_rejected": 1.0}))["verdict"] == "passed"
    assert facts(0, 0)["verdict"] == "passed"


def test_a_batch_that_lost_input_has_not_passed() -> None:
    batch = Batch(Policy({"max_unreadable": 0.1}), "model")
    batch.add(decisions(9, 0))
    batch.unreadable = 1
    assert (batch.facts()["verdict"], batch.facts()["share_unreadable"]) == ("incomplete", 0.1)
    batch.unreadable = 2
    assert (batch.facts()["verdict"], batch.facts()["failed_on"]) == ("failed", ["max_unreadable"])
    batch.unreadable, batch.broken_files = 0, [{"name": "a.jsonl", "reason": "it ends early"}]
    total = Batch(Policy({"max_unreadable": 0.1}), "model")
    total.add_counts(batch.counts())
    assert (total.facts()["verdict"], total.facts()["broken_files"]) == ("incomplete", batch.broken_files)
    nothing = Batch(Policy({"max_unreadable": 0.0}), "model")
    nothing.add_counts(batch.counts())
    assert nothing.facts()["failed_on"] == ["max_unreadable"]


def test_rules_by_source_need_a_source_somewhere() -> None:
    overrides = {"forum": {"short": "reject"}}
    batch = Batch(Policy({"sources.column": "s"}, overrides), "model")
    assert batch.facts()["verdict"] == "passed"
    batch.add(decisions(2, 0), [None, None])
    assert (batch.facts()["failed_on"], batch.facts()["without_source"]) == (["sources.column"], 2)
    expected = Batch(Policy({"sources.column": "s"}, {**overrides, "": {"short": "pass"}}), "model")
    expected.add_counts(batch.counts())
    assert expected.facts()["verdict"] == "passed"
    batch.add(decisions(1, 0), ["elsewhere"])
    assert (batch.facts()["verdict"], batch.facts()["without_source"]) == ("passed", 2)


def test_sources_are_counted_apart() -> None:
    batch = Batch(Policy({"sources.column": "s"}, {"forum": {"short": "reject"}}), "model")
    batch.add(decisions(2, 2), ["forum", "news", "forum", None])
    batch.add(decisions(1, 0), ["forum"])
    assert batch.facts()["sources"] == {"forum": {"passed": 2, "review": 0, "rejected": 1}}
    assert batch.facts()["rows"] == 5


@pytest.mark.parametrize(
    ("passed", "rejected", "alarm"),
    [
        (0, 1, False),  # a single row says nothing, nor do two of three
        (1, 2, True),  # with a share of 1%, that is one batch in three thousand
        (9, 1, False),
        (97, 3, False),
        (90, 10, True),
        (9_860, 140, False),  # more than usual for sure, by less than the tolerance
        (9_700, 300, True),
        (100, 0, False),
        (100_000, 0, True),  # nothing rejected any more: somebody broke the gate
        (0, 0, False),
    ],
)
def test_drift_needs_evidence(passed: int, rejected: int, alarm: bool) -> None:
    policy = Policy({"max_rejected": 1.0, "drift.tolerance": 0.004})
    found = facts(passed, rejected, policy, USUAL)
    assert found["drift"]["alarm"] is alarm
    assert found["failed_on"] == (["drift"] if alarm else [])
    assert found["drift"]["low"] <= found["drift"]["share"] <= found["drift"]["high"]
    warned = facts(passed, rejected, Policy({**policy.settings, "drift.alarm": "warn"}), USUAL)
    assert warned["drift"]["alarm"] is alarm
    assert warned["verdict"] == "passed"


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_intervals_are_exact(found: int, rest: int, confidence: float) -> None:
    low, high = exact_interval(found, found + rest, (1 - confidence) / 2)
    if found + rest:
        known = binomtest(found, found + rest).proportion_ci(confidence, "exact")
        assert (low, high) == pytest.approx((known.low, known.high), abs=1e-12)
    else:
        assert (low, high) == (0.0, 1.0)


def test_a_baseline_comes_back_from_its_file(tmp_path: Path) -> None:
    batch = Batch(Policy(), "model")
    assert batch.to_baseline() is None
    batch.add(decisions(9_900, 100))
    usual = batch.to_baseline()
    assert usual == USUAL
    path = tmp_path / "usual.json"
    path.write_bytes(usual.to_json())
    assert Baseline.load(path) == USUAL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signature": "another"}, "model 'another', this gate has 'model'"),
        ({"level": "sentence"}, "level 'sentence', this gate has 'document'"),
        ({"rules": "0123456789ab"}, "rules '0123456789ab'"),
    ],
)
def test_a_baseline_of_something_else_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(PolicyError, match=f"written with {words}.*--write-baseline"):
        Batch(Policy(), "model", Baseline(**{"rows": 1, "rejected": 0, "level": "document",
              "rules": Policy().fingerprint, "signature": "model", **change}))  # fmt: skip


GOOD = orjson.loads(USUAL.to_json())


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "no baseline"),
        (b"\x00\xff\x80", "no baseline"),
        (b"[" * 60_000, "no baseline"),
        (b'{"a":' * 10_000, "no baseline"),
        (b" " * 70_000, "larger than 64 KB"),
        (b"[]", "must hold format, rows"),
        (b'{"format": 1}', "must hold format, rows"),
        ({**GOOD, "more": 1}, "and nothing else"),
        ({**GOOD, "format": 2}, "another version"),
        ({**GOOD, "rows": 0}, "rows is 0; allowed: a whole number from 1"),
        ({**GOOD, "rows": -5}, "rows is -5"),
        ({**GOOD, "rows": 2**60}, "rows is 1152921504606846976"),
        ({**GOOD, "rows": True}, "rows is True"),
        ({**GOOD, "rows": 1e4}, "rows is 10000.0"),
        ({**GOOD, "rows": None}, "rows is None"),
        ({**GOOD, "rejected": -1}, "rejected is -1"),
        ({**GOOD, "rejected": 10_001}, "rejected is 10001; allowed: a whole number from 0 to rows"),
        ({**GOOD, "signature": ["a"]}, "signature is"),
        (orjson.dumps(GOOD).replace(b"10000", b"NaN"), "no baseline"),
        (orjson.dumps(GOOD).replace(b"10000", b"1e999"), "no baseline"),
        (orjson.dumps(GOOD).replace(b"10000", b"9" * 5000), "no baseline"),
    ],
)
def test_hostile_baselines_are_refused(contents: bytes | dict, words: str, tmp_path: Path) -> None:
    path = tmp_path / "usual.json"
    path.write_bytes(contents if isinstance(contents, bytes) else orjson.dumps(contents))
    with pytest.raises(PolicyError) as caught:
        Baseline.load(path)
    assert words in str(caught.value)
    assert "--write-baseline" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_places_without_a_baseline_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such baseline; write one with --write-baseline"):
        Baseline.load(tmp_path / "none.json")
    with pytest.raises(PolicyError, match="is no file"):
        Baseline.load(tmp_path)


def test_metrics_are_what_prometheus_reads() -> None:
    policy = Policy({"name": 'new "s\\', "sources.column": "s"}, {"forum": {"short": "reject"}})
    usual = Baseline(10_000, 100, "document", policy.fingerprint, "model")
    batch = Batch(policy, "model", usual)
    batch.add(decisions(3, 1), ["forum"] * 4)
    batch.unreadable, batch.broken_files = 2, [{"name": "a.jsonl", "reason": "it ends early"}]
    text = prometheus_text(batch.facts()).decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.pop("gate") == policy["name"]
            samples[
                sample.name.removeprefix("mtdetect_gate_"), *(value for _, value in sorted(sample.labels.items()))
            ] = sample.value
    assert samples["rows", "passed"] == 3
    assert samples["rows", "unreadable"] == 2
    assert samples["source_rows", "rejected", "forum"] == 1
    assert samples["rejected_ratio",] == 0.25
    assert samples["batch_failed",] == 1
    assert samples["batch_incomplete",] == 1
    assert samples["unreadable_rows",] == 2
    assert samples["unreadable_ratio",] == 1 / 3
    assert samples["broken_files",] == 1
    assert samples["drift_alarm",] == 0
    assert samples["model_info", "model"] == 1
    assert samples["last_run_timestamp_seconds",] > 1.7e9
