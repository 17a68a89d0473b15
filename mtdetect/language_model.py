"""N-gram language models over integer ids (word pieces or word classes), scored on flat batches.

Several models share one table: an n-gram stands in it once, with one log-probability and one back-off
weight for each *channel*. A channel is a model (its log-probability) or the ratio of two models (machine
side minus human side of the same pairs). :func:`estimate` counts text and smooths it after Kneser and Ney
(modified, interpolated: Chen and Goodman 1999); :func:`combine` prunes and fills the shared table.

Everything is stored in small integers, in steps of ``scale``; sums over tokens are exact, so a score never
depends on batch order or size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mtdetect.hash_table import HashTable, build

Scalar = TypeVar("Scalar", bound=np.generic)

_BASE = np.uint64(0x9E3779B97F4A7C15)
_BASE_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))


def id_keys(size: int) -> NDArray[np.uint64]:
    """Return uint64 (size,) the fixed pseudo-random key of every id."""
    return np.random.Generator(np.random.PCG64(20260101)).integers(1, 1 << 63, size=size, dtype=np.uint64)


def shift(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return the values one token later: what stood at ``i - 1`` now stands at ``i``; the first is zero."""
    moved = np.empty_like(values)
    moved[0] = 0
    moved[1:] = values[:-1]
    return moved


@dataclass(frozen=True)
class TokenScores:
    """Scores of a flat batch of T ids.

    Attributes:
        values: int16 (channels, T), log-probability (or log-ratio) in steps of the channel's scale.
        unigram: int16 (channels, T), the same from order 1 alone.
        order: int8 (T,), length of the longest stored n-gram that ends at the token.
    """

    values: NDArray[np.int16]
    unigram: NDArray[np.int16]
    order: NDArray[np.int8]


CHANNELS = 2
"""Channels of a model, at most: what an n-gram holds is read as one word of four bytes."""


