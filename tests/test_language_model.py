"""Language models: probabilities sum to one, ratios are differences, batches change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mtdetect.hash_table import build
from mtdetect.language_model import Channel, LanguageModel, combine, count, estimate

VOCABULARY = 30
START = 1


def flat(sentences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([i for sentence in sentences for i in [START, *sentence]], dtype=np.int64)
    position = np.concatenate([np.arange(len(sentence) + 1) for sentence in sentences])
    return ids, position


def sample_text(seed: int, sentences: int = 400) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    step = rng.integers(2, VOCABULARY, size=(VOCABULARY, 4))
    text = []
    for _ in range(sentences):
        at, sentence = START, []
        for _ in range(rng.integers(3, 20)):
            at = int(step[at, rng.integers(4)]) if rng.random() < 0.8 else int(rng.integers(2, VOCABULARY))
            sentence.append(at)
        text.append(sentence)
    return text


def joined(second: Channel) -> LanguageModel:
    """A model whose channels are human text and the given one."""
    human = estimate(count(*flat(sample_text(1)), 4, VOCABULARY))
    machine = estimate(count(*flat(sample_text(2)), 4, VOCABULARY))
    channels = [Channel("human", "human", None, 1 / 8), second]
    return combine({"human": human, "machine": machine}, channels, {"human": [1, 1, 2, 2], "machine": [1, 1, 2, 2]})


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return joined(Channel("ratio", "machine", "human", 1 / 16))


def test_probabilities_sum_to_one(model: LanguageModel) -> None:
    for context in ([5], [7, 9], [3, 4, 5], sample_text(1)[0][:3], sample_text(1)[5][:5]):
        ids, position = flat([[*context, word] for word in range(VOCABULARY)])
        last = np.cumsum(np.full(VOCABULARY, len(context) + 2)) - 1
        scores = model.score(ids, position)
        total = np.exp(scores.values[0, last] * model.scales[0]).sum()
        assert total == pytest.approx(1.0, abs=0.05)  # quantised in steps of 1/8 nat


def test_ratio_is_the_difference_of_its_models(model: LanguageModel) -> None:
    text = flat(sample_text(3, 50))
    plain = joined(Channel("machine", "machine", None, 1 / 8))
    human, ratio = (model.score(*text).values[i] * model.scales[i] for i in range(2))
    machine = plain.score(*text).values[1] * plain.scales[1]
    difference = np.abs(machine - human - ratio)
    assert np.median(difference) < 0.15
    assert difference.max() < 0.5  # a few roundings of 1/16 each along the back-off path, and clipping


def test_own_text_is_more_probable_than_foreign_text(model: LanguageModel) -> None:
    own = model.score(*flat(sample_text(1, 100))).values[0].mean()
    foreign = model.score(*flat(sample_text(2, 100))).values[0].mean()
    assert own > foreign + 4


def test_scores_do_not_depend_on_neighbours(model: LanguageModel) -> None:
    sentences = sample_text(9, 20)
    together = model.score(*flat(sentences))
    start = 0
    for sentence in sentences:
        alone = model.score(*flat([sentence]))
        end = start + len(sentence) + 1
        assert np.array_equal(together.values[:, start:end], alone.values)
        assert np.array_equal(together.order[start:end], alone.order)
        start = end


def test_model_survives_its_arrays(model: LanguageModel) -> None:
    again = LanguageModel.from_arrays(model.arrays("lm"), "lm")
    ids, position = flat(sample_text(4, 30))
    assert np.array_equal(again.score(ids, position).values, model.score(ids, position).values)
    assert again.channels == model.channels


def test_hash_table_finds_what_it_stores_and_drops_the_least_important() -> None:
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(1, 1 << 62, size=50_000, dtype=np.uint64))
    rng.shuffle(keys)
    table, slots = build(keys, load=0.8)
    found_slots, found = table.find(keys)
    stored = slots >= 0
    assert stored.mean() > 0.85
    assert stored[: len(keys) // 4].mean() > stored[-len(keys) // 4 :].mean()
    assert found[stored].all()
    assert np.array_equal(found_slots[stored], slots[stored])
    absent = rng.integers(1 << 62, 1 << 63, size=100_000, dtype=np.uint64)
    assert table.find(absent)[1].mean() < 1e-3
