"""Machine round trips of human text: English through other languages and back, as pairs for training.

A run plans its blocks once (``STATE/plan.jsonl``), then several workers translate blocks and one writer
appends each finished block to the output and to a journal. It may be killed at any moment and resumed.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mtdetect.errors import InputError, MtdetectError
from mtdetect.formats.output import Output
from mtdetect.training.apertium import Apertium, Chain, parse_chain
from mtdetect.training.block_log import BlockLog
from mtdetect.training.engine_marks import is_unchanged, match_form
from mtdetect.training.sentence_sample import Sentence, sample_sentences

DROP_REASONS = ("lost", "unchanged", "near_empty", "overlong")
"""Why a sentence gives no pair: the engine lost it, changed nothing, returned too little, or too much."""


@dataclass(frozen=True)
class Options:
    """What decides which pairs a run makes; a run resumes only with the same options.

    Attributes:
        files: human text, as :func:`~mtdetect.training.sentence_sample.read_paragraphs` reads it.
        chains: (name, weight) of every chain; a sentence goes to one chain, drawn by weight.
        limit: sentences to send; a few per cent of them give no pair.
        balance: a field of which no value may have more than ``balance_share`` of the sentences.
        block_size: sentences a block; larger is faster, smaller loses less time over a sentence that kills
            the engine.
    """

    files: tuple[str, ...]
    chains: tuple[tuple[str, float], ...]
    seed: int = 0
    limit: int | None = None
    balance: str | None = None
    balance_share: float = 0.1
    block_size: int = 1000


@dataclass
class Progress:
    """What a run has done so far, over all its sittings; ``seconds`` and ``sent`` count by chain."""

    blocks: int
    blocks_done: int
    sent: Counter[str]
    pairs: Counter[str]
    seconds: Counter[str]
    dropped: Counter[str]

    def add(self, record: dict[str, Any]) -> None:
        """Count one journalled block."""
        chain = record["chain"]
        self.blocks_done += 1
        self.sent[chain] += record["sent"]
        self.pairs[chain] += record["pairs"]
        self.seconds[chain] += record["seconds"]
        for reason in DROP_REASONS:
            self.dropped[reason] += record[reason]


def generate(
    options: Options,
    out: Path,
    state: Path,
    jobs: int = 1,
    resume: bool = False,
    timeout: float = 600.0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Write round-trip pairs to ``out`` (``.jsonl``, also ``.xz`` or ``.gz``) and return what was done.

    Args:
        options: which sentences through which chains.
        out: grows by whole blocks and can be read meanwhile.
        state: folder for the plan and the journal; made when missing.
        jobs: blocks translated at the same time.
        resume: go on with an earlier run of the same options.
        timeout: seconds for one step of a full block.
        report: called after every block.

    Raises:
        InputError: a file cannot be read, or a chain is unknown.
        MtdetectError: Apertium or a language pair is missing or gives nothing, or output and state belong to
            another run.
    """
    chains = {name: parse_chain(name) for name, _ in options.chains}
    engine = Apertium(timeout, options.block_size)
    engine.require(chains.values())
    state.mkdir(parents=True, exist_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    log = BlockLog(out, state, resume)
    try:
        plan = state / "plan.jsonl"
        blocks = _ensure_plan(plan, options, binding=bool(log.records))
        progress = Progress(blocks, 0, Counter(), Counter(), Counter(), Counter())
        for record in log.records:
            progress.add(record)
        todo = _open_blocks(plan, {record["block"] for record in log.records})
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for rows, record in _in_parallel(pool, engine, chains, todo, jobs):
                    log.append(rows, record)
                    progress.add(record)
                    report(progress)
            finally:
                engine.stop()
        return progress
    finally:
        log.close()


def _in_parallel(
    pool: ThreadPoolExecutor,
    engine: Apertium,
    chains: dict[str, Chain],
    todo: Iterator[dict[str, Any]],
    jobs: int,
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Yield finished blocks in the order in which they finish; at most ``jobs`` + 1 are in memory."""
    waiting: set[Future[tuple[list[dict[str, Any]], dict[str, Any]]]] = set()
    exhausted = False
    while waiting or not exhausted:
        while not exhausted and len(waiting) <= jobs:
            block = next(todo, None)
            if block is None:
                exhausted = True
            else:
                waiting.add(pool.submit(translate_block, engine, chains[block["chain"]], block))
        if waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()


def translate_block(
    engine: Apertium, chain: Chain, block: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Send one planned block through its chain; return the rows to write and the record to journal.

    Raises:
        MtdetectError: every sentence of a block of twenty or more was lost, so that the engine is at fault.
    """
    started = time.monotonic()
    sources = block["rows"]
    texts = engine.round_trip(chain, [source["human"] for source in sources])
    if len(texts) >= 20 and not any(texts):
        raise MtdetectError(f"Apertium lost a whole block of {chain.name}; try its modes by hand, then use --resume")
    rows, dropped = [], Counter(dict.fromkeys(DROP_REASONS, 0))
    for source, text in zip(sources, texts, strict=True):
        cleaned = match_form(text, source["human"]) if text else ""
        reason = "lost" if text is None else _drop_reason(cleaned, source["human"])
        if reason:
            dropped[reason] += 1
        else:
            rows.append(_row(chain, cleaned, source))
    record = {"block": block["block"], "chain": chain.name, "sent": len(sources), "pairs": len(rows)}
    return rows, {**record, **dropped, "seconds": round(time.monotonic() - started, 2)}


def _drop_reason(text: str, human: str) -> str | None:
    words, expected = len(text.split()), len(human.split())
    if words < 3 or words < 0.3 * expected:
        return "near_empty"
    if words > 3 * expected:
        return "overlong"
    return "unchanged" if is_unchanged(text, human) else None


def _row(chain: Chain, text: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": text,
        "label": "mt",
        **source,
        "source_lang": "en",
        "system": f"apertium {chain.name}",
        "engine": "rbmt",
        "roundtrip": "machine",
    }


def _ensure_plan(plan: Path, options: Options, binding: bool) -> int:
    """Write the plan unless it is there; return its number of blocks.

    Args:
        binding: blocks of the plan that is there are already in the output.

    Raises:
        InputError: the input holds no sentence to send.
        MtdetectError: the plan that is there is binding and was made with other options.
    """
    wanted = {**asdict(options), "files": [_fingerprint(Path(name)) for name in options.files]}
    wanted = orjson.loads(orjson.dumps(wanted))
    if plan.exists():
        with plan.open("rb") as lines:
            head = orjson.loads(next(lines))
        other = [name for name in wanted if head["options"].get(name) != wanted[name]]
        if not other:
            return int(head["blocks"])
        if binding:
            raise MtdetectError(f"{plan.parent} holds a run with other {', '.join(other)}; choose another -o")
    files = [Path(name) for name in options.files]
    sample = sample_sentences(files, options.seed, options.limit, options.balance, options.balance_share)
    if not sample:
        raise InputError("no sentence of 5 to 60 words in the input; give files with running English text")
    blocks = list(_plan_blocks(sample, options))
    with Output(plan) as target:  # a plan is whole or absent
        for line in ({"options": wanted, "blocks": len(blocks)}, *blocks):
            target.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return len(blocks)


def _plan_blocks(sample: Sequence[Sentence], options: Options) -> Iterator[dict[str, Any]]:
    """Deal the sentences out to the chains; the first blocks of every chain come first."""
    names = [name for name, _ in options.chains]
    bounds = list(itertools.accumulate(weight for _, weight in options.chains))
    key = str(options.seed).encode()
    open_rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    number = 0
    for sentence in sample:
        # Not the hash of the random order: with that one a chain would get a slice of the order.
        digest = hashlib.blake2b(sentence.text.encode(), digest_size=8, key=key, person=b"chain").digest()
        draw = int.from_bytes(digest, "big") / 2**64 * bounds[-1]
        name = names[min(bisect.bisect(bounds, draw), len(names) - 1)]
        rows = open_rows[name]
        rows.append({"human": sentence.text, **sentence.provenance, "pair": f"{name}:{digest.hex()}"})
        if len(rows) == options.block_size:
            yield {"block": number, "chain": name, "rows": rows}
            number += 1
            open_rows[name] = []
    for name, rows in open_rows.items():
        if rows:
            yield {"block": number, "chain": name, "rows": rows}
            number += 1


def _open_blocks(plan: Path, done: set[int]) -> Iterator[dict[str, Any]]:
    with plan.open("rb") as lines:
        next(lines)
        for line in lines:
            block: dict[str, Any] = orjson.loads(line)
            if block["block"] not in done:
                yield block


def _fingerprint(path: Path) -> dict[str, Any]:
    """Name and content of an input file: the same run may be resumed from another folder."""
    try:
        with path.open("rb") as file:
            return {"name": path.name, "blake2b": hashlib.file_digest(file, "blake2b").hexdigest()[:32]}
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from problem
