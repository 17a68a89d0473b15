"""A loaded model: resources, classifiers and thresholds, from one verified folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.artifact import load_files
from mtdetect.batch import PieceEncoder
from mtdetect.classifier import AdditiveClassifier, SentenceClassifier
from mtdetect.document import DOCUMENT_FEATURES
from mtdetect.errors import ModelError
from mtdetect.expert import Expert
from mtdetect.features import FAMILIES, FEATURES, Resources
from mtdetect.hash_table import SLOTS
from mtdetect.language_model import CHANNELS, LanguageModel
from mtdetect.lexicon import CLASSES, Lexicon
from mtdetect.verdict import Level

_MAX_ORDER = 9
_MAX_KNOTS = 100
_LARGEST_KEPT = 31 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class Model:
    """What a model folder holds.

    Attributes:
        manifest: its manifest.
        resources: what features stand on.
        sentence: classifier of sentences.
        document: classifier of documents.
    """

    manifest: dict[str, Any]
    resources: Resources
    sentence: SentenceClassifier
    document: AdditiveClassifier

    @property
    def signature(self) -> str:
        """Name, version and fingerprint."""
        return str(self.manifest["signature"])

    def threshold(self, level: Level, false_positive_rate: float) -> float:
        """Return the score at and above which at most this share of clean English lies.

        Between the rates of the manifest's table the score is interpolated on log-odds against log-rate.

        Raises:
            ValueError: an unknown level, or a rate outside the table.
            TypeError: a rate that is no number.
        """
        if isinstance(false_positive_rate, bool) or not isinstance(false_positive_rate, Real):
            raise TypeError(f"false_positive_rate is {false_positive_rate!r}; write a share such as 0.01 for 1%")
        tables = self.manifest["thresholds"]
        if level not in tables:
            raise ValueError(f"level is {level!r}; use 'sentence' or 'document'")
        rates = np.array([row["false_positive_rate"] for row in tables[level]["rates"]])
        logits = np.array([row["logit"] for row in tables[level]["rates"]])
        if not rates[0] <= false_positive_rate <= rates[-1]:
            raise ValueError(
                f"false_positive_rate is {false_positive_rate!r}; this model knows {rates[0]:g} to {rates[-1]:g}"
            )
        logit = np.interp(np.log(false_positive_rate), np.log(rates), logits)
        return float(1.0 / (1.0 + np.exp(-logit)))


def feature_list() -> list[dict[str, Any]]:
    """Return names and family versions of the features, in order, as the manifest stores them."""
    return [
        {"name": feature.name, "family": family.name, "version": family.version}
        for family in FAMILIES
        for feature in family.features
    ]


def resource_arrays(resources: Resources) -> dict[str, NDArray[Any]]:
    """Return the arrays of everything but the sentencepiece model."""
    return {
        **resources.pieces.arrays("pieces"),
        **resources.classes.arrays("classes"),
        **resources.lexicon.arrays(),
        **resources.character_expert.arrays(),
        **resources.word_expert.arrays(),
    }


def resources_from(pieces: bytes, arrays: dict[str, NDArray[Any]]) -> Resources:
    """Rebuild resources from a sentencepiece model and :func:`resource_arrays`."""
    return Resources(
        encoder=PieceEncoder(pieces),
        pieces=LanguageModel.from_arrays(arrays, "pieces"),
        classes=LanguageModel.from_arrays(arrays, "classes"),
        lexicon=Lexicon.from_arrays(arrays),
        character_expert=Expert.from_arrays(arrays, "characters"),
        word_expert=Expert.from_arrays(arrays, "words"),
    )


@lru_cache(maxsize=4)
def load_model(path: Path) -> Model:
    """Load a model folder; a process loads each folder once.

    Raises:
        ModelError: the folder is damaged, of a newer format, or made for other features than this version has.
    """
    manifest, pieces, arrays = load_files(path)
    if manifest.get("features") != feature_list():
        libraries = manifest.get("library_versions")
        version = libraries.get("mtdetect") if isinstance(libraries, dict) else None
        raise ModelError(
            f"{path}: made for other features than this mtdetect has; retrain it, or install the version it came from"
            f" ({version or 'not recorded'})"
        )
    try:
        model = Model(
            manifest,
            resources_from(pieces, arrays),
            SentenceClassifier.from_arrays(arrays),
            AdditiveClassifier.from_arrays(arrays, "document"),
        )
        _check_shapes(model)
        for level in ("sentence", "document"):
            if not 0.0 <= model.threshold(level, 0.01) <= 1.0:
                raise ValueError("a threshold is no number")
        if not isinstance(manifest["signature"], str):
            raise TypeError("the signature is no text")
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"{path}: incomplete model ({error}); copy the model again or retrain it") from None
    _keep_freed_memory()
    return model


def _keep_freed_memory() -> None:
    """Have the C library keep what one batch frees for the next, instead of giving it back to the system each time.

    glibc keeps twice the largest block that was ever freed, of those below 32 MiB. Left to itself it keeps so little
    that up to a fifth of the processor time goes into fresh pages. This block is never written to and costs nothing.
    """
    np.empty(_LARGEST_KEPT, dtype=np.uint8)


def _check_shapes(model: Model) -> None:
    """Refuse arrays that do not fit together, before any of them is used as an index."""
    resources = model.resources
    lexicon = resources.lexicon
    for table in (resources.pieces.table, resources.classes.table, lexicon.table, lexicon.neighbours):
        if table.size == 0 or table.size % SLOTS or table.fingerprints.ndim != 1:
            raise ValueError("a hash table is not made of whole buckets")
    for language_model in (resources.pieces, resources.classes):
        slots = (language_model.table.size,)
        if (
            len(language_model.channels) != CHANNELS
            or language_model.cells.shape != slots
            or language_model.unigrams.shape[1:] != (2, CHANNELS)
            or language_model.scales.shape != (CHANNELS,)
            or not (np.isfinite(language_model.scales) & (language_model.scales > 0)).all()
            or not 1 <= language_model.order <= _MAX_ORDER
        ):
            raise ValueError("language model arrays do not fit together")
    if resources.encoder.size > len(resources.pieces.unigrams):
        raise ValueError("the sentencepiece model has more pieces than the language model")
    if len(resources.classes.unigrams) < CLASSES:
        raise ValueError("the language model of word classes lacks some")
    if resources.lexicon.cells.shape != (resources.lexicon.table.size, 2):
        raise ValueError("lexicon arrays do not fit together")
    for expert in (resources.character_expert, resources.word_expert):
        if expert.bits < 1 or expert.weights.shape != (1 << expert.bits,):
            raise ValueError("expert arrays do not fit together")
        if not np.isfinite([expert.scale, expert.intercept]).all():
            raise ValueError("expert arrays do not fit together")
    heads = (model.sentence.garble, model.sentence.translation)
    for classifier, size in (*((head, len(FEATURES)) for head in heads), (model.document, len(DOCUMENT_FEATURES))):
        knots = classifier.knots
        if knots.shape != classifier.values.shape or len(knots) != size or not 2 <= knots.shape[-1] <= _MAX_KNOTS:
            raise ValueError("classifier arrays do not fit the features")
        if not (np.isfinite(knots).all() and (np.diff(knots, axis=-1) >= 0).all()):
            raise ValueError("the knots of the classifier do not rise")
        if not (np.isfinite(classifier.values).all() and np.isfinite(classifier.base)):
            raise ValueError("classifier arrays are not finite")
    if not np.array_equal(model.sentence.garble.knots, model.sentence.translation.knots):
        raise ValueError("the heads of the classifier have different knots")
    if not np.isfinite([model.sentence.slope, model.sentence.shift]).all():
        raise ValueError("classifier arrays are not finite")
