"""The model card: what a model is, what it learnt from and how it measured, written from data alone.

Every figure on the card comes from the manifest or from the results of an evaluation; where an input lacks
something, the card says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtdetect.training.evaluation_study_tables import aim_rows, short_tables, study_notes
from mtdetect.training.evaluation_tables import interval, notes, tables

_USES = """## What it is for

- Filtering text before it enters a corpus: a score a sentence or document, and a gate with a stated
  false-positive budget.
- Finding the sentences of an article that read like garbled machine translation, with the words and reasons.

## What it must not be used for

- Judging people: whether somebody is a native speaker, honest, or the author of a text.
- Deciding alone about anything that matters to a person. A flag is a reason to look, not a proof.
- Telling fluent modern translation from human English, sentence by sentence. It was built to find garble;
  the figures below say how far it goes beyond.
- Text that is not English, and sentences too short to score: these get a status and no number.
"""

_PROTOCOL = """## Protocol

- Every machine text entered training together with the human text of the same content, so that the place a
  text comes from says nothing about its label.
- Content groups (same segment, document, pair or near-duplicate text) were split whole. No stage of training
  (language models, lexicon and experts; classifier; calibration and thresholds) read the test part, which
  serves the figures below alone.
- Held-out sets (`held_out`) never entered training in any form.
- `flagged at 1%` is the share of machine text at or above the score that flags 1% of clean English, every
  clean collection weighing the same. Pair wins count how often the machine version of a segment outscores
  the human one. Calibration error is the mean distance between score and share of machine text at even
  prior, over 15 bins.
