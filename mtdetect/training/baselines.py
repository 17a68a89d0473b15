"""Baselines that a detector has to beat: common text classifiers trained on the very same rows.

Every baseline reads the plain form of the text (:func:`mtdetect.text.normalise`), so that none of them can
win or lose by typography, and gives a probability of machine translation at even prior.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import sentencepiece
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from mtdetect.classifier import probability
from mtdetect.errors import InputError, needs_extra
from mtdetect.language_model import Channel, LanguageModel, combine, count, estimate
from mtdetect.text import normalise
from mtdetect.training.pairing import pair_weights
from mtdetect.training.resampling import whole_groups
from mtdetect.training.rows import Rows

Floats = NDArray[np.float64]

TRAINING_SPLITS = ("estimate", "fit")
"""Splits that baselines learn from: all that any part of the detector learns from."""

_CHUNK = 20_000


class Baseline(Protocol):
    """A text classifier with a name, trained on rows and scoring texts."""

    name: str

    def fit(self, rows: Rows, jobs: int = 1) -> None:
        """Learn from labelled rows on ``jobs`` cores; rows of weight 0 are text without a say."""

    def score(self, texts: Sequence[str]) -> Floats:
        """Return the probability of machine translation of N texts, float64 (N,)."""


def training_rows(
    rows: Rows, limit: int | None = None, seed: int = 0, by_engine: Mapping[str, float] | None = None
) -> Rows:
    """Return the rows that baselines learn from, weighted as for the detector.

    Rows of the training splits that are not held out; all rows when none names a split. Weights balance each
    machine text with the human text of the same segment (:func:`~mtdetect.training.pairing.pair_weights`).
    Human rows without a machine version come along with weight 0: they say what English is like, never what
    tells it from translation. Where no row has a counterpart, all rows weigh as they came.

    Args:
        rows: labelled rows.
        limit: at most this many weighted rows, in whole content groups, and as many with weight 0.
        seed: which groups a limit keeps.
        by_engine: weight of machine text by engine, from the recipe.

    Raises:
        InputError: the rows lack one of the two labels.
    """
    split = rows.column("split")
    if (split != "").any():
        rows = rows.take(np.isin(split.astype(str), TRAINING_SPLITS) & (rows.column("held_out") == ""))
    if len(np.unique(rows.label)) < 2:
        raise InputError("baselines need training rows of both labels, human and mt; give rows with both")
    weights = pair_weights(rows, dict(by_engine or {}))
    if (weights > 0).any():
        rows = replace(rows, weight=weights).take((weights > 0) | (rows.label == 0))
    if limit is None:
        return rows
    parts = (np.flatnonzero(rows.weight > 0), np.flatnonzero(rows.weight == 0))
    kept = [part[whole_groups(rows.content[part], limit, seed)] for part in parts]
    return rows.take(np.sort(np.concatenate(kept)))


def balanced_weights(rows: Rows) -> Floats:
    """Return the row weights (N,), scaled so that machine and human rows each sum to half of N."""
    weights = rows.weight.astype(np.float64)
    for label in (0, 1):
        side = rows.label == label
        weights[side] *= 0.5 * len(rows) / max(float(weights[side].sum()), 1e-300)
    return weights


class TfidfLogisticRegression:
    """Logistic regression over sublinear TF-IDF of hashed n-grams, of characters within words or of words.

    Attributes:
        name: what the tables call it.
        vectorizer: the hashing vectoriser (2**20 columns, no sign).
    """

    def __init__(self, unit: str) -> None:
        """Build an untrained baseline over ``unit`` ``"character"`` (2 to 5) or ``"word"`` (1 to 2)."""
        analyzer, orders = {"character": ("char_wb", (2, 5)), "word": ("word", (1, 2))}[unit]
        self.name = f"{unit} n-gram TF-IDF + logistic regression"
        self.vectorizer = HashingVectorizer(
            analyzer=analyzer,
            ngram_range=orders,
            n_features=2**20,
            token_pattern=r"\b\w+\b" if unit == "word" else None,
            alternate_sign=False,
            lowercase=False,  # capitals carry evidence: measured slightly better than lower case
            norm=None,
            dtype=np.float32,
        )
        self._tfidf = TfidfTransformer(sublinear_tf=True)
        self._classifier = LogisticRegression(C=1.0, max_iter=100)

    def fit(self, rows: Rows, jobs: int = 1) -> None:
        """Learn from labelled, weighted rows; about 2.5 kB of memory a row for characters."""
        rows = rows.take(rows.weight > 0)
        counts = self._counts(rows.text, jobs)
        features = self._tfidf.fit(counts).transform(counts, copy=False)
        self._classifier.fit(features, rows.label, sample_weight=balanced_weights(rows))

    def score(self, texts: Sequence[str]) -> Floats:
        """Return the probability of machine translation of N texts, float64 (N,)."""
        scores = [
            self._classifier.predict_proba(self._tfidf.transform(self._counts(chunk, 1), copy=False))[:, 1]
            for chunk in _chunks(texts)
        ]
        return np.concatenate([np.empty(0), *scores]).astype(np.float64)

    def _counts(self, texts: Sequence[str], jobs: int) -> Any:
        from scipy.sparse import vstack

        counted = Parallel(n_jobs=jobs)(delayed(_count_ngrams)(self.vectorizer, chunk) for chunk in _chunks(texts))
        return vstack(counted, format="csr")


class FastText:
    """fastText supervised: averaged embeddings of words, word n-grams and character n-grams.

    fastText takes no row weights: rows are drawn in proportion to their weight instead. Results differ
    slightly between runs on more than one core.
    """

    name = "fastText"

    def __init__(self, epochs: int = 5, seed: int = 0) -> None:
        """Build an untrained baseline.

        Raises:
            MissingExtraError: the fasttext package is not installed.
        """
        with needs_extra("baselines", "the fastText baseline needs another package"):
            import fasttext
        self._train = fasttext.train_supervised
        self._epochs = epochs
        self._seed = seed
        self._model: Any = None
        self._direction: Floats = np.empty(0)

    def fit(self, rows: Rows, jobs: int = 1) -> None:
        """Learn from as many rows as given, drawn in proportion to their weight."""
        rows = rows.take(rows.weight > 0)
        weights = balanced_weights(rows)
        generator = np.random.default_rng(self._seed)
        # Systematic resampling: a row of weight w is drawn floor(w) or ceil(w) times.
        steps = np.cumsum(weights) / weights.sum() * len(rows)
        drawn = np.searchsorted(steps, np.arange(len(rows)) + generator.uniform(), side="right")
        drawn = generator.permutation(np.minimum(drawn, len(rows) - 1))
        plain = normalise(rows.text)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.txt")
            with path.open("w", encoding="utf-8") as lines:
                lines.writelines(f"__label__{rows.label[i]} {plain[i]}\n" for i in drawn)
            self._model = self._train(
                str(path),
                epoch=self._epochs,
                lr=0.3,
                dim=50,
                wordNgrams=3,
                minn=2,
                maxn=5,
                bucket=1_000_000,
                thread=jobs,
                seed=self._seed,
                verbose=0,
            )
        weights_of = dict(zip(self._model.get_labels(), self._model.get_output_matrix(), strict=True))
        self._direction = (weights_of["__label__1"] - weights_of["__label__0"]).astype(np.float64)

    def score(self, texts: Sequence[str]) -> Floats:
        """Return the probability of machine translation of N texts, float64 (N,)."""
        # Probabilities from fastText end at 0.00001 and tie there; the scores below them do not.
        if not len(texts):
            return np.empty(0)
        vectors = np.stack([self._model.get_sentence_vector(text) for text in normalise(texts)])
        log_odds = vectors.astype(np.float64) @ self._direction
        return probability(log_odds)


class Perplexity:
    """Log-probability a word piece under a 5-gram model of the human rows, turned into a probability.

    Attributes:
        name: what the tables call it.
        context_gain: whether the unigram log-probability is taken off (SLOR: Pauls and Klein 2012), so that
            rare words do not count against a sentence.
    """

    def __init__(self, context_gain: bool = False, order: int = 5, vocabulary: int = 16_000) -> None:
        """Build an untrained baseline over n-grams up to ``order`` of at most ``vocabulary`` word pieces."""
        self.name = "context gain (n-gram minus unigram)" if context_gain else "perplexity (n-gram)"
        self.context_gain = context_gain
        self._order = order
        self._vocabulary = vocabulary
        self._pieces: Any = None
        self._model: LanguageModel | None = None
        self._link = LogisticRegression(C=1e6)

    def fit(self, rows: Rows, jobs: int = 1) -> None:
        """Estimate the model from human rows, then fit one slope and one offset on groups left out of it."""
        _, groups = np.unique(rows.content, return_inverse=True)
        kept_out = groups % 10 == 0  # text the model has read looks far too probable for the slope
        human = [text for text in normalise(rows.take((rows.label == 0) & ~kept_out).text) if text]
        trained = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(human),
            model_writer=trained,
            vocab_size=self._vocabulary,
            hard_vocab_limit=False,
            input_sentence_size=200_000,
            shuffle_input_sentence=True,
            num_threads=jobs,
            minloglevel=2,
        )
        self._pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
        ids, position, _ = self._encode(human)
        counts = count(ids, position, self._order, self._pieces.get_piece_size())
        once = [1, 1, *[2] * (self._order - 2)]
        self._model = combine({"human": estimate(counts)}, [Channel("human", "human", None, 0.1)], {"human": once})
        fitted = kept_out & (rows.weight > 0)
        rows = rows.take(fitted if len(np.unique(rows.label[fitted])) == 2 else rows.weight > 0)
        self._link.fit(self._values(rows.text)[:, None], rows.label, sample_weight=balanced_weights(rows))

    def score(self, texts: Sequence[str]) -> Floats:
        """Return the probability of machine translation of N texts, float64 (N,)."""
        if not len(texts):
            return np.empty(0)
        return np.asarray(self._link.predict_proba(self._values(texts)[:, None])[:, 1], dtype=np.float64)

    def _values(self, texts: Sequence[str]) -> Floats:
        """Mean log-probability (or context gain) a piece, (N,); 0 for a text without pieces."""
        values = []
        for chunk in _chunks(texts):
            ids, position, sentence = self._encode(normalise(chunk))
            assert self._model is not None
            scores = self._model.score(ids, position)
            steps = scores.values[0].astype(np.float64)
            if self.context_gain:
                steps -= scores.unigram[0]
            steps *= self._model.scales[0] * (position > 0)
            pieces = np.bincount(sentence, position > 0, minlength=len(chunk))
            values.append(np.bincount(sentence, steps, minlength=len(chunk)) / np.maximum(pieces, 1))
        return np.concatenate([np.empty(0), *values])

    def _encode(self, plain: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Ids laid end to end, each one's place in its sentence, and the number of its sentence."""
        encoded = self._pieces.encode(list(plain), add_bos=True)
        lengths = np.array([len(ids) for ids in encoded], dtype=np.int64)
        ids = np.concatenate([np.array(ids, dtype=np.int64) for ids in encoded])
        starts = np.cumsum(lengths) - lengths
        sentence = np.repeat(np.arange(len(encoded)), lengths)
        return ids, np.arange(len(ids)) - starts[sentence], sentence


BASELINES: dict[str, Callable[[], Baseline]] = {
    "characters": lambda: TfidfLogisticRegression("character"),
    "words": lambda: TfidfLogisticRegression("word"),
    "fasttext": FastText,
    "perplexity": Perplexity,
    "context-gain": lambda: Perplexity(context_gain=True),
}
"""Every baseline by its short name on the command line."""


def _count_ngrams(vectorizer: HashingVectorizer, texts: Sequence[str]) -> Any:
    return vectorizer.transform(normalise(texts))


def _chunks(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
