"""The documents are true: commands of the README run, links lead somewhere, versions agree, no private paths."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import mtdetect
from mtdetect.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

# What needs a package index, training text that is not in the repository, or Apertium.
_NOT_RUN = re.compile(r"\bpip install\b|\bCORPORA\b|\bcorpus roundtrip\b")
_EXIT_CODE = re.compile(r"#\s*exit code (\d+)\s*$")


def _blocks() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    commands = [[line for line in block.splitlines() if not _NOT_RUN.search(line)] for block in blocks]
    return [block for block in commands if block]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with what commands of the README read."""
    for name in ("examples", "training_data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "models").symlink_to(ROOT / "models")
    return tmp_path


@pytest.mark.parametrize("block", _blocks(), ids=lambda block: " ".join(block[0].split()[:2]))
def test_commands_of_the_readme(block: list[str], copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for line in block:
        assert line.startswith("mtdetect ")
        expected = _EXIT_CODE.search(line)
        command = line.replace("mtdetect", f"'{sys.executable}' -m mtdetect", 1)
        done = subprocess.run(command, shell=True, cwd=copy, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == (int(expected[1]) if expected else 0), f"{line}\n{done.stderr}"


def test_readme_runs_more_than_a_few_commands() -> None:
    run = {line.split()[1] for block in _blocks() for line in block}
    assert run >= {"score", "gate", "explain", "train", "evaluate", "compare", "info", "verify"}


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


@pytest.mark.parametrize(("name", "command"), [pytest.param(*pair, id=pair[0]) for pair in _commands(main, "mtdetect")])
def test_every_command_has_help_and_stands_in_the_readme(name: str, command: click.Command) -> None:
    assert command.help
    assert name in README
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_options_in_the_readme_exist() -> None:
    known = {option for _, command in _commands(main, "") for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in main.params for option in parameter.opts} | {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def _texts() -> Iterator[Path]:
    """Yield the text files of the repository: those that git knows, or all where there is no git."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    git = shutil.which("git") and subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    if git and git.returncode == 0:
        files = [ROOT / name for name in git.stdout.split("\0") if name]
    else:
        files = [path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.parts)]
    for path in files:
        if path.is_file() and path.suffix not in (".npz", ".model", ".pyc"):
            yield path


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    private = re.compile(r"(?<![\w.])/(?:work|root|home|Users)/\w|[.]library\b|\bC:\\Users\b")
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _texts()
        if (match := private.search(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert not found


@pytest.mark.parametrize(
    "document", sorted(path.relative_to(ROOT).as_posix() for path in _texts() if path.suffix == ".md")
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), target


def test_version_numbers_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "mtdetect/__init__.py"
    newest = re.search(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert newest
    assert newest[1] == mtdetect.__version__
    try:
        assert importlib.metadata.version("mtdetect") == mtdetect.__version__
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("run from a checkout without an installation")


def test_files_that_go_into_the_wheel_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        "models/default": "mtdetect/models/default"
    }
    package = Path(mtdetect.__file__).parent
    assert (package / "py.typed").is_file()
    assert {path.stem for path in (package / "training" / "recipes").glob("*.toml")} >= {"default", "small", "scratch"}
    assert (mtdetect.load().path / "MODEL_CARD.md").is_file()
    assert (ROOT / "LICENSE").is_file()
