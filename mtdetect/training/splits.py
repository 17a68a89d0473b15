"""The corpus of a recipe: rows read, grouped by content and dealt to the parts of training.

Rows that say the same thing must fall into the same part, or a detector is tested on what it learnt. Rows
share content when they share a group, a document or a pair, when they stand next to each other in a test set
(blocks of :data:`BLOCK` segments keep documents whole), or when their human text is nearly the same.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mtdetect import formats
from mtdetect.errors import InputError
from mtdetect.text import split_sentences
from mtdetect.training.recipe import Recipe, Source
from mtdetect.training.roundtrip import Options, generate
from mtdetect.training.rows import Rows, concatenate, rows_from_records
from mtdetect.training.stages import Stages

BLOCK = 20
"""Neighbouring segments of a numbered set that stay together."""

HELD_OUT_TEST_SHARE = 0.3
"""Share of the content of held-out machine rows that is tested on (they enter no other part)."""

_NUMBERED = re.compile(r"^(.*-)(\d{1,18})$")
_WORD = re.compile(r"[a-z0-9]+")
_SHINGLE = 4


def locate_source(source: Source, data: Path, cache: Path | None, jobs: int = 2) -> Path:
    """Return the file of a source, made by round trips first if the recipe says how.

    A made file lives in the cache; making it can be stopped and goes on at the next call.

    Raises:
        InputError: the file is not there, or it has to be made and there is no cache to keep it in.
        MtdetectError: Apertium or a language pair is missing.
    """
    given = data / source.file
    if given.is_file():
        return given
    if not source.made_from:
        raise InputError(f"{given}: no such file; --data must name the folder of the recipe's sources")
    if cache is None:
        raise InputError(
            f"{source.file} has to be made by round trips (an hour or so): name a folder for it with --cache"
        )
    made = cache / "made" / source.file
    state = made.with_suffix(".state")
    options = Options(
        files=(str(data / source.made_from),),
        chains=tuple((chain, 1.0) for chain in source.chains),
        seed=source.seed,
        limit=source.sentences,
        balance="collection",
        balance_share=source.balance_share,
    )
    finished = made.with_suffix(".finished")  # says that the file is whole, so that many runs may read it at once
    if not (made.is_file() and finished.is_file() and finished.read_text() == repr(options)):
        generate(options, made, state, jobs=jobs, resume=True)
        finished.write_text(repr(options))
    return made


def load_corpus(recipe: Recipe, data: Path, cache: Path | None = None) -> Rows:
    """Read every source of a recipe; add columns ``split`` and ``held_out``.

    Clean sources come as sentences. Machine rows whose text equals a human row are dropped. The result
    depends on the recipe and the files alone; ``cache`` keeps it for the next run.

    Args:
        recipe: what to read and how to split it.
        data: folder of the source files.
        cache: folder for intermediate results, or None.

    Raises:
        InputError: a source file is missing or broken.
    """
    files = [locate_source(source, data, cache) for source in recipe.sources]
    stamp = [(file.name, file.stat().st_size) for file in files]

    def read() -> Rows:
        parts = [_read(source, file) for source, file in zip(recipe.sources, files, strict=True)]
        return prepare(concatenate(parts), recipe)

    rows = Stages(cache).run("corpus", (recipe.corpus_key(), stamp), read)
    return licensed(rows, recipe.licences)


def licensed(rows: Rows, licences: Sequence[str]) -> Rows:
    """Return the rows under one of the licences; all rows where none is named.

    The split is dealt before: a recipe that differs from another in its licences alone tests on the same content.

    Raises:
        InputError: a licence that no row carries.
    """
    if not licences:
        return rows
    licence = rows.column("licence").astype(str)
    known = set(licence)
    for name in licences:
        if name not in known:
            raise InputError(f"no row has the licence {name!r}; write it as the column licence does")
    return rows.take(np.isin(licence, licences))


def _read(source: Source, file: Path) -> Rows:
    records: Iterator[dict[str, Any]] = formats.read_rows(file)
    if source.made_from:  # blocks are written in the order in which they finish
        records = iter(sorted(records, key=lambda record: str(record["pair"])))
    if source.role == "clean":
        records = _sentences(records)
    rows = rows_from_records(records, source.file)
    if source.limit:
        rows = rows.take(np.arange(min(source.limit, len(rows))))
    return rows


def _sentences(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Split the text of each record; the rest of the record is kept with every sentence."""
    for record in records:
        text = record.get("text")
        if isinstance(text, str):
            for start, end in split_sentences(text):
                yield {**record, "text": text[start:end]}


def prepare(rows: Rows, recipe: Recipe, block: int = BLOCK) -> Rows:
    """Group rows by content, drop machine rows that equal human ones, mark splits and held-out rows."""
    rows.content = content_groups(rows, block)
    rows = rows.take(~_same_as_human(rows))
    rows.columns["held_out"] = _held_out(rows, recipe)
    rows.columns["split"] = _split(rows, recipe)
    return rows.take(rows.columns["split"] != "unused")


def group_key(group: str, doc_id: str, block: int = BLOCK) -> str:
    """Return the block of neighbouring segments a row belongs to; with blocks of one, its group.

    >>> group_key("news2014-de-en-2617", "")
    'news2014-de-en-#130'
    """
    if block == 1 or (doc_id and group == doc_id):
        return group
    match = _NUMBERED.match(group)
    if match:
        return f"{match.group(1)}#{int(match.group(2)) // block}"
    return group


