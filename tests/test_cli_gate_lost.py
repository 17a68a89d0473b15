"""The gate when something of the input is missing: files, rows, or the source of rows."""

from __future__ import annotations

import gzip
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run

ROW = json.dumps({"text": CLEAN, "site": "news"}) + "\n"


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "gate")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("s.json").read_text())
    return found


def metrics() -> dict[str, float]:
    lines = Path("m.prom").read_text().splitlines()
    pairs = (line.removeprefix("mtdetect_gate_").rsplit(" ", 1) for line in lines if line[0] != "#")
    return {name.replace('{gate=""}', ""): float(value) for name, value in pairs}


REPORTS = ("--summary", "s.json", "--metrics", "m.prom")


class TestFiles:
    @pytest.fixture
    def folder(self, here: Path) -> Path:
        """One whole file, one that ends early, one without a text column, one that is no gzip."""
        folder = Path("in")
        folder.mkdir()
        (folder / "a.jsonl").write_text(ROW * 40)
        rows = "".join(json.dumps({"text": f"{CLEAN} {i * 7919 % 1000}"}) + "\n" for i in range(3000))
        (folder / "b.jsonl.gz").write_bytes(gzip.compress(rows.encode())[:2000])
        (folder / "c.csv").write_text(f"id,body\n1,{CLEAN}\n")
        (folder / "d: odd, name.jsonl.gz").write_bytes(b"\x1f\x8b" + b"\xff" * 50)
        return folder

    @pytest.mark.parametrize("options", [(), ("--output-dir", "out"), ("--output-dir", "out", "--jobs", "2")])
    def test_files_that_are_lost_are_told(self, run: Run, folder: Path, options: tuple[str, ...]) -> None:
        result = run(folder, *options, *REPORTS)
        assert result.exit_code == 4, result.stderr
        found = facts()
        assert (found["verdict"], found["failed_on"]) == ("incomplete", [])
        broken = {entry["name"]: entry["reason"] for entry in found["broken_files"]}
        assert sorted(broken) == ["in/b.jsonl.gz", "in/c.csv", "in/d: odd, name.jsonl.gz"]
        assert "gzip data ends early" in broken["in/b.jsonl.gz"]
        assert broken["in/c.csv"].startswith('no column "text"')
        assert found["rows"] >= 40
        values = metrics()
        assert (values["broken_files"], values["batch_incomplete"], values["batch_failed"]) == (3, 1, 0)
        assert "batch incomplete: " in result.stderr
        assert "not read: 3 files whole or in part" in result.stderr

    def test_they_are_still_told_when_the_run_goes_on(self, run: Run, folder: Path) -> None:
        run(folder, "--output-dir", "out", *REPORTS)
        before = facts()
        assert run(folder, "--output-dir", "out", "--resume", *REPORTS).exit_code == 4
        assert facts() == before

    def test_whole_files_do_not_wait_for_broken_ones(self, run: Run, folder: Path) -> None:
        result = run(folder / "c.csv", folder / "a.jsonl", "--pass", "pass.jsonl", *REPORTS)
        assert result.exit_code == 4
        assert Path("pass.jsonl").read_text() == ROW * 40
        assert [entry["name"] for entry in facts()["broken_files"]] == ["in/c.csv"]

    def test_a_batch_of_nothing_has_a_summary_too(self, run: Run, folder: Path) -> None:
        assert run(folder / "c.csv", *REPORTS).exit_code == 4
        assert (facts()["verdict"], facts()["rows"], len(facts()["broken_files"])) == ("incomplete", 0, 1)
        assert run("--format", "parquet", *REPORTS, input=b"none").exit_code == 4
        assert [entry["name"] for entry in facts()["broken_files"]] == ["standard input"]

    @pytest.mark.parametrize("options", [(), ("--output-dir", "out")])
    def test_names_that_are_no_utf8_are_told(self, run: Run, here: Path, options: tuple[str, ...]) -> None:
        name = os.fsdecode(b"odd \xff.csv")
        try:
            Path(name).write_text("id,body\n")
        except OSError:
            pytest.skip("this file system has UTF-8 names only")
        Path("a.csv").write_text(f"text\n{CLEAN}\n")
        assert run(name, "a.csv", *options, *REPORTS).exit_code == 4
        assert [entry["name"] for entry in facts()["broken_files"]] == ["odd \ufffd.csv"]

    def test_errors_fail_stops_at_the_first(self, run: Run, folder: Path) -> None:
        result = run(folder / "c.csv", folder / "a.jsonl", "--errors", "fail", *REPORTS)
        assert (result.exit_code, Path("s.json").exists()) == (4, False)

    def test_nothing_may_be_lost_where_the_policy_says_so(self, run: Run, folder: Path) -> None:
        Path("strict.toml").write_text("max_unreadable = 0.0")
        result = run(folder / "a.jsonl", folder / "b.jsonl.gz", "--policy", "strict.toml", *REPORTS)
        assert (result.exit_code, facts()["failed_on"]) == (3, ["max_unreadable"])
        assert run(folder / "a.jsonl", "--policy", "strict.toml").exit_code == 0

    def test_a_baseline_needs_all_files(self, run: Run, folder: Path) -> None:
        result = run(folder / "a.jsonl", folder / "b.jsonl.gz", "--write-baseline", "usual.json")
        assert (result.exit_code, Path("usual.json").exists()) == (4, False)
        assert "no baseline written: files could not be read" in result.stderr


