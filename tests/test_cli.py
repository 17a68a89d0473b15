from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result
from fake_detector import CLEAN, GARBLED, MIDDLING, FakeDetector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import SCRIPT, Run

from mtdetect.cli import COMMANDS, main
from mtdetect.cli.options import Percent
from mtdetect.shares import percent


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


class TestCommands:
    @pytest.mark.parametrize("name", list(COMMANDS))
    def test_every_command_and_option_has_help(self, name: str, run: Run) -> None:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        commands = {(name,): command}
        if isinstance(command, click.Group):
            commands |= {(name, inner): command.commands[inner] for inner in command.commands}
        for path, one in commands.items():
            assert one.help
            for parameter in one.params:
                if isinstance(parameter, click.Option):
                    assert parameter.help, f"{path}: {parameter.opts} has no help"
            result = run(*path, "-h")
            assert result.exit_code == 0
            assert result.stdout.startswith(f"Usage: main {' '.join(path)}")

    def test_overview_lists_every_command(self, run: Run) -> None:
        for flag in ("-h", "--help"):
            result = run(flag)
            assert result.exit_code == 0
            assert all(f"\n  {name} " in result.stdout for name in COMMANDS)

    def test_unknown_command(self, run: Run) -> None:
        result = run("scroe")
        assert result.exit_code == 2
        assert "No such command" in result.stderr

    def test_overview_is_quick_and_imports_nothing_heavy(self) -> None:
        code = (
            "import sys; from mtdetect.cli import main; main(['--help'], standalone_mode=False);"
            "sys.exit(str([m for m in ('numpy', 'rich', 'sklearn', 'scipy', 'pandas') if m in sys.modules] or ''))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert result.stderr.strip() == ""
        assert "score" in result.stdout

    def test_a_start_waits_for_nothing_it_has_no_use_for(self, tmp_path: Path) -> None:
        source = tmp_path / "in.txt"
        source.write_text(CLEAN)
        code = """if True:
            import sys
            from mtdetect.cli import main
            main(sys.argv[1:], standalone_mode=False)
            print([m for m in ("multiprocessing", "concurrent.futures", "rich", "scipy", "joblib") if m in sys.modules])
            from threadpoolctl import threadpool_info
            print([found for found in threadpool_info() if found["user_api"] == "blas" and found["num_threads"] > 1])
        """
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        for command in (["score", "-o", str(tmp_path / "out.jsonl")], ["gate", "--pass", str(tmp_path / "pass.txt")]):
            program = [sys.executable, "-c", code, *command, "-q", str(source)]
            result = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
            assert result.stdout == "[]\n[]\n", command[0]

    def test_python_dash_m(self) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "mtdetect", "--help"], capture_output=True, text=True, check=True
        )
        assert result.stdout.startswith("Usage: mtdetect ")


class TestPercent:
    @pytest.mark.parametrize(
        ("written", "share"),
        [("1%", 0.01), ("0.01", 0.01), ("0.1 %", 0.001), ("100%", 1.0), (".5", 0.5), ("5e-3", 0.005)],
    )
    def test_accepted(self, written: str, share: float) -> None:
        assert Percent().convert(written, None, None) == pytest.approx(share)

    @pytest.mark.parametrize("written", ["", "%", "one", "0", "0%", "-1%", "101%", "1", "5", "nan", "nan%", "inf"])
    def test_refused(self, written: str) -> None:
        with pytest.raises(click.BadParameter):
            Percent().convert(written, None, None)

    def test_zero_where_it_means_something(self) -> None:
        assert Percent(zero=True).convert("0%", None, None) == 0

    def test_usage_error_names_the_option(self, run: Run) -> None:
        result = run("score", "--false-positive-rate", "7", input="x")
        assert result.exit_code == 2
        assert "--false-positive-rate" in result.stderr
        assert "write 7% or a number below 1" in result.stderr

    @given(st.floats(1e-5, 1))
    def test_shown_as_read(self, share: float) -> None:
        assert Percent().convert(percent(share), None, None) == pytest.approx(share, rel=0.01)


