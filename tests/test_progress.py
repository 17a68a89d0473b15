"""Progress: rows, bytes, rate and time left on a terminal, and nothing anywhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from runs import SCRIPT

from mtdetect.cli.progress import _bar

pty = pytest.importorskip("pty")


@pytest.mark.parametrize("options", [(), ("--output-dir", "out", "--jobs", "2")])
def test_a_bar_on_a_terminal_only(tmp_path: Path, options: tuple[str, ...]) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("the cat sat on the mat all day\n" * 9000)
    command = [sys.executable, str(SCRIPT), "score", "a.txt", "b.txt", *options]
    environment = {**os.environ, "FAKE_SLOW": "0.3", "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    terminal, side = pty.openpty()
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=side) as process:
        os.close(side)
        seen = b""
        while True:
            try:
                block = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not block:
                break
            seen += block
        process.wait()
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    assert process.returncode == 0, text
    assert re.search(r"\d+% [\d,]+ rows [\d.]+/[\d.]+ kB [\d,]+ rows/s -?[-:\d]+", text), text
    assert "18,000 rows: 18,000 scored" in text.splitlines()[-1]
    assert b"\x1b[?25h" in seen  # the cursor is back

    if options:
        command += ["--resume"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_the_bar_of_a_long_run_is_one_line(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    bar = _bar()
    task = bar.add_task("", total=500_000_000_000, rows="123,456,789", rate="158,981")
    bar.update(task, completed=123_400_000_000)
    with bar.console.capture() as captured:
        bar.console.print(bar.get_renderable())
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", captured.get())
    assert text.count("\n") == 1
    assert len(text.strip("\n")) <= width
    assert width < 60 or "123,456,789 rows 123.4/500.0 GB 158,981 rows/s" in text
