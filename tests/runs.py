"""Runs of the command line with the fake detector: the fixture ``run`` in this process, others in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from mtdetect.formats.files import JOURNAL

Run = Callable[..., Result]
"""Takes the arguments of a command, and ``input``."""

SCRIPT = Path(__file__).with_name("fake_main.py")


def start(*arguments: object, slow: float = 0, killed: bool = False, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command that takes ``slow`` seconds longer over every chunk, or whose worker processes are killed."""
    environment = {
        **os.environ,
        **({"FAKE_SLOW": str(slow)} if slow else {}),
        **({"FAKE_KILLED": "1"} if killed else {}),
    }
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, env=environment, **options)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the journal."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != JOURNAL}
