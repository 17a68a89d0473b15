"""Everything the feature families look at, computed once for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import LETTER, Characters, PieceEncoder, Pieces, Words
from mtdetect.expert import ExpertEvidence, Experts
from mtdetect.function_words import FUNCTION_WORDS
from mtdetect.language_model import LanguageModel, TokenScores
from mtdetect.lexicon import START_CLASS, Lexicon, WordFacts, function_word


@dataclass(frozen=True)
class Resources:
    """What the features need of a model: pieces, language models, lexicon and experts."""

    encoder: PieceEncoder
    pieces: LanguageModel
    classes: LanguageModel
    lexicon: Lexicon
    character_experts: Experts
    word_experts: Experts

    def analyse(self, plain: Sequence[str]) -> Analysis:
        """Analyse N plain texts, each with at least one word."""
        return Analysis(self, Characters.of(plain))


@dataclass(frozen=True)
class Segments:
    """T tokens of N sentences laid end to end; each sentence begins with a start token.

    Attributes:
        ids: int64 (T,).
        position: int64 (T,), 0 for the start token.
        start: int64 (N + 1,).
        scores: language model scores of the tokens.
    """

    ids: NDArray[np.int64]
    position: NDArray[np.int64]
    start: NDArray[np.int64]
    scores: TokenScores

    @cached_property
    def length(self) -> NDArray[np.int64]:
        """int64 (N,), tokens without the start token, at least 1."""
        return np.maximum(np.diff(self.start) - 1, 1)


class Analysis:
    """A batch of N sentences, analysed as far as features ask."""

    def __init__(self, resources: Resources, characters: Characters) -> None:
        self.resources = resources
        self.characters = characters
        self.size = characters.size

    @property
    def words(self) -> Words:
        """The words of the batch."""
        return self.characters.words

    @cached_property
    def facts(self) -> WordFacts:
        """What the lexicon says of the words."""
        return self.resources.lexicon.facts(self.characters)

    @cached_property
    def function(self) -> NDArray[np.int64]:
        """int64 (W,), position in the list of function words, one past its end for other words."""
        found = function_word(self.words)
        return np.where(found >= 0, found, len(FUNCTION_WORDS))

    @cached_property
    def word_count(self) -> NDArray[np.int64]:
        """int64 (N,), words and marks, at least 1."""
        return np.maximum(np.diff(self.words.start), 1)

    @cached_property
    def is_letter(self) -> NDArray[np.bool_]:
        """bool (W,), words made of letters."""
        return self.words.kind == LETTER

    @cached_property
    def capitalised(self) -> NDArray[np.bool_]:
        """bool (W,), words that begin with a capital."""
        first = self.characters.cased[self.words.begin]
        return (first >= ord("A")) & (first <= ord("Z"))

    @cached_property
    def has_case(self) -> NDArray[np.bool_]:
        """bool (N,), sentences that use both capitals and small letters, so that case tells something."""
        count = np.diff(self.words.start)
        capitals = self.word_sums(self.capitalised)
        letters = self.word_sums(self.is_letter)
        return (capitals > 0) & (capitals < np.maximum(letters * 3 // 4, 1)) & (count > 0)

    def word_sums(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return int64 (N,) exact sums of integers (W,) over the words of each sentence."""
        total = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(values, out=total[1:])
        return total[self.words.start[1:]] - total[self.words.start[:-1]]

    @cached_property
    def piece_layout(self) -> Pieces:
        """The word pieces of the batch."""
        return self.resources.encoder.encode(self.characters)

    @cached_property
    def pieces(self) -> Segments:
        """Word pieces with their language model scores."""
        layout = self.piece_layout
        scores = self.resources.pieces.score(layout.ids, layout.position)
        return Segments(layout.ids, layout.position, layout.start, scores)

    @cached_property
    def classes(self) -> Segments:
        """Word classes with their language model scores."""
        ids, position, start = class_layout(self.words, self.facts.word_class)
        return Segments(ids, position, start, self.resources.classes.score(ids, position))

    @cached_property
    def character_evidence(self) -> ExpertEvidence:
        """Evidence of the character experts."""
        return self.resources.character_experts.score(self.characters)

    @cached_property
    def word_evidence(self) -> ExpertEvidence:
        """Evidence of the word experts."""
        return self.resources.word_experts.score(self.characters)


def class_layout(
    words: Words, word_class: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids, positions and starts of the class sequence, a start token before every sentence."""
    start = words.start + np.arange(len(words.start))
    ids = np.full(int(start[-1]), START_CLASS, dtype=np.int64)
    inner = np.ones(len(ids), dtype=bool)
    inner[start[:-1]] = False
    ids[inner] = word_class
    position = np.arange(len(ids)) - np.repeat(start[:-1], np.diff(start))
    return ids, position, start
