"""Chunks in, results out, in order, whichever process works on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mtdetect.cli.stream import in_order
from mtdetect.errors import InputError


@dataclass
class Batch:
    texts: list[str | None]


def batches(number: int) -> list[Batch]:
    return [Batch([f"{i}"]) for i in range(number)]


def where(texts: list[str | None]) -> tuple[int, list[str | None]]:
    return os.getpid(), texts


def fussy(texts: list[str | None]) -> None:
    if texts == ["5"]:
        raise ZeroDivisionError("five")


@pytest.mark.parametrize("jobs", [2, 3])
def test_this_process_takes_chunks_too_and_order_stays(jobs: int) -> None:
    given = batches(60)
    results = list(in_order(where, given, jobs))
    assert [chunk for chunk, _ in results] == given
    assert [texts for _, (_, texts) in results] == [chunk.texts for chunk in given]
    processes = {process for _, (process, _) in results}
    assert os.getpid() in processes
    assert 2 <= len(processes) <= jobs


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_comes_after_the_chunks_before_it(jobs: int) -> None:
    given, seen = batches(12), list[Batch]()
    with pytest.raises(ZeroDivisionError):
        seen.extend(chunk for chunk, _ in in_order(fussy, given, jobs))
    assert seen == given[:5]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_unreadable_chunk_comes_after_the_results_before_it(jobs: int) -> None:
    def broken() -> Iterator[Batch]:
        yield from batches(7)
        raise InputError("no more")

    seen: list[Batch] = []
    with pytest.raises(InputError):
        seen.extend(chunk for chunk, _ in in_order(where, broken(), jobs))
    assert seen == batches(7)
