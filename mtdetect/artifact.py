"""The model folder: a manifest with the checksum of every file, a sentencepiece model and plain arrays.

Nothing in it runs code on load. Every file is checked against the manifest before it is used, links and
paths that lead out of the folder are refused, and large arrays are memory-mapped.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib import resources as package_resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtdetect.errors import ModelError

FORMAT_VERSION = 1
"""Version of the folder's layout; a newer one is refused."""

MANIFEST, PIECES, ARRAYS, CARD = "manifest.json", "sentencepiece.model", "arrays.npz", "MODEL_CARD.md"
_ALIGNMENT = 64
_PADDING_FIELD = 0xD935  # the zip field that Android's zipalign uses for padding
_MAX_FILE = 1 << 30
_MAX_MANIFEST = 16 << 20
_MAX_NAME = 60
_DTYPES = frozenset(("|i1", "|u1", "<i2", "<u2", "<u4", "<i4", "<i8", "<u8", "<f4", "<f8", "|b1"))


def default_model() -> Path:
    """Return the folder of the shipped model: inside the wheel, or ``models/default`` of a checkout.

    Raises:
        ModelError: neither is there.
    """
    package = Path(str(package_resources.files("mtdetect")))
    for folder in (package / "models" / "default", package.parent / "models" / "default"):
        if (folder / MANIFEST).is_file():
            return folder
    raise ModelError("the shipped model is missing from this installation; reinstall mtdetect, or name a model folder")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a model folder, its format version checked.

    Raises:
        ModelError: not a model folder, an unreadable manifest, or a newer format.
    """
    file = Path(path) / MANIFEST
    if not file.is_file():
        raise ModelError(f"{path}: not a model folder ({MANIFEST} is missing); name a folder written by mtdetect train")
    if file.is_symlink():
        raise ModelError(
            f"{path}: {MANIFEST} is a link, not a plain file inside the model folder; copy the model whole"
        )
    try:
        if file.stat().st_size > _MAX_MANIFEST:
            raise ValueError("too large")
        manifest = json.loads(file.read_text(encoding="utf-8"))
        version = manifest["format_version"]
        files = manifest["files"]
        if not isinstance(version, int) or not isinstance(files, dict):
            raise TypeError("wrong types")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{file}: not a readable manifest ({error}); train or copy the model again") from None
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: model format {version} is newer than this mtdetect reads ({FORMAT_VERSION}); upgrade mtdetect"
        )
    for required in (PIECES, ARRAYS):
        if required not in files:
            raise ModelError(f"{file}: lists no {required}; train or copy the model again")
    return dict(manifest)


def verify(path: Path) -> None:
    """Check every file of a model folder against its manifest.

    Raises:
        ModelError: a file is missing, changed, of another size, or not a plain file inside the folder.
    """
    _check_files(Path(path), read_manifest(path))


def _check_files(path: Path, manifest: Mapping[str, Any]) -> None:
    for name, entry in manifest["files"].items():
        file = path / name
        if name != os.path.basename(name) or name in ("", ".", "..") or len(name) > _MAX_NAME or file.is_symlink():
            raise ModelError(
                f"{path}: {name[:_MAX_NAME]!r} is not a plain file name inside the model folder; do not use this model"
            )
        if not file.is_file():
            raise ModelError(f"{file}: missing; copy the model again or retrain it")
        size = file.stat().st_size
        try:
            expected_size, expected_hash = int(entry["size"]), str(entry["sha256"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ModelError(
                f"{path}: the manifest has no size and sha256 for {name}; train or copy it again"
            ) from None
        if size != expected_size or size > _MAX_FILE or file_hash(file) != expected_hash:
            raise ModelError(
                f"{file}: differs from the manifest (changed or damaged); copy the model again or retrain it"
            )


def _entry(file: Path) -> dict[str, Any]:
    return {"size": file.stat().st_size, "sha256": file_hash(file)}


def file_hash(file: Path) -> str:
    """Return the sha256 of a file as hexadecimal text."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_files(path: Path) -> tuple[dict[str, Any], bytes, dict[str, NDArray[Any]]]:
    """Check a model folder and return its manifest, sentencepiece model and memory-mapped arrays.

    Raises:
        ModelError: the folder cannot be trusted or read; the message says what to do.
    """
    path = Path(path)
    manifest = read_manifest(path)
    _check_files(path, manifest)
    try:
        pieces = (path / PIECES).read_bytes()
        if (
            hashlib.sha256(pieces).hexdigest() != manifest["files"][PIECES]["sha256"]
        ):  # what is parsed is what was checked
            raise ValueError(f"{PIECES} changed while it was read")
        return manifest, pieces, map_arrays(path / ARRAYS)
    except (OSError, ValueError, OverflowError, NotImplementedError, zipfile.BadZipFile, struct.error) as error:
        raise ModelError(
            f"{path / ARRAYS}: not readable arrays ({error}); copy the model again or retrain it"
        ) from None