def content_groups(rows: Rows, block: int = BLOCK) -> NDArray[np.int64]:
    """Return int64 (N,) numbers of content groups; equal number means shared content.

    Args:
        rows: labelled rows.
        block: neighbours in a numbered set that stay together; 1 for rows whose numbers mean nothing.
    """
    group, doc, pair = rows.column("group"), rows.column("doc_id"), rows.column("pair")
    source = rows.column("source")
    nodes: dict[str, int] = {}
    left: list[int] = []
    right: list[int] = []

    def node(name: str) -> int:
        return nodes.setdefault(name, len(nodes))

    root = np.empty(len(rows), dtype=np.int64)
    for i in range(len(rows)):
        if group[i]:
            mine = node(group_key(group[i], doc[i], block))
        elif pair[i]:
            mine = node(f"pair {pair[i]}")
        else:
            mine = node(f"row {source[i]} {i}")
        root[i] = mine
        if doc[i] and doc[i] != group[i]:
            left.append(mine)
            right.append(node(f"doc {doc[i]}"))
        if pair[i] and group[i]:
            left.append(mine)
            right.append(node(f"pair {pair[i]}"))
        if rows.label[i] == 0:
            for band in near_duplicate_bands(rows.text[i]):
                left.append(mine)
                right.append(node(band))
    edges = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(nodes), len(nodes)))
    _, component = connected_components(edges, directed=False)
    # A component that swallowed much of the corpus would leave nothing to test on: keep such rows by their own group.
    sizes = np.bincount(component[root], minlength=component.max() + 1)
    too_large = sizes[component[root]] > max(2000, len(rows) // 20)
    result: NDArray[np.int64] = np.where(too_large, root + len(nodes), component[root]).astype(np.int64)
    return result


def near_duplicate_bands(text: str) -> list[str]:
    """Return keys shared by texts that are nearly the same (min-hash over word shingles, two bands of three).

    Texts under eight words have none: short sentences recur by chance.
    """
    words = _WORD.findall(text.lower())
    if len(words) < 8:
        return []
    shingles = {" ".join(words[i : i + _SHINGLE]).encode() for i in range(len(words) - _SHINGLE + 1)}
    smallest = [min(zlib.crc32(shingle, seed) for shingle in shingles) for seed in range(6)]
    return [f"near {k} {smallest[3 * k : 3 * k + 3]}" for k in range(2)]


def _same_as_human(rows: Rows) -> NDArray[np.bool_]:
    human = {_plain(text) for text, label in zip(rows.text, rows.label, strict=True) if label == 0}
    return np.array(
        [label == 1 and _plain(text) in human for text, label in zip(rows.text, rows.label, strict=True)],
        dtype=bool,
    )


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _held_out(rows: Rows, recipe: Recipe) -> NDArray[np.object_]:
    """Name what holds a row out of training: its engine, language, system or collection.

    A held-out collection takes the machine versions of its text along.
    """
    mark = np.full(len(rows), "", dtype=object)
    for column, values in recipe.held_out.items():
        cells = rows.column(column)
        for value in values:
            direct = cells == value
            if column == "collection":
                direct = np.isin(rows.content, np.unique(rows.content[direct]))
            mark[direct & (mark == "")] = f"{column}:{value}"
    return mark


def _split(rows: Rows, recipe: Recipe) -> NDArray[np.object_]:
    """Deal content groups to parts; content with a held-out machine row goes to the test part more often.

    Held-out machine rows outside the test part are marked ``"unused"``.
    """
    held = rows.column("held_out") != ""
    whole = {f"collection:{value}" for value in recipe.held_out.get("collection", ())}
    of_whole = np.isin(rows.column("held_out").astype(str), sorted(whole))
    tested = set(rows.content[held].tolist())
    representative: dict[int, str] = {}
    group, pair = rows.column("group"), rows.column("pair")
    for i, content in enumerate(rows.content.tolist()):
        name = group[i] or pair[i] or rows.text[i]
        if content not in representative or name < representative[content]:
            representative[content] = name
    number: dict[int, str] = {}
    for content, name in representative.items():
        share = zlib.crc32(f"{recipe.seed} {name}".encode()) / 2**32
        number[content] = _part(share, recipe.split, HELD_OUT_TEST_SHARE if content in tested else None)
    split = np.array([number[content] for content in rows.content.tolist()], dtype=object)
    split[held & (split != "test")] = "unused"
    split[of_whole] = "test"
    for source in recipe.sources:
        if source.only_test:
            split[rows.column("source") == source.file] = "test"
    return split


def _part(share: float, split: dict[str, float], test_share: float | None) -> str:
    """Return the part that a number in 0..1 falls into; ``test_share`` overrides the test part's size."""
    sizes = dict(split)
    if test_share is not None:
        others = 1.0 - sizes["test"]
        sizes = {name: size * (1.0 - test_share) / others for name, size in sizes.items()}
        sizes["test"] = test_share
    edge = 0.0
    for name, size in sizes.items():
        edge += size
        if share < edge:
            return name
    return "test"