class TestRows:
    def test_rows_that_cannot_be_read_are_no_passed_batch(self, run: Run, here: Path) -> None:
        result = run("--format", "jsonl", *REPORTS, input="broken {\n" * 3)
        assert result.exit_code == 3
        assert (facts()["verdict"], facts()["failed_on"]) == ("failed", ["max_unreadable"])
        assert (facts()["unreadable"], facts()["share_unreadable"]) == (3, 1.0)
        assert "not read: 3 rows (100%, 5% allowed)" in result.stderr
        result = run("--format", "jsonl", *REPORTS, "--max-unreadable", "100%", input="broken {\n" * 3)
        assert (result.exit_code, facts()["verdict"]) == (4, "incomplete")
        assert (metrics()["unreadable_rows"], metrics()["unreadable_ratio"]) == (3, 1)

    @pytest.mark.parametrize("errors", ["flag", "skip"])
    def test_the_limit_is_on_the_share(self, run: Run, here: Path, errors: str) -> None:
        rows = ROW * 96 + "broken {\n" * 4
        options = ("--format", "jsonl", "--errors", errors, *REPORTS)
        for limit, code in ((None, 4), ("4%", 4), ("3.9%", 3), ("0%", 3)):
            more = () if limit is None else ("--max-unreadable", limit)
            assert run(*options, *more, "--write-baseline", "usual.json", input=rows).exit_code == code, limit
            assert Path("usual.json").exists() is (code == 4)  # a few bad rows are no reason to have no baseline
            Path("usual.json").unlink(missing_ok=True)
        assert metrics()["unreadable_ratio_limit"] == 0
        assert run(*options, "--max-unreadable", "0%", input=ROW).exit_code == 0

    def test_no_text_in_any_row_is_told(self, run: Run) -> None:
        result = run("--format", "jsonl", "--text-column", "pgae.text", input='{"page": {"text": "a b c"}}\n' * 2)
        assert 'no row has text in "pgae.text"; --text-column names another column' in result.stderr
        assert "no row has text" not in run("--format", "jsonl", input=ROW + '{"text": ""}\n').stderr


