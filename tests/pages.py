"""Runs the code blocks of the pages, each as a test: ``pytest README.md docs``, or ``pytest docs/gate.md`` for one.

Every page gets a folder of its own with what its commands read. Its blocks run there in their order: those in
``python`` in one namespace (with ``>>>``: as doctests), those in ``sh`` and ``console`` (there the lines after ``$``)
by bash, which stops at the first line with an exit code other than 0, or than N where ``# exit code N`` ends the
line. Of ``pip install`` only the extras are checked. A block of text after the comment ``<!-- output -->`` is what the
last shell block printed: words are compared, numbers and fingerprints are not; ``python docs/refresh_outputs.py``
writes such blocks anew. A block that no test can run has a comment before it that says why:

    <!-- skip: next "needs Apertium" -->
    <!-- skip: next if(missing("polars"), reason="needs polars") -->
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parent.parent
LAST_OUTPUT = "_last_output"  # in the namespace of a page
TIME_LIMIT = 300  # seconds for a block
_EXIT_CODE = re.compile(r"#\s*exit code (\d+)\s*$")
_OUTPUT = re.compile(r"^<!-- output -->\n```(?:text)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"sha256:[0-9a-f]+|\d[\d,]*(?:\.\d+)*")
_PIP_INSTALL = re.compile(r"\s*(?:\S+/)?pip install\s+(.*)$")


def _set_up(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="mtdetect-page-")
    here = Path(folder.name)
    for name in ("examples", "training_data"):
        shutil.copytree(ROOT / name, here / name)
    (here / "models").symlink_to(ROOT / "models")
    programs = here / ".programs"
    programs.mkdir()
    for name, module in (("mtdetect", "-m mtdetect"), ("python", "")):
        (programs / name).write_text(f"#!/bin/sh\nexec '{sys.executable}' {module} \"$@\"\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    for name in ("apt-get", "sudo"):  # tests change nothing outside their folder
        (programs / name).symlink_to("/bin/false")
    namespace |= {"__name__": "__main__", "missing": lambda module: importlib.util.find_spec(module) is None}
    namespace |= {"_folder": folder, "_before": Path.cwd()}
    os.chdir(here)


def _tear_down(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


def _check_extras(arguments: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"(?:^|[\s'\"])(?:mtdetect|\.)\[([\w,-]+)\]", arguments):
        unknown = set(extras.split(",")) - set(project["optional-dependencies"])
        assert not unknown, f"pip install {arguments}: pyproject.toml has no extra {', '.join(sorted(unknown))}"


def commands(language: str, block: str) -> list[str]:
    """Return the commands of a shell block, lines that end in a backslash joined with the next."""
    lines = block.splitlines()
    if language == "console":
        lines = [line[2:] for line in lines if line.startswith(("$ ", "> "))]
        assert lines, "a console block without a line that starts with '$ '"
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def _run_shell(example: Example) -> str | None:
    """Run a block; return what is wrong, None if nothing."""
    script = ["set -euo pipefail"]
    for line in commands(example.region.lexemes["arguments"], example.parsed):
        if install := _PIP_INSTALL.match(line):
            _check_extras(install[1])
        elif code := _EXIT_CODE.search(line):
            wrong = f'{{ echo "exit code $code, the page says {code[1]}" >&2; exit 1; }}'
            script += [f"{{ {line}", f'}} && code=0 || code=$?; [ "$code" -eq {code[1]} ] || {wrong}']
        else:
            script.append(line)
    here = Path.cwd()
    environment = os.environ | {"PATH": f"{here / '.programs'}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb"}
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryFile() as printed:  # no pipe: what a block leaves running would hold it open
        shell = subprocess.Popen(
            ["bash", "-c", "\n".join(script)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            returncode = shell.wait(TIME_LIMIT)
        finally:
            _stop_group(shell)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    example.namespace[LAST_OUTPUT] = output
    return f"exit code {returncode} of\n{example.parsed}\n{output[-3000:]}\n{__doc__}" if returncode else None


def _stop_group(shell: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    shell.wait()


def outputs(document: Document) -> Iterator[Region]:
    """Parse the blocks of text that show what a command printed."""
    for match in _OUTPUT.finditer(document.text):
        yield Region(match.start(1), match.end(1), match[1], _compare)


def _compare(example: Example) -> str | None:
    shown, printed = (_NUMBER.sub("#", text).split() for text in (example.parsed, example.namespace[LAST_OUTPUT]))
    if shown == printed:
        return None
    return f"printed is\n{example.namespace[LAST_OUTPUT]}\n`python docs/refresh_outputs.py` puts it into the page"


PAGES = Sybil(
    parsers=[
        SkipParser(),
        PythonCodeBlockParser(),
        outputs,
        *(CodeBlockParser(language=language, evaluator=_run_shell) for language in ("sh", "console")),
    ],
    path=str(ROOT),
    patterns=["README.md", "examples/README.md", "docs/*.md"],
    excludes=["benchmarks/*", "training_data/*"],
    setup=_set_up,
    teardown=_tear_down,
)
pytest_collect_file = PAGES.pytest()
