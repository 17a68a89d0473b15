"""Form invariance: how far typography moves the score of the example sentences and the written cases."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import click
from common import Figure, example_sentences, json_option, model_option, publish

CURLY = str.maketrans({"'": "’", '"': "”"})
STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})

VARIANTS: dict[str, Callable[[str], str]] = {
    "curly quotes": lambda text: text.translate(CURLY),
    "straight quotes": lambda text: text.translate(STRAIGHT),
    "in quotation marks": lambda text: f"“{text}”",
    "doubled spaces": lambda text: text.replace(" ", "  "),
    "spaces before punctuation": lambda text: re.sub(r"(?<=\w)([,.;:!?])(?=\s|$)", r" \1", text),
    "HTML entities": lambda text: html.escape(text).replace("'", "&#39;").replace("’", "&rsquo;"),
    "non-breaking spaces": lambda text: text.replace(" ", "\u00a0"),
    "missing full stop": lambda text: text.rstrip(".!?"),
    "surrounding spaces": lambda text: f"  {text}\t",
    "lower case": str.lower,
}
"""Each variant changes the form of a text and no word of it."""

FORM_LIMIT, LOWER_LIMIT = 0.02, 0.15


@click.command()
@model_option
@json_option
@click.option("--worst", type=int, default=0, help="Also print this many sentences that move most, by variant.")
def main(model: Path | None, json_out: Path | None, worst: int) -> None:
    """Measure how far each variant of form moves the score."""
    import numpy as np

    import mtdetect

    detector = mtdetect.load(model) if model else mtdetect.load()
    texts = example_sentences()
    scores = detector.score(texts).astype(float)
    figures: list[Figure] = []
    for name, change in VARIANTS.items():
        changed = [change(text) for text in texts]
        touched = np.array([new != old for new, old in zip(changed, texts, strict=True)])
        moved = np.abs(detector.score(changed).astype(float) - scores)
        both = touched & np.isfinite(moved)
        lost = touched & (np.isfinite(scores) != np.isfinite(detector.score(changed)))
        lower = name == "lower case"
        size = f"{int(both.sum())} sentences"
        if both.any():
            figures.append(
                Figure(f"{name}: largest", float(moved[both].max()), size, "" if lower else f"≤ {FORM_LIMIT}")
            )
            figures.append(
                Figure(
                    f"{name}: median",
                    float(np.median(moved[both])),
                    size,
                    f"≤ {LOWER_LIMIT}" if lower else "",
                )
            )
        if lost.any():
            figures.append(Figure(f"{name}: score appears or disappears", float(lost.sum()), "sentences", "0"))
        for i in np.argsort(-np.where(both, moved, -1))[:worst]:
            click.echo(f"{name}: {moved[i]:.3f} {texts[i]}")
    publish("Score movement by form", figures, json_out, signature=detector.signature)


if __name__ == "__main__":
    main()
