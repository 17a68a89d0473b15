"""A reproducible random sample of sentences from files of human text, each with its provenance."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sentencex

from mtdetect.errors import InputError
from mtdetect.formats import format_of, read_rows
from mtdetect.training.engine_marks import collapse_whitespace
from mtdetect.training.rows import LABELS

SHORTEST, LONGEST = 5, 60
"""Words in the shortest and the longest sentence taken."""

_PROVENANCE = ("group", "doc_id", "domain", "collection", "licence")
_MACHINE = {str(spelling) for spelling, label in LABELS.items() if label == 1}


class Sentence(NamedTuple):
    """One human sentence: its place in the random order, its words, and where they come from."""

    priority: int
    text: str
    provenance: dict[str, Any]


def sample_sentences(
    files: Sequence[Path],
    seed: int = 0,
    limit: int | None = None,
    balance: str | None = None,
    share: float = 0.1,
) -> list[Sentence]:
    """Return distinct sentences of 5-60 words in random order.

    The order is a keyed hash of the sentence, so it depends on the seed and not on the order of the files.

    Args:
        files: text or rows with a ``text`` column, in any format that :mod:`mtdetect.formats` reads.
        seed: another seed gives another order.
        limit: how many sentences at most.
        balance: a field of which no value may have more than ``share`` of the sample.
        share: see ``balance``; of ``limit``, or of all sentences where there is no limit.

    Raises:
        InputError: a file cannot be read.
    """
    pools: dict[str, list[Sentence]] = defaultdict(list)
    key = str(seed).encode()
    seen: set[int] = set()
    cap = limit if balance is None or limit is None else max(1, round(share * limit))
    for path in files:
        for paragraph, provenance in read_paragraphs(path):
            pool = pools[str(provenance.get(balance)) if balance else ""]
            for text in sentencex.segment("en", paragraph):
                text = collapse_whitespace(text)
                if not SHORTEST <= len(text.split()) <= LONGEST:
                    continue
                digest = hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
                priority = int.from_bytes(digest, "big")
                if priority not in seen:
                    seen.add(priority)
                    pool.append(Sentence(priority, text, provenance))
            if cap is not None and len(pool) > 2 * cap + 1000:  # keeps memory near the size of the sample
                pool.sort()
                del pool[cap:]
    if balance is not None and limit is None:
        cap = max(1, round(share * sum(map(len, pools.values()))))
    sample: list[Sentence] = []
    for pool in pools.values():
        pool.sort()
        sample += pool[:cap]
    sample.sort()
    return sample[:limit]


def read_paragraphs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the human paragraphs of a file, each with its group, doc_id, domain, collection and licence.

    In a text file every line is a paragraph and an empty line ends a document. Rows labelled as machine
    translation are passed over. Every paragraph has a ``group``: its own, else its document, else its row.

    Raises:
        InputError: the file or a row cannot be read, or a row has no text.
    """
    plain = format_of(path) == "txt"
    document, inside = 0, False
    for number, row in enumerate(read_rows(path), 1):
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError(f"{path}, row {number}: no text; every row needs a string in the column text")
        if plain:
            document += bool(text.strip()) and not inside
            inside = bool(text.strip())
            row = {"doc_id": f"{path.name}:{document}"}
        if str(row.get("label")) in _MACHINE:
            continue
        provenance = {name: row[name] for name in _PROVENANCE if row.get(name) is not None}
        provenance.setdefault("group", provenance.get("doc_id", f"{path.name}:{number}"))
        yield text, provenance
