"""Put a model in the place of another: only if it is not worse, in one step, and so that it can be taken back.

Beside the model folder stands ``NAME.history``. Promotion number N has a record there (``000N.json``) and a folder
(``000N``) that holds whichever of its two models is not in use: first the new one, complete and checked; then,
after the two folders were exchanged in one step of the file system, the old one. A process that is killed at
any point leaves the old model or the new one in use, whole, and the other in the history.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mtdetect import artifact
from mtdetect.errors import ModelError, MtdetectError
from mtdetect.formats.output import Output, is_temporary, synchronise

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
_NUMBERED = re.compile(r"^\d{4}$")
_UNFINISHED = re.compile(r"^\d{4}\.part$")


def history_of(place: Path) -> Path:
    """Return the folder that keeps what a place held before."""
    return place.with_name(f"{place.name}.history")


def promote(new: Path, place: Path, note: Mapping[str, Any]) -> dict[str, Any]:
    """Put a copy of a model folder in a place, and keep what stood there.

    Args:
        new: model folder; it stays where it is.
        place: folder in use; need not exist yet.
        note: goes into the record (verdict, reason and the like).

    Returns:
        The record: ``number``, ``created``, ``from`` (None for a first model) and ``to``, each with
        ``signature`` and ``manifest_sha256``, and the note.

    Raises:
        ModelError: either folder is damaged.
        MtdetectError: the model is in use already, or another process switches models here.
    """
    place = place.resolve()
    artifact.verify(new)
    with _locked(place) as history:
        _tidy(place, history)
        old = _identity(place) if place.exists() else None
        if old == _identity(new):
            raise MtdetectError(f"{place} holds {old['signature']} already")
        number = 1 + max((int(path.stem) for path in history.glob("[0-9][0-9][0-9][0-9].json")), default=0)
        kept = history / f"{number:04}"
        _copy(new, kept)
        record: dict[str, Any] = {
            "number": number,
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "from": old,
            "to": _identity(kept),
            **note,
        }
        with Output(history / f"{number:04}.json") as stream:
            stream.write((json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
        if old is None:
            kept.rename(place)
        else:
            exchange(kept, place)
        synchronise(history)
        synchronise(place.parent)
    return record


def rollback(place: Path) -> dict[str, Any]:
    """Take the newest promotion back: the model before it returns, the promoted one goes to the history.

    Returns:
        The record of the promotion that was taken back.

    Raises:
        MtdetectError: nothing to take back.
        ModelError: the kept model is damaged.
    """
    place = place.resolve()
    if not history_of(place).is_dir():
        raise MtdetectError(f"{place} has no history: nothing was promoted there with mtdetect promote")
    with _locked(place) as history:
        _tidy(place, history)
        current = _identity(place)
        for record in records(place)[::-1]:
            kept = history / f"{record['number']:04}"
            before = record["from"]
            if record["to"] == current and before is not None and kept.is_dir() and _identity(kept) == before:
                artifact.verify(kept)
                exchange(kept, place)
                synchronise(history)
                synchronise(place.parent)
                return record
    raise MtdetectError(f"{history}: holds no model from before {current['signature']}")


def records(place: Path) -> list[dict[str, Any]]:
    """Return the records of all promotions to a place, oldest first."""
    files = sorted(history_of(place.resolve()).glob("[0-9][0-9][0-9][0-9].json"))
    found: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return found


def exchange(one: Path, other: Path) -> None:
    """Swap two folders, in one step where the file system can (Linux, macOS), else in three renames.

    After a kill between the three, :func:`promote` and :func:`rollback` put the folders right first.
    """
    if not _exchange_at_once(one, other):
        aside = one.with_name(f"{one.name}.out")
        other.rename(aside)
        one.rename(other)
        aside.rename(one)


def _exchange_at_once(one: Path, other: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        result = libc.renamex_np(first, second, _RENAME_EXCHANGE)
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    else:
        return False
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


@contextmanager
def _locked(place: Path) -> Iterator[Path]:
    """Hold the history of a place for one process."""
    history = history_of(place)
    history.mkdir(parents=True, exist_ok=True)
    with (history / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MtdetectError(f"another process is switching {place}; wait for it") from None
        yield history


def _tidy(place: Path, history: Path) -> None:
    """Finish or undo what a killed process left half done."""
    for aside in history.glob("[0-9][0-9][0-9][0-9].out"):
        aside.rename(aside.with_suffix("") if place.exists() else place)
    for path in history.iterdir():
        unrecorded = _NUMBERED.match(path.name) and not path.with_suffix(".json").exists()
        if _UNFINISHED.match(path.name) or is_temporary(path.name) or unrecorded:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _identity(folder: Path) -> dict[str, str]:
    """Name a model folder by its signature and the hash of its manifest, which has the hashes of all files."""
    signature = str(artifact.read_manifest(folder).get("signature", ""))
    return {"signature": signature, "manifest_sha256": artifact.file_hash(folder / artifact.MANIFEST)}


def _copy(model: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.mkdir()
    for name in (artifact.MANIFEST, *artifact.read_manifest(model)["files"]):
        shutil.copyfile(model / name, part / name)
    artifact.verify(part)
    for path in (*part.iterdir(), part):
        synchronise(path)
    part.rename(target)


def same_weights(one: Path, other: Path) -> bool:
    """Return whether two models give every text the same score (their thresholds may differ)."""
    files = [artifact.read_manifest(folder)["files"] for folder in (one, other)]
    try:
        return all(files[0][name]["sha256"] == files[1][name]["sha256"] for name in (artifact.PIECES, artifact.ARRAYS))
    except (KeyError, TypeError):
        raise ModelError(f"{one} or {other}: the manifest has no hashes; train or copy the model again") from None
