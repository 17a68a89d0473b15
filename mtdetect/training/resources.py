"""Learn what features stand on: word pieces, lexicon, language models and experts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from mtdetect.batch import LETTER, Characters, PieceEncoder
from mtdetect.expert import GRAM_MAKERS, Expert
from mtdetect.features.analysis import Resources, class_layout
from mtdetect.hash_table import build
from mtdetect.language_model import Channel, Counts, LanguageModel, combine, count, estimate
from mtdetect.lexicon import CLASSES, Lexicon, without_letter, word_classes
from mtdetect.text import normalise
from mtdetect.training.pairing import is_garble, pair_key, pair_weights
from mtdetect.training.recipe import LanguageModelRecipe, ResourceRecipe
from mtdetect.training.rows import Rows
from mtdetect.word_lists import listed

CHUNK = 8192
VERSIONS = 2
"""Machine versions of one segment that enter a language model, at most: its two sides should weigh the same."""
STAGE = Callable[[str, Callable[[], Any]], Any]
"""Runs a named step, or takes its result from a cache."""
GENERAL_STEP = 1 / 8
RATIO_STEP = 1 / 32


def learn_resources(
    rows: Rows,
    clean_files: set[str],
    recipe: ResourceRecipe,
    weights: dict[str, float],
    seed: int,
    stage: STAGE,
) -> Resources:
    """Learn word pieces, lexicon, language models and experts from the rows of the part "estimate".

    Args:
        rows: labelled rows.
        clean_files: sources of general English; where there are none, the human side of the pairs serves.
        recipe: sizes.
        weights: weight of machine text by engine.
        seed: seed of everything drawn.
        stage: runs or recalls a step.
    """
    rng = np.random.default_rng(seed)
    clean = np.isin(rows.column("source").astype(str), sorted(clean_files))
    pairs = rows.take(~clean)
    weight = pair_weights(pairs, weights)
    pairs, weight = pairs.take(weight > 0), weight[weight > 0]
    general = [rows.text[i] for i in np.flatnonzero(clean)]
    general = general or [text for text, label in zip(pairs.text, pairs.label, strict=True) if label == 0]
    drawn = general + pairs.text
    sample = [drawn[i] for i in np.sort(rng.permutation(len(drawn))[: recipe.piece_sentences])]
    encoder = PieceEncoder(stage("pieces", lambda: train_pieces(sample, recipe.piece_vocabulary)))
    lexicon = stage("lexicon", lambda: build_lexicon(general, recipe.lexicon_words, recipe.lexicon_minimum_count))
    tasks = expert_tasks(pairs, weight)
    garbled = tasks["garble"][0]
    sides = {
        "general": general,
        "garble_human": [text for text, label in zip(garbled.text, garbled.label, strict=True) if label == 0],
        "garble_machine": [garbled.text[i] for i in few_versions(garbled, seed)],
    }
    pieces = stage(
        "piece-model",
        lambda: language_model(
            {name: piece_layout(encoder, texts) for name, texts in sides.items()}, encoder.size, recipe.pieces
        ),
    )
    classes = stage(
        "class-model",
        lambda: language_model(
            {name: word_class_layout(texts) for name, texts in sides.items()},
            CLASSES,
            recipe.classes,
        ),
    )
    experts = {
        kind: stage(f"expert-{kind}", partial(train_expert, kind, *tasks["translation"], recipe, seed))
        for kind in GRAM_MAKERS
    }
    return Resources(encoder, pieces, classes, lexicon, experts["characters"], experts["words"])


def expert_tasks(pairs: Rows, weight: NDArray[np.float64]) -> dict[str, tuple[Rows, NDArray[np.float64]]]:
    """Split paired rows by kind of translation: garble (rule-based) and translation (everything else).

    Where a kind does not occur, all pairs stand in for it.
    """
    key = pair_key(pairs)
    garbled = np.isin(key, np.unique(key[is_garble(pairs)]))
    tasks = {}
    for name, mine in (("garble", garbled), ("translation", ~garbled)):
        chosen = mine if mine.any() else np.ones(len(pairs), dtype=bool)
        tasks[name] = (pairs.take(chosen), weight[chosen])
    return tasks


def few_versions(rows: Rows, seed: int) -> NDArray[np.int64]:
    """Return the positions of at most :data:`VERSIONS` machine rows of each segment, drawn at random."""
    key = pair_key(rows)
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(rows.label == 1))
    drawn = drawn[np.argsort(key[drawn], kind="stable")]
    starts = np.flatnonzero(np.diff(key[drawn], prepend=key[drawn][:1] - 1))
    rank = np.arange(len(drawn)) - np.repeat(starts, np.diff(starts, append=len(drawn)))
    return np.sort(drawn[rank < VERSIONS])


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
        chunk_ids, chunk_position, _ = class_layout(
            characters.words, word_classes(characters, listed(characters.words))
        )
        ids.append(chunk_ids.astype(np.int32))
        position.append(chunk_position.astype(np.int32))
    return np.concatenate(ids).astype(np.int64), np.concatenate(position).astype(np.int64)


CHANNELS = (
    Channel("general", "general", None, GENERAL_STEP),
    Channel("garble", "garble_machine", "garble_human", RATIO_STEP),
)
"""Channels of both language models; the ratio is the machine side of garbled pairs minus their human side."""


def language_model(layouts: dict[str, Layout], vocabulary: int, recipe: LanguageModelRecipe) -> LanguageModel:
    """Estimate the three models (general; two sides of garbled pairs) and join them in one table."""
    models = {}
    for name, (ids, position) in layouts.items():
        counts: Counts = count(ids, position, recipe.order, vocabulary)
        models[name] = estimate(counts)
    by_kind = {"general": recipe.general, "garble": recipe.garble}
    least = {name: by_kind[name.partition("_")[0]] for name in layouts}
    return combine(models, CHANNELS, least)


def train_expert(kind: str, rows: Rows, weight: NDArray[np.float64], recipe: ResourceRecipe, seed: int) -> Expert:
    """Train an expert on hashed n-grams of weighted rows and store it as small integers."""
    kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[: recipe.expert_rows])
    model = SGDClassifier(
        loss="log_loss",
        alpha=recipe.expert_alpha[kind],
        max_iter=recipe.expert_epochs,
        tol=None,
        average=True,
        random_state=seed,
    )
    matrix = gram_matrix(kind, [rows.text[i] for i in kept], recipe.expert_bits[kind])
    model.fit(matrix, rows.label[kept], sample_weight=weight[kept] / weight[kept].mean())
    coefficients = model.coef_[0]
    used = np.abs(coefficients[coefficients != 0])
    scale = (float(np.quantile(used, 0.9995)) if len(used) else 1.0) / 127
    weights = np.clip(np.rint(coefficients / scale), -127, 127).astype(np.int8)
    return Expert(kind, weights, scale, float(model.intercept_[0]))


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