class TestScore:
    def test_plain_text_on_standard_input(self, run: Run) -> None:
        result = run("score", input=f"{CLEAN}\n{GARBLED}\n\nshort one\nэто не по английски")
        assert result.exit_code == 0
        assert [row["status"] for row in rows(result)] == [
            "scored",
            "scored",
            "empty",
            "too_short",
            "not_english",
        ]
        assert [row["flagged"] for row in rows(result)] == [False, True, False, False, False]
        assert [row["score"] for row in rows(result)][2:] == [None] * 3
        assert list(rows(result)[1]) == ["text", "score", "flagged", "status", "reasons"]
        assert rows(result)[1]["reasons"][0] == "words with zz in them"
        assert rows(result)[0]["reasons"] == []
        assert "5 rows: 2 scored, 1 empty, 1 not English, 1 too short; 1 flagged (50% of scored)" in result.stderr
        assert FakeDetector.signature in result.stderr

    def test_json_lines_keep_their_bytes(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "in.jsonl"
        lines = [f'{{"id": 1.50, "text":"{CLEAN}","x":{{"y":[1,2]}}}}', f'{{ "text" : "{GARBLED}" }}']
        path.write_text("\r\n".join(lines))
        result = run("score", path)
        for line, out in zip(lines, result.stdout.splitlines(), strict=True):
            assert out.startswith(line.rstrip("}"))
        assert rows(result)[0]["score"] == 0.05

    def test_csv_in_csv_out(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "in.csv"
        path.write_bytes(f'id,text,note\r\n001,"{GARBLED}","a ""b"", c"\r\n002,{CLEAN},\r\n'.encode())
        result = run("score", path)
        out = result.stdout_bytes.decode().split("\r\n")
        assert out[0] == "id,text,note,score,flagged,status,reasons"
        assert out[1].startswith(f'001,"{GARBLED}","a ""b"", c",0.7')
        assert out[1].endswith(',true,scored,"words with zz in them; more, of\tthe same"')
        assert out[2].startswith(f"002,{CLEAN},,0.05,false,scored,")

    def test_tsv_in_tsv_out(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "in.tsv"
        path.write_bytes(f'text\tid\n"{GARBLED}"\t1\n'.encode())
        out = run("score", path).stdout.splitlines()
        assert out[0] == "text\tid\tscore\tflagged\tstatus\treasons"
        assert out[1].startswith(f'"{GARBLED}"\t1\t')
        assert out[1].endswith("\ttrue\tscored\twords with zz in them; more, of\\tthe same")

    def test_output_format_follows_option_then_suffix(self, run: Run, tmp_path: Path) -> None:
        path, out = tmp_path / "in.csv", tmp_path / "out.jsonl.gz"
        path.write_text(f"text\n{CLEAN}\n")
        assert run("score", path, "-o", out).exit_code == 0
        assert json.loads(gzip.decompress(out.read_bytes()))["score"] == 0.05
        assert run("score", path, "--output-format", "tsv", "-o", out).exit_code == 0
        assert gzip.decompress(out.read_bytes()).startswith(b"text\tscore\t")
        assert sorted(tmp_path.iterdir()) == [path, out]

    def test_existing_columns_are_never_overwritten(self, run: Run) -> None:
        result = run("score", input=jsonl({"text": CLEAN, "score": "mine"}))
        assert list(rows(result)[0])[2:] == [
            "mtdetect_score",
            "mtdetect_flagged",
            "mtdetect_status",
            "mtdetect_reasons",
        ]
        assert rows(result)[0]["score"] == "mine"
        result = run("score", "--prefix", "m_", "--no-reasons", input=jsonl({"text": CLEAN}))
        assert list(rows(result)[0]) == ["text", "m_score", "m_flagged", "m_status"]

    def test_text_column(self, run: Run) -> None:
        result = run("score", "--text-column", "page.body", input=jsonl({"page": {"body": GARBLED}}))
        assert rows(result)[0]["flagged"] is True

    def test_several_files_of_several_formats(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text(jsonl({"text": CLEAN, "id": 1}))
        (tmp_path / "b.csv.gz").write_bytes(gzip.compress(f"id,text\n2,{GARBLED}\n".encode()))
        (tmp_path / "c.txt").write_text(f"{CLEAN}\n")
        result = run("score", *sorted(tmp_path.iterdir()))
        assert [row.get("id") for row in rows(result)] == [1, "2", None]
        assert [row["flagged"] for row in rows(result)] == [False, True, False]

    def test_table(self, run: Run) -> None:
        hostile = f"{GARBLED}\x1b[31m\u202e\x07"
        result = run("score", "--output-format", "table", input=f"{CLEAN}\n{hostile}\n\nbad \n")
        lines = result.stdout.splitlines()
        assert lines[0].split() == ["row", "score", "verdict", "text", "main", "reason"]
        assert re.match(rf"\s+1  0\.050  ok +{CLEAN}", lines[1])
        assert "garbled" in lines[2]
        assert "words with zz in them" in lines[2]
        assert "too short" in lines[4]
        assert not set("\x1b\u202e\x07") & set(result.stdout)
        assert all(len(line) <= 120 for line in lines)

    def test_split_into_sentences(self, run: Run) -> None:
        text = "The cat sat on the mat all day. Zzthe zzcat zzsat on zzthe zzmat."
        result = run("score", "--split", input=jsonl({"id": 7, "text": text}, {"id": 8, "text": ""}, {"id": 9}))
        out = rows(result)
        assert [(row["id"], row["row"]) for row in out] == [(7, 1), (7, 1), (8, 2), (9, 3)]
        for row in out[:2]:
            assert text[row["start"] : row["end"]] == row["text"]
        assert [row["flagged"] for row in out] == [False, True, False, False]
        assert [row["status"] for row in out] == ["scored", "scored", "empty", "unreadable"]
        assert result.exit_code == 4

    def test_split_keeps_csv_columns(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f'id,text\n1,"{CLEAN}. The end of it."\n')
        out = list(csv.DictReader(io.StringIO(run("score", "--split", path).stdout)))
        assert [row["id"] for row in out] == ["1", "1"]
        assert list(out[0])[:5] == ["id", "text", "row", "start", "end"]

    def test_header_alone(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("id,text\n")
        assert run("score", path).stdout == "id,text,score,flagged,status,reasons\n"
        path.write_text("")
        assert run("score", path).exit_code == 0

    def test_quiet(self, run: Run) -> None:
        assert run("score", "-q", input=CLEAN).stderr == ""

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.text(max_size=30) | st.none() | st.integers() | st.booleans(), min_size=1, max_size=15))
    def test_as_many_rows_out_as_in(self, run: Run, values: list[Any]) -> None:
        records = [{"id": i, "text": value} for i, value in enumerate(values)]
        for format in ("jsonl", "csv", "tsv"):
            result = run("score", "--format", "jsonl", "--output-format", format, input=jsonl(*records))
            assert result.exit_code == (4 if any(isinstance(value, int) for value in values) else 0)
            if format == "jsonl":
                found = rows(result)
                assert [row["text"] for row in found] == values
            elif format == "csv":
                found = list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))
            else:
                found = [{"id": line.split("\t")[0]} for line in result.stdout_bytes.decode().split("\n")[1:-1]]
            assert [int(row["id"]) for row in found] == list(range(len(values)))

    def test_worker_processes_give_the_same_output(self, tmp_path: Path) -> None:
        path = tmp_path / "in.txt"
        path.write_text("".join(f"{[CLEAN, GARBLED, ''][i % 3]} {i}\n" for i in range(30_000)))
        outputs = [
            subprocess.run(
                [sys.executable, SCRIPT, "score", path, "-q", "--jobs", jobs], capture_output=True, check=True
            ).stdout
            for jobs in ("1", "2")
        ]
        assert outputs[0] == outputs[1]
        assert outputs[0].count(b"\n") == 30_000


class TestGate:
    def test_splits_in_order_and_keeps_bytes(self, run: Run, tmp_path: Path) -> None:
        path, passed, rejected = tmp_path / "in.jsonl", tmp_path / "pass.jsonl", tmp_path / "reject.jsonl"
        texts = [CLEAN, GARBLED, "", MIDDLING, CLEAN, GARBLED]
        lines = [f'{{"i": {i},  "text": "{text}"}}\n' for i, text in enumerate(texts)]
        path.write_text("".join(lines))
        result = run("gate", path, "--pass", passed, "--reject", rejected)
        assert result.exit_code == 3
        assert passed.read_text() == "".join(lines[i] for i in (0, 2, 3, 4))
        assert rejected.read_text() == "".join(lines[i] for i in (1, 5))
        assert "batch failed: 33.3% of 6 rows rejected, 5% allowed" in result.stderr
        assert result.stdout == ""

    def test_review_output_and_summary(self, run: Run, tmp_path: Path) -> None:
        summary, review = tmp_path / "summary.json", tmp_path / "review.txt"
        result = run(
            "gate", "--pass", "-", "--review-out", review, "--summary", summary, "--max-rejected", "100%",
            input=f"{CLEAN}\n{MIDDLING}\n{GARBLED}\nshort\n",
        )  # fmt: skip
        assert result.exit_code == 0
        assert result.stdout == f"{CLEAN}\nshort\n"
        assert review.read_text() == f"{MIDDLING}\n"
        facts = json.loads(summary.read_text())
        assert (facts["verdict"], facts["rows"], facts["passed"], facts["review"], facts["rejected"]) == (
            "passed", 4, 2, 1, 1,
        )  # fmt: skip
        assert facts["statuses"] == {"scored": 3, "too_short": 1}
        assert facts["signature"] == FakeDetector.signature
        assert facts["share_rejected"] == 0.25

    @pytest.mark.parametrize("format", ["jsonl", "csv", "tsv"])
    def test_annotate(self, run: Run, tmp_path: Path, format: str) -> None:
        path, out = tmp_path / f"in.{format}", tmp_path / f"out.{format}"
        assert run("score", "--output-format", format, "-o", path, "--no-reasons", input=f"{CLEAN}\n{GARBLED}\n")
        result = run("gate", path, "--reject", out, "--annotate", "--max-rejected", "100%")
        assert result.exit_code == 0
        from mtdetect.formats import read_rows

        (row,) = read_rows(out)
        assert row["text"] == GARBLED
        # the input has a score of its own, so all added columns are renamed
        added = ("action", "score", "status", "reason", "spans", "signature")
        assert list(row)[-6:] == [f"mtdetect_{name}" for name in added]
        assert row["mtdetect_action"] == "reject"
        assert float(row["mtdetect_score"]) == float(row["score"])

    def test_headers_go_to_every_output(self, run: Run, tmp_path: Path) -> None:
        path, passed, rejected = tmp_path / "in.csv", tmp_path / "pass.csv", tmp_path / "reject.csv"
        path.write_bytes(f"\ufeffid,text\r\n1,{CLEAN}\r\n2,{GARBLED}\r\n".encode())
        run("gate", path, "--pass", passed, "--reject", rejected)
        assert passed.read_bytes() == f"\ufeffid,text\r\n1,{CLEAN}\r\n".encode()
        assert rejected.read_bytes() == f"\ufeffid,text\r\n2,{GARBLED}\r\n".encode()

    def test_unscorable_rows(self, run: Run) -> None:
        result = run(
            "gate",
            "--reject",
            "-",
            "--short",
            "reject",
            "--max-rejected",
            "100%",
            input=f"short\n{CLEAN}\n",
        )
        assert result.stdout == "short\n"

    def test_unreadable_rows_are_rejected_and_counted_apart(self, run: Run, tmp_path: Path) -> None:
        path, passed, rejected = tmp_path / "in.jsonl", tmp_path / "pass.jsonl", tmp_path / "reject.jsonl"
        path.write_text(f'{{"text":"{CLEAN}"}}\nbroken {{\n')
        options = ("--pass", passed, "--reject", rejected, "--max-unreadable", "50%")
        result = run("gate", path, *options)
        assert result.exit_code == 4
        assert rejected.read_text() == "broken {\n"
        assert "row 2: invalid JSON" in result.stderr
        assert run("gate", path, "--errors", "skip", *options).exit_code == 4
        assert rejected.read_text() == ""

    def test_wrong_usage(self, run: Run, tmp_path: Path) -> None:
        for options, words in (
            (("--max-false-positives", "5%", "--review", "1%"), "--review"),
            (("--pass", "-", "--reject", "-"), "standard output"),
            (("--prefix", "x_", "--pass", "-"), "--annotate"),
            (("--max-false-positives", "1e-7"), "no figures"),
            (("--pass", tmp_path / "a", "--reject", tmp_path / "a"), "is also the output"),
        ):
            result = run("gate", *options, input=CLEAN)
            assert result.exit_code == 2, words
            assert words in result.stderr

    def test_a_high_limit_needs_no_review_option(self, run: Run) -> None:
        assert run("gate", "--max-false-positives", "10%", input=CLEAN).exit_code == 0


class TestExplain:
    def test_marks_words_and_adds_up(self, run: Run) -> None:
        result = run("explain", *GARBLED.split())
        assert result.exit_code == 0
        assert "[zzthe] [zzcat] [zzsat] on" in result.stdout
        assert "verdict garbled" in result.stdout
        assert "- words with zz in them" in result.stdout
        assert "\x1b" not in result.stdout
        table = re.findall(r"^ *([+-]\d+\.\d{3})  (.*)$", result.stdout, re.MULTILINE)
        numbers = [float(number) for number, _ in table]
        assert table[-1][1].startswith("= logit")
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-9)

    def test_json_adds_up(self, run: Run) -> None:
        import math

        facts = json.loads(run("explain", "--json", GARBLED).stdout)
        logit = facts["base"] + sum(part["contribution"] for part in facts["contributions"])
        assert logit == pytest.approx(facts["logit"], abs=1e-6)
        assert 1 / (1 + math.exp(-logit)) == pytest.approx(facts["score"], abs=1e-6)
        assert all(GARBLED[span["start"] : span["end"]] == span["text"] for span in facts["spans"])

    def test_standard_input_line_by_line(self, run: Run) -> None:
        result = run("explain", input=f"{CLEAN}\n\n{GARBLED}\r\nshort\n")
        assert result.stdout.count("= logit") == 2
        assert "no score: it is too short" in result.stdout

    def test_all_features(self, run: Run) -> None:
        assert "others" not in run("explain", "--all", GARBLED).stdout


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_flat(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    line = jsonl({"text": CLEAN * 5, "url": "https://example.org/page"}).encode()
    with path.open("wb") as file:
        for _ in range(60):
            file.write(line * 5000)
    code = (
        "import re, runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rsplit('/', 1)[0])\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )  # VmHWM and not ru_maxrss, which starts at the size of the process that forked this one
    out = tmp_path / "out.jsonl"
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", code, SCRIPT, "score", path, "-q", "-o", out],
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.perf_counter() - started < 60
    assert int(result.stderr.split()[-1]) < 150_000  # KiB
    assert out.read_bytes().count(b"\n") == 300_000


class TestModelFolder:
    """``info`` and ``verify`` on a folder of the right form: they never load the model."""

    @staticmethod
    def measured(kind: str, name: str) -> dict[str, Any]:
        figure = {"value": 0.25, "low": 0.2, "high": 0.3, "size": 70}
        figures = {"auc": {**figure, "value": 0.75}, "flagged_at_1%": figure}
        return {"kind": kind, "name": name, "mt": 1400, "human": 70, "scorers": {"mtdetect": figures}}

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        from mtdetect import artifact

        manifest = {
            "name": "tiny",
            "version": "2.0.0",
            "created": "2026-01-01",
            "features": [{"name": f"f{i}", "family": "fluency", "version": 1} for i in range(3)],
            "thresholds": {"sentence": {"rates": [{"false_positive_rate": 0.01, "logit": 1.5}]}},
            "training": {"sources": [{"file": "pairs.jsonl", "human": 1200, "mt": 1300}]},
            "library_versions": {"numpy": "2.0"},
            "metrics": {
                "levels": {
                    "sentence": {
                        "sets": [self.measured("held_out", "engine:smt")],
                        "false_positives": [self.measured("learner", "all learner")],
                    }
                }
            },
        }
        return artifact.save(tmp_path / "tiny", manifest, b"pieces", {}, lambda _: "# Tiny")

    def test_info(self, run: Run, model: Path) -> None:
        result = run("info", model)
        assert result.exit_code == 0
        for words in (
            "tiny 2.0.0",
            "sha256:",
            "fluency 3",
            "0.818 at 1% false",
            "1,200 human, 1,300 mt",
            "numpy 2.0",
            "sentence  held out engine:smt               0.750 [0.200, 0.300]  25.0% [20.0, 30.0]    1,400     70",
            "learner English, flagged wrongly                        25.0% [20.0, 30.0]",
        ):
            assert words in result.stdout
        assert json.loads(run("info", "--json", model).stdout)["version"] == "2.0.0"

    def test_a_manifest_that_lacks_names_is_shown_all_the_same(self, run: Run, model: Path) -> None:
        path = model / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({name: manifest[name] for name in ("format_version", "files")}), encoding="utf-8")
        assert run("info", model).stdout.startswith("model           ? ?\n")
        assert "no signature" in run("verify", model).stdout

    def test_verify(self, run: Run, model: Path) -> None:
        result = run("verify", model)
        assert result.exit_code == 0
        assert "all 3 files match their hashes; mtdetect-tiny 2.0.0 sha256:" in result.stdout
        (model / "MODEL_CARD.md").write_text("# Tinx")
        result = run("verify", model)
        assert result.exit_code == 1
        assert "MODEL_CARD.md: differs from the manifest" in result.stderr
        assert result.stderr.count("\n") == 1

    def test_not_a_model(self, run: Run, tmp_path: Path) -> None:
        for command in ("info", "verify"):
            result = run(command, tmp_path)
            assert result.exit_code == 1
            assert "not a model folder" in result.stderr
            assert run(command, tmp_path / "none").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_there_is_a_table_in_colour(tmp_path: Path) -> None:
    import pty

    path = tmp_path / "in.txt"
    path.write_text(f"{CLEAN}\n{GARBLED}\n")
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, SCRIPT, "score", path],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": ""},
    )
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # Linux reports the closed end of a terminal so
        pass
    finally:
        os.close(ours)
    _, summary = child.communicate(timeout=60)
    assert child.returncode == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    assert re.search(r"2 +0\.7\d\d +garbled +zzthe", text)
    assert b"\x1b[" in shown
    assert b"2 rows: 2 scored; 1 flagged" in summary
