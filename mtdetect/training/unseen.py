"""Rows that a model has not learnt from: an evaluation on its training rows would flatter it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtdetect.artifact import file_hash
from mtdetect.errors import InputError
from mtdetect.training.recipe import Recipe, parse_recipe
from mtdetect.training.rows import Rows
from mtdetect.training.splits import content_groups, prepare


def learnt_from(manifest: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Return whether any of the files is among the sources a model was trained on (by content)."""
    known = {source.get("sha256") for source in manifest.get("training", {}).get("sources", ())}
    return any(file_hash(file) in known for file in files)


def recipe_of(manifest: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe a model was trained with, or None if this version of mtdetect cannot read it."""
    try:
        text = manifest["training"]["recipe"]
        return parse_recipe(tomllib.loads(text), text, "stored recipe")
    except (InputError, KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError):
        return None


def split_unknown(manifest: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Return whether a model has learnt from some rows of the files, and nothing says from which."""
    return learnt_from(manifest, files) and recipe_of(manifest) is None


def split_as_trained(rows: Rows, files: Sequence[Path], manifests: Sequence[Mapping[str, Any]]) -> Rows:
    """Group rows by content; where models learnt from the files, deal them to parts as in training.

    With several such models a row stays in the test part only if none of them has learnt from it. The parts
    are those of training when the same files are given as in training. A model whose split is unknown
    (:func:`split_unknown`) takes no row out.

    Args:
        rows: the rows of ``files``, as read.
        files: where they come from.
        manifests: manifests of the models to be measured.
    """
    learnt = [recipe for manifest in manifests if learnt_from(manifest, files) and (recipe := recipe_of(manifest))]
    rows.content = content_groups(rows, block=1)
    if not learnt:
        return rows
    position = np.arange(len(rows)).astype(object)
    rows.columns["position"] = position
    dealt = [prepare(rows, recipe, block=1) for recipe in learnt]  # as train deals files of rows
    first = dealt[0]
    for other in dealt[1:]:
        tested = other.columns["position"][other.column("split") == "test"]
        unfit = (first.column("split") == "test") & ~np.isin(
            first.columns["position"].astype(np.int64), tested.astype(np.int64)
        )
        first.columns["split"][unfit] = "unused"
    return first


def same_split(recipe: Recipe, manifest: Mapping[str, Any], files: Sequence[Path]) -> bool:
    """Return whether a model has seen no more of a recipe's sources than the recipe's training parts."""
    if not learnt_from(manifest, files):
        return True
    own = recipe_of(manifest)
    return own is not None and own.corpus_key() == recipe.corpus_key()
