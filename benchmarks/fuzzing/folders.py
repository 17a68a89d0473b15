"""Model folders and policies as fuzzing targets: refused by name, or usable; never anything else."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.promises import promise
from mtdetect import artifact
from mtdetect.detector import Detector
from mtdetect.errors import ModelError, PolicyError
from mtdetect.gate.policy import Policy
from mtdetect.model import load_model

TEXTS = [
    "the committee said that the release of Kursk was more thousands",
    None,
    "",
    "\x00\ud800 ﷺ and so on and on it goes",
]
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**70, 1e308, float("inf"), float("nan"), "", "x", "../x", "/etc/passwd", "a" * 5000,
    "\ud800", "\0", [], {}, [[]], [1], {"a": {}}, "arrays.npz", 10**400,
)  # fmt: skip
DTYPES = ("|i1", "<i2", "<u2", "<i8", "<f4", "<f8", "|b1", "<U3")
ROWS = 64
MAX_STEPS = 8  # arrays can be doubled in each


@cache
def small_model() -> dict[str, bytes]:
    """Return the files of a model with the layout of the shipped one and tables of a few rows."""
    import sentencepiece

    source = artifact.default_model()
    arrays = {
        name: array[:ROWS] if array.ndim and len(array) > 4000 else array
        for name, array in artifact.map_arrays(source / artifact.ARRAYS).items()
    }
    pieces = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the quick brown fox jumps over the lazy dog and so on"]),
        model_writer=pieces, model_type="char", vocab_size=30, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    manifest = artifact.read_manifest(source)
    kept = {key: manifest[key] for key in ("name", "version", "features", "thresholds", "library_versions")}
    with tempfile.TemporaryDirectory() as folder:
        path = artifact.save(Path(folder, "model"), kept, pieces.getvalue(), arrays, lambda whole: whole["signature"])
        return {file.name: file.read_bytes() for file in path.iterdir()}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    shared = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)


def use(files: dict[str, bytes]) -> bool:
    """Write a model folder and load it; returns whether it was taken. A model that is taken scores any text."""
    path = Path(_folder().name)
    for name, data in files.items():
        (path / name).unlink(missing_ok=True)  # what is mapped into memory must not change
        (path / name).write_bytes(data)
    load_model.cache_clear()
    detector = Detector(path)
    try:
        assert detector.model
    except ModelError as error:
        promise("\n" not in str(error), "a refusal is one line")
        return False
    with np.errstate(all="ignore"):
        scores = detector.score(TEXTS)
        promise(len(scores) == len(TEXTS), "as many scores as texts")
        promise(((scores >= 0) & (scores <= 1) | np.isnan(scores)).all(), "scores lie between 0 and 1")
        detector.check(str(TEXTS[0]))
        detector.check_document(str(TEXTS[0]))
    return True


def vouched(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with a manifest whose sizes and hashes are theirs."""
    manifest = json.loads(files[artifact.MANIFEST])
    for name in manifest["files"]:
        manifest["files"][name] = {"size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
    return {**files, artifact.MANIFEST: json.dumps(manifest).encode()}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every entry of a JSON value."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def _damaged(program: bytes) -> None:
    """A changed byte anywhere but in the manifest is found."""
    files = dict(small_model())
    changed = False
    for at in range(0, len(program) - 3, 4):
        name = sorted(set(files) - {artifact.MANIFEST})[program[at] % (len(files) - 1)]
        data = bytearray(files[name])
        data[int.from_bytes(program[at + 1 : at + 3], "little") % len(data)] ^= program[at + 3]
        changed = changed or bytes(data) != files[name]
        files[name] = bytes(data)
    same = all(files[name] == data for name, data in small_model().items())
    promise(use(files) == same, "a damaged file is refused, a whole folder is taken")


def _manifest_bytes(program: bytes) -> None:
    use({**small_model(), artifact.MANIFEST: program})


def _manifest_values(program: bytes) -> None:
    manifest = json.loads(small_model()[artifact.MANIFEST])
    for at in range(0, len(program) - 2, 3):
        every = list(places(manifest))
        path = every[int.from_bytes(program[at : at + 2], "little") % len(every)]
        inner = manifest
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = deepcopy(VALUES[program[at + 2] % len(VALUES)])
    with suppress(ValueError):  # integers of more digits than Python writes
        use({**small_model(), artifact.MANIFEST: json.dumps(manifest).encode()})


def _array_bytes(program: bytes) -> None:
    """The arrays' file is overwritten in places, and the manifest vouches for it."""
    data = bytearray(small_model()[artifact.ARRAYS])
    for at in range(0, len(program) - 3, 4):
        data[int.from_bytes(program[at : at + 3], "little") % len(data)] = program[at + 3]
    use(vouched({**small_model(), artifact.ARRAYS: bytes(data)}))


def _array_file(program: bytes) -> None:
    use(vouched({**small_model(), artifact.ARRAYS: program}))


def _array_values(program: bytes) -> None:
    """Arrays of other types, shapes and values, in a file and a manifest that are as they should be."""
    path = Path(_folder().name, "source.npz")
    path.unlink(missing_ok=True)
    path.write_bytes(small_model()[artifact.ARRAYS])
    arrays = artifact.map_arrays(path)
    names = sorted(arrays)
    for at in range(0, min(len(program), MAX_STEPS * 4) - 3, 4):
        if not names:
            break
        kind, amount = program[at + 2] % 6, program[at + 3]
        name = names[program[at] % len(names)]
        array = np.array(arrays[name])
        if kind == 0 and array.dtype.kind != "U":
            array = array.astype(DTYPES[amount % len(DTYPES)])
        elif kind == 1:
            array = array[: amount % (len(array) + 1)] if array.ndim else array.reshape(1)
        elif kind == 2:
            array = array.reshape(-1)
        elif kind == 3 and array.dtype.kind in "fiu":
            info = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.finfo(array.dtype)
            odd = [info.max, info.min, 0] + ([np.nan, np.inf] if array.dtype.kind == "f" else [])
            array.reshape(-1)[program[at + 1] % max(array.size, 1) :: 7] = odd[amount % len(odd)]
        elif kind == 4:
            array = np.array([array, array])
        elif kind == 5:
            del arrays[name]
            names = sorted(arrays)
            continue
        arrays[name] = array
    path.unlink()
    artifact.write_arrays(path, arrays)
    use(vouched({**small_model(), artifact.ARRAYS: path.read_bytes()}))


_WAYS = (_damaged, _manifest_bytes, _manifest_values, _array_bytes, _array_file, _array_values)


def models(data: bytes) -> int:
    """A model folder is refused with one line, or it loads and scores."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of casts that absurd arrays ask for
        _WAYS[data[0] % len(_WAYS) if data else 0](data[1:])
    return 1


def model_seeds() -> list[bytes]:
    files = small_model()
    some = bytes(range(1, 13))
    return [
        bytes([1]) + files[artifact.MANIFEST],
        bytes([4]) + files[artifact.ARRAYS][:2000],
        *(bytes([way]) + some * times for way in (0, 2, 3, 5) for times in (1, 3)),
        b"\x00",
    ]


def policies(data: bytes) -> int:
    """A policy is refused with one line, or it is whole: its rules, facts and fingerprint can be had."""
    try:
        policy = Policy.parse(data)
    except PolicyError as error:
        promise("\n" not in str(error) and len(str(error)) < 2000, "a refusal is one line")
        return 1
    for source in (None, "x", *policy.overrides):
        rules = policy.rules(source)
        promise(0 < rules.false_positive_rate <= rules.review_rate <= 0.5, "rates are shares")
    promise(len(policy.fingerprint) == 12 and json.dumps(policy.facts()), "a policy can be told")
    return 1


POLICY = b"""name = "news"
level = "sentence"
minimum_words = 5
short = "pass"
foreign = "reject"
max_rejected = 0.05
[false_positives]
sentence = 0.01
[review]
sentence = 0.05
[drift]
baseline = "baseline.json"
confidence = 0.99
[sources]
column = "site"
[sources.overrides."example.org"]
foreign = "pass"
false_positives.sentence = 0.002
"""
