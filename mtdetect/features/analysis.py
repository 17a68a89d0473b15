"""Everything the feature families look at, computed once for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mtdetect.batch import LETTER, Characters, PieceEncoder, Pieces, Words, segment_sums
from mtdetect.expert import Expert, ExpertEvidence
from mtdetect.language_model import LanguageModel, TokenScores
from mtdetect.lexicon import START_CLASS, Lexicon, WordFacts, word_classes
from mtdetect.word_lists import FUNCTION_WORDS, listed


@dataclass(frozen=True)
class Resources:
    """What the features need of a model: pieces, language models, lexicon and experts."""

    encoder: PieceEncoder
    pieces: LanguageModel
    classes: LanguageModel
    lexicon: Lexicon
    character_expert: Expert
    word_expert: Expert

    def analyse(self, plain: Sequence[str]) -> Analysis:
        """Analyse N plain texts, each with at least one word."""
        return Analysis(self, Characters.of(plain))


class Windows:
    """Windows of a few tokens in a row that stay inside their sentence.

    The first tokens of a sentence have shorter windows behind them.
    """

    def __init__(self, start: NDArray[np.int64], position: NDArray[np.int64]) -> None:
        self._first = start[:-1]
        self._position = position
        self._before: dict[int, NDArray[np.int64]] = {}

    def extreme(self, running: NDArray[np.int64], width: int, largest: bool) -> NDArray[np.int64]:
        """Return int64 (N,) the largest (or smallest) sum of a window of each sentence.

        Args:
            running: int64 (T + 1,), running sums of the tokens' integers, 0 first.
            width: tokens in a window.
            largest: largest sum if true, smallest otherwise.
        """
        before = self._before.get(width)
        if before is None:
            index = np.arange(1, len(self._position) + 1)
            before = self._before[width] = index - np.minimum(self._position + 1, width)
        window = running[1:] - running.take(before)
        result: NDArray[np.int64] = (np.maximum if largest else np.minimum).reduceat(window, self._first)
        return result


def running_sum(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return int64 (T + 1,) running sums, 0 first."""
    running = np.zeros(len(values) + 1, dtype=np.int64)
    values.cumsum(out=running[1:])
    return running


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
        length: NDArray[np.int64] = np.maximum(self.start[1:] - self.start[:-1] - 1, 1)
        return length

    def sums(self, running: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return int64 (N,) sums over the sentences from running sums (T + 1,)."""
        at = running.take(self.start)
        return at[1:] - at[:-1]

    @cached_property
    def windows(self) -> Windows:
        """Windows over the tokens."""
        return Windows(self.start, self.position)


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
    def listed(self) -> NDArray[np.int16]:
        """int16 (W,), places of the words in the word lists, one past their end for other words."""
        return listed(self.words)

    @cached_property
    def is_function(self) -> NDArray[np.bool_]:
        """bool (W,), grammatical words."""
        return self.listed < len(FUNCTION_WORDS)

    @cached_property
    def word_count(self) -> NDArray[np.int64]:
        """int64 (N,), words and marks, at least 1."""
        return np.maximum(self.words.count, 1)

    @cached_property
    def word_windows(self) -> Windows:
        """Windows over the words."""
        return Windows(self.words.start, self.words.position)

    @cached_property
    def is_letter(self) -> NDArray[np.bool_]:
        """bool (W,), words made of letters."""
        letters: NDArray[np.bool_] = self.words.kind == LETTER
        return letters

    @cached_property
    def capitalised(self) -> NDArray[np.bool_]:
        """bool (W,), words that begin with a capital."""
        first = self.characters.cased[self.words.begin]
        return (first >= ord("A")) & (first <= ord("Z"))

    @cached_property
    def has_case(self) -> NDArray[np.bool_]:
        """bool (N,), sentences that use both capitals and small letters, so that case tells something."""
        count = self.words.count
        capitals = self.word_sums(self.capitalised)
        letters = self.word_sums(self.is_letter)
        return (capitals > 0) & (capitals < np.maximum(letters * 3 // 4, 1)) & (count > 0)

    def word_sums(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return int64 (N,) exact sums of integers (W,) over the words of each sentence."""
        return segment_sums(values, self.words.start)

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
        ids, position, start = class_layout(self.words, word_classes(self.characters, self.listed))
        return Segments(ids, position, start, self.resources.classes.score(ids, position))

    @cached_property
    def character_evidence(self) -> ExpertEvidence:
        """Evidence of the character expert."""
        return self.resources.character_expert.score(self.characters)

    @cached_property
    def word_evidence(self) -> ExpertEvidence:
        """Evidence of the word expert."""
        return self.resources.word_expert.score(self.characters)


def class_layout(
    words: Words, word_class: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids, positions and starts of the class sequence, a start token before every sentence."""
    start = words.start + np.arange(len(words.start))
    ids = np.full(int(start[-1]), START_CLASS, dtype=np.int64)
    inner = np.ones(len(ids), dtype=bool)
    inner[start[:-1]] = False
    ids[inner] = word_class
    position = np.arange(len(ids)) - start[:-1].repeat(np.diff(start))
    return ids, position, start
