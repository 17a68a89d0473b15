"""A random sample of sentences depends on its seed, keeps provenance, and holds to shares."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from mtdetect.training.sentence_sample import read_paragraphs, sample_sentences


def write_rows(path: Path, count: int) -> Path:
    """Write paragraphs of one numbered sentence each."""
    rows = [{"text": f"The harbour keeps number {i} for the ferry."} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_sample_depends_on_the_seed_alone(tmp_path: Path) -> None:
    left, right = write_rows(tmp_path / "a.jsonl", 40), write_rows(tmp_path / "b.jsonl", 60)
    sample = [sentence.text for sentence in sample_sentences([left, right], seed=3, limit=20)]
    assert sample == [sentence.text for sentence in sample_sentences([right, left], seed=3, limit=20)]
    assert sample != [sentence.text for sentence in sample_sentences([left, right], seed=4, limit=20)]
    assert len(sample_sentences([left, right])) == 60, "the same sentence in two files counts once"


@pytest.mark.parametrize(("limit", "most"), [(50, 10), (None, 44)])
def test_no_collection_has_more_than_its_share(tmp_path: Path, limit: int | None, most: int) -> None:
    rows = [
        {"text": f"The {name} harbour keeps number {i} for us.", "collection": name}
        for name, count in (("large", 200), ("small", 12), ("tiny", 8))
        for i in range(count)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sample = sample_sentences([source], limit=limit, balance="collection", share=0.2)
    counts = Counter(sentence.provenance["collection"] for sentence in sample)
    assert counts["large"] == most
    assert counts["tiny"] == 8


def test_paragraphs_are_cut_into_sentences_of_five_to_sixty_words(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    first = f"Too short. This one is just long enough. {'word ' * 61}."
    source.write_text(f"{first}\nSecond line of it here.\n\nNew one is over here.\n")
    sample = {sentence.text: sentence.provenance for sentence in sample_sentences([source])}
    assert sample == {
        "This one is just long enough.": {"group": "in.txt:1", "doc_id": "in.txt:1"},
        "Second line of it here.": {"group": "in.txt:1", "doc_id": "in.txt:1"},
        "New one is over here.": {"group": "in.txt:2", "doc_id": "in.txt:2"},
    }


def test_machine_rows_are_passed_over_and_groups_filled_in(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "label": "mt"}\n\n{"text": "b"}\n{"text": "c", "doc_id": "x"}\n')
    documents = [("b", {"group": "in.jsonl:2"}), ("c", {"doc_id": "x", "group": "x"})]
    assert list(read_paragraphs(source)) == documents
