"""Learn what features stand on: word pieces, lexicon, language models and experts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from mtdetect.batch import LETTER, Characters, PieceEncoder
from mtdetect.expert import GRAM_MAKERS, Experts
from mtdetect.features.analysis import class_layout
from mtdetect.function_words import FUNCTION_WORDS
from mtdetect.hash_table import build
from mtdetect.language_model import Channel, Counts, LanguageModel, combine, count, estimate
from mtdetect.lexicon import CLASSES, Lexicon, without_letter, word_classes
from mtdetect.text import normalise
from mtdetect.training.recipe import LanguageModelRecipe

CHUNK = 8192
GENERAL_STEP = 1 / 8
RATIO_STEP = 1 / 32


def plain_chunks(texts: Sequence[str], size: int = CHUNK) -> Iterator[list[str]]:
    """Yield the plain forms of texts, empty ones left out, some thousands at a time."""
    for start in range(0, len(texts), size):
        yield [plain for plain in normalise(texts[start : start + size]) if plain]


def train_pieces(texts: Sequence[str], vocabulary: int) -> bytes:
    """Train a sentencepiece model on lower-cased plain text and return it serialised."""
    lines = [line for chunk in plain_chunks(texts) for line in Characters.of(chunk).lower if len(line) < 1000]
    target = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines),
        model_writer=target,
        vocab_size=vocabulary,
        model_type="unigram",
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        required_chars="".join(chr(code) for code in range(33, 127) if not chr(code).isupper()),
        hard_vocab_limit=False,
        num_threads=2,
        seed_sentencepiece_size=min(1_000_000, max(20_000, 20 * vocabulary)),
        max_sentence_length=4000,
        bos_id=1,
        eos_id=-1,
        unk_id=0,
        minloglevel=2,
    )
    return target.getvalue()


def build_lexicon(texts: Sequence[str], words: int, minimum_count: int) -> Lexicon:
    """Count words of human English: frequency, share of capitals inside sentences, near neighbours."""
    keys: list[NDArray[np.uint64]] = []
    capitals: list[NDArray[np.bool_]] = []
    insides: list[NDArray[np.bool_]] = []
    spelt: dict[int, bytes] = {}
    for chunk in plain_chunks(texts):
        characters = Characters.of(chunk)
        found = characters.words
        letter = found.kind == LETTER
        first = characters.cased[found.begin]
        keys.append(found.key[letter])
        capitals.append(((first >= 65) & (first <= 90))[letter])
        insides.append((found.position > 0)[letter])
    key, capital, inside = np.concatenate(keys), np.concatenate(capitals), np.concatenate(insides)
    unique, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    seen_inside = np.bincount(inverse[inside], minlength=len(unique))
    seen_capital = np.bincount(inverse[inside & capital], minlength=len(unique))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= minimum_count][:words]
    table, slots = build(unique[order])
    frequency = np.clip(np.rint(10 * np.log10(counts[order] * 1e9 / len(key))), 1, 99)
    share = np.rint(255 * seen_capital[order] / np.maximum(seen_inside[order], 1))
    cells = np.zeros((table.size, 2), dtype=np.uint8)
    kept = slots >= 0
    cells[slots[kept], 0] = frequency[kept]
    cells[slots[kept], 1] = share[kept]
    # Near-misses are looked for among common words that are not names; their letters come from the text itself.
    common = set(unique[order][(frequency >= 40) & (share < 128)].tolist())
    for chunk in plain_chunks(texts):
        if len(spelt) == len(common):
            break
        characters = Characters.of(chunk)
        found = characters.words
        new = np.flatnonzero(np.isin(found.key, np.fromiter(common, dtype=np.uint64, count=len(common))))
        _, index = np.unique(found.key[new], return_index=True)
        folded = characters.folded.tobytes()
        for word in new[index].tolist():
            spelt.setdefault(int(found.key[word]), folded[found.begin[word] : found.end[word]])
    names = sorted(word.decode("ascii") for word in spelt.values() if len(word) > 4)
    return Lexicon(table, cells, build(_neighbour_keys(names))[0])


def _neighbour_keys(words: list[str]) -> NDArray[np.uint64]:
    if not words:
        return np.zeros(1, dtype=np.uint64)
    characters = Characters.of(words)
    length = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    owner = np.repeat(np.arange(len(words)), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    begin = characters.start[:-1][owner]
    return np.unique(without_letter(characters, begin, begin + length[owner], place))


Layout = tuple[NDArray[np.int64], NDArray[np.int64]]


def piece_layout(encoder: PieceEncoder, texts: Sequence[str]) -> Layout:
    """Return ids and positions of the word pieces of many texts."""
    ids, position = [], []
    for chunk in plain_chunks(texts):
        pieces = encoder.encode(Characters.of(chunk))
        ids.append(pieces.ids.astype(np.int32))
        position.append(pieces.position.astype(np.int32))
    return np.concatenate(ids).astype(np.int64), np.concatenate(position).astype(np.int64)


def word_class_layout(texts: Sequence[str]) -> Layout:
    """Return ids and positions of the word classes of many texts."""
    ids, position = [], []
    for chunk in plain_chunks(texts):
        characters = Characters.of(chunk)
        chunk_ids, chunk_position, _ = class_layout(characters.words, word_classes(characters))
        ids.append(chunk_ids.astype(np.int32))
        position.append(chunk_position.astype(np.int32))
    return np.concatenate(ids).astype(np.int64), np.concatenate(position).astype(np.int64)


CHANNELS = (
    Channel("general", "general", None, GENERAL_STEP),
    Channel("garble", "garble_machine", "garble_human", RATIO_STEP),
    Channel("translation", "translation_machine", "translation_human", RATIO_STEP),
)
"""Channels of both language models; ratios are machine side minus human side."""


def language_model(layouts: dict[str, Layout], vocabulary: int, recipe: LanguageModelRecipe) -> LanguageModel:
    """Estimate the five models (general; two sides of two kinds of pairs) and join them in one table."""
    models = {}
    for name, (ids, position) in layouts.items():
        counts: Counts = count(ids, position, recipe.order, vocabulary)
        models[name] = estimate(counts)
    least = {name: recipe.general if name == "general" else recipe.pairs for name in layouts}
    return combine(models, CHANNELS, least)


def class_vocabulary() -> int:
    """Return the number of word classes."""
    assert len(FUNCTION_WORDS) < CLASSES
    return CLASSES


def train_experts(
    kind: str,
    tasks: Sequence[tuple[Sequence[str], NDArray[np.int8], NDArray[np.float64]]],
    bits: int,
    epochs: int,
    alpha: float,
    seed: int,
) -> Experts:
    """Train one expert a task (texts, labels, weights) on hashed n-grams and store them as small integers."""
    weights = np.zeros((1 << bits, len(tasks)), dtype=np.int8)
    scales, intercepts = np.ones(len(tasks)), np.zeros(len(tasks))
    for e, (texts, label, weight) in enumerate(tasks):
        matrix = gram_matrix(kind, texts, bits)
        model = SGDClassifier(
            loss="log_loss", alpha=alpha, max_iter=epochs, tol=None, average=True, random_state=seed, shuffle=True
        )
        model.fit(matrix, label, sample_weight=weight / weight.mean())
        coefficients = model.coef_[0]
        limit = float(np.quantile(np.abs(coefficients[coefficients != 0]), 0.9995)) if coefficients.any() else 1.0
        scales[e] = limit / 127
        weights[:, e] = np.clip(np.rint(coefficients / scales[e]), -127, 127)
        intercepts[e] = float(model.intercept_[0])
    return Experts(kind, weights, scales, intercepts)


def gram_matrix(kind: str, texts: Sequence[str], bits: int) -> csr_matrix:
    """Return sparse float32 (N, 2**bits) n-gram counts over the square root of the number of n-grams."""
    data, indices, counts = [], [], []
    for start in range(0, len(texts), CHUNK):
        characters = Characters.of([plain or "-" for plain in normalise(texts[start : start + CHUNK])])
        parts = []
        for buckets, first, end in GRAM_MAKERS[kind](characters, bits):
            length = end - first
            owner = np.repeat(np.arange(characters.size), length)
            place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
            parts.append((owner, buckets[first[owner] + place].astype(np.int32)))
        owner = np.concatenate([part[0] for part in parts])
        bucket = np.concatenate([part[1] for part in parts])
        order = np.argsort(owner, kind="stable")
        per_text = np.bincount(owner, minlength=characters.size)
        indices.append(bucket[order])
        counts.append(per_text)
        data.append(np.repeat(1.0 / np.sqrt(np.maximum(per_text, 1)), per_text).astype(np.float32))
    indptr = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.concatenate(counts), out=indptr[1:])
    return csr_matrix((np.concatenate(data), np.concatenate(indices), indptr), shape=(len(texts), 1 << bits))
