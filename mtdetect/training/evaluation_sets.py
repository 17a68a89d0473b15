"""The sets an evaluation measures on, cut from labelled rows.

A set holds machine rows and the human rows of the same segments. Sets are made from the columns that the
rows carry; a set that the rows cannot give is left out with a line that says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mtdetect.training.pairing import is_low_rated, pair_key
from mtdetect.training.resampling import whole_groups
from mtdetect.training.rows import Rows

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

BREAKDOWNS = {
    "engine": "engine",
    "language": "source_lang",
    "system": "system",
    "domain": "collection",
    "genre": "domain",
    "roundtrip": "roundtrip",
}
"""Ways to break the test split down, and the column each reads."""

DEFAULT_BREAKDOWNS = ("engine", "language", "domain", "length")
"""What an evaluation breaks down when nothing is asked for."""

LENGTH_BINS = ((1, 9), (10, 19), (20, 29), (30, 39), (40, None))
"""Bins of text length in words, both ends included; None is open."""

MINIMUM_ROWS = 30
"""Fewest machine rows in a set of its own, and fewest human rows to compare with."""


@dataclass(frozen=True)
class NamedSet:
    """A set asked for by name: machine rows that meet every condition.

    Attributes:
        name: what the tables call it.
        where: for each column, the values a machine row may have.
        low_rated: only rows that people rated in the worst third of their scale.
        level: ``"sentence"`` or ``"document"``.
    """

    name: str
    where: Mapping[str, tuple[str, ...]]
    low_rated: bool = False
    level: str = "sentence"

    def rows(self, rows: Rows) -> Mask:
        """Return bool (N,), machine rows of the set."""
        mask: Mask = np.asarray(rows.label == 1, dtype=np.bool_)
        for column, values in self.where.items():
            mask &= np.isin(rows.column(column).astype(str), values)
        return mask & is_low_rated(rows) if self.low_rated else mask


@dataclass(frozen=True)
class EvaluationSet:
    """Rows that one line of an evaluation is measured on.

    Attributes:
        kind: how the set was cut: ``"all"``, ``"held_out"``, ``"named"`` or the name of a breakdown.
        name: what was cut out, e.g. ``"engine:smt"`` or ``"nmt"``.
        mt: positions of the machine rows.
        human: positions of the human rows compared with.
        against_clean: True when the human rows are clean English of other content, because fewer than half
            of the machine rows have a human row of the same segment.
    """

    kind: str
    name: str
    mt: Index
    human: Index
    against_clean: bool = False


@dataclass(frozen=True)
class HumanSet:
    """Human rows whose false positives are counted.

    Attributes:
        kind: ``"clean"``, ``"learner"``, ``"translation"`` or ``"held_out"``.
        name: the collection, or ``"all learner"`` and the like.
        rows: positions of the rows.
    """

    kind: str
    name: str
    rows: Index


@dataclass
class EvaluationSets:
    """All sets of one level.

    Attributes:
        sets: machine against human rows.
        human_sets: human rows alone.
        clean: positions of clean English rows, which set the threshold.
        clean_domain: (clean,) the collection of each clean row; collections weigh the same in the threshold.
        segment: int64 (N,), rows with the same number are versions of the same segment.
        left_out: one line for each set that could not be made.
    """

    segment: Index
    sets: list[EvaluationSet] = field(default_factory=list)
    human_sets: list[HumanSet] = field(default_factory=list)
    clean: Index = field(default_factory=lambda: np.empty(0, np.int64))
    clean_domain: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    left_out: list[str] = field(default_factory=list)

    def clean_weights(self) -> NDArray[np.float64]:
        """Return the weight of each clean row: every collection weighs one in total."""
        if not len(self.clean):
            return np.empty(0)
        _, codes, sizes = np.unique(self.clean_domain.astype(str), return_inverse=True, return_counts=True)
        return np.asarray(1.0 / sizes[codes], dtype=np.float64)


def evaluation_rows(rows: Rows, clean_limit: int | None = None, seed: int = 0) -> Rows:
    """Return the rows an evaluation reads: the test split and what is held out, or all without a split.

    Args:
        rows: labelled rows.
        clean_limit: at most this many rows of each collection of clean English (``clean_...``), in whole
            content groups drawn at random; rows with a machine version are always kept.
        seed: seed of the draw.
    """
    split = rows.column("split")
    if (split != "").any():
        rows = rows.take((split == "test") | (rows.column("held_out") != ""))
    if clean_limit is None:
        return rows
    key = pair_key(rows)
    alone = (rows.label == 0) & ~np.isin(key, key[rows.label == 1])
    collection = rows.column("collection")
    kept = np.ones(len(rows), dtype=np.bool_)
    for name in sorted({name for name in collection[alone] if name.startswith("clean_")}):
        of_name = np.flatnonzero(alone & (collection == name))
        kept[of_name] = False
        kept[of_name[whole_groups(rows.content[of_name], clean_limit, seed)]] = True
    return rows.take(kept)


def build(rows: Rows, by: Sequence[str] = DEFAULT_BREAKDOWNS, named: Sequence[NamedSet] = ()) -> EvaluationSets:
    """Cut the sets of an evaluation from its rows (see :func:`evaluation_rows`).

    Args:
        rows: N rows.
        by: breakdowns of the test split: keys of :data:`BREAKDOWNS`, ``length`` (words) or ``rating`` (by people).
        named: further sets, cut from all rows, held out or not.
    """
    made = EvaluationSets(pair_key(rows))
    is_mt = rows.label == 1
    held_out = rows.column("held_out")
    in_test: Mask = np.asarray(held_out == "", dtype=np.bool_)
    _add_human_sets(made, rows, in_test)
    for name in sorted(set(held_out[~in_test])):
        machine = np.flatnonzero(is_mt & (held_out == name))
        if len(machine):
            _add(made, rows, "held_out", name, machine)
    if in_test.all():
        made.left_out.append("held_out: no row is marked as a held-out engine, language or domain")
    for one in named:
        _add(made, rows, "named", one.name, np.flatnonzero(one.rows(rows)))
    tested = np.flatnonzero(is_mt & in_test)
    if not len(tested):
        made.left_out.append("all: no machine rows in the test split")
        return made
    _add(made, rows, "all", "test", tested)
    for kind in by:
        if kind == "length":
            _add_lengths(made, rows, tested)
        elif kind == "rating":
            _add_ratings(made, rows, tested)
        else:
            values = rows.column(BREAKDOWNS[kind])[tested]
            if not (values != "").any():
                made.left_out.append(f"{kind}: no machine row states its {BREAKDOWNS[kind]}")
            for value in sorted(set(values) - {""}):
                _add(made, rows, kind, value, tested[values == value])
    return made


def _add(made: EvaluationSets, rows: Rows, kind: str, name: str, machine: Index) -> None:
    if len(machine) < MINIMUM_ROWS and kind != "all":
        made.left_out.append(f"{kind} {name}: {len(machine)} machine rows, fewer than {MINIMUM_ROWS}")
        return
    human = np.flatnonzero((rows.label == 0) & np.isin(made.segment, made.segment[machine]))
    paired = np.isin(made.segment[machine], made.segment[human]).mean()
    against_clean = bool(paired < 0.5 and len(made.clean))
    if against_clean:
        human = made.clean
    if not len(human):
        made.left_out.append(f"{kind} {name}: no human rows of the same segments and no clean English")
        return
    made.sets.append(EvaluationSet(kind, name, machine, human, against_clean))


def _add_lengths(made: EvaluationSets, rows: Rows, tested: Index) -> None:
    words = np.array([text.count(" ") + 1 for text in rows.text], dtype=np.int64)
    human = np.flatnonzero((rows.label == 0) & np.isin(made.segment, made.segment[tested]))
    for low, high in LENGTH_BINS:
        name = f"{low}-{high} words" if high else f"{low} words and more"
        machine, partner = (
            side[(words[side] >= low) & (words[side] <= (high or words.max()))] for side in (tested, human)
        )
        if min(len(machine), len(partner)) < MINIMUM_ROWS:
            made.left_out.append(
                f"length {name}: {len(machine)} machine and {len(partner)} human, fewer than {MINIMUM_ROWS}"
            )
        else:
            made.sets.append(EvaluationSet("length", name, machine, partner))


def _add_ratings(made: EvaluationSets, rows: Rows, tested: Index) -> None:
    """The worst-rated quarter of the machine rows of each kind of rating, and the rest."""
    kinds, ratings = rows.column("quality_kind")[tested], rows.column("quality")[tested]
    for kind in sorted(set(kinds[ratings != ""])):
        of_kind = (kinds == kind) & (ratings != "")
        quality = ratings[of_kind].astype(float)
        edge = np.quantile(quality, 0.25)
        _add(made, rows, "rating", f"{kind}: worst quarter", tested[of_kind][quality <= edge])
        _add(made, rows, "rating", f"{kind}: the rest", tested[of_kind][quality > edge])
    if not (ratings != "").any():
        made.left_out.append("rating: no machine row carries a quality")


def _add_human_sets(made: EvaluationSets, rows: Rows, in_test: Mask) -> None:
    human = rows.label == 0
    collection, domain, held_out = rows.column("collection"), rows.column("domain"), rows.column("held_out")
    place = np.where(collection == "", np.where(domain == "", rows.column("source"), domain), collection)
    learner = _mask("learner" in f"{name} {kind}" for name, kind in zip(collection, domain, strict=True))
    translation = np.asarray(rows.column("origin") == "translation", dtype=np.bool_)
    clean = human & ~learner & ~translation
    marked = clean & _mask(name.startswith("clean_") for name in collection)
    # Where collections are marked as clean English, the human sides of translations are not mixed in.
    clean = marked if (marked & in_test).any() else clean
    made.clean = np.flatnonzero(clean & in_test)
    made.clean_domain = place[made.clean]
    for name in sorted(set(made.clean_domain)):
        made.human_sets.append(HumanSet("clean", name or "human", made.clean[made.clean_domain == name]))
    for name in sorted(set(held_out[clean & ~in_test])):
        made.human_sets.append(HumanSet("held_out", name, np.flatnonzero(clean & (held_out == name))))
    for kind, mask in (("learner", learner), ("translation", translation)):
        found = np.flatnonzero(human & mask)
        if not len(found):
            made.left_out.append(f"false positives on {kind}: no human row of that kind")
            continue
        made.human_sets.append(HumanSet(kind, f"all {kind}", found))
        parts = (domain if kind == "learner" else place)[found]
        for name in sorted(set(parts)) if len(set(parts)) > 1 else ():
            made.human_sets.append(HumanSet(kind, name, found[parts == name]))
    if not len(made.clean):
        made.left_out.append("thresholds: no clean English (human, not a translation, not learner English)")


def _mask(values: Iterable[bool]) -> Mask:
    return np.fromiter(values, dtype=np.bool_)
