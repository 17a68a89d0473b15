"""How much garble is found of rule-based engines that no source of the recipe comes from.

Free software ships its messages with translations by people. They go back into English by Apertium's Basque,
Icelandic and Macedonian engines, whose dictionaries and rules the training never met, and each result stands
against the English message it began as. On Debian, with the engines and the packages below::

    apt-get install --no-install-recommends apertium-eu-en apertium-isl-eng apertium-mkd-eng
    apt-get download evolution-common gimp-data gramps gnucash-common freeciv-data wesnoth-1.16-data
    for package in *.deb; do dpkg-deb -x "$package" messages; done
    python benchmarks/unseen_engines.py messages
"""

from __future__ import annotations

import gettext
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from common import Figure, json_option, model_option, publish

import mtdetect
from mtdetect.training.apertium import Apertium
from mtdetect.training.engine_marks import is_unchanged, match_form
from mtdetect.training.metrics import auc

ENGINES = {"eu": "eu-en", "is": "isl-eng", "mk": "mkd-eng"}
WORDS = range(6, 61)
SENTENCE = re.compile(r"""^[A-Z"'(“].*[.!?:"'”]$""")
NOT_PROSE = re.compile(r"%[sdlui(]|[$\\{}/|<>=*#@]|https?:")


def messages(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """Yield (English, translation) of every message that is a sentence or more, each English text once."""
    seen = set()
    for file in sorted(folder.rglob(f"{language}/LC_MESSAGES/*.mo")):
        with file.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        for message, translation in catalogue.items():
            if not (isinstance(message, str) and isinstance(translation, str)):
                continue  # plural forms
            pair = prose(re.split(r"[\x04^]", message)[-1]), prose(translation)
            english = pair[0]
            if english in seen or english == pair[1] or any(NOT_PROSE.search(side) for side in pair):
                continue
            words = english.split()
            titled = sum(word[:1].isupper() for word in words)
            if len(words) in WORDS and SENTENCE.match(english) and 2 * titled <= len(words):
                seen.add(english)
                yield pair


def prose(message: str) -> str:
    """Return a message without mark-up, accelerator keys and line breaks."""
    bare = html.unescape(re.sub(r"<[^>]+>", "", message)).replace("&", "")
    return " ".join(re.sub(r"(?<!\w)_|_(?=\w)", "", bare).split())


def measure(detector: mtdetect.Detector, mode: str, human: list[str], machine: list[str]) -> list[Figure]:
    """Return AUC and what the 1% threshold flags on both sides; a text without a score is not flagged."""
    sides = detector.score(human), detector.score(machine)
    threshold = detector.threshold("sentence", 0.01)
    area = auc(sides[1], sides[0], resamples=200)
    size = f"{len(human)} pairs"
    return [
        Figure(f"{mode}: AUC [{area.low:.3f}, {area.high:.3f}]", area.value, size),
        Figure(f"{mode}: flagged at the 1% threshold", float(np.mean(sides[1] >= threshold)), size),
        Figure(f"{mode}: human side flagged", float(np.mean(sides[0] >= threshold)), size),
    ]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@model_option
@json_option
def main(folder: Path, model: Path | None, json_out: Path | None) -> None:
    """Measure what is found of messages in FOLDER, translated back by engines that training never met."""
    detector = mtdetect.load(model) if model else mtdetect.load()
    figures: list[Figure] = []
    for language, mode in ENGINES.items():
        pairs = list(messages(folder, language))
        if not pairs:
            sys.exit(f"no message in {language} under {folder}; unpack packages with translations there first")
        back = Apertium().translate(mode, [translation for _, translation in pairs])
        human, machine = [], []
        for (english, _), text in zip(pairs, back, strict=True):
            cleaned = match_form(text or "", english)
            if cleaned.strip() and not is_unchanged(cleaned, english):
                human.append(english)
                machine.append(cleaned)
        figures += measure(detector, mode, human, machine)
    publish("Engines that training never met", figures, json_out, signature=detector.signature)


if __name__ == "__main__":
    main()
