"""Odd input and hostile surroundings: a status or one clear line, and every readable row still comes out."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_detector import CLEAN
from runs import Run, start

import mtdetect
from mtdetect.cli import main
from mtdetect.errors import ModelError

posix = pytest.mark.skipif(os.name != "posix", reason="signals and devices of POSIX")


def statuses(result: Result) -> list[str]:
    return [json.loads(line)["status"] for line in result.stdout.splitlines()]


class TestErrorPolicy:
    GOOD = json.dumps({"text": CLEAN})
    DATA = "\n".join((GOOD, "{broken", '{"text":3}', '{"other":"x"}', GOOD))

    def test_flag_keeps_every_row_marked(self, run: Run) -> None:
        result = run("score", "--format", "jsonl", input=self.DATA)
        assert result.exit_code == 4
        assert statuses(result) == ["scored", "unreadable", "unreadable", "unreadable", "scored"]
        broken, number, missing = (json.loads(line) for line in result.stdout.splitlines()[1:4])
        assert broken["raw"] == "{broken"
        assert number["text"] == 3
        assert number["score"] is None
        assert number["reasons"] == ['"text" is a number, not a string']
        assert "--text-column" in missing["reasons"][0]
        last = result.stderr.splitlines()[-1]
        assert last.startswith("mtdetect: 3 rows could not be read; standard input, row 2: invalid JSON")

    def test_skip_leaves_them_out(self, run: Run) -> None:
        result = run("score", "--format", "jsonl", "--errors", "skip", input=self.DATA)
        assert result.exit_code == 4
        assert statuses(result) == ["scored", "scored"]
        assert "3 more unreadable" in result.stderr

    def test_fail_stops_after_the_rows_before(self, run: Run, tmp_path: Path) -> None:
        result = run("score", "--format", "jsonl", "--errors", "fail", input=self.DATA)
        assert result.exit_code == 4
        assert statuses(result) == ["scored"]
        assert result.stderr.startswith("mtdetect: standard input, row 2: invalid JSON")
        assert "--errors skip" in result.stderr
        out = tmp_path / "out.jsonl"
        assert run("score", "--format", "jsonl", "--errors", "fail", "-o", out, input=self.DATA).exit_code == 4
        assert list(tmp_path.iterdir()) == []

    def test_null_is_empty_and_no_error(self, run: Run) -> None:
        result = run("score", input='{"text":null}\n{"text":""}\n{"text":" "}\n')
        assert result.exit_code == 0
        assert statuses(result) == ["empty"] * 3

    def test_csv_rows_with_the_wrong_number_of_fields(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f"id,text\n1,{CLEAN}\n2\n3,a,b\n4,{CLEAN}\n")
        result = run("score", path)
        assert result.exit_code == 4
        lines = result.stdout.splitlines()
        assert len(lines) == 5
        assert lines[2] == "2,,,false,unreadable,1 field where the header has 2"
        assert lines[3] == '3,"a,b",,false,unreadable,3 fields where the header has 2'


class TestOddText:
    def test_nothing_odd_stops_the_file(self, run: Run) -> None:
        texts = [
            "\0 \0 \0 \0", f"{CLEAN}\0", "🙂 🙂 🙂 🙂", "שלום עולם טוב מאוד", "你好 世界 你好 世界",
            f"\u202e{CLEAN}",
            "́" * 1000, "a" * 100_000, "word " * 100_000, f"<p>&nbsp;&#0;</p> {CLEAN}", "\ufffe x y z",
        ]  # fmt: skip
        for format in ("jsonl", "txt"):
            data = "\n".join(json.dumps({"text": text}) if format == "jsonl" else text for text in texts)
            result = run("score", "--format", format, input=data)
            assert result.exit_code == 0
            assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == texts

    def test_lone_surrogates(self, run: Run) -> None:
        line = '{"text":"the cat \\ud800 sat on the mat"}'
        result = run("score", input=line)
        assert result.exit_code == 0
        assert result.stdout.startswith(line[:-1])
        assert statuses(result) == ["scored"]
        for format in ("csv", "tsv", "table"):
            assert run("score", "--output-format", format, input=line).exit_code == 0
        assert run("score", "--split", input=line).exit_code == 0

    def test_invalid_utf8_in_plain_text(self, run: Run) -> None:
        data = f"{CLEAN}\n".encode() + b"caf\xe9 is Latin-1 here\n" + f"{CLEAN}\n".encode()
        result = run("score", input=data)
        assert result.exit_code == 4
        assert statuses(result) == ["scored", "unreadable", "scored"]
        assert "caf\ufffd is" in result.stdout
        assert "row 2: invalid UTF-8 at byte 4 (0xe9)" in result.stderr

    def test_ten_megabytes_on_one_line(self, run: Run) -> None:
        result = run("score", input=f"{'word ' * 2_000_000}\n{CLEAN}\n")
        assert statuses(result) == ["scored", "scored"]

    def test_explain_takes_odd_text(self, run: Run) -> None:
        for text in ("", " ", "\0", "🙂", "[bold]markup[/bold] stays as it is", "\x1b[31mred red red"):
            result = run("explain", text)
            assert result.exit_code == 0
            assert "\x1b" not in result.stdout
        assert "[bold]markup[/bold]" in run("explain", "[bold]markup[/bold] stays as it is").stdout


class TestFiles:
    def test_truncated_gzip_gives_its_rows_then_the_error(self, run: Run, tmp_path: Path) -> None:
        path, out = tmp_path / "a.txt.gz", tmp_path / "out.jsonl"
        packed = gzip.compress("".join(f"{CLEAN} {i * i}\n" for i in range(20_000)).encode())
        path.write_bytes(packed[: len(packed) // 2])
        result = run("score", path)
        assert result.exit_code == 4
        assert len(statuses(result)) > 5_000
        assert set(statuses(result)) == {"scored"}
        assert "truncated" in result.stderr.splitlines()[-1]
        assert run("score", path, "-o", out).exit_code == 4
        assert len(out.read_text().splitlines()) == len(statuses(result))
        assert run("score", path, "-o", tmp_path / "none", "--errors", "fail").exit_code == 4
        assert not (tmp_path / "none").exists()

    def test_a_broken_file_does_not_hide_the_next(self, run: Run, tmp_path: Path) -> None:
        packed = gzip.compress("".join(f"{CLEAN} {i}\n" for i in range(1000)).encode())
        (tmp_path / "a.gz").write_bytes(packed[:-9])
        (tmp_path / "b.txt").write_text("the last row of all\n")
        result = run("score", tmp_path / "a.gz", tmp_path / "b.txt")
        assert result.exit_code == 4
        assert "the last row of all" in result.stdout

    def test_folder_missing_file_and_missing_column(self, run: Run, tmp_path: Path) -> None:
        result = run("score", tmp_path)
        assert result.exit_code == 2
        assert "no file of a known format in this folder" in result.stderr
        assert run("score", tmp_path / "none").exit_code == 2
        path = tmp_path / "a.csv"
        path.write_text("id,body\n1,x\n")
        result = run("score", path)
        assert result.exit_code == 4
        assert result.stderr.count("\n") == 1
        assert 'no column "text" (columns: id, body); name it with --text-column' in result.stderr
        assert run("score", path, "-o", tmp_path / "none" / "out").exit_code == 2
        assert run("score", path, "-o", tmp_path).exit_code == 2

    def test_utf16(self, run: Run) -> None:
        result = run("score", input=f"{CLEAN}\n".encode("utf-16"))
        assert result.exit_code == 4
        assert "iconv -f UTF-16 -t UTF-8" in result.stderr

    def test_reading_and_writing_one_file_is_refused(self, run: Run, tmp_path: Path) -> None:
        path, link, hard = tmp_path / "a.txt", tmp_path / "link.txt", tmp_path / "hard.txt"
        path.write_text(f"{CLEAN}\n")
        link.symlink_to(path)
        hard.hardlink_to(path)
        for other in (path, link, hard):
            result = run("score", path, "-o", other)
            assert result.exit_code == 2
            assert "is also the input" in result.stderr
            assert run("gate", path, "--pass", other).exit_code == 2
            assert run("gate", path, "--summary", other).exit_code == 2
        assert path.read_text() == f"{CLEAN}\n"

    @posix
    def test_redirection_onto_the_input_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text(f"{CLEAN}\n")
        with path.open("ab") as out:
            child = start("score", path, stdout=out)
            _, err = child.communicate(timeout=60)
        assert child.returncode == 2
        assert b"is also the input" in err
        assert path.read_text() == f"{CLEAN}\n"

    def test_model_that_cannot_be_used(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: object = None) -> None:
            raise ModelError("models/default: weights.npz changed; install again")

        monkeypatch.setattr(mtdetect, "load", refuse)
        result = run("score", input=CLEAN)
        assert result.exit_code == 1
        assert result.stderr == "mtdetect: models/default: weights.npz changed; install again\n"

    def test_unexpected_error_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mtdetect, "load", lambda: 1 / 0, raising=False)
        result = CliRunner().invoke(main, ["score"], input=CLEAN)
        assert result.exit_code == 1
        assert result.stderr.startswith("mtdetect: unexpected ZeroDivisionError: division by zero; mtdetect --debug")
        assert result.stderr.count("\n") == 1
        result = CliRunner().invoke(main, ["--debug", "score"], input=CLEAN)
        assert "Traceback" in result.stderr


@posix
class TestProcesses:
    @pytest.fixture
    def big(self, tmp_path: Path) -> Path:
        path = tmp_path / "big.txt"
        path.write_text(f"{CLEAN}\n" * 100_000)
        return path

    def test_closed_pipe(self, big: Path) -> None:
        child = start("score", big)
        assert child.stdout is not None
        assert child.stderr is not None
        assert b"scored" in child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 141

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    @pytest.mark.parametrize("rows", [1, 100_000])
    def test_full_disk(self, tmp_path: Path, rows: int) -> None:
        path = tmp_path / "in.txt"
        path.write_text(f"{CLEAN}\n" * rows)
        for arguments in (
            ("score", path),
            ("score", path, "-o", "/dev/full"),
            ("gate", path, "--pass", "/dev/full"),
            ("--help",),
            ("--version",),
            ("score", "--help"),
        ):
            with open("/dev/full", "wb") as full:
                child = start(*arguments, *(("-q",) if path in arguments else ()), stdout=full)
                _, err = child.communicate(timeout=60)
            assert child.returncode == 1
            assert b"no space left on the device; free some space" in err
            assert err.count(b"\n") == 1

    @pytest.mark.parametrize("jobs", [1, 2])
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_interrupted(self, big: Path, tmp_path: Path, jobs: int, number: int, code: int) -> None:
        out = tmp_path / "out" / "out.jsonl"
        out.parent.mkdir()
        out.write_text("before")
        child = start("score", big, "-o", out, "--jobs", jobs, slow=1, start_new_session=True)
        limit = time.monotonic() + 30
        while len(list(out.parent.iterdir())) < 2 and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(0.3)
        os.killpg(child.pid, number) if number == signal.SIGINT else child.send_signal(number)
        _, err = child.communicate(timeout=60)
        assert child.returncode == code
        assert err == (b"mtdetect: interrupted\n" if number == signal.SIGINT else b"")
        assert list(out.parent.iterdir()) == [out]
        assert out.read_text() == "before"

    @pytest.mark.parametrize("jobs", [2, 3])
    def test_a_killed_worker_ends_the_run(self, big: Path, tmp_path: Path, jobs: int) -> None:
        out = tmp_path / "out" / "out.jsonl"
        out.parent.mkdir()
        out.write_text("before")
        child = start("score", big, "-o", out, "--jobs", jobs, killed=True)
        _, err = child.communicate(timeout=60)
        assert child.returncode == 1
        assert err.decode() == (
            "mtdetect: a worker process was killed, perhaps for want of memory; run this again, with fewer --jobs\n"
        )
        assert list(out.parent.iterdir()) == [out]
        assert out.read_text() == "before"

    def test_standard_input_and_output(self) -> None:
        child = start("score", stdin=subprocess.PIPE)
        out, _ = child.communicate(f"{CLEAN}\n".encode(), timeout=60)
        assert child.returncode == 0
        assert json.loads(out)["status"] == "scored"


class TestFirstFiles:
    def test_files_before_the_first_that_can_be_read_cost_themselves_alone(self, run: Run, tmp_path: Path) -> None:
        broken, other, good = tmp_path / "a.jsonl.gz", tmp_path / "b.csv", tmp_path / "c.jsonl"
        broken.write_bytes(b"PK\x03\x04")
        other.write_text("id\n1\n")
        good.write_text(f'{{"text": "{CLEAN}"}}\n')
        out = tmp_path / "out.jsonl"
        for order in ((broken, other, good), (good, other, broken), (other, good, broken)):
            result = run("score", *order, "-o", out)
            assert result.exit_code == 4
            assert "1 row: 1 scored" in result.stderr
            assert all(f"mtdetect: {path}: " in result.stderr for path in (broken, other))
            assert json.loads(out.read_text())["text"] == CLEAN
            out.unlink()
        another = other.rename(tmp_path / "d.csv")
        other.write_text("no\n")
        result = run("score", other, another, "-o", out)
        assert result.exit_code == 4
        assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
            ["mtdetect", str(other)], ["mtdetect", str(another)]
        ]  # fmt: skip
        assert run("score", other, good, "-o", out, "--errors", "fail").exit_code == 4
        assert not out.exists()