@dataclass(frozen=True)
class LanguageModel:
    """Channels over one n-gram table.

    Attributes:
        channels: names of the channels, two at most.
        scales: float64 (channels,), natural-log units of one integer step.
        order: longest n-gram.
        unigrams: int16 (vocabulary, 2, 2), log-probability and back-off of every id, by channel.
        table: where n-grams of order 2 and more stand.
        cells: uint32 (slots,), four int8: log-probability of each channel, back-off of each channel.
    """

    channels: tuple[str, ...]
    scales: NDArray[np.float64]
    order: int
    unigrams: NDArray[np.int16]
    table: HashTable
    cells: NDArray[np.uint32]

    def arrays(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store, names beginning with ``prefix``."""
        return {
            f"{prefix}_scales": self.scales,
            f"{prefix}_order": np.array(self.order),
            f"{prefix}_channels": np.array(self.channels),
            f"{prefix}_unigrams": self.unigrams,
            f"{prefix}_prints": self.table.fingerprints,
            f"{prefix}_cells": self.cells,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> LanguageModel:
        """Rebuild a model from :meth:`arrays`; large arrays are used as they are (memory-mapped or not)."""
        return cls(
            channels=tuple(str(name) for name in arrays[f"{prefix}_channels"]),
            scales=np.asarray(arrays[f"{prefix}_scales"], dtype=np.float64),
            order=int(arrays[f"{prefix}_order"]),
            unigrams=np.asarray(arrays[f"{prefix}_unigrams"], dtype=np.int16),
            table=HashTable(np.asarray(arrays[f"{prefix}_prints"], dtype=np.uint16)),
            cells=np.asarray(arrays[f"{prefix}_cells"], dtype=np.uint32),
        )

    def score(self, ids: NDArray[np.int64], position: NDArray[np.int64]) -> TokenScores:
        """Score T ids of many sentences laid end to end.

        Args:
            ids: int64 (T,); every sentence begins with its own start id.
            position: int64 (T,), place of each id in its sentence (0 for the start id).
        """
        keys = _keys(len(self.unigrams)).take(ids)
        ones = self.unigrams.view(np.uint32).reshape(-1, 2)  # two int16 move as one word
        unigram = ones[:, 0].take(ids)
        values = unigram.view(np.int16).reshape(-1, CHANNELS).copy()
        words = values.view(np.uint32).reshape(-1)
        backoff = ones[:, 1].take(ids)
        reached = np.ones(len(ids), dtype=np.int8)
        gram = keys
        starts = np.flatnonzero(position == 0)
        candidate = position > 0
        for order in range(2, self.order + 1):
            # Nothing carries over into a sentence: an n-gram that is stored lies inside one, and so does its context.
            carried = shift(backoff)
            if len(starts) > 1:  # shift has cleared the first
                carried[starts] = 0
            values += carried.view(np.int16).reshape(-1, CHANNELS)
            gram = shift(gram)
            gram *= _BASE
            gram += keys
            at = np.flatnonzero(candidate)
            slots, found = self.table.find(gram.take(at))
            at, slots = at[found], slots[found]
            moved = self.cells.take(slots).view(np.int8).astype(np.int16).view(np.uint32).reshape(-1, 2)
            words[at] = moved[:, 0]
            reached[at] = order
            if order < self.order:
                stored = np.zeros(len(ids), dtype=bool)
                stored[at] = True
                candidate = stored & shift(stored)
                backoff = np.zeros(len(ids), dtype=np.uint32)
                backoff[at] = moved[:, 1]
        count = len(self.channels)
        return TokenScores(values.T[:count], unigram.view(np.int16).reshape(-1, CHANNELS).T[:count], reached)


_KEY_CACHE: dict[int, NDArray[np.uint64]] = {}


def _keys(size: int) -> NDArray[np.uint64]:
    if size not in _KEY_CACHE:
        _KEY_CACHE[size] = id_keys(size)
    return _KEY_CACHE[size]


@dataclass
class Counts:
    """N-grams of one text, order by order, sorted by key.

    Attributes:
        keys: per order, uint64 n-gram keys, sorted.
        first: per order, the first id of each n-gram.
        last: per order, the last id of each n-gram.
        raw: per order, how often each n-gram occurs (float64: rows may carry weights).
        vocabulary: number of ids.
        start_id: the id every sentence begins with.
    """

    keys: list[NDArray[np.uint64]]
    first: list[NDArray[np.int32]]
    last: list[NDArray[np.int32]]
    raw: list[NDArray[np.float64]]
    vocabulary: int
    start_id: int


def count(ids: NDArray[np.int64], position: NDArray[np.int64], order: int, vocabulary: int) -> Counts:
    """Count all n-grams up to ``order`` in T ids laid end to end (as for :meth:`LanguageModel.score`)."""
    keys = _keys(vocabulary)
    token = keys[ids]
    gram = token
    start_id = int(ids[0])
    counts = Counts([], [], [], [], vocabulary, start_id)
    for n in range(1, order + 1):
        if n > 1:
            gram = shift(gram) * _BASE + token
        at = np.flatnonzero(position >= n - 1)
        found = gram[at]
        permutation = np.argsort(found, kind="stable")
        found = found[permutation]
        new = np.empty(len(found), dtype=bool)
        new[:1] = True
        np.not_equal(found[1:], found[:-1], out=new[1:])
        starts = np.flatnonzero(new)
        example = at[permutation[starts]]
        counts.keys.append(found[starts])
        counts.first.append(ids[example - (n - 1)].astype(np.int32))
        counts.last.append(ids[example].astype(np.int32))
        counts.raw.append(np.diff(starts, append=len(found)).astype(np.float64))
    return counts


@dataclass
class Model:
    """One smoothed model before it enters a shared table: discounted probability mass of every n-gram."""

    counts: Counts
    alpha: list[NDArray[np.float64]]


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(int(_BASE), exponent, 1 << 64))


def context_keys(counts_keys: NDArray[np.uint64], last: NDArray[np.int32], vocabulary: int) -> NDArray[np.uint64]:
    """Return the keys of the n-grams without their last id."""
    return (counts_keys - _keys(vocabulary)[last]) * _BASE_INVERSE


def suffix_keys(
    counts_keys: NDArray[np.uint64], first: NDArray[np.int32], n: int, vocabulary: int
) -> NDArray[np.uint64]:
    """Return the keys of the n-grams without their first id."""
    return counts_keys - _keys(vocabulary)[first] * _power(n - 1)


def estimate(counts: Counts) -> Model:
    """Discount counts after Kneser and Ney (modified): lower orders count distinct left neighbours."""
    alpha: list[NDArray[np.float64]] = []
    top = len(counts.keys)
    for n in range(1, top + 1):
        adjusted = counts.raw[n - 1].copy()
        if n < top:
            longer = suffix_keys(counts.keys[n], counts.first[n], n + 1, counts.vocabulary)
            at = np.searchsorted(counts.keys[n - 1], longer)
            continuation = np.bincount(at, minlength=len(adjusted)).astype(np.float64)
            inner = counts.first[n - 1] != counts.start_id
            adjusted[inner] = np.maximum(continuation[inner], 1.0)
        discounts = _discounts(adjusted)
        discounted = adjusted - discounts[np.minimum(adjusted, 3).astype(np.int64)]
        if n == 1:
            adjusted[counts.last[0] == counts.start_id] = 0.0
            discounted[counts.last[0] == counts.start_id] = 0.0
            alpha.append(discounted / max(adjusted.sum(), 1.0))
            continue
        context = np.searchsorted(
            counts.keys[n - 2], context_keys(counts.keys[n - 1], counts.last[n - 1], counts.vocabulary)
        )
        total = np.bincount(context, weights=adjusted, minlength=len(counts.keys[n - 2]))
        alpha.append(discounted / total[context])
    return Model(counts, alpha)


def _discounts(adjusted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the discounts of counts 0, 1, 2 and 3 or more (Chen and Goodman 1999, equation 26)."""
    n1, n2, n3, n4 = (float(np.sum(adjusted == k)) for k in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return np.array([0.0, 0.5, 0.75, 0.9])  # too little text for the estimate
    y = n1 / (n1 + 2 * n2)
    raw = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    discounts: NDArray[np.float64] = np.clip(raw, [0.0, 0.1, 0.2, 0.3], [0.0, 0.95, 1.95, 2.95])
    return discounts


@dataclass(frozen=True)
class Channel:
    """A channel of a shared table: a model, or its log-ratio to the ``against`` model."""

    name: str
    model: str
    against: str | None
    scale: float


def combine(
    models: Mapping[str, Model], channels: Sequence[Channel], minimum_counts: Mapping[str, Sequence[int]]
) -> LanguageModel:
    """Prune models by raw count and put them into one table.

    Args:
        models: smoothed models over the same ids.
        channels: what the table stores, two at most.
        minimum_counts: per model, the least raw count kept at each order (first order is always kept whole).
    """
    some = next(iter(models.values())).counts
    vocabulary, top = some.vocabulary, len(some.keys)
    logs: dict[str, NDArray[np.float64]] = {}
    gammas: dict[str, NDArray[np.float64]] = {}
    union = _Union.unigrams(vocabulary)
    for name, model in models.items():
        mass = np.zeros(vocabulary)
        mass[model.counts.last[0]] = model.alpha[0]
        logs[name] = np.log(mass + (1.0 - mass.sum()) / vocabulary)
    base = logs
    stored: list[tuple[_Union, dict[str, NDArray[np.float64]]]] = []
    backoffs: list[dict[str, NDArray[np.float64]]] = []
    for n in range(2, top + 1):
        below, union = union, _Union.of(models, minimum_counts, n)
        context = below.find(context_keys(union.keys, union.last, vocabulary))
        suffix = below.find(suffix_keys(union.keys, union.first, n, vocabulary))
        closed = (context >= 0) & (suffix >= 0)
        union, context, suffix = union.take(closed), context[closed], suffix[closed]
        lower, logs, gammas = logs, {}, {}
        for name, model in models.items():
            alpha = np.zeros(len(union.keys))
            at = np.searchsorted(union.keys, model.counts.keys[n - 1])
            at[at == len(union.keys)] = 0
            same = union.keys[at] == model.counts.keys[n - 1] if len(union.keys) else np.zeros(len(at), bool)
            alpha[at[same]] = model.alpha[n - 1][same]
            kept = np.bincount(context, weights=alpha, minlength=len(below.keys))
            gamma = np.maximum(1.0 - kept, 1e-4)
            logs[name] = np.log(alpha + gamma[context] * np.exp(lower[name][suffix]))
            gammas[name] = np.log(gamma)
        backoffs.append(gammas)
        stored.append((union, logs))
    backoffs.append({name: np.zeros(len(union.keys)) for name in models})
    return _pack(base, channels, vocabulary, top, stored, backoffs)


def _pack(
    base: Mapping[str, NDArray[np.float64]],
    channels: Sequence[Channel],
    vocabulary: int,
    top: int,
    stored: list[tuple[_Union, dict[str, NDArray[np.float64]]]],
    backoffs: list[dict[str, NDArray[np.float64]]],
) -> LanguageModel:
    """Quantise to integers and lay the n-grams out in a hash table."""

    def quantise(values: Mapping[str, NDArray[np.float64]], limit: int) -> NDArray[np.int64]:
        columns = []
        for channel in channels:
            value = values[channel.model] - (values[channel.against] if channel.against else 0.0)
            columns.append(np.clip(np.rint(value / channel.scale), -limit, limit))
        return np.stack(columns, axis=-1).astype(np.int64)

    unigrams = np.zeros((vocabulary, 2, CHANNELS), dtype=np.int16)
    count = len(channels)
    unigrams[:, 0, :count] = quantise(base, 32_000)
    unigrams[:, 1, :count] = quantise(backoffs[0], 32_000)
    keys = np.concatenate([union.keys for union, _ in stored])
    priority = np.concatenate([union.weight for union, _ in stored])
    cells = np.concatenate(
        [np.stack([quantise(logs, 127), quantise(backoffs[i + 1], 127)], axis=1) for i, (_, logs) in enumerate(stored)]
    ).astype(np.int8)
    order = np.argsort(-priority, kind="stable")
    table, slots = build(keys[order])
    laid_out = np.zeros((table.size, 2, CHANNELS), dtype=np.int8)
    placed = slots >= 0
    laid_out[slots[placed], :, :count] = cells[order[placed]]
    return LanguageModel(
        channels=tuple(channel.name for channel in channels),
        scales=np.array([channel.scale for channel in channels]),
        order=top,
        unigrams=unigrams,
        table=table,
        cells=laid_out.reshape(table.size, 2 * CHANNELS).view(np.uint32).ravel(),
    )


@dataclass
class _Union:
    """The n-grams of one order that any model keeps, sorted by key."""

    keys: NDArray[np.uint64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    weight: NDArray[np.float64]
    direct: bool = False  # unigrams: position is the id itself

    @classmethod
    def unigrams(cls, vocabulary: int) -> _Union:
        ids = np.arange(vocabulary, dtype=np.int32)
        return cls(_keys(vocabulary), ids, ids, np.zeros(vocabulary), direct=True)

    @classmethod
    def of(cls, models: Mapping[str, Model], minimum_counts: Mapping[str, Sequence[int]], n: int) -> _Union:
        parts = []
        for name, model in models.items():
            counts = model.counts
            kept = counts.raw[n - 1] >= minimum_counts[name][n - 1]
            parts.append([column[n - 1][kept] for column in (counts.keys, counts.first, counts.last, counts.raw)])
        keys, first, last, raw = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        unique, index, inverse = np.unique(keys, return_index=True, return_inverse=True)
        weight = np.bincount(inverse, weights=raw, minlength=len(unique)).astype(np.float64)
        return cls(unique, first[index], last[index], weight)

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        order = np.argsort(self.keys) if self.direct else None
        sorted_keys = self.keys if order is None else self.keys[order]
        at = np.searchsorted(sorted_keys, keys)
        at[at == len(sorted_keys)] = 0
        hit = sorted_keys[at] == keys if len(sorted_keys) else np.zeros(len(at), bool)
        position = at if order is None else order[at]
        return np.where(hit, position, -1)

    def take(self, mask: NDArray[np.bool_]) -> _Union:
        return _Union(self.keys[mask], self.first[mask], self.last[mask], self.weight[mask])