def map_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Memory-map every array of an uncompressed ``.npz`` (numpy itself reads such files whole).

    Only plain numeric arrays that lie wholly inside the file are accepted.

    Raises:
        ValueError: compressed members, object arrays, or shapes that do not fit the file.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive, file.open("rb") as stream:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                raise ValueError(f"member {member.filename!r} is not a stored array")
            stream.seek(member.header_offset)
            header = stream.read(30)
            if len(header) < 30 or header[:4] != b"PK\x03\x04":
                raise ValueError(f"member {member.filename!r} has no header")
            name_length, extra_length = struct.unpack("<HH", header[26:30])
            stream.seek(member.header_offset + 30 + name_length + extra_length)
            begin = stream.tell()
            dtype, shape = _npy_header(stream)
            offset = stream.tell()
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
            if offset + size != begin + member.file_size:
                raise ValueError(f"array {member.filename!r} does not fit its place")
            name = member.filename[: -len(".npy")]
            if size < 4096:
                arrays[name] = np.frombuffer(stream.read(size), dtype=dtype).reshape(shape)
            else:
                arrays[name] = np.memmap(file, dtype=dtype, mode="r", offset=offset, shape=shape)
    return arrays


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an uncompressed ``.npz`` that ``numpy.load`` reads, every array on a boundary of 64 bytes.

    The padding lets a memory-mapped array be used in place; the bytes depend on the arrays alone.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(arrays.items()):
            target = io.BytesIO()
            np.lib.format.write_array(target, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            begin = archive.start_dir + 30 + len(info.filename) + 4  # 4: header of the padding itself
            padding = -begin % _ALIGNMENT
            info.extra = struct.pack("<HH", _PADDING_FIELD, padding) + bytes(padding)
            archive.writestr(info, target.getvalue())


_HEADER = re.compile(
    r"\{'descr': '([<|][a-zA-Z][0-9]{1,3})', 'fortran_order': False, 'shape': \(([0-9, ]{0,80})\), \} *\n"
)


def _npy_header(stream: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2):
        raise ValueError("not an array")
    length = struct.unpack("<H", stream.read(2))[0] if magic[6] == 1 else struct.unpack("<I", stream.read(4))[0]
    if length > 10_000:
        raise ValueError("array header too long")
    header = _HEADER.fullmatch(stream.read(length).decode("latin-1"))
    if header is None:
        raise ValueError("array header is not as numpy writes it for plain arrays")
    description, sides = header.groups()
    if description not in _DTYPES and not _is_text(description):
        raise ValueError(f"array type {description!r} is not plain numbers")
    shape = tuple(int(side) for side in sides.split(",") if side.strip())
    if any(side >= 1 << 40 for side in shape):
        raise ValueError("array shape is absurd")
    return np.dtype(description), shape


def _is_text(description: str) -> bool:
    return description.startswith("<U") and description[2:].isdigit() and int(description[2:]) <= 100


def fingerprint(files: Mapping[str, Mapping[str, Any]], thresholds: Mapping[str, Any] | None = None) -> str:
    """Return the first 12 digits of the hash over the hashes of a model's weight files.

    Args:
        files: entries of the manifest.
        thresholds: threshold tables, of a model whose thresholds were calibrated again (same weights).
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        if name != CARD:
            digest.update(f"{name} {files[name]['sha256']}\n".encode())
    if thresholds is not None:
        digest.update(json.dumps(thresholds, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def save(
    path: Path,
    manifest: dict[str, Any],
    pieces: bytes,
    arrays: Mapping[str, NDArray[Any]],
    card: Callable[[dict[str, Any]], str],
) -> Path:
    """Write a model folder; it appears whole or not at all, and replaces an older one of the same name.

    Args:
        path: the folder to write.
        manifest: everything but ``format_version``, ``files`` and ``signature``, which are added here.
        pieces: serialised sentencepiece model.
        arrays: plain numeric arrays.
        card: makes the model card (Markdown) from the whole manifest, signature included.

    Returns:
        The folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path / MANIFEST).is_file() and any(path.iterdir()):
        raise ModelError(f"{path}: exists and is not a model folder; name another --out")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        (folder / PIECES).write_bytes(pieces)
        write_arrays(folder / ARRAYS, arrays)
        files = {file.name: _entry(file) for file in sorted(folder.iterdir())}
        print_ = fingerprint(files, manifest["thresholds"] if "calibration" in manifest else None)
        whole = {
            "format_version": FORMAT_VERSION,
            **manifest,
            "fingerprint": print_,
            "signature": f"mtdetect-{manifest['name']} {manifest['version']} sha256:{print_}",
            "files": files,
        }
        (folder / CARD).write_text(card(whole), encoding="utf-8")
        files[CARD] = _entry(folder / CARD)
        (folder / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        old = Path(temporary) / "old"
        if path.exists():
            path.rename(old)
        folder.rename(path)
    return path


def replace_card(path: Path, card: str) -> None:
    """Replace the model card of a folder and its entry in the manifest; the signature, made of the weights, stays.

    Raises:
        ModelError: the folder is no model folder, or a file of it is damaged.
    """
    path = Path(path)
    verify(path)
    manifest = read_manifest(path)
    with tempfile.TemporaryDirectory(dir=path) as temporary:
        written = Path(temporary) / CARD
        written.write_text(card, encoding="utf-8")
        manifest["files"][CARD] = _entry(written)
        listing = Path(temporary) / MANIFEST
        listing.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.replace(path / CARD)
        listing.replace(path / MANIFEST)
