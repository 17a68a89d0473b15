from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from fake_detector import CLEAN, GARBLED, MIDDLING, FakeDetector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import Run

import mtdetect
from mtdetect.cli import main
from mtdetect.cli.gate_outputs import ADDED
from mtdetect.formats import read_rows
from mtdetect.gate import Gate, Policy

ROOT = Path(__file__).resolve().parent.parent

POLICY = """
name = "news"
level = "sentence"
short = "reject"
max_rejected = 1.0

[sources]
column = "page.site"

[sources.overrides.forum]
review.sentence = 0.01
short = "review"
"""


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "gate")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


ROWS = (
    {"text": MIDDLING, "page": {"site": "forum"}},
    {"text": MIDDLING, "page": {"site": "news"}},
    {"text": "a b", "page": {"site": "forum"}},
    {"text": "a b", "page": None},
    {"text": GARBLED},
    {"text": CLEAN, "page": {"site": ["forum"]}},
)


class TestPolicy:
    def test_a_file_decides_by_source(self, run: Run, policy: Path, tmp_path: Path) -> None:
        source, summary = tmp_path / "in.jsonl", tmp_path / "summary.json"
        source.write_bytes(lines(*ROWS))
        outputs = [tmp_path / name for name in ("pass", "review", "reject")]
        result = run(
            source, "--policy", policy, "--summary", summary, "--pass", outputs[0], "--review-out", outputs[1],
            "--reject", outputs[2],
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
        expected = [[0, 5], [1, 2], [3, 4]]
        assert [path.read_bytes() for path in outputs] == [lines(*(ROWS[i] for i in rows)) for rows in expected]
        facts = json.loads(summary.read_text())
        assert facts["name"] == "news"
        assert facts["sources"] == {"forum": {"passed": 1, "review": 1, "rejected": 0}}
        assert facts["policy"]["short"] == "reject"

    def test_options_override_the_file(self, run: Run, policy: Path) -> None:
        result = run(
            "--policy", policy, "--short", "pass", "--format", "jsonl", "--reject", "-", "--minimum-words", "5",
            "--override", "forum", "minimum_words", "9", "--override", "forum", "short", "reject",
            "--override", "news", "false_positives.sentence", "5%", input=lines(*ROWS),
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
        assert result.stdout_bytes == lines(ROWS[0], ROWS[1], ROWS[2], ROWS[4])

    def test_csv_sources(self, run: Run) -> None:
        rows = f"site,text\nforum,{MIDDLING}\nnews,{MIDDLING}\n"
        arguments = ("--source-column", "site", "--override", "forum", "false_positives.document", "5%")
        result = run(*arguments, "--max-rejected", "100%", "--format", "csv", "--reject", "-", input=rows)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"site,text\nforum,{MIDDLING}\n"
        result = run(*arguments, "--format", "csv", input=f"host,text\na,{CLEAN}\n")
        assert (result.exit_code, 'no column "site" (columns: host, text)' in result.stderr) == (4, True)
        result = run(*arguments, input=CLEAN)
        assert (result.exit_code, "txt has no columns" in result.stderr) == (4, True)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--override", "a", "short", "reject"), "--override: sources.overrides needs sources.column"),
            (("--source-column", "s", "--override", "a", "shirt", "pass"), 'did you mean "short"?'),
            (("--source-column", "s", "--override", "a", "short", "no"), "sources.overrides.\"a\".short is"),
            (("--source-column", "s", "--override", "a", "review.document", "nan"), "review.document is nan; allowed"),
            (("--max-false-positives", "90%"), "--max-false-positives: false_positives.document is 0.9; allowed"),
            (("--minimum-words", "-1"), "--minimum-words: minimum_words is -1; allowed: a whole number from 0"),
            (("--drift-confidence", "20%"), "--drift-confidence: drift.confidence is 0.2; allowed"),
            (("--name", "a\nb"), "--name: name is 'a\\nb'; allowed"),
            (("--baseline", "nowhere.json"), "no such baseline; write one with --write-baseline"),
        ],
    )  # fmt: skip
    def test_wrong_options_are_named(self, run: Run, options: tuple[str, ...], words: str) -> None:
        result = run(*options, input=CLEAN)
        assert result.exit_code == 2
        assert words in result.stderr

    def test_a_wrong_file_is_wrong_usage(self, run: Run, policy: Path) -> None:
        policy.write_bytes(b"\xff\x00")
        result = run("--policy", policy, input=CLEAN)
        assert result.exit_code == 2
        assert "policy.toml: not UTF-8 text" in result.stderr
        assert run("--policy", policy, "--reject", policy, input=CLEAN).exit_code == 2


