"""Runs over shards: outputs, resuming, and processes killed at any moment."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import signal
import subprocess
from pathlib import Path

import pytest
from fake_detector import CLEAN, GARBLED
from runs import Run, outputs, start, wait_for

from mtdetect.formats.files import JOURNAL


def shard(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(
        json.dumps({"id": f"{path.name}-{i}", "text": f"{[CLEAN, GARBLED, ''][i % 3]} {i}"}) + "\n" for i in range(rows)
    ).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def journal(folder: Path) -> list[dict[str, object]]:
    path = folder / JOURNAL
    lines = path.read_text().split("\n") if path.exists() else [""]
    return [json.loads(line) for line in lines[:-1] if line]


class TestOutputs:
    def test_one_output_a_shard_under_its_name(self, run: Run, tmp_path: Path) -> None:
        source, out = tmp_path / "in", tmp_path / "out"
        shard(source / "a.jsonl", 5)
        shard(source / "deep" / "b.jsonl.gz", 6)
        (source / "c.txt").write_text(f"{GARBLED}\n")
        (source / "d.csv").write_text(f"text\n{GARBLED}\n")
        (source / "_SUCCESS").write_text("")
        (source / ".hidden.txt").write_text("no\n")
        (source / "notes.pdf").write_text("no\n")
        result = run("score", source, "--output-dir", out)
        assert result.exit_code == 0, result.output
        found = outputs(out)
        assert sorted(found) == ["a.jsonl", "c.jsonl", "d.csv", "deep/b.jsonl.gz"]
        rows = [json.loads(line) for line in gzip.decompress(found["deep/b.jsonl.gz"]).splitlines()]
        assert [row["id"] for row in rows] == [f"b.jsonl.gz-{i}" for i in range(6)]
        assert found["d.csv"].startswith(b"text,score,flagged,status,reasons\nzzthe")
        assert "13 rows: " in result.stderr

    def test_the_same_rows_as_without_shards(self, run: Run, tmp_path: Path) -> None:
        for name in ("a.jsonl", "b.jsonl"):
            shard(tmp_path / "in" / name, 40)
        assert run("score", tmp_path / "in", "-o", tmp_path / "whole.jsonl").exit_code == 0
        assert run("score", tmp_path / "in" / "*.jsonl", "--output-dir", tmp_path / "out").exit_code == 0
        found = outputs(tmp_path / "out")
        assert found["a.jsonl"] + found["b.jsonl"] == (tmp_path / "whole.jsonl").read_bytes()

    def test_files_of_one_name_in_two_folders(self, run: Run, tmp_path: Path) -> None:
        shard(tmp_path / "x" / "a.jsonl", 1)
        shard(tmp_path / "y" / "a.jsonl", 2)
        inputs = [tmp_path / "x" / "a.jsonl", tmp_path / "y" / "a.jsonl"]
        assert run("score", *inputs, "--output-dir", tmp_path / "out").exit_code == 0
        assert sorted(outputs(tmp_path / "out")) == ["x/a.jsonl", "y/a.jsonl"]

    def test_parts_of_a_large_file(self, run: Run, tmp_path: Path) -> None:
        shard(tmp_path / "a.jsonl", 10_000)
        (tmp_path / "b.csv").write_text("text,n\n" + "".join(f"{CLEAN},{i}\n" for i in range(4000)))
        (tmp_path / "c.csv").write_text("text\n")
        inputs = [tmp_path / name for name in ("a.jsonl", "b.csv", "c.csv")]
        result = run("score", *inputs, "--output-dir", tmp_path / "out", "--part-rows", "1500")
        assert result.exit_code == 0
        assert "14,000 rows: " in result.stderr
        found = outputs(tmp_path / "out")
        assert len(found) == 7 + 3 + 1
        ids = [json.loads(line)["id"] for i in range(7) for line in found[f"a-{i:05d}.jsonl"].splitlines()]
        assert ids == [f"a.jsonl-{i}" for i in range(10_000)]
        numbers = [row.split(b",")[1].decode() for row in found["b-00001.csv"].splitlines()]
        assert numbers == ["n", *map(str, range(1500, 3000))]
        assert found["c-00000.csv"] == b"text,score,flagged,status,reasons\n"

    @pytest.mark.parametrize("errors", ["flag", "skip", "fail"])
    def test_rows_and_shards_that_cannot_be_read(self, run: Run, tmp_path: Path, errors: str) -> None:
        source, out = tmp_path / "in", tmp_path / "out"
        shard(source / "a.jsonl", 3)
        (source / "b.csv").write_text("body\nno text column\n")
        (source / "c.jsonl").write_text(f'{{"text": "{CLEAN}"}}\nbroken\n{{"text": "{CLEAN}"}}\n')
        (source / "d.txt.gz").write_bytes(gzip.compress(f"{CLEAN}\n".encode() * 9000)[:-9])
        result = run("score", source, "--output-dir", out, "--errors", errors)
        assert result.exit_code == 4
        found = outputs(out)
        if errors == "fail":
            assert sorted(found) == ["a.jsonl"]
            assert 'no column "text"' in result.stderr
            return
        assert sorted(found) == ["a.jsonl", "c.jsonl", "d.jsonl.gz"]
        assert 'no column "text"' in result.stderr
        assert "row 2: invalid JSON" in result.stderr
        assert "ends early" in result.stderr
        assert found["c.jsonl"].count(b"\n") == (3 if errors == "flag" else 2)
        # once the file is mended, --resume reads it and leaves the others alone
        (source / "b.csv").write_text(f"text\n{CLEAN}\n")
        result = run("score", source, "--output-dir", out, "--errors", errors, "--resume")
        assert sorted(outputs(out)) == ["a.jsonl", "b.csv", "c.jsonl", "d.jsonl.gz"]
        assert "row 2: invalid JSON" in result.stderr

    def test_wrong_usage(self, run: Run, tmp_path: Path) -> None:
        shard(tmp_path / "a.jsonl", 1)
        (tmp_path / "a.txt").write_text("x\n")
        (tmp_path / "zipped").mkdir()
        for name in ("b.jsonl.gz", "b.txt.gz"):
            (tmp_path / "zipped" / name).write_bytes(gzip.compress(b""))
        out = tmp_path / "out"
        for arguments, words in (
            ((tmp_path / "a.jsonl", "--resume"), "add --output-dir"),
            ((tmp_path / "a.jsonl", "--part-rows", "3"), "add --output-dir"),
            (("--output-dir", out), "name input files"),
            (("-", "--output-dir", out), "name input files"),
            ((tmp_path / "a.jsonl", "--output-dir", out, "-o", tmp_path / "x"), "leave out one"),
            ((tmp_path / "a.jsonl", "--output-dir", tmp_path), "there are inputs in"),
            ((tmp_path / "a.jsonl", "--output-dir", tmp_path / "a.txt"), "is a file"),
            ((tmp_path, "--output-dir", out), "two inputs would both be written to"),
            ((tmp_path / "zipped", "--output-dir", out), f"'{tmp_path}/zipped/**/*.jsonl.gz' and "),
            ((tmp_path / "*.csv", "--output-dir", out), "no file matches"),
            ((tmp_path / "none.csv", "--output-dir", out), "does not exist"),
        ):
            result = run("score", *arguments)
            assert result.exit_code == 2, (arguments, result.output)
            assert words in " ".join(result.stderr.split()), (arguments, result.stderr)
        assert not out.exists()


class TestResume:
    def test_what_is_done_is_not_touched(self, run: Run, tmp_path: Path) -> None:
        source, out = tmp_path / "in", tmp_path / "out"
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            shard(source / name, 30)
        first = run("score", source, "--output-dir", out)
        before = outputs(out)
        times = {name: (out / name).stat().st_mtime_ns for name in before}
        (out / "b.jsonl").unlink()
        second = run("score", source, "--output-dir", out, "--resume")
        assert second.exit_code == 0
        assert outputs(out) == before
        assert [name for name in before if (out / name).stat().st_mtime_ns != times[name]] == ["b.jsonl"]
        assert "90 rows: 60 scored, 30 too short" in first.stderr
        assert "90 rows: 60 scored, 30 too short" in second.stderr

    def test_a_changed_input_is_made_again_and_a_new_one_joins(self, run: Run, tmp_path: Path) -> None:
        source, out = tmp_path / "in", tmp_path / "out"
        shard(source / "a.jsonl", 30)
        shard(source / "b.jsonl", 3)
        assert run("score", source, "--output-dir", out, "--part-rows", "10").exit_code == 0
        shard(source / "a.jsonl", 15)
        shard(source / "c.jsonl", 4)
        result = run("score", source, "--output-dir", out, "--part-rows", "10", "--resume")
        assert "22 rows: " in result.stderr
        assert sorted(outputs(out)) == ["a-00000.jsonl", "a-00001.jsonl", "b-00000.jsonl", "c-00000.jsonl"]

    def test_another_run_is_refused(self, run: Run, tmp_path: Path) -> None:
        shard(tmp_path / "a.jsonl", 3)
        out = tmp_path / "out"
        arguments = ("score", tmp_path / "a.jsonl", "--output-dir", out)
        assert run(*arguments).exit_code == 0
        before = outputs(out)
        again = run(*arguments)
        assert again.exit_code == 2
        assert "go on with --resume" in again.stderr
        other = run(*arguments, "--resume", "--level", "document")
        assert other.exit_code == 2
        assert "level sentence, not document" in " ".join(other.stderr.split())
        assert run(*arguments, "--resume").exit_code == 0
        assert outputs(out) == before

    def test_a_journal_cut_anywhere_is_continued(self, run: Run, tmp_path: Path) -> None:
        source, out = tmp_path / "in", tmp_path / "out"
        for i in range(4):
            shard(source / f"{i}.jsonl", 10)
        assert run("score", source, "--output-dir", out, "--part-rows", "6").exit_code == 0
        before, whole = outputs(out), (out / JOURNAL).read_bytes()
        started = [end for end, byte in enumerate(whole) if byte == ord("\n")][1]  # on the disk before any output is
        for cut in random.Random(1).sample(range(started + 1, len(whole)), 15):
            (out / JOURNAL).write_bytes(whole[:cut])
            result = run("score", source, "--output-dir", out, "--part-rows", "6", "--resume")
            assert result.exit_code == 0, result.output
            assert outputs(out) == before
            assert "40 rows: " in result.stderr

    def test_an_interrupted_run_says_how_to_go_on(self, tmp_path: Path) -> None:
        for i in range(3):
            shard(tmp_path / "in" / f"{i}.jsonl", 9000)
        for jobs in ("1", "2"):
            out = tmp_path / f"out{jobs}"
            process = start("score", tmp_path / "in", "--output-dir", out, "-q", "--jobs", jobs, slow=0.2)
            wait_for(lambda p=process, out=out: list(out.glob(".*.part")) or p.poll() is not None)
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=20)[1]
            assert process.returncode == 130, error
            assert "go on with --resume" in error.decode()
            assert not list(out.glob(".*.part"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_worker_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    for i in range(4):
        shard(tmp_path / "in" / f"{i}.jsonl", 9000)
    whole, killed = (tmp_path / name for name in ("whole", "killed"))
    arguments = ("score", tmp_path / "in", "-q", "--jobs", "2", "--output-dir")
    assert start(*arguments, whole).communicate(timeout=60)[1] == b""
    process = start(*arguments, killed, killed=True)
    error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1, error
    assert "a worker process was killed" in error
    assert "go on with --resume" in error
    assert start(*arguments, killed, "--resume").communicate(timeout=60)[1] == b""
    assert outputs(killed) == outputs(whole)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize(("jobs", "tries"), [("1", 8), ("2", 3)])
def test_killed_many_times_gives_the_bytes_of_one_run(tmp_path: Path, jobs: str, tries: int) -> None:
    source, whole, killed = tmp_path / "in", tmp_path / "whole", tmp_path / "killed"
    for i in range(6):
        shard(source / f"part-{i}.jsonl{['', '.gz'][i % 2]}", 6000)
    options = ("-q", "--part-rows", "1500", "--jobs", jobs)
    process = start("score", source, "--output-dir", whole, *options)
    assert process.communicate(timeout=60)[1] == b""
    chance, kills, states = random.Random(int(jobs)), 0, set()
    for _ in range(tries):
        process = start("score", source, "--output-dir", killed, *options, "--resume", slow=0.02)
        # random moments: before the first step, in the middle of one, after one or two more steps
        steps, before = chance.randrange(1, 4), len(journal(killed))
        wait_for(lambda p=process, n=before + steps: p.poll() is not None or len(journal(killed)) >= n)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.random() * (0.3 if steps else 1))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate(timeout=20)
        states.add(len(journal(killed)))
    process = start("score", source, "--output-dir", killed, *options, "--resume")
    assert process.communicate(timeout=60)[1] == b""
    assert kills >= tries // 3  # on a busy machine some runs end before they are killed
    assert len(states) > tries // 3
    assert outputs(killed) == outputs(whole)
    assert len({(entry["shard"], entry["part"]) for entry in journal(killed) if "part" in entry}) == 24
