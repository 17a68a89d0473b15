"""The documents are true: commands and options exist, blocks run or say why not, links lead somewhere."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sybil.example import SybilFailure

import mtdetect
from mtdetect.cli import main
from tests.pages import PAGES as RUNNER
from tests.pages import ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
RUN = {"python", "sh", "console"}  # languages of blocks that tests/pages.py runs
DATA = {"", "text", "json", "toml", "yaml", "ini", "html", "csv"}


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(main, "mtdetect"))


def _options(command: click.Command) -> set[str]:
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {name for option in options for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}


def _blocks(page: str) -> list[tuple[str, str]]:
    """Return language and text of every block."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def _uses(page: str) -> Iterator[tuple[str, str]]:
    """Yield every command of mtdetect that stands in blocks (skipped ones too) and inline code, with its arguments."""
    blocks = [text for language, text in _blocks(page) if language in ("sh", "console")]
    prose = re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    for code in [*blocks, *re.findall(r"`(mtdetect [^`]+)`", prose)]:
        code = re.sub(r"\"[^\"]*\"|'[^']*'", "", code.replace("\\\n", " "))
        for arguments in re.findall(r"(?:^|[\s|&;(/])mtdetect ([^|&;\n#>]*)", code):
            yield from _split(arguments)


def _split(arguments: str) -> Iterator[tuple[str, str]]:
    words = [word for word in arguments.split() if word != "--debug"]
    if words and re.fullmatch(r"[a-z-]+", words[0]) and not words[0].startswith("-"):
        group = any(name.startswith(f"mtdetect {words[0]} ") for name in COMMANDS)
        length = 2 if group and len(words) > 1 and not words[1].startswith("-") else 1
        yield " ".join(["mtdetect", *words[:length]]), " ".join(words[length:])


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_in_the_pages_exist(page: str) -> None:
    for name, arguments in _uses(page):
        if name in COMMANDS:
            used = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", arguments))
            assert used <= _options(COMMANDS[name]), name
        else:
            assert any(known.startswith(f"{name} ") for known in COMMANDS), f"there is no {name}"
    known = {option for command in COMMANDS.values() for option in _options(command)} | _options(main)
    for script in [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "docs").glob("*.py")]:
        known |= set(re.findall(r"\"(--[a-z-]+)\"", script.read_text(encoding="utf-8")))
    assert set(re.findall(r"`(--[a-z][a-z-]*)", PAGES[page])) <= known


def test_the_pages_use_many_commands() -> None:
    assert len({use for page in PAGES for use in _uses(page)}) > 25
    assert {name for name, _ in _uses("README.md")} >= {"mtdetect score", "mtdetect gate", "mtdetect explain"}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_or_is_data_or_says_why_not(page: str) -> None:
    for language, text in _blocks(page):
        assert language in RUN | DATA or language.startswith("{"), f"{language}: name one of {sorted(RUN | DATA)}"
        if language in DATA:
            shell = re.search(r"^(?:\$ |mtdetect [a-z]|>>> )", text, flags=re.MULTILINE)
            assert not shell, f"{shell and shell[0]}: a block of commands or Python is marked {sorted(RUN)}"
        if language == "toml":
            tomllib.loads(text)
    for marker in re.findall(r"<!--+\s*skip:?([^\n]*?)-->", PAGES[page]):
        assert re.search(r"^ (?:end|(?:next|start) .*\"[^\"]{8,}\")", marker), f"skip without a reason: {marker}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_pages(name: str) -> None:
    assert COMMANDS[name].help
    assert any(name in text for text in PAGES.values())
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        ("sh\nmtdetect verify models/default\nmtdetect verify nothing  # exit code 2", None),
        ("console\n$ mtdetect verify \\\n>   models/default\nall 3 files match", None),
        ("sh\nmtdetect verify nothing", "exit code 2"),
        ("sh\nmtdetect verify models/default  # exit code 3", "the page says 3"),
        ("sh\nmtdetect score examples/news.txt --no-such-option | cat", "no-such-option"),
        ("sh\npip install 'mtdetect[no-such-extra]'", "no-such-extra"),
        ("sh\necho 3 rows of 1,000\n```\n<!-- output -->\n```text\n5 rows of 12.5", None),
        ("sh\necho 3 rows of 1,000\n```\n<!-- output -->\n```text\n5 lines of 12.5", "refresh_outputs"),
        ("python\nopen('examples/news.txt').close()", None),
        ("python\nimport mtdetect\nmtdetect.no_such_name", "no_such_name"),
        ("python\n>>> 1 + 1\n3", "Expected"),
    ],
)
def test_what_is_wrong_in_a_block_fails(
    block: str, wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # and back, whatever happens
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n```{block}\n```\n", encoding="utf-8")
    document = RUNNER.parse(page)
    examples = list(document.examples())
    assert RUNNER.setup
    assert RUNNER.teardown
    RUNNER.setup(document.namespace)
    try:
        for example in examples[:-1]:
            example.evaluate()
        if wrong is None:
            examples[-1].evaluate()
        else:
            with pytest.raises((SybilFailure, AssertionError, AttributeError), match=wrong):
                examples[-1].evaluate()
    finally:
        RUNNER.teardown(document.namespace)


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