class TestVerdict:
    def test_drift(self, run: Run, tmp_path: Path) -> None:
        baseline, metrics = tmp_path / "usual.json", tmp_path / "gate.prom"
        usual = f"{CLEAN}\n" * 990 + f"{GARBLED}\n" * 10
        assert run("--write-baseline", baseline, input=usual).exit_code == 0
        assert json.loads(baseline.read_text())["rejected"] == 10
        few = run("--baseline", baseline, "--max-rejected", "100%", input=f"{CLEAN}\n{GARBLED}\n")
        assert (few.exit_code, "no drift: 50% rejected" in few.stderr) == (0, True)
        many = f"{CLEAN}\n" * 950 + f"{GARBLED}\n" * 50
        result = run("--baseline", baseline, "--metrics", metrics, "--max-rejected", "10%", input=many)
        assert result.exit_code == 3
        assert "batch failed: 5% of 1,000 rows rejected" in result.stderr
        assert "drift: 5% rejected" in result.stderr
        assert 'mtdetect_gate_drift_alarm{gate=""} 1.0' in metrics.read_text()
        assert run("--baseline", baseline, "--drift-alarm", "warn", "--max-rejected", "10%", input=many).exit_code == 0
        result = run("--baseline", baseline, "--drift-tolerance", "4%", "--max-rejected", "10%", input=many)
        assert result.exit_code == 0
        result = run("--baseline", baseline, "--short", "reject", input=many)
        assert (result.exit_code, "written with rules" in result.stderr) == (2, True)

    def test_a_batch_that_fails_is_no_baseline(self, run: Run, tmp_path: Path) -> None:
        baseline = tmp_path / "usual.json"
        result = run("--write-baseline", baseline, input=GARBLED)
        assert (result.exit_code, baseline.exists()) == (3, False)
        assert "no baseline written: the batch failed" in result.stderr
        assert "no baseline written: there was no row" in run("--write-baseline", baseline, input="").stderr

    def test_a_dry_run_writes_no_file(self, run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / "reject").write_text("before")
        result = run(
            "--dry-run", "--reject", folder / "reject", "--pass", folder / "pass", "--metrics", folder / "m.prom",
            "--write-baseline", folder / "b.json", "--summary", "-", input=f"{CLEAN}\n{GARBLED}\n",
        )  # fmt: skip
        assert result.exit_code == 3
        assert json.loads(result.stdout)["rejected"] == 1
        assert [path.name for path in folder.iterdir()] == ["reject"]
        assert (folder / "reject").read_text() == "before"

    def test_metrics_need_their_package(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        result = run("--metrics", tmp_path / "m.prom", "--pass", tmp_path / "pass", input=CLEAN)
        assert result.exit_code == 1
        assert "pip install 'mtdetect[metrics]'" in result.stderr
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_annotated_rows_say_what_the_interface_says(run: Run, tmp_path: Path, format: str) -> None:
    source = tmp_path / f"in.{format}"
    texts = [CLEAN, GARBLED, MIDDLING, "a b", ""]
    if format == "jsonl":
        source.write_bytes(lines(*({"text": text} for text in texts)))
    else:
        source.write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))
    for action in ("pass", "review", "reject"):
        out = tmp_path / f"{action}.{format}"
        run(source, "--annotate", "--level", "sentence", f"--{action}{'-out' * (action == 'review')}", out)
        gate = Gate(FakeDetector(), level="sentence")  # type: ignore[arg-type]
        # without an output of their own, rows to review pass
        wanted = [
            d
            for d in gate.decide_batch(texts, spans=True)
            if d.action == action or (action, d.action) == ("pass", "review")
        ]
        rows = list(read_rows(out))
        assert len(rows) == len(wanted) > 0
        for row, decision in zip(rows, wanted, strict=True):
            assert tuple(row)[-len(ADDED) :] == ADDED
            assert (row["action"], row["status"], row["reason"]) == (decision.action, decision.status, decision.reason)
            score = np.float32("nan" if row["score"] in (None, "") else row["score"])
            assert np.array_equal(score, np.float32(decision.score), equal_nan=True)
            spans = row["spans"] if format == "jsonl" else json.loads(row["spans"] or "[]")
            assert [span["text"] for span in spans] == [span.text for span in decision.spans]
            assert row["signature"] == FakeDetector.signature


