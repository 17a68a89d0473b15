"""Machine round trips with a stand-in for Apertium: alignment, rows, resuming, the command."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mtdetect.cli import main
from mtdetect.errors import MissingExtraError, MtdetectError
from mtdetect.training.apertium import KNOWN_CHAINS, STEPS, Apertium, parse_chain
from mtdetect.training.block_log import BlockLog
from mtdetect.training.roundtrip import Options, generate
from mtdetect.training.sentence_sample import read_paragraphs

# Upper-cases and adds a word; misbehaves over the words vanish, double, perish, stall and empty.
FAKE = r"""#!/bin/sh
if [ "$1" = "-l" ]; then printf '%s\n' MODES; exit; fi
sleep ${FAKE_DELAY:-0}
exec awk '
/vanish/ { getline; next }
/double/ { print "ONE MORE LINE" }
/perish/ { exit 1 }
/stall/ { fflush(); system("sleep 100") }
/empty/ { print ""; next }
/./ { print toupper($0) " INDEED"; next }
{ print }'
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in first on PATH; return its file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "apertium"
    script.write_text(FAKE.replace("MODES", " ".join(mode for mode, _ in STEPS.values())))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return script


def write_rows(path: Path, count: int, **fields: Any) -> Path:
    """Write paragraphs of one numbered sentence each, two to a document."""
    rows = [
        {"text": f"The harbour keeps number {i} for the ferry.", "doc_id": f"d{i // 2}", **fields} for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "rb") as lines:
        return [json.loads(line) for line in lines]


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["corpus", "roundtrip", *map(str, arguments)])


# Alignment


@pytest.mark.parametrize("trouble", ["vanish", "double", "perish", "empty"])
def test_a_bad_sentence_is_lost_alone(fake: Path, trouble: str) -> None:
    sentences = [f"number {i} {trouble if i in (0, 7, 8, 30) else 'stays'}" for i in range(31)]
    texts = Apertium().translate("eng-spa", sentences)
    lost = [i for i, text in enumerate(texts) if text is None]
    assert lost == [0, 7, 8, 30]
    assert all(text == f"NUMBER {i} STAYS INDEED" for i, text in enumerate(texts) if i not in lost)


def test_one_line_lost_and_one_won_is_still_seen(fake: Path) -> None:
    texts = Apertium().translate("eng-spa", ["first vanish", "second", "third double", "fourth"])
    assert texts == [None, "SECOND INDEED", None, "FOURTH INDEED"]


def test_a_hanging_block_is_killed_and_halved(fake: Path) -> None:
    started = time.monotonic()
    texts = Apertium(timeout=3, block_size=2).translate("eng-spa", ["this may stall here", "this is fine"])
    assert texts == [None, "THIS IS FINE INDEED"]
    assert time.monotonic() - started < 30


def test_a_sentence_lost_at_one_step_does_not_reach_the_next(fake: Path) -> None:
    texts = Apertium().round_trip(parse_chain("en-es-ca-en"), ["we perish here", "we stay here"])
    assert texts == [None, "WE STAY HERE INDEED INDEED INDEED"]


def test_a_line_break_inside_a_sentence_does_not_shift_the_block(fake: Path) -> None:
    texts = Apertium().translate("eng-spa", ["one\ntwo", "three\u2028four"])
    assert texts == ["ONE TWO INDEED", "THREE FOUR INDEED"]


