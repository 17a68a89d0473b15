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
from typing import Any

import pytest
import zstandard

from mtdetect.errors import InputError
from mtdetect.formats import open_rows

MB = 1_000_000
LIMIT = 450 * MB
"""Address space of the reading process; reading rows of 64 MB at most has to do with that."""

PARQUET_LIMIT = 600 * MB
"""The same with pyarrow, which takes hold of more than it uses."""

READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from pathlib import Path
from mtdetect.errors import InputError
from mtdetect.formats import open_rows
TEXT_COLUMN = () if sys.argv[3] in ("parquet", "warc") else (None,)
rows = longest = 0
try:
    for chunk in open_rows(Path(sys.argv[1]), sys.argv[3], *TEXT_COLUMN, max_row_bytes=int(sys.argv[4])):
        rows += len(chunk)
        longest = max([longest, *map(len, chunk.raws), *(len(text or "") for text in chunk.texts)])
except InputError as error:
    print(error)
print(rows, longest)
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits address space")


def read(path: Path, format: str = "txt", max_row: int = 64 * MB) -> list[str]:
    limit = PARQUET_LIMIT if format == "parquet" else LIMIT
    command = [sys.executable, "-c", READ, *map(str, (path, limit, format, max_row))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ARROW_DEFAULT_MEMORY_POOL": "system"}
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


@pytest.mark.parametrize(("pack", "suffix"), BOMBS, ids=lambda value: getattr(value, "__name__", value))
def test_a_bomb_of_rows_is_streamed(tmp_path: Path, pack: Callable[[bytes, int], bytes], suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(pack(b"a" * (4 * MB - 1) + b"\n", 150))
    assert path.stat().st_size < 4 * MB
    assert read(path) == [f"150 {4 * MB}"]


def parquet(path: Path, column: Any, **options: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    more = {"use_dictionary": False, "write_statistics": False, "compression": "zstd", **options}
    pyarrow.parquet.write_table(pyarrow.table({"text": column(pyarrow)}), path, **more)
    return path


def one_value_for_all_rows(arrow: Any) -> Any:
    return arrow.DictionaryArray.from_arrays(arrow.array([0] * 10_000, "int32"), ["a" * (MB // 5)])


def begins_of_the_row_before(arrow: Any) -> Any:
    return arrow.array(["a" * (MB // 5) + str(i) for i in range(2000)])


def long_rows_behind_many_short_ones(arrow: Any) -> Any:
    return arrow.array([None] * 100_000 + ["a" * (MB // 5)] * 3000)


PARQUET_BOMBS = {
    "dictionary": (one_value_for_all_rows, {"use_dictionary": True}, 10_000),
    "dictionary of plain text": (one_value_for_all_rows, {"use_dictionary": True, "store_schema": False}, 10_000),
    "prefixes": (
        begins_of_the_row_before, {"column_encoding": {"text": "DELTA_BYTE_ARRAY"}, "data_page_size": 1 << 30}, 2000,
    ),
    "skewed": (long_rows_behind_many_short_ones, {"write_batch_size": 1, "data_page_size": 1000}, 103_000),
}  # fmt: skip


@pytest.mark.parametrize("bomb", PARQUET_BOMBS)
def test_a_parquet_bomb_of_rows_is_streamed(tmp_path: Path, bomb: str) -> None:
    column, options, rows = PARQUET_BOMBS[bomb]
    path = parquet(tmp_path / "bomb.parquet", column, **options)
    assert path.stat().st_size < MB // 5
    assert read(path, "parquet", 8 * MB) == [f"{rows} {MB // 5 + (4 if bomb == 'prefixes' else 0)}"]


@pytest.mark.parametrize("text", [600 * MB, 4 * MB], ids=["one text", "one page of texts"])
def test_a_parquet_page_that_unpacks_to_very_much_is_refused(tmp_path: Path, text: int) -> None:
    texts = ["a" * text] * (600 * MB // text)
    path = parquet(tmp_path / "bomb.parquet", lambda arrow: arrow.array(texts, "large_string"))
    assert path.stat().st_size < MB // 5
    error, counts = read(path, "parquet")
    assert "unpack to 600,000" in error
    assert "--max-row-mb" in error
    assert counts == "0 0"


def test_rows_before_a_parquet_bomb_come_out(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
    with parquet.ParquetWriter(
        tmp_path / "bomb.parquet", pyarrow.schema([("two\nlines", "large_string")]), **options
    ) as out:
        for text in ("It was said.", "a" * 100 * MB):
            out.write_table(pyarrow.table({"two\nlines": pyarrow.array([text] * 3, "large_string")}))
    reader = open_rows(tmp_path / "bomb.parquet", text_column="two\nlines")
    chunks = iter(reader)
    assert next(chunks).texts == ["It was said."] * 3
    with pytest.raises(InputError, match=r"two\?lines unpack to 300,000"):
        next(chunks)


def record(kind: str, content: bytes, media: str = "text/plain") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:0>\r\nContent-Type: {media}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content + b"\r\n\r\n"


def packed_page(piece: bytes, times: int) -> bytes:
    """A page that its server packed, in a record that is packed again."""
    body = gzip.compress(piece, 9) * times
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n"
    return gzip.compress(record("response", head + body, "application/http; msgtype=response"))


def endless_begin(piece: bytes, times: int) -> bytes:
    return gzip.compress(record("warcinfo", piece), 9) * times


def one_record(piece: bytes, times: int) -> bytes:
    return gzip.compress(record("conversion", piece * times), 1)


def one_picture(piece: bytes, times: int) -> bytes:
    return gzip.compress(record("resource", piece * times, "image/png"), 1)


def test_a_page_that_is_a_bomb_is_one_row_that_cannot_be_read(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(packed_page(b"a" * (4 * MB), 150) + gzip.compress(record("conversion", b"A line.")))
    assert path.stat().st_size < 4 * MB
    (counts,) = read(path, "warc")
    assert counts.startswith("2 ")


@pytest.mark.parametrize("pack", [endless_begin, one_record, one_picture])
def test_an_archive_that_is_a_bomb_is_refused(tmp_path: Path, pack: Callable[[bytes, int], bytes]) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(pack(b"a" * (4 * MB), 150))
    assert path.stat().st_size < 4 * MB
    error, counts = read(path, "warc")
    assert "longer than 64 MB" in error
    assert counts == "0 0"


def test_an_archive_that_is_a_bomb_of_records_is_streamed(tmp_path: Path) -> None:
    pytest.importorskip("fastwarc")
    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(gzip.compress(record("conversion", b"a" * (4 * MB)), 9) * 150)
    assert read(path, "warc")[-1].startswith("150 ")


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