def test_spans_can_be_left_out(run: Run) -> None:
    result = run("--annotate", "--no-spans", "--format", "jsonl", "--reject", "-", input=lines({"text": GARBLED}))
    assert list(json.loads(result.stdout)) == ["text", *(name for name in ADDED if name != "spans")]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    format=st.sampled_from(["txt", "csv", "tsv"]),
    rows=st.lists(st.sampled_from([CLEAN, MIDDLING, GARBLED, "a b", "é", "a,b c d", '"', "x\ty\tz"]), max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_every_row_of_every_format_goes_to_one_output(
    run: Run, tmp_path: Path, format: str, rows: list[str], end: str, last: bool
) -> None:
    outputs = [tmp_path / name for name in ("pass", "review", "reject")]
    header = "" if format == "txt" else f"text{end}"
    data = header + end.join(rows) + (end if last and rows else "")
    options = ("--pass", outputs[0], "--review-out", outputs[1], "--reject", outputs[2], "--max-rejected", "100%")
    result = run("--format", format, *options, "--max-unreadable", "100%", input=data.encode())
    assert result.exit_code in (0, 4), result.stderr
    written = [path.read_bytes().removeprefix(header.encode()).decode().replace("\r\n", "\n") for path in outputs]
    assert sorted(" ".join(written).split()) == sorted(" ".join(rows).split())


_ROW = st.one_of(
    st.fixed_dictionaries(
        {"text": st.sampled_from([CLEAN, MIDDLING, GARBLED, "a b", ""]) | st.none() | st.text("az é\n", max_size=20)},
        optional={"site": st.sampled_from(["forum", "news", "", 7, None, True, ["forum"]]), "x": st.floats()},
    ).map(json.dumps),
    st.sampled_from(["{", "[1]", '{"text": 3}', "null", '{"other": 1}', '{"text": "\\ud800 a b c"}']),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, max_size=12), annotate=st.booleans(), rule=st.sampled_from(["pass", "review", "reject"]))
def test_every_row_goes_to_one_output(run: Run, tmp_path: Path, rows: list[str], annotate: bool, rule: str) -> None:
    outputs = [tmp_path / name for name in ("pass", "review", "reject")]
    result = run(
        *("--format", "jsonl", "--pass", outputs[0], "--review-out", outputs[1], "--reject", outputs[2]),
        *(
            "--empty",
            rule,
            "--source-column",
            "site",
            "--override",
            "forum",
            "short",
            "review",
            "--max-rejected",
            "100%",
            "--max-unreadable",
            "100%",
        ),
        *(("--annotate",) if annotate else ()),
        input="".join(row + "\n" for row in rows),
    )
    named = any(f'"site": {site}' in row for row in rows for site in ('"', "7", "true"))
    assert result.exit_code in ((0, 4) if named else (0, 3, 4)), result.stderr
    written = [path.read_text().splitlines() for path in outputs]
    assert sum(map(len, written)) == len(rows)
    if not annotate:
        assert sorted(line for part in written for line in part) == sorted(rows)
        for part in written:  # each output keeps the order of its rows
            origin = iter(rows)
            assert all(any(row == line for row in origin) for line in part)


def test_scores_of_the_command_are_those_of_the_interface(detector: mtdetect.Detector, tmp_path: Path) -> None:
    texts = [
        "She closed the door and walked to the station in the rain.",
        "They has worked the all night of the Tuesday at hospital of the city for make to pass the snow.",
        "Too short.",
        "The nurses were praised for the spirit of self-secrification.\nNobody of them did not want to go in house.",
    ] * 3
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(lines(*({"text": text} for text in texts)))
    CliRunner().invoke(
        main, ["gate", str(source), "--annotate", "--pass", str(out), "--reject", str(tmp_path / "r.jsonl")]
    )
    decisions = Gate.from_policy(detector, Policy()).decide_batch(texts, spans=True)
    assert {decision.action for decision in decisions} >= {"pass", "reject"}
    for path, rejected in ((out, False), (tmp_path / "r.jsonl", True)):
        wanted = [decision for decision in decisions if (decision.action == "reject") is rejected]
        rows = list(read_rows(path))
        scores = np.array([row["score"] for row in rows], dtype=np.float32)  # None becomes NaN
        assert np.array_equal(scores, np.array([d.score for d in wanted], dtype=np.float32), equal_nan=True)
        assert [row["spans"] for row in rows] == [
            [{"start": s.start, "end": s.end, "text": s.text, "weight": s.weight, "reason": s.reason} for s in d.spans]
            for d in wanted
        ]
