"""Leave-one-out: how a model measures on an engine, language or domain that its training never saw.

The corpus keeps its split. What is left out goes from every part of training (word pieces, language models,
lexicon, experts, classifier and thresholds), and the model trained without it is measured on test rows, beside
one of the same size that saw everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtdetect.errors import InputError
from mtdetect.training.pairing import pair_key
from mtdetect.training.recipe import Recipe
from mtdetect.training.resampling import whole_groups
from mtdetect.training.rows import Rows

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LeaveOut:
    """Rows to train without.

    Attributes:
        name: what the tables call them.
        kind: what sort of thing is left out: ``"engine family"``, ``"language"``, ``"domain"`` and the like.
        rows: for each column, the values that a row is left out for (any of them).
    """

    name: str
    kind: str
    rows: Mapping[str, tuple[str, ...]]

    def matches(self, rows: Rows) -> tuple[Mask, Mask]:
        """Return bool (N,) rows that are left out themselves, and rows that share content with a collection left out.

        An engine, a language or a system takes its machine rows out. A collection takes all text of the same
        content along, human or machine.
        """
        direct = np.zeros(len(rows), dtype=np.bool_)
        whole = direct.copy()
        for column, values in self.rows.items():
            found = np.isin(rows.column(column).astype(str), values)
            if column == "collection":
                whole |= np.isin(rows.content, np.unique(rows.content[found]))
                direct |= found | (whole & (rows.label == 1))
            else:
                direct |= found & (rows.label == 1)
        return direct, whole


def training_part(corpus: Rows, left_out: Sequence[LeaveOut], share: float = 1.0, seed: int = 0) -> Rows:
    """Return the rows to train on: no test rows, nothing held out by the recipe, nothing left out.

    Args:
        corpus: rows with the columns ``split`` and ``held_out``.
        left_out: what to leave out, all of it; empty for the model that is compared with.
        share: share of the content groups to train on, drawn at random, the same for every ``left_out``.
        seed: seed of the draw.

    Raises:
        InputError: no row matches.
    """
    kept = (corpus.column("split") != "test") & (corpus.column("held_out") == "")
    for one in left_out:
        direct, whole = one.matches(corpus)
        if not direct.any():
            raise InputError(f"leave out {one.name}: no row has any of {dict(one.rows)}")
        kept &= ~(direct | whole)
    if share < 1.0:
        drawn = np.random.default_rng(seed).random(int(corpus.content.max()) + 1) < share
        kept &= drawn[corpus.content]
    return corpus.take(kept)


def measured_part(corpus: Rows, left_out: LeaveOut, clean_limit: int, limit: int, seed: int = 0) -> Rows:
    """Return the rows to measure on: what was left out, its human side, and clean English of the test part.

    Text of a collection that was left out whole is measured on in full; of an engine or a language only the
    test part is, because its human side may have been trained on elsewhere.

    Args:
        corpus: rows with the columns ``split`` and ``held_out``.
        left_out: what was left out; its rows are marked in the column ``held_out``.
        clean_limit: at most this many clean rows of each collection.
        limit: at most this many of the rows left out, in whole content groups.
        seed: seed of both draws.
    """
    direct, whole = left_out.matches(corpus)
    usable = (corpus.column("held_out") == "") & ((corpus.column("split") == "test") | whole)
    measured = np.flatnonzero(direct & usable)
    measured = measured[whole_groups(corpus.content[measured], limit, seed)]
    mark = np.zeros(len(corpus), dtype=np.bool_)
    mark[measured] = True
    key = pair_key(corpus)
    counterpart = (corpus.label == 0) & np.isin(key, key[mark & (corpus.label == 1)]) & usable
    collection = corpus.column("collection")
    clean = usable & ~whole & (corpus.label == 0) & np.char.startswith(collection.astype(str), "clean_")
    chosen = mark | counterpart
    for name in sorted(set(collection[clean])):
        mine = np.flatnonzero(clean & (collection == name) & ~chosen)
        chosen[mine[whole_groups(corpus.content[mine], clean_limit, seed)]] = True
    rows = corpus.take(chosen)
    rows.columns["held_out"] = np.where(mark[chosen], f"{left_out.kind}: {left_out.name}", "").astype(object)
    rows.columns["split"] = np.full(len(rows), "test", dtype=object)
    return rows


def scaled(plan: Recipe, share: float) -> Recipe:
    """Return a recipe whose samples are smaller by the share, for models trained on a share of the rows.

    Word pieces, the slowest step on little text, are learnt from the square of the share.

    Raises:
        InputError: the recipe takes language models and experts over from another model, which has seen everything.
    """
    if plan.resources is None:
        raise InputError(
            f"recipe {plan.name} takes its language models from another model, which has seen what would be left out; "
            "use a recipe that learns its own (default, open, scratch)"
        )
    resources = replace(
        plan.resources,
        piece_sentences=int(plan.resources.piece_sentences * share**2),
        expert_rows=int(plan.resources.expert_rows * share),
    )
    return replace(plan, resources=resources, classifier_rows=int(plan.classifier_rows * share))
