"""Parquet, for training rows only: whole records, read through pyarrow where that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtdetect.errors import InputError, MissingExtraError
from mtdetect.formats.base import Record


def parquet_rows(path: Path) -> Iterator[Record]:
    """Yield the rows of a Parquet file as dictionaries.

    Raises:
        InputError: the file cannot be read as Parquet.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(f"{path}: Parquet needs one more package: pip install 'mtdetect[parquet]'") from error
    row = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for record in batch.to_pylist():
                    row += 1
                    yield record
    except (pyarrow.ArrowException, OSError) as error:
        detail = str(error).splitlines()[0]
        raise InputError(f"{path}, after row {row}: not readable as Parquet ({detail}); check the file") from error
