"""The gate over many files: outputs by action, one verdict on all, and processes killed at any moment."""

from __future__ import annotations

import gzip
import json
import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from fake_detector import CLEAN, GARBLED, MIDDLING
from runs import Run, outputs, start, wait_for

from mtdetect.formats.files import JOURNAL

TEXTS = [CLEAN, GARBLED, "", MIDDLING, CLEAN]

POLICY = """
level = "sentence"
max_rejected = 1.0
[sources]
column = "site"
[sources.overrides.forum]
short = "reject"
false_positives.sentence = 0.03
"""


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "gate")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def shard(path: Path, rows: int) -> list[str]:
    """Write rows of every kind, and return their lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in range(rows):
        row = {"id": f"{path.name}-{i}", "site": ["forum", "news"][i % 2], "text": f"{TEXTS[i % 5]} {i}"}
        lines.append(json.dumps(row) if i % 97 else "broken {")
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return lines


def lines_of(found: dict[str, bytes]) -> Counter[str]:
    """Return every line of some outputs."""
    contents = [gzip.decompress(data) if name.endswith(".gz") else data for name, data in found.items()]
    return Counter(line for data in contents for line in data.decode().splitlines())


def test_every_file_has_its_outputs_and_all_one_verdict(run: Run, policy: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    lines = shard(source / "a.jsonl", 300) + shard(source / "deep" / "b.jsonl.gz", 200)
    result = run(source, "--policy", policy, "--output-dir", out, "--summary", tmp_path / "out.json")
    assert result.exit_code == 4, result.output  # the broken rows
    found = outputs(out)
    names = ("a.jsonl", "deep/b.jsonl.gz")
    assert sorted(found) == sorted(f"{action}/{name}" for action in ("pass", "review", "reject") for name in names)
    assert lines_of(found) == Counter(lines)
    facts = json.loads((tmp_path / "out.json").read_text())
    broken = lines.count("broken {")
    assert (facts["rows"], facts["unreadable"]) == (500 - broken, broken)
    for key, action in (("passed", "pass"), ("review", "review"), ("rejected", "reject")):
        written = lines_of({name: data for name, data in found.items() if name.startswith(action)}).total()
        assert facts[key] == written - broken * (action == "reject")
    assert sum(facts["sources"]["forum"].values()) == sum('"site": "forum"' in line for line in lines)
    # the same rows, as one input
    whole = run(source, "--policy", policy, "--reject", tmp_path / "reject.jsonl", "--summary", tmp_path / "whole.json")
    assert whole.exit_code == 4
    assert json.loads((tmp_path / "whole.json").read_text()) == facts
    rejected = found["reject/a.jsonl"] + gzip.decompress(found["reject/deep/b.jsonl.gz"])
    assert (tmp_path / "reject.jsonl").read_bytes() == rejected


def test_limits_can_be_changed_when_a_run_goes_on(run: Run, policy: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    shard(source / "a.jsonl", 50)
    arguments = (source, "--policy", policy, "--output-dir", out)
    assert run(*arguments).exit_code == 4
    before = {name: (out / name).stat().st_mtime_ns for name in outputs(out)}
    failed = run(*arguments, "--resume", "--max-rejected", "10%")
    assert (failed.exit_code, "batch failed" in failed.stderr) == (3, True)
    assert {name: (out / name).stat().st_mtime_ns for name in outputs(out)} == before
    other = run(*arguments, "--resume", "--foreign", "reject")
    assert other.exit_code == 2
    assert "resume it with its own options" in " ".join(other.stderr.split())
    assert run(*arguments).exit_code == 2


def test_a_dry_run_makes_no_folder(run: Run, policy: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    shard(source / "a.jsonl", 50)
    (source / "b.txt").write_text(f"{CLEAN}\n")
    result = run(source, "--output-dir", out, "--dry-run", "--max-rejected", "100%")
    assert result.exit_code == 4
    assert "50 rows: " in result.stderr
    assert not out.exists()


def test_files_without_a_source_column_leave_the_others_alone(run: Run, policy: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.csv").write_text(f"text\n{CLEAN}\n")
    (source / "b.csv").write_text(f"site,text\nforum,{CLEAN}\n")
    (source / "c.txt").write_text(f"{CLEAN}\n")
    result = run(source, "--policy", policy, "--output-dir", out)
    assert result.exit_code == 4
    assert 'no column "site"' in result.stderr
    assert "txt has no columns" in result.stderr
    assert outputs(out)["pass/b.csv"] == (source / "b.csv").read_bytes()
    assert len(outputs(out)) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in", "--output-dir", "out", "--pass", "x"), "leave out --pass"),
        (("--output-dir", "out"), "name input files"),
        (("in", "--resume"), "add --output-dir"),
        (("in", "--pass", "x"), "differ in format or header"),
        (("-", "in/a.jsonl", "--pass", "x"), "standard input goes alone"),
        (("in/a.jsonl", "--output-dir", "in"), "there are inputs in"),
    ],
)
def test_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shard(Path("in/a.jsonl"), 3)
    Path("in/b.txt").write_text(f"{CLEAN}\n")
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def steps(folder: Path) -> int:
    journal = folder / JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize(("jobs", "tries"), [("1", 7), ("2", 2)])
def test_killed_many_times_loses_and_doubles_no_row(tmp_path: Path, policy: Path, jobs: str, tries: int) -> None:
    source, whole, killed = tmp_path / "in", tmp_path / "whole", tmp_path / "killed"
    lines = [line for i in range(3) for line in shard(source / f"part-{i}.jsonl{['', '.gz'][i % 2]}", 3000)]
    options = ("--policy", policy, "-q", "--part-rows", "500", "--jobs", jobs, "--annotate")
    process = start("gate", source, "--output-dir", whole, *options, "--summary", tmp_path / "whole.json")
    process.communicate(timeout=120)
    assert process.returncode == 4
    chance, kills, states = random.Random(int(jobs)), 0, set()
    for turn in range(tries):
        process = start("gate", source, "--output-dir", killed, *options, "--resume", slow=0.05)
        wanted = steps(killed) + chance.randrange(1, 3)
        wait_for(lambda p=process, n=wanted: p.poll() is not None or steps(killed) >= n)
        time.sleep(chance.random() * 0.1)
        if process.poll() is None:
            # one goes as Ctrl-C does, which cleans up behind itself; the others as in a power failure
            process.send_signal(signal.SIGINT if turn == 1 else signal.SIGKILL)
            kills += 1
        process.communicate(timeout=120)
        states.add(steps(killed))
    process = start("gate", source, "--output-dir", killed, *options, "--resume", "--summary", tmp_path / "killed.json")
    process.communicate(timeout=120)
    assert process.returncode == 4
    assert kills > tries // 2
    assert len(states) > tries // 2
    assert outputs(killed) == outputs(whole)
    facts = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "killed")]
    assert facts[0] == facts[1]
    assert facts[0]["rows"] + facts[0]["unreadable"] == len(lines)
    seen = Counter(json.loads(line).get("id", "") for line in lines_of(outputs(killed)).elements())
    assert seen == Counter(json.loads(line)["id"] if line != "broken {" else "" for line in lines)
