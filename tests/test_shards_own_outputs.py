"""Runs over shards write their own outputs only: other inputs, foreign files, moved and missing folders."""

from __future__ import annotations

import glob
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run, outputs, start

from mtdetect.cli.journal import Journal
from mtdetect.formats.files import EARLIER_JOURNAL, JOURNAL, find_files

COMMANDS = pytest.mark.parametrize("command", ["score", "gate"])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shard(name: str, *texts: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts or [CLEAN]))
    return path


def line(result: Any) -> str:
    return " ".join(result.stderr.split())


class TestOtherInputs:
    @COMMANDS
    @pytest.mark.parametrize("alike", [False, True])
    def test_of_the_same_names_are_refused(self, run: Run, command: str, alike: bool) -> None:
        one, two = shard("day1/part-0.jsonl", CLEAN, CLEAN), shard("day2/part-0.jsonl", GARBLED)
        if alike:  # in size and time
            two.write_bytes(one.read_bytes().replace(b"e", b"o"))
            os.utime(two, ns=(one.stat().st_mtime_ns,) * 2)
        assert run(command, "day1", "--output-dir", "out").exit_code == 0
        before, journal = outputs(Path("out")), Path("out", JOURNAL).read_bytes()
        result = run(command, "day2", "--output-dir", "out", "--resume")
        assert result.exit_code == 2
        root = Path("day1").resolve()
        assert f"is over {root}, not {Path('day2').resolve()}" in line(result)
        assert f"add --moved-from {root}" in line(result)
        assert outputs(Path("out")) == before
        assert Path("out", JOURNAL).read_bytes() == journal

    def test_behind_a_link_that_was_switched(self, run: Run) -> None:
        shard("day1/part-0.jsonl")
        shard("day2/part-0.jsonl")
        Path("latest").symlink_to("day1")
        assert run("score", "latest", "--output-dir", "out").exit_code == 0
        Path("latest").unlink()
        Path("latest").symlink_to("day2")
        assert run("score", "latest", "--output-dir", "out", "--resume").exit_code == 2
        assert run("score", "day1", "--output-dir", "out", "--resume").exit_code == 0

    def test_behind_a_link_inside_are_made_again(self, run: Run) -> None:
        one, two = shard("blobs/1", CLEAN), shard("blobs/2", CLEAN.upper())
        os.utime(two, ns=(one.stat().st_mtime_ns,) * 2)
        Path("in").mkdir()
        Path("in/a.jsonl").symlink_to("../blobs/1")
        assert run("score", "in", "--output-dir", "out").exit_code == 0
        Path("in/a.jsonl").unlink()
        Path("in/a.jsonl").symlink_to("../blobs/2")
        assert run("score", "in", "--output-dir", "out", "--resume").exit_code == 0
        assert CLEAN.upper() in Path("out/a.jsonl").read_text()

    def test_a_root_that_moves_up_is_refused(self, run: Run) -> None:
        files = [shard("in/2024/part-0.jsonl")]
        assert run("score", *files, "--output-dir", "out").exit_code == 0  # as a shell expands in/*/*.jsonl
        files.append(shard("in/2025/part-0.jsonl"))
        result = run("score", *files, "--output-dir", "out", "--resume")
        assert result.exit_code == 2
        assert "name the folder itself or a glob in quotes" in line(result)
        assert sorted(outputs(Path("out"))) == ["part-0.jsonl"]

    @pytest.mark.parametrize("inputs", ["in", "in/*/*.jsonl"])
    def test_added_under_the_same_root_join(self, run: Run, inputs: str) -> None:
        shard("in/2024/part-0.jsonl")
        assert run("score", inputs, "--output-dir", "out").exit_code == 0
        shard("in/2025/part-0.jsonl")
        result = run("score", inputs, "--output-dir", "out", "--resume")
        assert result.exit_code == 0
        assert sorted(outputs(Path("out"))) == ["2024/part-0.jsonl", "2025/part-0.jsonl"]
        assert "2 rows: " in result.stderr

    @COMMANDS
    def test_removed_are_named_and_their_outputs_stay(self, run: Run, command: str) -> None:
        shard("in/a.jsonl")
        gone = shard("in/b.jsonl", CLEAN, CLEAN)
        arguments = (command, "in", "--output-dir", "out")
        assert run(*arguments).exit_code == 0
        gone.unlink()
        before = outputs(Path("out"))
        result = run(*arguments, "-q", "--resume")
        assert result.exit_code == 0
        held = [Path("out", name) for name in sorted(before) if name.endswith("b.jsonl")]
        assert f"kept {len(held)} file" in result.stderr
        assert f"inputs that are not named any more, the first {held[0]}; remove" in result.stderr
        assert outputs(Path("out")) == before
        for path in held:
            path.unlink()
        assert run(*arguments, "-q", "--resume").stderr == ""

    def test_under_one_output_name_are_refused(self, run: Run) -> None:
        first = Path("in/a.txt")
        shard("in/b.jsonl")
        first.write_text(CLEAN)
        assert run("score", "in", "--output-dir", "out").exit_code == 0
        first.unlink()
        shard("in/a.jsonl", GARBLED)
        before = outputs(Path("out"))
        result = run("score", "in", "--output-dir", "out", "--resume")
        assert result.exit_code == 2
        assert "out/a.jsonl holds the rows of a.txt and would be overwritten by those of a.jsonl" in line(result)
        assert outputs(Path("out")) == before
        Path("out/a.jsonl").unlink()
        assert run("score", "in", "--output-dir", "out", "--resume").exit_code == 0
        assert GARBLED in Path("out/a.jsonl").read_text()

    def test_two_that_would_have_one_output(self, run: Run) -> None:
        shard("in/a.jsonl")
        Path("in/a.txt").write_text(CLEAN)
        result = run("score", "in", "--output-dir", "out")
        assert result.exit_code == 2
        root = Path("in").resolve()
        assert "out/a.jsonl: in/a.jsonl and in/a.txt" in line(result)
        assert f"by globs in quotes: '{root}/**/*.jsonl' and '{root}/**/*.txt'" in line(result)
        for suffix in ("jsonl", "txt"):
            assert run("score", f"{root}/**/*.{suffix}", "--output-dir", f"out-{suffix}").exit_code == 0
            assert list(outputs(Path(f"out-{suffix}"))) == ["a.jsonl"]


