"""Files made to fill the memory: what is read is bounded, whatever the file unpacks to."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

MB = 1_000_000
LIMIT = 450 * MB
"""Address space of the reading process; reading rows of 64 MB at most has to do with that."""

READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from pathlib import Path
from mtdetect.errors import InputError
from mtdetect.formats import open_rows
rows = longest = 0
try:
    for chunk in open_rows(Path(sys.argv[1]), sys.argv[3], None):
        rows += len(chunk)
        longest = max(longest, *map(len, chunk.raws))
except InputError as error:
    print(error)
print(rows, longest)
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits address space")


def read(path: Path, format: str = "txt") -> list[str]:
    command = [sys.executable, "-c", READ, str(path), str(LIMIT), format]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def many_gzip_members(piece: bytes, times: int) -> bytes:
    return gzip.compress(piece, 9) * times


def many_xz_streams(piece: bytes, times: int) -> bytes:
    return lzma.compress(piece, preset=0) * times


def one_zstandard_frame(piece: bytes, times: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join([*(packer.compress(piece) for _ in range(times)), packer.flush()])


BOMBS = [
    (many_gzip_members, ".gz"),
    (many_xz_streams, ".xz"),
    (one_zstandard_frame, ".zst"),
]


@pytest.mark.parametrize(("pack", "suffix"), BOMBS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "tsv"])
def test_a_bomb_without_line_ends_is_refused(
    tmp_path: Path, pack: Callable[[bytes, int], bytes], suffix: str, format: str
) -> None:
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(pack(b"a" * (4 * MB), 150))
    assert path.stat().st_size < 6 * MB
    error, counts = read(path, format)
    assert "longer than 64 MB" in error
    assert counts == "0 0"


@pytest.mark.parametrize(("pack", "suffix"), BOMBS[:2], ids=lambda value: getattr(value, "__name__", value))
def test_a_bomb_of_rows_is_streamed(tmp_path: Path, pack: Callable[[bytes, int], bytes], suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(pack(b"a" * (4 * MB - 1) + b"\n", 150))
    assert path.stat().st_size < 4 * MB
    assert read(path) == [f"150 {4 * MB}"]


def test_an_xz_dictionary_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    data = bytearray(lzma.compress(b"text\n", preset=0))
    header = slice(12, 12 + (data[12] + 1) * 4 - 4)
    assert data[14:16] == b"\x21\x01"  # the filter and the size of its settings: the dictionary's size
    data[16] = 38  # 2 GB
    data[header.stop : header.stop + 4] = zlib.crc32(data[header]).to_bytes(4, "little")
    path = tmp_path / "wide.xz"
    path.write_bytes(bytes(data))
    error, counts = read(path)
    assert "damaged xz data (Memory usage limit exceeded)" in error
    assert counts == "0 0"


def test_a_truncated_file_gives_its_rows_and_an_error(tmp_path: Path) -> None:
    rows = b"".join(b"row %d of many, not alike: %d\n" % (i, i * i * i % 7919) for i in range(20_000))
    for pack, suffix in BOMBS:
        path = tmp_path / f"rows{suffix}"
        whole = pack(rows, 3)
        path.write_bytes(whole[: len(whole) - 50])
        error, counts = read(path)
        assert "truncated" in error or "damaged" in error
        assert int(counts.split()[0]) >= 20_000
