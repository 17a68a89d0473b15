"""Apertium as an external process: chains of languages, and blocks that come back line by line."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtdetect.errors import InputError, MissingExtraError, MtdetectError
from mtdetect.training.engine_marks import collapse_whitespace

# One step from language to language: (mode of `apertium -l`, Debian package that holds it).
STEPS: dict[tuple[str, str], tuple[str, str]] = {
    ("en", "es"): ("eng-spa", "apertium-eng-spa"),
    ("es", "en"): ("spa-eng", "apertium-eng-spa"),
    ("en", "ca"): ("eng-cat", "apertium-eng-cat"),
    ("ca", "en"): ("cat-eng", "apertium-eng-cat"),
    ("en", "gl"): ("en-gl", "apertium-en-gl"),
    ("gl", "en"): ("gl-en", "apertium-en-gl"),
    ("en", "eo"): ("en-eo", "apertium-eo-en"),
    ("eo", "en"): ("eo-en", "apertium-eo-en"),
    ("es", "fr"): ("es-fr", "apertium-fr-es"),
    ("fr", "es"): ("fr-es", "apertium-fr-es"),
    ("fr", "eo"): ("fr-eo", "apertium-eo-fr"),
    ("es", "it"): ("spa-ita", "apertium-spa-ita"),
    ("it", "es"): ("ita-spa", "apertium-spa-ita"),
    ("it", "ca"): ("ita-cat", "apertium-cat-ita"),
    ("ca", "it"): ("cat-ita", "apertium-cat-ita"),
    ("es", "ca"): ("spa-cat", "apertium-spa-cat"),
    ("ca", "es"): ("cat-spa", "apertium-spa-cat"),
    ("es", "gl"): ("es-gl", "apertium-es-gl"),
    ("gl", "es"): ("gl-es", "apertium-es-gl"),
}

# The chains that this project has run over large amounts of text.
KNOWN_CHAINS = (
    "en-es-en",
    "en-ca-en",
    "en-gl-en",
    "en-eo-en",
    "en-es-fr-eo-en",
    "en-es-it-ca-en",
    "en-es-ca-en",
    "en-gl-es-en",
)

_INSTALL = "apt-get install --no-install-recommends apertium"


@dataclass(frozen=True)
class Chain:
    """A round trip from English to English: its name, its Apertium modes in order, their Debian packages."""

    name: str
    modes: tuple[str, ...]
    packages: tuple[str, ...]


def parse_chain(name: str) -> Chain:
    """Return the chain that a name such as ``en-es-en`` stands for.

    Raises:
        InputError: the name is not a path from English to English over steps that are known.
    """
    languages = name.split("-")
    steps = [STEPS.get(pair) for pair in itertools.pairwise(languages)]
    known = [step for step in steps if step is not None]
    if len(known) < 2 or len(known) < len(steps) or languages[0] != "en" or languages[-1] != "en":
        raise InputError(f"unknown chain {name!r}; known chains: {', '.join(KNOWN_CHAINS)}")
    return Chain(name, tuple(mode for mode, _ in known), tuple(package for _, package in known))


class Apertium:
    """Translates blocks of sentences and keeps them aligned.

    Sentences are separated by empty lines: Apertium then never joins words across sentences, and an output
    with any other pattern of lines is known to be out of step.

    Args:
        timeout: seconds that a block of ``block_size`` sentences may take at one step; smaller blocks get
            their share, but at least a fifth.
        block_size: sentences in a full block.
    """

    def __init__(self, timeout: float = 600.0, block_size: int = 1000) -> None:
        executable = shutil.which("apertium")
        if executable is None:
            pairs = " ".join(sorted({package for _, package in STEPS.values()}))
            raise MissingExtraError(f"apertium is not installed; install it with: {_INSTALL} {pairs}")
        self._executable = executable
        self._timeout = timeout
        self._block_size = block_size
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def require(self, chains: Iterable[Chain]) -> None:
        """Check that every step of the chains is installed and translates a sentence.

        Raises:
            MissingExtraError: a language pair is not installed; the message holds the line that installs it.
            MtdetectError: a step returns nothing.
        """
        needed: dict[str, str] = {}
        for chain in chains:
            needed.update(zip(chain.modes, chain.packages, strict=True))
        listing = subprocess.run([self._executable, "-l"], capture_output=True, text=True, check=False)
        installed = set(listing.stdout.split())
        missing = sorted({package for mode, package in needed.items() if mode not in installed})
        if missing:
            raise MissingExtraError(
                f"Apertium language pairs are missing; install them with: {_INSTALL} {' '.join(missing)}"
            )
        for mode in needed:
            lines, complaint = self._run(mode, ["This is a small house."])
            if not lines or not lines[0]:
                raise MtdetectError(f"`apertium -u {mode}` gives no output; try it by hand. {complaint}")

    def round_trip(self, chain: Chain, sentences: Sequence[str]) -> list[str | None]:
        """Send N sentences through every step; return N round trips, None where a step lost the sentence."""
        texts: list[str | None] = list(sentences)
        for mode in chain.modes:
            alive = [index for index, text in enumerate(texts) if text is not None]
            translated = self.translate(mode, [texts[index] or "" for index in alive])
            for index, text in zip(alive, translated, strict=True):
                texts[index] = text or None
        return texts

    def translate(self, mode: str, sentences: Sequence[str]) -> list[str | None]:
        """Translate N sentences by one mode; return N texts, None for a sentence that is lost.

        A block that times out, dies or comes back out of step is tried again in halves.
        """
        if not sentences:
            return []
        lines, _ = self._run(mode, sentences)
        if lines is not None:
            return [line or None for line in lines]
        if len(sentences) == 1:
            return [None]
        middle = len(sentences) // 2
        return self.translate(mode, sentences[:middle]) + self.translate(mode, sentences[middle:])

    def stop(self) -> None:
        """Kill what is running and refuse to start more; a block under way raises MtdetectError."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _run(self, mode: str, sentences: Sequence[str]) -> tuple[list[str] | None, str]:
        """One process over one block: (N lines, or None when they are out of step; last line of stderr)."""
        with tempfile.TemporaryFile() as source:
            source.write("".join(f"{collapse_whitespace(text)}\n\n" for text in sentences).encode())
            source.seek(0)
            with self._lock:
                if self._stopped:
                    raise MtdetectError("stopped")
                process = subprocess.Popen(
                    [self._executable, "-u", mode],
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "LC_ALL": "C.UTF-8"},
                    start_new_session=True,  # its own process group, so that a whole pipeline can be killed
                )
                self._running.add(process)
            try:
                share = max(0.2, len(sentences) / self._block_size)
                output, complaints = process.communicate(timeout=self._timeout * share)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.communicate()
                return None, "timed out"
            finally:
                with self._lock:
                    self._running.discard(process)
        if self._stopped:
            raise MtdetectError("stopped")
        last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
        return (None if process.returncode else _aligned(output, len(sentences))), last


def _aligned(output: bytes, count: int) -> list[str] | None:
    """The text lines of an output in which every text line is followed by an empty one, else None."""
    lines = output.decode("utf-8", errors="replace").split("\n")
    if len(lines) != 2 * count + 1 or any(line.strip() for line in lines[1::2]):
        return None
    return [collapse_whitespace(line) for line in lines[0:-1:2]]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a pipeline with everything it started; nothing happens where it has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
