"""What shells do to a command: closed streams, substituted processes, unset variables, rows in a pipe, odd names."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fake_detector import CLEAN
from runs import SCRIPT, Run

ROWS = f"{CLEAN}\n" * 3
COMMAND = f"{shlex.quote(sys.executable)} {shlex.quote(str(SCRIPT))}"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text(ROWS)


def shell(line: str, program: str = "sh") -> tuple[int, str, str]:
    done = subprocess.run([program, "-c", line], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class TestClosedStreams:
    def test_what_needs_a_closed_stream_says_so(self) -> None:
        for line in (f"{COMMAND} score in.txt >&-", f"{COMMAND} score <&-"):
            code, _, errors = shell(line)
            assert code == 1
            assert errors == "mtdetect: standard input or standard output is closed; name files instead\n"

    def test_what_needs_none_runs_and_nobody_writes_into_its_files(self) -> None:
        code, _, _ = shell(f"{COMMAND} score in.txt -o out.jsonl --jobs 2 <&- >&- 2>&-")
        assert code == 0
        assert [json.loads(line)["text"] for line in Path("out.jsonl").read_text().splitlines()] == [CLEAN] * 3

    def test_without_standard_error_results_come_out(self) -> None:
        code, out, _ = shell(f"{COMMAND} score in.txt 2>&-")
        assert code == 0
        assert out.count("\n") == 3


def test_outputs_can_be_pipes_under_a_name() -> None:
    assert shell(f"{COMMAND} score in.txt -q -o /dev/stdout")[1].count("\n") == 3
    code, out, errors = shell(f"{COMMAND} gate in.txt -q --level sentence --pass >(cat -n) | cat", "bash")
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1].split() == ["3", *CLEAN.split()]


def test_an_unset_variable_is_no_folder(run: Run) -> None:
    for arguments in (("",), ("in.txt", ""), ("in.txt", "-o", ""), ("in.txt", "--output-dir", "")):
        result = run("score", *arguments)
        assert result.exit_code == 2
        assert "a name is empty" in result.stderr
    assert os.listdir() == ["in.txt"]


class TestRowsInAPipe:
    @pytest.mark.parametrize("command", ["score", "gate"])
    def test_tables_are_not_taken_for_lines(self, run: Run, command: str) -> None:
        for header, kind in (("id,text", "csv"), ('"id","text"\r', "csv"), ("id\ttext\tlikes", "tsv")):
            result = run(command, input=f"{header}\n1,{CLEAN}\n")
            assert result.exit_code == 4
            assert f'standard input begins like {kind} with a column "text"; say --format {kind}' in result.stderr
            assert result.stdout == ""

    def test_lines_have_no_column_to_name(self, run: Run) -> None:
        result = run("score", "--text-column", "body", input=ROWS)
        assert result.exit_code == 4
        assert 'standard input looks like plain text, which has no column "body"; name its format' in result.stderr

    def test_what_is_named_or_empty_is_read(self, run: Run) -> None:
        assert run("score", "--format", "txt", input=f"id,text\n{ROWS}").stdout.count("\n") == 4
        assert run("score", "--format", "txt", "--text-column", "body", input=ROWS).exit_code == 0
        assert run("score", input=f"A text, and no header.\n{ROWS}").exit_code == 0
        assert run("score", "--text-column", "body", input="").exit_code == 0


def test_messages_about_odd_names_stay_on_their_line(run: Run) -> None:
    name = "two\nlines\x1b[31m\udcff.jsonl"
    for end in ("", ".gz"):
        data = f'{{"text": 3}}\n{{"text": "{CLEAN}"}}\n'.encode()
        path = os.fsencode(name + end)
        Path(os.fsdecode(path)).write_bytes(gzip.compress(data)[:-3] if end else data)
    result = run("score", "*.jsonl*", "-o", "out.jsonl")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 3
    assert "two?lines?[31m?.jsonl, row 1: " in result.stderr
    assert "two?lines?[31m?.jsonl.gz: the gzip data ends early" in result.stderr
    run("gate", "*.jsonl.gz", "--summary", "summary.json", "--pass", "pass.jsonl")
    (broken,) = json.loads(Path("summary.json").read_bytes())["broken_files"]
    assert broken["name"] == "two\nlines\x1b[31m\ufffd.jsonl.gz"
    assert broken["reason"].startswith("the gzip data ends early")


def test_a_report_that_cannot_be_written_is_refused_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("locked").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked" and access(path, mode))
    result = run("gate", "in.txt", "--pass", "pass.txt", "--summary", "locked/summary.json")
    assert result.exit_code == 2
    assert "locked/summary.json: the folder locked may not be written to" in " ".join(result.stderr.split())
    assert not Path("pass.txt").exists()


def test_one_output_at_most_is_standard_output(run: Run) -> None:
    with Path("both").open("wb") as both:
        command = [sys.executable, str(SCRIPT), "gate", "in.txt", "--pass", "-", "--reject", "-"]
        done = subprocess.run(command, stdout=both, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2
    assert b"only one output can be standard output" in done.stderr


def test_a_run_that_goes_on_does_not_count_what_was_done_before_as_its_speed(run: Run) -> None:
    assert "done before" not in run("score", "in.txt", "--output-dir", "out").stderr
    result = run("score", "in.txt", "--output-dir", "out", "--resume")
    assert result.exit_code == 0
    assert "3 rows: 3 scored" in result.stderr
    assert " 0 rows/s; 3 done before" in result.stderr


def test_a_glob_over_folders_does_not_go_round_in_circles(run: Run) -> None:
    """Every file is read once, wherever links to folders lead."""
    for name in ("d/a.txt", "d/x/b.txt", "d/x/y/c.txt", "d/.hidden/d.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(ROWS)
    Path("d/x/up").symlink_to("../..")
    Path("d/again").symlink_to("x")
    Path("d/link.txt").symlink_to("a.txt")
    for pattern, rows in (("d/**/*.txt", 12), ("**/*.txt", 15), ("d/**", 12), ("d/**/y/**/*.txt", 3), ("d/*/b.txt", 6)):
        result = run("score", pattern, "-o", "out.jsonl")
        assert f"{rows} rows: {rows} scored" in result.stderr, pattern
