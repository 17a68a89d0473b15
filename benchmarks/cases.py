"""The written cases: how many garbled texts are found, how many odd but human ones are left alone."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from common import Figure, case_rows, json_option, model_option, publish


@click.command()
@model_option
@json_option
@click.option("--list", "listed", is_flag=True, help="Also print the cases that go wrong.")
def main(model: Path | None, json_out: Path | None, listed: bool) -> None:
    """Score tests/cases at the model's 1% threshold."""
    import numpy as np

    import mtdetect

    detector = mtdetect.load(model) if model else mtdetect.load()
    threshold = detector.threshold("sentence", 0.01)
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, case in case_rows():
        files[name].append(case)
    figures: list[Figure] = []
    for name, cases in files.items():
        scores = detector.score([case["text"] for case in cases]).astype(float)
        flagged = scores >= threshold
        human = name == "must_not_flag"
        size = f"share of {len(cases)}"
        figures.append(Figure(f"{name}: flagged", float(flagged.mean()), size, "0" if human else "higher is better"))
        unscored = float(np.isnan(scores).sum())
        if unscored:
            figures.append(Figure(f"{name}: no score", unscored, "texts"))
        paired = [i for i, case in enumerate(cases) if case.get("pair")]
        if paired:
            others = detector.score([cases[i]["pair"] for i in paired]).astype(float)
            wins = scores[paired] > others
            size = f"share of {len(paired)}"
            figures.append(Figure(f"{name}: scores above what a person would write", float(wins.mean()), size, "1"))
            figures.append(Figure(f"{name}: person's version flagged", float((others >= threshold).mean()), size, "0"))
        if listed:
            for case, score, is_flagged in zip(cases, scores, flagged, strict=True):
                if is_flagged == human:
                    click.echo(f"{name}: {score:.3f} {case['text']}")
    publish("Written cases", figures, json_out, signature=detector.signature, threshold=f"{threshold:.4f}")


if __name__ == "__main__":
    main()