def test_a_whole_block_lost_stops_the_run(fake: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("".join(f"All of us perish in house {i}.\n" for i in range(25)))
    with pytest.raises(MtdetectError, match="lost a whole block"):
        generate(Options((str(source),), (("en-es-en", 1.0),)), tmp_path / "out.jsonl", tmp_path / "state")


# Rows


def test_rows_carry_their_provenance(fake: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 4, domain="news", collection="port", licence="CC0", year=2001)
    result = command(source, "--chain", "en-es-en", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    rows = read_rows(tmp_path / "out.jsonl")
    row = min(rows, key=lambda row: str(row["human"]))
    pair = row.pop("pair")
    assert pair.startswith("en-es-en:")
    assert row == {
        "text": "THE HARBOUR KEEPS NUMBER 0 FOR THE FERRY. INDEED INDEED.",
        "label": "mt",
        "human": "The harbour keeps number 0 for the ferry.",
        "group": "d0",
        "doc_id": "d0",
        "domain": "news",
        "collection": "port",
        "licence": "CC0",
        "source_lang": "en",
        "system": "apertium en-es-en",
        "engine": "rbmt",
        "roundtrip": "machine",
    }
    assert len({row.get("pair", pair) for row in rows}) == 4


def test_dropped_sentences_are_counted(fake: Path, tmp_path: Path) -> None:
    more = '/same/ { print; next }\n/bare/ { print "X"; next }\n'
    fake.write_text(fake.read_text().replace("/empty/", f"{more}/empty/"))
    source = tmp_path / "in.txt"
    source.write_text(
        "All stays the same for us here.\nThis house is bare to the walls.\n"
        "Some of the sailors perish at sea.\nThe other sailors come home again.\n"
    )
    done = generate(Options((str(source),), (("en-es-en", 1.0),)), tmp_path / "out.jsonl", tmp_path / "state")
    assert done.dropped == {"lost": 1, "unchanged": 1, "near_empty": 1, "overlong": 0}
    assert (done.sent.total(), done.pairs.total()) == (4, 1)
    humans = [row["human"] for row in read_rows(tmp_path / "out.jsonl")]
    assert humans == ["The other sailors come home again."]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.xz", ".jsonl.gz"])
def test_every_compression_is_read_and_written(fake: Path, tmp_path: Path, suffix: str) -> None:
    plain = write_rows(tmp_path / "plain.jsonl", 30).read_bytes()
    source = tmp_path / f"in{suffix}"
    packed = {".xz": lzma.compress, ".gz": gzip.compress}.get(source.suffix, bytes)(plain)
    source.write_bytes(packed)
    out = tmp_path / f"out{suffix}"
    assert command(source, "--block", 4, "-o", out, "--jobs", 2).exit_code == 0
    assert len(read_rows(out)) == 30


def test_weights_share_the_sentences_out(fake: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 800)
    arguments = ["--chain", "en-es-en=3", "--chain", "en-gl-en", "-o", tmp_path / "out.jsonl"]
    assert command(source, *arguments).exit_code == 0
    systems = Counter(row["system"] for row in read_rows(tmp_path / "out.jsonl"))
    assert 540 < systems["apertium en-es-en"] < 660
    assert systems.total() == 800


# Resuming


def run_in_the_background(source: Path, out: Path, delay: float) -> subprocess.Popen[bytes]:
    arguments = [source, "-o", out, "--block", 10, "--jobs", 2, "--chain", "en-es-en", "--chain", "en-eo-en"]
    return subprocess.Popen(
        [sys.executable, "-m", "mtdetect", "corpus", "roundtrip", *map(str, arguments), "--resume"],
        env={**os.environ, "FAKE_DELAY": str(delay)},
        stderr=subprocess.PIPE,
    )


def wait_for_blocks(state: Path, count: int) -> None:
    journal = state / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") <= count:
        assert time.monotonic() < deadline, "the run wrote no block"
        time.sleep(0.02)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.xz"])
def test_killed_runs_lose_and_double_nothing(fake: Path, tmp_path: Path, suffix: str) -> None:
    source = write_rows(tmp_path / "in.jsonl", 200)
    out, state = tmp_path / f"out{suffix}", tmp_path / f"out{suffix}.state"
    for sitting in (1, 2):
        process = run_in_the_background(source, out, delay=0.05)
        wait_for_blocks(state, 3 * sitting)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with out.open("ab") as half_block, (state / "journal.jsonl").open("ab") as half_line:
            half_block.write(b'{"text": "half a row')
            half_line.write(b'{"block": 19, "cha')
    assert run_in_the_background(source, out, delay=0).wait(60) == 0
    rows = read_rows(out)
    assert len(rows) == 200
    assert {row["human"] for row in rows} == {text for text, _ in read_paragraphs(source)}
    assert {row["system"] for row in rows} == {"apertium en-es-en", "apertium en-eo-en"}


def test_a_terminated_run_says_how_to_go_on(fake: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 200)
    process = run_in_the_background(source, tmp_path / "out.jsonl", delay=0.3)
    wait_for_blocks(tmp_path / "out.jsonl.state", 1)
    process.terminate()
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 143
    assert b"--resume goes on" in complaint


def test_the_output_is_whole_rows_while_it_grows(tmp_path: Path) -> None:
    log = BlockLog(tmp_path / "out.jsonl", tmp_path, resume=False)
    log.append([{"text": "one"}], {"block": 0})
    assert read_rows(tmp_path / "out.jsonl") == [{"text": "one"}]
    with pytest.raises(MtdetectError, match="another run is writing"):
        BlockLog(tmp_path / "out.jsonl", tmp_path, resume=True)
    log.close()


def test_a_half_written_first_block_is_cut_off(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    BlockLog(out, tmp_path, resume=False).close()
    out.write_text('{"text": "half')
    log = BlockLog(out, tmp_path, resume=True)
    log.append([{"text": "whole"}], {"block": 0})
    log.close()
    assert read_rows(out) == [{"text": "whole"}]


def test_an_output_is_never_overwritten(fake: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 5)
    out = tmp_path / "out.jsonl"
    assert command(source, "-o", out).exit_code == 0
    before = out.read_bytes()
    assert "add --resume" in command(source, "-o", out).output
    assert "other seed" in command(source, "-o", out, "--resume", "--seed", 7).output
    assert "choose another -o" in command(source, "-o", out, "--resume", "--state", tmp_path / "new").output
    other = tmp_path / "other.jsonl"
    state = tmp_path / "out.jsonl.state"
    assert "belongs to out.jsonl" in command(source, "-o", other, "--resume", "--state", state).output
    assert command(source, "-o", out, "--resume").exit_code == 0
    assert out.read_bytes() == before
    out.write_bytes(before[:-10])
    assert "is shorter than" in command(source, "-o", out, "--resume").output


def test_a_run_that_failed_at_once_leaves_nothing_in_the_way(fake: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert command(tmp_path / "absent.jsonl", "-o", out).exit_code != 0
    assert command(write_rows(tmp_path / "in.jsonl", 5), "-o", out).exit_code == 0
    assert len(read_rows(out)) == 5


# Input, chains and the engine


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("in.jsonl", b'{"text": "a"}\n{"text": \n', "row 2:"),
        ("in.jsonl", b'{"body": "a"}\n', "row 1: no text"),
        ("in.jsonl.xz", lzma.compress(b"{}")[:-4], "ends early"),
        ("in.jsonl.gz", gzip.compress(b'{"text": "a"}\n')[:-4], "ends early"),
        ("in.parquet", b"no", "in.parquet"),
        ("in.txt", b"Too short.\n", "no sentence of 5 to 60 words"),
    ],
)
def test_bad_input_is_named(fake: Path, tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(content)
    result = command(tmp_path / name, "-o", tmp_path / "out.jsonl")
    assert result.exit_code in (1, 4)
    assert result.output.startswith("mtdetect: ")
    assert complaint in result.output


@pytest.mark.parametrize("name", ["en-xx-en", "es-en-es", "en-en", "en", "", "en-es", "en-es-en-"])
def test_an_unknown_chain_lists_the_known(fake: Path, tmp_path: Path, name: str) -> None:
    result = command(write_rows(tmp_path / "in.jsonl", 5), "--chain", name, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert f"unknown chain {name!r}; known chains: {', '.join(KNOWN_CHAINS)}" in result.output


def test_chains_map_to_modes() -> None:
    assert parse_chain("en-es-fr-eo-en").modes == ("eng-spa", "es-fr", "fr-eo", "eo-en")
    assert parse_chain("en-es-it-ca-en").modes == ("eng-spa", "spa-ita", "ita-cat", "cat-eng")
    assert [len(parse_chain(name).modes) for name in KNOWN_CHAINS] == [2, 2, 2, 2, 4, 4, 3, 3]


@pytest.mark.parametrize("weight", ["0", "-1", "x", "nan", "inf"])
def test_a_bad_weight_is_refused(fake: Path, tmp_path: Path, weight: str) -> None:
    rows = write_rows(tmp_path / "in.jsonl", 5)
    result = command(rows, "--chain", f"en-es-en={weight}", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "the weight must be a number above 0" in result.output


def test_a_missing_engine_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = command(write_rows(tmp_path / "in.jsonl", 5), "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 1
    assert result.output.startswith("mtdetect: apertium is not installed; install it with: apt-get install ")
    assert result.output.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_language_pair_is_named(fake: Path) -> None:
    fake.write_text(fake.read_text().replace("en-gl ", ""))
    with pytest.raises(MissingExtraError, match=r"apt-get install .* apertium apertium-en-gl$"):
        Apertium().require([parse_chain("en-gl-en"), parse_chain("en-es-en")])


def test_a_step_that_gives_nothing_is_found_before_the_run(fake: Path) -> None:
    fake.write_text(fake.read_text().replace("exec awk", "echo 'no such locale' >&2; exit 0; awk"))
    with pytest.raises(MtdetectError, match=r"eng-spa` gives no output.*no such locale"):
        Apertium().require([parse_chain("en-es-en")])


@pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")
def test_the_real_engine_makes_pairs(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text(
        "The old bridge was closed while the workers repaired its wooden planks.\n"
        "She asked the captain whether he would wait for the second boat.\n"
        "Nobody in the village remembered when the bell had last been rung.\n"
    )
    result = command(source, "--chain", "en-es-en", "-o", tmp_path / "out.jsonl")
    if "language pairs are missing" in result.output:
        pytest.skip("apertium-eng-spa is not installed")
    assert result.exit_code == 0, result.output
    rows = read_rows(tmp_path / "out.jsonl")
    assert len(rows) == 3
    for row in rows:
        kept = set(row["text"].lower().split()) & set(row["human"].lower().split())
        assert row["text"] != row["human"]
        assert kept, "a round trip shares words with its own sentence"
        assert row["text"].endswith(".")
        assert row["text"][0].isupper()