class TestMovedInputs:
    def test_go_on_when_it_is_said(self, run: Run) -> None:
        shard("old/a.jsonl")
        shard("old/deep/b.jsonl")
        assert run("score", "old", "--output-dir", "out").exit_code == 0
        before = outputs(Path("out"))
        times = {name: Path("out", name).stat().st_mtime_ns for name in before}
        shutil.move("old", "new")
        assert run("score", "new", "--output-dir", "out", "--resume").exit_code == 2
        assert run("score", "new", "--output-dir", "out", "--resume", "--moved-from", "elsewhere").exit_code == 2
        shard("new/c.jsonl")
        moved = ("score", "new", "--output-dir", "out", "--resume", "--moved-from", "old")
        for arguments in (moved, moved, moved[:-2]):
            assert run(*arguments).exit_code == 0
            found = outputs(Path("out"))
            assert found.pop("c.jsonl")
            assert found == before
            assert {name: Path("out", name).stat().st_mtime_ns for name in before} == times
        assert run("score", "old", "--output-dir", "out", "--resume").exit_code == 2

    def test_wrong_usage(self, run: Run) -> None:
        shard("in/a.jsonl")
        for command in ("score", "gate"):
            result = run(command, "in", "--output-dir", "out", "--moved-from", "old")
            assert result.exit_code == 2
            assert "add --resume" in result.stderr


