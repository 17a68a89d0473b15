"""Model folders made to harm: nothing in them runs, fills the memory, hangs or is parsed before it was checked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from fuzzing.folders import small_model, use, vouched

import mtdetect
from mtdetect import artifact, model
from mtdetect.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    for name, data in small_model().items():
        (path / name).write_bytes(data)
    return path


def with_arrays(folder: Path, **changes: np.ndarray) -> Path:
    """Replace arrays, with a manifest that vouches for them."""
    arrays = {name: np.array(array) for name, array in artifact.map_arrays(folder / artifact.ARRAYS).items()}
    (folder / artifact.ARRAYS).unlink()
    artifact.write_arrays(folder / artifact.ARRAYS, {**arrays, **changes})
    files = vouched({file.name: file.read_bytes() for file in folder.iterdir()})
    (folder / artifact.MANIFEST).write_bytes(files[artifact.MANIFEST])
    return folder


def npy(header: str, body: bytes = bytes(64), magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    """An array file with a header of our own, alone in an uncompressed archive."""
    target = io.BytesIO()
    text = header.encode("latin-1") + b"\n"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.npy", magic + len(text).to_bytes(2, "little") + text + body)
    return target.getvalue()


def test_the_small_model_is_taken() -> None:
    assert use(small_model())


@pytest.mark.parametrize("name", [artifact.PIECES, artifact.ARRAYS])
def test_no_parser_sees_bytes_that_differ_from_their_hash(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def parse(*_: object) -> None:
        pytest.fail("parsed before it was checked")

    monkeypatch.setattr(model, "PieceEncoder", parse)
    monkeypatch.setattr(artifact, "map_arrays", parse)
    data = bytearray((folder / name).read_bytes())
    for at in range(0, len(data), max(1, len(data) // 40)):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        (folder / name).write_bytes(changed)
        with pytest.raises(ModelError, match="changed or damaged"):
            mtdetect.load(folder)


@pytest.mark.parametrize("name", [artifact.PIECES, artifact.ARRAYS, artifact.CARD, artifact.MANIFEST])
def test_links_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="not a plain file"):
        mtdetect.load(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("name", [artifact.ARRAYS, artifact.MANIFEST])
def test_a_named_pipe_is_no_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match="missing"):
        mtdetect.load(folder)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "sub/../arrays.npz", "a" * 5000, "\0", "\ud800", "~root", "CON\n"]
)
def test_names_that_lead_out_or_cannot_be(folder: Path, name: str) -> None:
    manifest = json.loads((folder / artifact.MANIFEST).read_bytes())
    manifest["files"][name] = {"size": 1, "sha256": "0" * 64}
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError) as caught:
        mtdetect.load(folder)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["../outside", "sub/inside", "{parent}/outside", "sub/../../outside"])
def test_files_elsewhere_are_refused_though_size_and_hash_are_right(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "sub").mkdir()
    for path in (tmp_path / "outside", folder / "sub" / "inside"):
        path.write_bytes(b"secret")
    manifest = json.loads((folder / artifact.MANIFEST).read_bytes())
    digest = hashlib.sha256(b"secret").hexdigest()
    manifest["files"][name.format(parent=tmp_path)] = {"size": 6, "sha256": digest}
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))
    for check in (mtdetect.load, artifact.verify):
        with pytest.raises(ModelError, match="not a plain file name"):
            check(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("files", {"arrays.npz": {"size": float("inf"), "sha256": ""}, "sentencepiece.model": {}}),
        ("files", {"arrays.npz": 1, "sentencepiece.model": []}),
        ("library_versions", ["features differ, and this is no table"]),
        ("features", {"a": 1}),
        ("thresholds", {"sentence": {"rates": [{"false_positive_rate": 10**400, "logit": None}]}, "document": 1}),
        ("thresholds", []),
        ("signature", None),
    ],
)
def test_absurd_manifests(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / artifact.MANIFEST).read_bytes())
    manifest.update({"features": [], key: value} if key == "library_versions" else {key: value})
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError) as caught:
        mtdetect.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|O', 'fortran_order': False, 'shape': (8,), }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (8,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-8,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999999999), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387905, 4), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (8,), 'x': 1}",
        "{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (8,), }",
        "{'descr': '<U9999999', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 90 + "), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': __import__('os').abort(), }",
        "-" * 9000 + "1",
        "(" * 9000,
        "[" * 150 + "]" * 150,
        "",
    ],
    ids=range(14),
)
def test_absurd_array_headers(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.npz").write_bytes(npy(header))
    with pytest.raises(ValueError, match="array"):
        artifact.map_arrays(tmp_path / "a.npz")
    assert not use(vouched({**small_model(), artifact.ARRAYS: npy(header)}))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        *(
            (f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (8,), }}", "is not plain numbers")
            for kind in ("|O8", "<c8", "|S8", "<M8", "|V8", "<f2", "<U200", "|b3")
        ),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }", "does not fit its place"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", "does not fit its place"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "does not fit its place"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1099511627776), }", "absurd"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (8,), }" + " " * 20_000, "too long"),
    ],
)
def test_array_headers_that_say_more_than_there_is(tmp_path: Path, header: str, words: str) -> None:
    for body in (bytes(64), bytes(1 << 16)):
        (tmp_path / "a.npz").write_bytes(npy(header, body))
        with pytest.raises(ValueError, match=words):
            artifact.map_arrays(tmp_path / "a.npz")


def test_absurd_array_files() -> None:
    whole = small_model()[artifact.ARRAYS]
    pickled = b"\x80\x04\x95cos\nsystem\n."
    for data in (b"", b"PK", whole[: len(whole) // 2], whole[100:], pickled, npy("x", magic=b"\x93NUMPY\x09\x00")):
        assert not use(vouched({**small_model(), artifact.ARRAYS: data}))


def test_an_archive_for_other_readers_is_refused() -> None:
    data = bytearray(small_model()[artifact.ARRAYS])
    at = data.index(b"PK\x01\x02")
    data[at + 6] = 99  # the version that reading it needs
    assert not use(vouched({**small_model(), artifact.ARRAYS: bytes(data)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"pieces_order": np.array(1 << 60)},
        {"pieces_order": np.array(0)},
        {"classes_order": np.array(np.inf)},
        {"pieces_scales": np.array([1.0])},
        {"pieces_scales": np.array([np.nan, 1.0, 1.0])},
        {"classes_unigrams": np.zeros((4, 2, 4), np.int16)},
        {"pieces_prints": np.zeros((4, 4), np.uint16)},
        {"pieces_prints": np.zeros(0, np.uint16)},
        {"expert_words_line": np.zeros(0)},
        {"expert_words_weights": np.zeros((1,), np.int8)},
        {"garble_knots": np.zeros((1, 0))},
        {"document_knots": np.full((13, 6), np.nan)},
        {"sentence_calibration": np.array([np.nan, 0.0])},
        {"sentence_calibration": np.zeros(3)},
        {"document_base": np.array([1.0, 2.0])},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_arrays_that_would_hang_or_fail_later(folder: Path, changes: dict[str, np.ndarray]) -> None:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ModelError, match="incomplete model"):
            mtdetect.load(with_arrays(folder, **changes))
    assert time.perf_counter() - start < 10


def test_pieces_without_a_start_are_refused(folder: Path) -> None:
    target = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog ran"] * 20),
        model_writer=target,
        vocab_size=30,
        hard_vocab_limit=False,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    (folder / artifact.PIECES).write_bytes(target.getvalue())
    with pytest.raises(ModelError, match="incomplete model"):
        mtdetect.load(with_arrays(folder))