"""


def model_card(
    manifest: Mapping[str, Any], evaluation: Mapping[str, Any], study: Mapping[str, Any] | None = None
) -> str:
    """Return the card of a model as Markdown.

    Args:
        manifest: the model's manifest; ``name``, ``version``, ``signature``, ``created``, ``features`` (with
            ``name`` and ``family``), ``training`` and ``library_versions`` are used where present.
            ``training`` may hold ``sources`` (each with ``file`` and, where known, ``licence``, ``human``,
            ``mt``, ``sha256``), ``recipe_name`` and ``seed``.
        evaluation: data of :class:`~mtdetect.training.evaluation.Evaluation`, or an empty mapping.
        study: data of :class:`~mtdetect.training.evaluation_study.Study` about the same model.
    """
    parts = [
        _introduction(manifest),
        _USES,
        _training_data(manifest),
        _PROTOCOL,
        _summary(evaluation),
        _study(study) if study else "",
        _limits(evaluation, study),
        _reproduce(manifest, evaluation, study),
        _figures(evaluation),
    ]
    return "\n".join(part for part in parts if part)


def _introduction(manifest: Mapping[str, Any]) -> str:
    families: dict[str, int] = {}
    for feature in manifest.get("features", ()):
        if isinstance(feature, Mapping) and feature.get("family"):
            families[str(feature["family"])] = families.get(str(feature["family"]), 0) + 1
    lines = [
        f"# Model card: {manifest['name']} {manifest['version']}",
        "",
        f"Signature: `{manifest.get('signature', 'not signed')}`. Created: {manifest.get('created', 'not stated')}.",
        "",
        "Gives English sentences and documents a score between 0 and 1: the calibrated probability, at even "
        "prior, that the text is garbled machine translation. Hand-built features, two additive heads "
        "(garble; fluent machine translation) under one calibration, no neural network.",
        "",
    ]
    if families:
        listed = ", ".join(f"{family} ({count})" for family, count in families.items())
        lines += [f"Features by family: {listed}.", ""]
    return "\n".join(lines)


def _training_data(manifest: Mapping[str, Any]) -> str:
    training = manifest.get("training", {})
    sources = training.get("sources", ()) if isinstance(training, Mapping) else ()
    lines = ["## Training data", ""]
    if not sources:
        return "\n".join([*lines, "The manifest names no sources.", ""])
    lines += [
        "| source | licence | human rows | machine rows | sha256 |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for source in sources:
        licence = source.get("licence") or "not stated"
        counts = [f"{source[side]:,}" if side in source else "not stated" for side in ("human", "mt")]
        digest = str(source.get("sha256", ""))[:12] or "not stated"
        cells = [str(source.get("file", "?")), str(licence), *counts, f"`{digest}`"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, "", "None of this text is part of the model; counts and weights made from it are.", ""])


def _summary(evaluation: Mapping[str, Any]) -> str:
    """The few figures a reader looks for first; all of them stand at the end of the card."""
    lines = ["## Measured quality in short", ""]
    if not evaluation:
        return "\n".join([*lines, "Not evaluated.", ""])
    name = evaluation["scorers"][0]
    lines += [
        "| level | set | machine | human | AUC | flagged at 1% | pair wins |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for level, result in evaluation["levels"].items():
        for one in result["sets"]:
            if one["kind"] in ("all", "held_out"):
                figures = one["scorers"][name]
                star = " *" if one["against_clean"] else ""
                lines.append(
                    f"| {level} | {one['kind']}: {one['name']}{star} | {one['mt']:,} | {one['human']:,} "
                    f"| {interval(figures.get('auc'))} | {interval(figures.get('flagged_at_1%'), True)} "
                    f"| {interval(figures.get('pair_wins'), True)} |"
                )
    lines += [
        "",
        "95% bootstrap intervals over content groups. * against clean English of other content.",
        "",
    ]
    if evaluation.get("command"):
        lines += [f"Printed by `{evaluation['command']}`.", ""]
    return "\n".join(lines)


def _study(study: Mapping[str, Any]) -> str:
    """The tables of a study: aims, other models and baselines, what was left out, ablation, spans."""
    lines = ["## The study", "", *(f"- {line}" for line in study_notes(study)), ""]
    return "\n".join([*lines, *(table.markdown() for table in short_tables(study))])


def _limits(evaluation: Mapping[str, Any], study: Mapping[str, Any] | None) -> str:
    """Known limits, each read off the figures: weak sets, and human text that is flagged too often."""
    lines = ["## Known limits", ""]
    for aim, one, scorer in aim_rows(study or {}):
        figure = one["scorers"][scorer].get("auc")
        if aim["aim"] and figure and figure["value"] < 0.75:
            lines.append(f"- {aim['level']}: {one['name']}: AUC {interval(figure)}, where {aim['aim']} was aimed for.")
    if not evaluation:
        return "\n".join([*lines, "No figures to read limits from.", ""])
    name = evaluation["scorers"][0]
    for level, result in evaluation["levels"].items():
        weak = [
            (one["scorers"][name]["auc"]["value"], one)
            for one in result["sets"]
            if "auc" in one["scorers"][name] and one["kind"] != "all"
        ]
        for value, one in sorted(weak, key=lambda pair: pair[0])[:5]:
            if value < 0.75:
                figure = interval(one["scorers"][name]["auc"])
                lines.append(f"- {level}: separates {one['kind']} {one['name']} poorly: AUC {figure}.")
        for one in result["false_positives"]:
            figures = one["scorers"][name]
            key = "flagged_at_own_1%" if "flagged_at_own_1%" in figures else "flagged_at_1%"
            figure = figures.get(key)
            if figure and figure["value"] is not None and figure["low"] > 0.01:
                lines.append(
                    f"- {level}: flags {one['kind']} {one['name']} more often than 1%: "
                    f"{interval(figure, True)} of {one['human']:,}."
                )
        missing = result["unscored"].get(name, 0)
        if missing:
            lines.append(f"- {level}: gives no score to {missing:,} of {result['rows']:,} test rows.")
    if len(lines) == 2:
        lines.append("- No set measured below AUC 0.75, and no human set is flagged beyond 1%.")
    return "\n".join([*lines, ""])


def _reproduce(manifest: Mapping[str, Any], evaluation: Mapping[str, Any], study: Mapping[str, Any] | None) -> str:
    training = manifest.get("training", {})
    recipe = training.get("recipe_name") if isinstance(training, Mapping) else None
    seed = training.get("seed") if isinstance(training, Mapping) else None
    lines = ["## How to reproduce", ""]
    name = recipe if isinstance(recipe, str) and "\n" not in recipe and recipe else "RECIPE"
    lines.append(f"- Train: `mtdetect train --recipe {name} --data CORPORA --out MODEL`" + _seeded(seed) + ".")
    lines.append("- The same data, recipe and seed give the same fingerprint; `mtdetect verify MODEL` prints it.")
    command = evaluation.get("command") if evaluation else None
    if command:
        lines.append(f"- Measure: `{command}`.")
    if study and study.get("command"):
        lines.append(f"- Study: `{study['command']}`.")
    versions = manifest.get("library_versions")
    if isinstance(versions, Mapping) and versions:
        listed = ", ".join(f"{library} {version}" for library, version in versions.items())
        lines.append(f"- Trained with {listed}.")
    return "\n".join([*lines, ""])


def _seeded(seed: Any) -> str:
    return "" if seed is None else f" (seed {seed})"


def _figures(evaluation: Mapping[str, Any]) -> str:
    if not evaluation:
        return ""
    lines = ["## All figures", "", *(f"- {line}" for line in notes(evaluation))]
    if evaluation.get("baseline_rows"):
        lines.append(f"- Baselines learnt from {evaluation['baseline_rows']:,} rows of the same training parts.")
    if evaluation.get("command"):
        lines.append(f"- Command: `{evaluation['command']}`.")
    return "\n".join([*lines, "", *(table.markdown() for table in tables(evaluation))])
