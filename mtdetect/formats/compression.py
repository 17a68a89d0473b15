"""Compressed input and output, told apart by the first bytes on the way in and by the suffix on the way out.

gzip and xz come with Python; Zstandard needs the optional ``zstandard`` package.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from mtdetect.errors import InputError, needs_extra

SUFFIXES = {".gz": "gzip", ".xz": "xz", ".zst": "Zstandard"}
"""Suffix of a compressed file to the name of its compression."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}
_OTHER_SUFFIXES = {
    ".bz2": "bzip2", ".zip": "zip", ".7z": "7-Zip", ".lz4": "LZ4", ".br": "Brotli", ".lzma": "lzma",
}  # fmt: skip
_OTHER_MAGIC = {
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"PK\x03\x04": "zip", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"\x04\x22\x4d\x18": "LZ4",
}  # fmt: skip
_AGAIN = "fetch or compress the file again"
_BLOCK = 64 * 1024
_RECORD_BY_RECORD = (".warc", ".wet")
# compressed bytes a step: bounds what one step can expand to (tens of MB), and what a damaged one loses
_PIECE = {"gzip": 4096, "xz": 4096, "Zstandard": 512}


def strip_suffix(path: Path) -> Path:
    """Return the path without its compression suffix, if it has one.

    >>> strip_suffix(Path("news.jsonl.gz")).name
    'news.jsonl'
    """
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def compression_of(head: bytes) -> str | None:
    """Name the compression that the first bytes of a file announce, or None for plain data.

    No text starts with any of these bytes, so plain text is never mistaken.
    """
    return next((kind for magic, kind in (_MAGIC | _OTHER_MAGIC).items() if head.startswith(magic)), None)


def unsupported_compression(path: Path) -> str | None:
    """Name the compression that a file's suffix means, if it is one that is neither read nor written here.

    >>> unsupported_compression(Path("news.jsonl.bz2")), unsupported_compression(Path("news.jsonl.gz"))
    ('bzip2', None)
    """
    return _OTHER_SUFFIXES.get(path.suffix.lower())


def decompressed(
    head: bytes, stream: BinaryIO, kind: str, name: str, skipped: Callable[[], list[str] | None] = lambda: None
) -> Iterator[bytes]:
    """Yield the decompressed bytes of ``head`` followed by the rest of ``stream``.

    Everything that can be decompressed is yielded before an error is raised.

    Args:
        head: first compressed bytes.
        stream: the bytes behind them.
        kind: name of the compression.
        name: what messages call the data.
        skipped: returns where to note what is wrong with a damaged member that another follows, before the first
            bytes of that one are yielded; None: damage ends the data.

    Raises:
        InputError: the data is damaged or ends early, or its compression is not supported.
        MissingExtraError: the compression needs a package that is not installed.
    """
    make, errors = _decoder(kind, name)
    decoder = make()
    magic = next(magic for magic, known in _MAGIC.items() if known == kind)
    damage: str | None = None
    notes: list[str] | None = None
    searching = False  # for the next member
    last, begins = b"", True  # the bytes taken last, and whether the member begins with them
    for piece in _pieces(head, stream, _PIECE[kind]):
        data = piece
        while data:
            if searching:
                data = last + data
                at = data.find(magic)
                if at < 0:
                    last = data[1 - len(magic) :]
                    break
                data, searching = data[at:], False
                decoder, last, begins = make(), b"", True
            elif decoder.eof:  # another member follows, or zero padding, which gzip and xz allow
                data = data.lstrip(b"\0")
                if not data:
                    break
                decoder, last, begins = make(), b"", True
            try:
                out = decoder.decompress(data)
            except errors as error:
                damage = damage or f"damaged {kind} data ({error})"
                notes = skipped()
                if notes is None:
                    raise InputError(f"{name}: {damage}; {_AGAIN}") from error
                data, last, searching = (last + data)[begins:], b"", True  # damage is often seen only later
                continue
            if out:
                if damage is not None and notes is not None:  # the next member
                    notes.append(damage)
                    damage = None
                yield out
            begins = begins and not last
            last, data = data, decoder.unused_data if decoder.eof else b""
    if damage is not None:
        raise InputError(f"{name}: {damage}; {_AGAIN}")
    if not decoder.eof:
        raise InputError(f"{name}: the {kind} data ends early (truncated file); {_AGAIN}")


def compressing(stream: BinaryIO, path: Path) -> BinaryIO:
    """Wrap a binary stream so that what is written is compressed as the path's suffix says.

    Closing the wrapper finishes the compressed data and leaves ``stream`` open. Without a compression suffix
    the stream itself is returned. WARC files are compressed write by write, so that every record can be read
    on its own, as the format asks for.

    Raises:
        MissingExtraError: the compression needs a package that is not installed.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is not None and strip_suffix(path).suffix.lower() in _RECORD_BY_RECORD:
        return cast(BinaryIO, _Members(stream, kind, path.name))
    if kind == "gzip":  # no name and time inside: the same rows give the same bytes
        return cast(BinaryIO, gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0, compresslevel=6))
    if kind == "xz":
        return cast(BinaryIO, lzma.LZMAFile(stream, mode="wb"))
    if kind == "Zstandard":
        compressor = _zstandard(str(path)).ZstdCompressor()
        return cast(BinaryIO, compressor.stream_writer(stream, closefd=False))
    return stream


def _decoder(kind: str, name: str) -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    if kind == "gzip":
        return (lambda: zlib.decompressobj(wbits=31)), (zlib.error,)
    if kind == "xz":
        return (lambda: lzma.LZMADecompressor(memlimit=256 << 20)), (lzma.LZMAError,)  # xz -9 asks for 65 MB
    if kind in _OTHER_MAGIC.values():
        raise InputError(f"{name}: {kind} is not supported; decompress the file first, or compress it as gz, xz or zst")
    zstandard = _zstandard(name)
    return (lambda: zstandard.ZstdDecompressor().decompressobj()), (zstandard.ZstdError,)


def _zstandard(name: str) -> Any:
    with needs_extra("zstd", f"{name}: Zstandard needs one more package"):
        import zstandard
    return zstandard


def _pieces(head: bytes, stream: BinaryIO, size: int) -> Iterator[bytes]:
    block = head
    while block:
        for start in range(0, len(block), size):
            yield block[start : start + size]
        block = stream.read(_BLOCK)


class _Members(io.RawIOBase):
    """Compresses every write into a member of its own."""

    def __init__(self, stream: BinaryIO, kind: str, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._compress: Callable[[bytes], bytes]
        if kind == "gzip":
            self._compress = partial(gzip.compress, compresslevel=6, mtime=0)
        else:
            self._compress = lzma.compress if kind == "xz" else _zstandard(name).ZstdCompressor().compress

    def write(self, data: Any) -> int:
        if data:
            self._stream.write(self._compress(data))
        return len(data)