class TestForeignFiles:
    @COMMANDS
    @pytest.mark.parametrize("options", [(), ("--part-rows", "1")])
    def test_are_not_overwritten(self, run: Run, command: str, options: tuple[str, ...]) -> None:
        shard("in/a.jsonl", CLEAN, CLEAN)
        below = Path("out/pass" if command == "gate" else "out")
        foreign = below / ("a-00001.jsonl" if options else "a.jsonl")
        below.mkdir(parents=True)
        foreign.write_text("mine")
        for more in ((), ("--resume",)):
            result = run(command, "in", "--output-dir", "out", *options, *more)
            assert result.exit_code == 2
            assert f"{foreign} is there already and would be overwritten by those of a.jsonl" in line(result)
            assert foreign.read_text() == "mine"
            assert [path for path in Path("out").rglob("*") if path.is_file()] == [foreign]
        foreign.rename(below / "mine.jsonl")
        assert run(command, "in", "--output-dir", "out", *options).exit_code == 0

    def test_not_in_the_place_of_an_input_that_joins(self, run: Run) -> None:
        shard("in/a.jsonl")
        assert run("score", "in", "--output-dir", "out").exit_code == 0
        shard("in/b.jsonl")
        Path("out/b.jsonl").write_text("mine")
        assert run("score", "in", "--output-dir", "out", "--resume").exit_code == 2
        assert Path("out/b.jsonl").read_text() == "mine"

    def test_an_output_whose_line_was_lost_is_no_foreign_file(self, run: Run) -> None:
        shard("in/a.jsonl")
        assert run("score", "in", "--output-dir", "out").exit_code == 0
        journal = Path("out", JOURNAL)
        lines = journal.read_bytes().split(b"\n")
        assert b'"outputs"' in lines[-2]
        journal.write_bytes(b"\n".join(lines[:-2]))  # killed between the output and its line
        assert run("score", "in", "--output-dir", "out", "--resume").exit_code == 0

    @pytest.mark.skipif(os.name != "posix", reason="POSIX only")
    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_names_that_are_not_utf8(self, run: Run, jobs: str) -> None:
        shard("in/a.jsonl")
        for name in (b"in/\xff.jsonl", b"in/\xe9.jsonl"):
            try:
                os.link("in/a.jsonl", name)
            except OSError:
                pytest.skip("this file system takes only UTF-8")
        for more in ((), ("--resume",)):
            process = start("score", "in", "--output-dir", "out", "--jobs", jobs, *more)
            error = process.communicate(timeout=60)[1]
            assert process.returncode == 0, error
            assert b"3 rows: " in error
        assert {b"\xff.jsonl", b"\xe9.jsonl", b"a.jsonl"} < set(os.listdir(b"out"))

    def test_a_journal_of_an_earlier_version(self, run: Run) -> None:
        shard("in/a.jsonl")
        Path("out").mkdir()
        Path("out", EARLIER_JOURNAL).write_text('{"journal":1,"settings":{}}\n')
        result = run("score", "in", "--output-dir", "out", "--resume")
        assert result.exit_code == 2
        assert "a run of an earlier version" in line(result)
        assert os.listdir("out") == [EARLIER_JOURNAL]

    @pytest.mark.parametrize("contents", ["\n", "[]\n", '{"journal":2}\n', '{"journal":9,"root":"/","settings":{}}\n'])
    def test_a_journal_of_a_later_version_or_of_nobody(self, run: Run, contents: str) -> None:
        shard("in/a.jsonl")
        Path("out").mkdir()
        Path("out", JOURNAL).write_text(contents)
        result = run("score", "in", "--output-dir", "out", "--resume")
        assert result.exit_code == 4
        assert "is no journal of this version; name another folder" in result.stderr
        assert Path("out", JOURNAL).read_text() == contents


class TestGlobsOverOutputs:
    def test_outputs_are_no_inputs(self, run: Run) -> None:
        shard("a.jsonl")
        shard("deep/b.jsonl")
        for command in ("score", "gate"):
            arguments = (command, "**/*.jsonl", "--output-dir", f"out-{command}")
            assert run(*arguments).exit_code == 0
            before = outputs(Path(f"out-{command}"))
            result = run(*arguments, "--resume")
            assert result.exit_code == 0, result.stderr
            assert "2 rows: " in result.stderr
            assert outputs(Path(f"out-{command}")) == before
        assert [file.name for file in find_files([Path("**/*.jsonl")])] == ["a.jsonl", "deep/b.jsonl"]
        assert {file.name for file in find_files([Path("out-score/**/*.jsonl")])} == {"a.jsonl", "deep/b.jsonl"}
        assert sorted(glob.glob("out-score/*")) == ["out-score/a.jsonl", "out-score/deep"]
        assert sorted(path.name for path in Path("out-score").rglob("*.jsonl")) == ["a.jsonl", "b.jsonl"]
        # as a shell that expands it hands it over
        result = run("score", "a.jsonl", "out-score/a.jsonl", "--output-dir", "out-score", "--resume")
        assert result.exit_code == 2
        assert "there are inputs in out-score (out-score/a.jsonl)" in line(result)
        assert "a glob in quotes leaves outputs out" in line(result)


