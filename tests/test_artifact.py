"""Model folders: what is damaged, newer, hostile or incomplete is refused by name."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mtdetect
from mtdetect import artifact
from mtdetect.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact.default_model(), tmp_path / "model"))


def change_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_arrays(folder: Path, data: bytes) -> None:
    """Put other arrays in place, with a manifest that vouches for them."""
    (folder / "arrays.npz").write_bytes(data)
    entry = {"size": len(data), "sha256": artifact.file_hash(folder / "arrays.npz")}
    change_manifest(folder, lambda m: m["files"].update({"arrays.npz": entry}))


def test_a_whole_folder_loads(folder: Path) -> None:
    artifact.verify(folder)
    assert mtdetect.load(folder).signature == mtdetect.load().signature


@pytest.mark.parametrize("name", ["arrays.npz", "sentencepiece.model", "MODEL_CARD.md"])
def test_a_changed_byte_is_refused_by_name(folder: Path, name: str) -> None:
    file = folder / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name}.*changed or damaged"):
        mtdetect.load(folder)
    with pytest.raises(ModelError, match=name):
        artifact.verify(folder)


@pytest.mark.parametrize("name", ["arrays.npz", "sentencepiece.model", "manifest.json"])
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}.*missing"):
        mtdetect.load(folder)


def test_a_newer_format_is_refused(folder: Path) -> None:
    change_manifest(folder, lambda m: m.update(format_version=artifact.FORMAT_VERSION + 1))
    with pytest.raises(ModelError, match="newer than this mtdetect reads"):
        mtdetect.load(folder)


def test_other_features_are_refused(folder: Path) -> None:
    change_manifest(folder, lambda m: m["features"].pop())
    with pytest.raises(ModelError, match="other features"):
        mtdetect.load(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format_version": "1"}', "nan", '{"format_version": 1, "files": {}}']
)
def test_a_broken_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match="manifest"):
        mtdetect.load(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", "sub/file"])
def test_paths_out_of_the_folder_are_refused(folder: Path, name: str) -> None:
    change_manifest(folder, lambda m: m["files"].update({name: {"size": 1, "sha256": "0"}}))
    with pytest.raises(ModelError, match="plain file name"):
        mtdetect.load(folder)


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "arrays.npz", tmp_path / "elsewhere")
    (folder / "arrays.npz").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="plain file name"):
        mtdetect.load(folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model folder"):
        mtdetect.load(tmp_path)


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("code ran on load",))


def hostile_arrays(kind: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED) as archive:
        if kind == "pickle":
            member = io.BytesIO()
            np.lib.format.write_array(member, np.array([Exploit()], dtype=object), allow_pickle=True)
            archive.writestr("a.npy", member.getvalue())
        elif kind == "raw pickle":
            archive.writestr("a.npy", pickle.dumps(Exploit()))
        else:
            shape = "(4611686018427387904,)" if kind == "huge" else "(8,)"
            header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
            archive.writestr(
                "a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64)
            )
    return target.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "raw pickle", "huge", "compressed", "incomplete"])
def test_hostile_arrays_are_refused(folder: Path, kind: str) -> None:
    replace_arrays(folder, hostile_arrays(kind))
    with pytest.raises(ModelError, match=r"arrays|incomplete"):
        mtdetect.load(folder)


def test_arrays_survive_and_are_aligned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.integers(0, 9, 5000).astype(np.uint16),
        "b": np.array(7),
        "c": rng.normal(size=(50, 40)),
        "d": np.array(["x", "yy"]),
    }
    artifact.write_arrays(tmp_path / "a.npz", arrays)
    mapped = artifact.map_arrays(tmp_path / "a.npz")
    plain = np.load(tmp_path / "a.npz", allow_pickle=False)
    for name, array in arrays.items():
        assert np.array_equal(mapped[name], array)
        assert np.array_equal(plain[name], array)
        assert mapped[name].flags.aligned
    first = (tmp_path / "a.npz").read_bytes()
    artifact.write_arrays(tmp_path / "a.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == first


def test_saving_replaces_a_model_and_nothing_else(tmp_path: Path) -> None:
    manifest = {"name": "x", "version": "1"}
    artifact.save(tmp_path / "m", manifest, b"p", {"a": np.zeros(3)}, lambda whole: whole["signature"])
    artifact.save(tmp_path / "m", manifest, b"q", {"a": np.zeros(3)}, lambda whole: whole["signature"])
    assert (tmp_path / "m" / "sentencepiece.model").read_bytes() == b"q"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("precious")
    with pytest.raises(ModelError, match="not a model folder"):
        artifact.save(tmp_path / "work", manifest, b"p", {"a": np.zeros(3)}, lambda whole: whole["signature"])
    assert (tmp_path / "work" / "thesis.txt").read_text() == "precious"
