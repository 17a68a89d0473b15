"""Output files: what killed processes leave, names that promise what is not written, errors that name the file."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fake_detector import CLEAN, GARBLED
from runs import SCRIPT, Run, start, wait_for

from mtdetect.cli.workers import interrupts_held
from mtdetect.formats import output as output_module
from mtdetect.formats.output import Output, is_temporary

ROW = json.dumps({"text": CLEAN}) + "\n"
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parts() -> list[str]:
    return [name for name in os.listdir() if is_temporary(name)]


@posix
class TestLeftOver:
    def test_of_a_killed_run_goes_with_the_next(self, run: Run) -> None:
        Path("in.jsonl").write_text(ROW * 9000)
        process = start("score", "in.jsonl", "-o", "out.jsonl", slow=0.3)
        wait_for(lambda: parts() or process.poll() is not None)
        process.kill()
        process.communicate()
        assert len(parts()) == 1
        assert run("score", "in.jsonl", "-o", "other.jsonl").exit_code == 0
        assert len(parts()) == 1
        assert run("score", "in.jsonl", "-o", "out.jsonl").exit_code == 0
        assert not parts()
        assert Path("out.jsonl").read_bytes() == Path("other.jsonl").read_bytes()

    def test_that_is_being_written_stays(self) -> None:
        path = Path("out.jsonl")
        code = (
            "import sys; from pathlib import Path; from mtdetect.formats.output import Output\n"
            "with Output(Path('out.jsonl')) as stream:\n"
            "    stream.write(b'theirs'); print('writing', flush=True); sys.stdin.read()\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)}
        other = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert other.stdout is not None
        assert other.stdout.readline() == b"writing\n"
        with Output(path) as stream:
            assert len(parts()) == 2
            stream.write(b"ours")
        assert path.read_bytes() == b"ours"
        assert len(parts()) == 1
        other.communicate(b"", timeout=60)
        assert other.returncode == 0
        assert path.read_bytes() == b"theirs"
        assert not parts()

    def test_what_stands_under_its_name_is_not_written_to(self) -> None:
        Path("mine").write_text("mine")
        for name, make in (("a", os.symlink), ("b", os.link)):
            make("mine", f".{name}.00000000.part")
            with Output(Path(name)) as stream:
                stream.write(b"new")
            assert Path(name).read_bytes() == b"new"
            assert not Path(name).is_symlink()
        os.mkfifo(".c.00000000.part")
        with Output(Path("c")) as stream:
            stream.write(b"new")
        assert Path("mine").read_text() == "mine"

    @pytest.mark.parametrize("call", ["os.open", "try_lock"])
    def test_none_by_an_interrupt_while_it_is_made(self, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        places = {"os.open": (os, "open"), "try_lock": (output_module, "try_lock")}
        place, name = places[call]
        real, calls = getattr(place, name), []

        def interrupted(*arguments: Any) -> Any:
            result = real(*arguments)
            calls.append(arguments)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return result

        monkeypatch.setattr(place, name, interrupted)
        with pytest.raises(KeyboardInterrupt), Output(Path("out")):
            pass
        assert os.listdir() == []

    def test_without_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(output_module, "try_lock", lambda _descriptor: None)
        Path(".out.00000000.part").write_text("whose?")
        with Output(Path("out")) as stream:
            stream.write(b"new")
        assert Path("out").read_bytes() == b"new"
        assert Path(".out.00000000.part").read_text() == "whose?"

    def test_of_a_compression_that_is_not_installed(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "zstandard", None)
        Path("in.jsonl").write_text(ROW)
        result = run("score", "in.jsonl", "-o", "out.jsonl.zst")
        assert result.exit_code == 1
        assert "pip install 'mtdetect[zstd]'" in result.stderr
        assert os.listdir() == ["in.jsonl"]


class TestNames:
    @pytest.mark.parametrize(
        ("command", "source", "output", "words"),
        [
            ("score -o", "a.jsonl", "o.warc", "o.warc would hold jsonl, which is"),
            ("score -o", "a.txt", "o.txt.gz", "name it o.jsonl.gz"),
            ("score -o", "a.jsonl", "o.jsonl.bz2", "bzip2 is not supported; name the output o.jsonl, or that with .gz"),
            ("score --output-format csv -o", "a.jsonl", "o.csv.zip", "zip is not supported"),
            ("gate --pass", "a.jsonl", "x.csv", "x.csv would hold jsonl, which is"),
            ("gate --reject", "a.jsonl", "x.parquet", "x.parquet would hold jsonl, which is"),
            ("gate --review-out", "b.csv", "x.jsonl.gz", "x.jsonl.gz would hold csv"),
            ("gate --pass", "b.csv", "x.jsonl", "name it x.csv"),
            ("gate --format jsonl --pass", "c.txt", "x.csv", "name it x.jsonl"),
            ("gate --pass", "-", "x.csv", "name it x.jsonl"),
            ("gate --pass", "a.jsonl", "x.jsonl.bz2", "bzip2 is not supported"),
            ("gate --pass - --summary", "a.jsonl", "s.json.bz2", "bzip2 is not supported"),
        ],
    )
    def test_that_promise_another_format(self, run: Run, command: str, source: str, output: str, words: str) -> None:
        self.inputs()
        before = sorted(os.listdir())
        result = run(*command.split(), output, source, input=ROW)
        assert result.exit_code == 2, result.output
        assert words in " ".join(result.stderr.split())
        assert sorted(os.listdir()) == before

    @pytest.mark.parametrize(
        ("command", "source", "output", "start_of_it"),
        [
            ("score -o", "a.jsonl", "o.csv", b"text,score"),
            ("score -o", "a.jsonl", "o.out", b'{"text"'),
            ("score --output-format jsonl -o", "a.jsonl", "o.txt", b'{"text"'),
            ("gate --max-rejected 100% --pass", "a.jsonl", "o.ndjson", b'{"text"'),
            ("gate --max-rejected 100% --pass", "a.jsonl", "o", b'{"text"'),
            ("gate --max-rejected 100% --format jsonl --pass", "c.txt", "o.txt", b'{"text"'),
        ],
    )
    def test_that_are_as_good(self, run: Run, command: str, source: str, output: str, start_of_it: bytes) -> None:
        self.inputs()
        result = run(*command.split(), output, source)
        assert result.exit_code == 0, result.output
        assert Path(output).read_bytes().startswith(start_of_it)

    @staticmethod
    def inputs() -> None:
        Path("a.jsonl").write_text(ROW)
        Path("a.txt").write_text(f"{CLEAN}\n")
        Path("b.csv").write_text(f"text\n{CLEAN}\n")
        Path("c.txt").write_text(ROW)

    def test_compressed_input_that_is_not_supported(self, run: Run) -> None:
        Path("in").mkdir()
        Path("in/a.jsonl").write_text(ROW)
        packed = Path("in/b.jsonl.bz2")
        packed.write_bytes(bz2.compress(ROW.encode()))
        with zipfile.ZipFile("c.zip", "w") as archive:
            archive.write("in/a.jsonl")
        for path, kind in ((packed, "bzip2"), (Path("c.zip"), "zip")):
            for command in ("score", "gate"):
                result = run(command, path)
                assert result.exit_code == 4
                assert (
                    f"{path}: {kind} is not supported; decompress the file first, or compress it as gz" in result.stderr
                )
        for options in ((), ("--output-dir", "out")):  # in a folder it is not passed over
            result = run("score", "in", *options)
            assert result.exit_code == 2
            assert f"{packed}: bzip2 is not supported" in " ".join(result.stderr.split())
            assert run("score", "in/*.jsonl", *options).exit_code == 0


@posix
class TestErrors:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_disk_is_named(self, run: Run) -> None:
        Path("in.jsonl").write_text(ROW)
        Path("link").symlink_to("/dev/full")
        result = run("score", "in.jsonl", "-o", "link")
        assert result.exit_code == 1
        assert "mtdetect: link: no space left on the device" in result.stderr
        result = run(
            "gate", "in.jsonl", "--pass", "pass.jsonl", "--reject", "/dev/full", "--max-false-positives", "20%"
        )
        assert "no space left" not in result.stderr
        Path("in.jsonl").write_text(json.dumps({"text": GARBLED}) + "\n")
        result = run("gate", "in.jsonl", "--pass", "pass.jsonl", "--reject", "/dev/full")
        assert "mtdetect: /dev/full: no space left on the device" in result.stderr

    @pytest.mark.parametrize("jobs", ["1", "2"])
    @pytest.mark.parametrize("name", ["out.jsonl.gz", "out.jsonl"])
    def test_a_file_that_may_not_grow_is_named(self, jobs: str, name: str) -> None:
        for folder in ("a", "b"):
            Path("in", folder).mkdir(parents=True)
            source = Path("in", folder, name)
            data = "".join(json.dumps({"text": CLEAN, "noise": os.urandom(60).hex()}) + "\n" for _ in range(2000))
            source.write_bytes(gzip.compress(data.encode()) if name.endswith("gz") else data.encode())
        limited = f'ulimit -f 40; exec "$0" "{SCRIPT}" score "$@"'  # blocks of 512 or 1,024 bytes
        for options in (("-o", name), ("--output-dir", "out", "--jobs", jobs)):
            command = ["sh", "-c", limited, sys.executable, "in", *options]
            result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert result.returncode == 1, result.stderr
            assert f"{name}: the file would be larger than this system lets it be" in result.stderr
            assert not [path for path in Path().rglob("*") if is_temporary(path.name)]

    def test_a_folder_that_may_not_be_written_to(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("in.jsonl").write_text(ROW)
        Path("locked").mkdir()
        opened = os.open

        def refusing(path: object, *arguments: object, **options: object) -> int:
            if str(path).endswith(".part"):
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", refusing)
        result = run("score", "in.jsonl", "-o", "locked/out.jsonl")
        assert result.exit_code == 1
        assert result.stderr == "mtdetect: locked/out.jsonl: Permission denied\n"


@posix
class TestSignals:
    def test_are_held_while_processes_start(self) -> None:
        came: list[int] = []
        before = [signal.signal(number, lambda number, _: came.append(number)) for number in (2, 15)]
        try:
            with interrupts_held():
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.raise_signal(number)
                    # to the process, as kill does: any thread may take it
                    threading.Thread(target=os.kill, args=(os.getpid(), number)).start()
                time.sleep(0.05)
                assert came == []
            assert set(came) == {signal.SIGTERM, signal.SIGINT}
        finally:
            for number, handler in zip((2, 15), before, strict=True):
                signal.signal(number, handler)

    @pytest.mark.parametrize("options", [("-o", "out.jsonl"), ("--output-dir", "out")])
    def test_sigterm_while_the_pool_starts(self, options: tuple[str, ...]) -> None:
        Path("in").mkdir()
        for i in range(3):
            Path(f"in/{i}.jsonl").write_text(ROW * 5000)
        for attempt in range(2):
            process = start("score", "in", *options, "--jobs", "2", *(("--resume",) if options[1] == "out" else ()))
            wait_for(lambda p=process: children(p.pid) or p.poll() is not None)
            time.sleep(0.04 * attempt)
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            error = process.communicate(timeout=60)[1]
            assert (process.returncode, error) == (143, b"") or process.returncode == 0, error
            assert not [path for path in Path().rglob("*") if is_temporary(path.name)]


def children(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