class TestFoldersThatCannotBeRead:
    @COMMANDS
    @pytest.mark.parametrize("inputs", ["d", "d/**/*.jsonl", "d/*/*.jsonl"])
    @pytest.mark.parametrize("options", [("--output-dir", "out"), ()])
    def test_are_named_before_anything_runs(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, inputs: str, options: tuple[str, ...]
    ) -> None:
        shard("d/a.jsonl")
        shard("d/x/b.jsonl")
        shard("d/y/c.jsonl")
        scandir = os.scandir

        def refusing(place: Any = ".") -> Any:
            if Path(os.fsdecode(place)).name == "x":
                raise PermissionError(13, "Permission denied", os.fspath(place))
            return scandir(place)

        monkeypatch.setattr(os, "scandir", refusing)
        result = run(command, inputs, *options)
        assert result.exit_code == 2
        assert "Error: d/x" in result.stderr
        assert "Permission denied; nothing was read: check its permissions" in line(result)
        assert result.stdout == ""
        assert not Path("out").exists()

    def test_a_glob_that_ends_in_a_name(self, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
        shard("d/x/b.jsonl")
        shard("d/y/b.jsonl")
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, *mode: Path(path).name != "x" and access(path, *mode))
        result = run("score", "d/*/b.jsonl")
        assert result.exit_code == 2
        assert "d/x: Permission denied" in line(result)

    def test_a_folder_without_right_to_enter(self, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
        shard("d/x/b.jsonl")
        stat = Path.stat

        def refusing(self: Path, **options: Any) -> Any:
            if self.parent.name == "x":
                raise PermissionError(13, "Permission denied", str(self))
            return stat(self, **options)

        monkeypatch.setattr(Path, "stat", refusing)
        result = run("score", "d")
        assert result.exit_code == 2
        assert "d/x/b.jsonl: Permission denied" in line(result)


class TestSettings:
    def test_a_longer_row_allowed_reads_what_broke_off_again(self, run: Run) -> None:
        shard("in/a.jsonl")
        shard("in/b.jsonl", CLEAN, "x" * 1_200_000, CLEAN)
        arguments = ("score", "in", "--output-dir", "out", "--part-rows", "1", "--max-row-mb")
        first = run(*arguments, "1")
        assert first.exit_code == 4
        assert "allow more with --max-row-mb" in first.stderr
        done = Path("out/a-00000.jsonl").stat().st_mtime_ns, Path("out/b-00000.jsonl").stat().st_mtime_ns
        again = run(*arguments, "1", "--resume")
        assert again.exit_code == 4
        assert again.stderr.count("is longer than 1 MB") == 1
        second = run(*arguments, "2", "--resume")
        assert second.exit_code == 0, second.stderr
        assert "4 rows: " in second.stderr
        assert sorted(outputs(Path("out"))) == ["a-00000.jsonl", "b-00000.jsonl", "b-00001.jsonl", "b-00002.jsonl"]
        assert Path("out/a-00000.jsonl").stat().st_mtime_ns == done[0]
        third = run(*arguments, "1", "--resume")  # nothing is left to be read
        assert third.exit_code == 0
        assert run(*arguments, "1", "--resume", "--level", "document").exit_code == 2

    def test_what_stopped_under_fail_goes_on_under_flag(self, run: Run) -> None:
        shard("in/a.jsonl")
        shard("in/b.jsonl").write_text("broken\n")
        arguments = ("score", "in", "--output-dir", "out", "--errors")
        assert run(*arguments, "fail").exit_code == 4
        assert run(*arguments, "flag", "--resume").exit_code == 4
        assert sorted(outputs(Path("out"))) == ["a.jsonl", "b.jsonl"]
        result = run(*arguments, "skip", "--resume")
        assert result.exit_code == 2
        assert "errors flag, not skip" in line(result)


def test_a_line_that_a_full_disk_takes_in_part_is_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = find_files([shard("in/a.jsonl")])
    with Journal(tmp_path / "out", shards[0].root, {"part_rows": None}, resume=False) as journal:
        write, room = os.write, [10]

        def full(descriptor: int, data: bytes) -> int:
            if not room:
                raise OSError(28, "No space left on device")
            return write(descriptor, data[: room.pop()])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left") as failed:
            journal.claim({"a.jsonl": ["a.jsonl"]})
        assert failed.value.filename == str(tmp_path / "out" / JOURNAL)