class TestSources:
    def test_a_column_that_no_row_has_fails_the_batch(self, run: Run, here: Path) -> None:
        for column in ("nope", "nope.site", "site.name"):
            result = run(
                "--format", "jsonl", "--source-column", column, "--override", "news", "short", "reject", *REPORTS,
                input=ROW * 3,
            )  # fmt: skip
            assert (result.exit_code, facts()["failed_on"]) == (3, ["sources.column"]), column
            assert facts()["without_source"] == 3
            assert f'no row has a source in "{column}", so that no override applied' in result.stderr

    def test_rows_without_it_are_counted(self, run: Run, here: Path) -> None:
        rows = ROW + f'{{"text": "{CLEAN}"}}\n' * 2
        options = ("--format", "jsonl", "--source-column", "site", "--override", "news", "short", "reject", *REPORTS)
        result = run(*options, input=rows)
        assert (result.exit_code, facts()["without_source"]) == (0, 2)
        assert '2 of 3 rows have no source in "site"' in result.stderr
        assert "overrides that no row used" not in result.stderr

    def test_overrides_that_no_row_used_are_named(self, run: Run, here: Path) -> None:
        overrides = ("--override", "forum", "short", "reject", "--override", "news", "short", "reject")
        result = run("--format", "jsonl", "--source-column", "site", *overrides, input=ROW)
        assert result.exit_code == 0
        assert "overrides that no row used: forum\n" in result.stderr

    def test_rules_for_rows_without_a_source_expect_them(self, run: Run, here: Path) -> None:
        options = ("--source-column", "nope", "--override", "", "short", "reject", *REPORTS)
        assert run("--format", "jsonl", *options, input=ROW).exit_code == 0
        assert facts()["sources"] == {"": {"passed": 1, "review": 0, "rejected": 0}}

    def test_a_column_that_is_there_may_be_empty(self, run: Run, here: Path) -> None:
        options = ("--source-column", "site", "--override", "news", "short", "reject")
        assert run("--format", "csv", *options, input=f"site,text\n,{CLEAN}\n").exit_code == 0
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        null = arrow.array([None], arrow.struct([("name", arrow.string())]))
        parquet.write_table(arrow.table({"text": [CLEAN], "site": null}), "in.parquet")
        assert run("in.parquet", *options[2:], "--source-column", "site.name").exit_code == 0
        parquet.write_table(arrow.table({"text": [CLEAN], "site": [{"name": "news"}]}), "in.parquet")
        assert run("in.parquet", *options[2:], "--source-column", "site.nmae").exit_code == 3

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--override", "a", "foo", "1"), '--override: unknown key sources.overrides."a".foo'),
            (("--source-column", "s", "--override", "a", "foo", "1"), "--override: unknown key"),
            (("--source-column", "s", "--override", "a", "short", "150%"), "--override: '150%' is out of range"),
            (("--source-column", "s", "--override", "a", "review.document", "0.1%"), "--override: review.document is"),
            (("--max-false-positives", "6%", "--policy", "p.toml"), "--max-false-positives: review.document is 0.05"),
        ],
    )
    def test_messages_name_the_option_at_fault(
        self, run: Run, here: Path, options: tuple[str, ...], words: str
    ) -> None:
        Path("p.toml").write_text("review.document = 0.05")
        result = run(*options, input=GARBLED)
        assert result.exit_code == 2
        assert f"Error: {words}" in result.stderr


@pytest.mark.parametrize("order", [("a.csv", "b.csv"), ("b.csv", "a.csv")])
def test_a_file_without_sources_costs_itself_alone(run: Run, here: Path, order: tuple[str, str]) -> None:
    (here / "a.csv").write_text(f"text,site\n{CLEAN},s\n")
    (here / "b.csv").write_text(f"text,host\n{CLEAN},s\n")
    rules = ("--source-column", "site", "--override", "s", "minimum_words", "100")
    result = run(*order, "--annotate", "--summary", "s.json", "--pass", "pass.csv", *rules)
    assert result.exit_code == 4
    assert 'b.csv: no column "site"' in result.stderr
    facts = json.loads((here / "s.json").read_bytes())
    assert (facts["rows"], facts["sources"]["s"]["passed"], len(facts["broken_files"])) == (1, 1, 1)
    assert (here / "pass.csv").read_text().count("too_short") == 1
