"""The recipe of a model: everything that decides its weights, read from one TOML file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtdetect.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
"""Recipes that come with the package."""

PARTS = ("estimate", "fit", "calibrate", "test")


@dataclass(frozen=True)
class Source:
    """One file of training text.

    Attributes:
        file: name inside the data folder.
        role: ``"clean"`` (human English, split into sentences) or ``"pairs"`` (machine text with human text).
        only_test: keep the whole file out of training.
        limit: use at most this many rows (0: all).
        made_from: the file is made from this source by Apertium round trips, when it is not there yet.
        chains: round trips to make, for example ``"en-es-en"``.
        sentences: sentences to send through them.
        balance_share: share of the sentences that one collection may have, at most.
        seed: seed of their choice.
    """

    file: str
    role: str
    only_test: bool = False
    limit: int = 0
    made_from: str = ""
    chains: tuple[str, ...] = ()
    sentences: int = 0
    balance_share: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class LanguageModelRecipe:
    """Order and least n-gram counts of one language model."""

    order: int
    general: tuple[int, ...]
    garble: tuple[int, ...]

    def least(self) -> tuple[tuple[int, ...], ...]:
        """Return the least counts of both kinds of text."""
        return self.general, self.garble


@dataclass(frozen=True)
class ResourceRecipe:
    """How word pieces, language models, lexicon and experts are learnt."""

    piece_vocabulary: int
    piece_sentences: int
    pieces: LanguageModelRecipe
    classes: LanguageModelRecipe
    lexicon_words: int
    lexicon_minimum_count: int
    expert_rows: int
    expert_bits: dict[str, int]
    expert_epochs: int
    expert_alpha: dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a model, given the data.

    ``mtdetect/training/recipes/default.toml`` says what each setting means. Either ``resources`` is stated,
    or ``base`` names a model whose word pieces, language models, lexicon and experts are taken over. Where
    ``licences`` are stated, only rows that carry one of them in their column ``licence`` enter training or test.
    """

    name: str
    version: str
    seed: int
    sources: tuple[Source, ...]
    split: dict[str, float]
    held_out: dict[str, tuple[str, ...]]
    base: str
    resources: ResourceRecipe | None
    classifier_knots: int
    classifier_inverse_regularisation: float
    classifier_rows: int
    unfamiliar_share: float
    low_rated_share: float
    translation_slope: float
    translation_shift: float
    weights: dict[str, float] = field(default_factory=dict)
    text: str = ""
    licences: tuple[str, ...] = ()

    def corpus_key(self) -> tuple[Any, ...]:
        """Return what the prepared corpus depends on."""
        return (self.seed, self.sources, sorted(self.split.items()), sorted(self.held_out.items()))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file, or one of this package by name (``default``, ``open``, ``small``, ``scratch``).

    A recipe with the line ``like = "default"`` takes all tables of that recipe over.

    Raises:
        InputError: the file is missing, not TOML, or lacks a setting; the message names it.
    """
    packaged = RECIPES / f"{path}.toml"
    if not path.is_file() and len(path.parts) == 1 and packaged.is_file():
        path = packaged
    try:
        text = _with_tables(path.read_text(encoding="utf-8"), path)
        raw = tomllib.loads(text)
    except FileNotFoundError:
        names = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise InputError(f"{path}: no such recipe file; name a file or one of {names}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not a readable TOML recipe ({error})") from None
    return parse_recipe(raw, text, str(path))


def _with_tables(text: str, path: Path) -> str:
    """Return the text of a recipe with the tables of the packaged recipe that it is ``like``, where it names one."""
    like = tomllib.loads(text).get("like")
    if like is None:
        return text
    base = RECIPES / f"{like}.toml"
    if not base.is_file() or base == path:
        raise InputError(f"{path}: like = {like!r} is no recipe of this package; name default, small or scratch")
    tables = re.search(r"^\[.*", base.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return re.sub(r"^like\b.*\n", "", text, flags=re.MULTILINE) + "\n" + (tables.group() if tables else "")


def parse_recipe(raw: dict[str, Any], text: str, where: str) -> Recipe:
    """Check a parsed recipe and give it its types.

    Raises:
        InputError: a setting is missing or has the wrong type.
    """
    try:
        base = str(raw.get("base", ""))
        recipe = Recipe(
            name=str(raw["name"]),
            version=str(raw["version"]),
            seed=int(raw["seed"]),
            sources=tuple(_source(source) for source in raw.get("sources", [])),
            split={part: float(raw["split"][part]) for part in PARTS},
            held_out={str(k): tuple(str(v) for v in values) for k, values in raw.get("held_out", {}).items()},
            base=base,
            resources=None if base else _resources(raw),
            classifier_knots=int(raw["classifier"]["knots"]),
            classifier_inverse_regularisation=float(raw["classifier"]["inverse_regularisation"]),
            classifier_rows=int(raw["classifier"]["rows"]),
            unfamiliar_share=float(raw["classifier"].get("unfamiliar_share", 0.0)),
            low_rated_share=float(raw["classifier"].get("low_rated_share", 0.0)),
            translation_slope=float(raw["classifier"].get("translation_slope", 1.0)),
            translation_shift=float(raw["classifier"].get("translation_shift", 0.0)),
            weights={str(k): float(v) for k, v in raw["weights"].items()},
            text=text,
            licences=tuple(str(licence) for licence in raw.get("licences", ())),
        )
    except KeyError as error:
        raise InputError(f"{where}: the recipe lacks {error.args[0]!r}; see {RECIPES / 'default.toml'}") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}; see {RECIPES / 'default.toml'}") from None
    if abs(sum(recipe.split.values()) - 1.0) > 1e-6:
        raise InputError(f"{where}: the parts of [split] add up to {sum(recipe.split.values())}, not to 1")
    for source in recipe.sources:
        if source.role not in ("clean", "pairs"):
            raise InputError(f"{where}: source {source.file} has role {source.role!r}; write clean or pairs")
    for model in (recipe.resources.pieces, recipe.resources.classes) if recipe.resources else ():
        if model.order < 2 or {len(least) for least in model.least()} != {model.order}:
            raise InputError(f"{where}: a language model needs one least count for each of its orders (2 or more)")
    return recipe


def _source(raw: dict[str, Any]) -> Source:
    return Source(**{**raw, "chains": tuple(raw.get("chains", ()))})


def _resources(raw: dict[str, Any]) -> ResourceRecipe:
    experts, lexicon = raw["experts"], raw["lexicon"]
    return ResourceRecipe(
        piece_vocabulary=int(raw["pieces"]["vocabulary"]),
        piece_sentences=int(raw["pieces"]["sentences"]),
        pieces=_language_model(raw["language_model"]["pieces"]),
        classes=_language_model(raw["language_model"]["classes"]),
        lexicon_words=int(lexicon["words"]),
        lexicon_minimum_count=int(lexicon["minimum_count"]),
        expert_rows=int(experts["rows"]),
        expert_bits={kind: int(experts["bits"][kind]) for kind in ("characters", "words")},
        expert_epochs=int(experts["epochs"]),
        expert_alpha={kind: float(experts["alpha"][kind]) for kind in ("characters", "words")},
    )


def _language_model(raw: dict[str, Any]) -> LanguageModelRecipe:
    general, garble = (tuple(map(int, raw[name])) for name in ("general", "garble"))
    return LanguageModelRecipe(int(raw["order"]), general, garble)
