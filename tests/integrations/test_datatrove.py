"""The datatrove filter in a real pipeline on several workers."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datatrove")

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

import mtdetect
from mtdetect.detector import Detector
from mtdetect.gate import Rules
from mtdetect.integrations.datatrove import MtdetectFilter
from tests.integrations.contract import CLEAN, GARBLED, ODD, ODD_STATUSES, TEXTS, bits, check_scores


def _rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_pipeline_on_several_workers(tmp_path: Path, detector: Detector) -> None:
    texts = [text for text in TEXTS if text] * 20  # datatrove's reader leaves out rows without text
    shards = [texts[i::4] for i in range(4)]
    (tmp_path / "in").mkdir()
    for number, shard in enumerate(shards):
        lines = [json.dumps({"text": text, "id": f"{number}/{i}", "url": "kept"}) for i, text in enumerate(shard)]
        (tmp_path / "in" / f"{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    gate = mtdetect.Gate(detector, level="sentence")
    pipeline = [
        JsonlReader(str(tmp_path / "in")),
        MtdetectFilter(gate, exclusion_writer=JsonlWriter(str(tmp_path / "dropped"), compression=None), batch_size=32),
        JsonlWriter(str(tmp_path / "kept"), compression=None),
    ]
    executor = LocalPipelineExecutor(pipeline, tasks=4, workers=2, logging_dir=str(tmp_path / "logs"))
    stats = executor.run()

    kept, dropped = _rows(tmp_path / "kept"), _rows(tmp_path / "dropped")
    assert len(kept) + len(dropped) == len(texts)
    number_of = [[int(part) for part in row["id"].split("/")] for row in kept]
    assert number_of == sorted(number_of)
    rows = sorted(kept + dropped, key=lambda row: [int(part) for part in row["id"].split("/")])
    ordered = [text for shard in shards for text in shard]
    assert [row["text"] for row in rows] == ordered
    metadata = [row["metadata"] for row in rows]
    assert {data["url"] for data in metadata} == {"kept"}
    assert bits([data["mtdetect_score"] for data in metadata]) == bits(detector.score(ordered).tolist())
    decisions = gate.decide_batch(ordered)
    for name in ("action", "reason", "status", "signature"):
        assert [data[f"mtdetect_{name}"] for data in metadata] == [getattr(each, name) for each in decisions]
    assert {row["metadata"]["mtdetect_action"] for row in dropped} == {"reject"}
    assert {row["metadata"]["filter_reason"] for row in dropped} == {"reject"}
    assert GARBLED in {row["text"] for row in dropped}
    assert CLEAN in {row["text"] for row in kept}

    totals = stats.stats[1].stats
    assert totals["total"].total == len(texts)
    assert totals["reject"].total == totals["dropped_reject"].total == len(dropped)
    assert totals["pass"].total + totals["review"].total == totals["forwarded"].total == len(kept)
    assert totals["too_short"].total == 2 * totals["not_english"].total == 40
    assert totals["score"].n == totals["scored"].total


def test_batches_and_single_documents_agree(detector: Detector) -> None:
    step = MtdetectFilter(mtdetect.Gate(detector, level="sentence"), drop=("reject", "review"))
    documents = [Document(text=text, id=str(i), metadata={"kept": i}) for i, text in enumerate(TEXTS)]
    singles = [Document(text=text, id=str(i), metadata={"kept": i}) for i, text in enumerate(TEXTS)]
    answers = step.filter_batch(documents)
    assert answers == [step.filter(single) for single in singles]
    assert documents == singles
    assert answers[:3] == [True, True, (False, "reject")]
    scores, statuses = zip(
        *[(d.metadata["mtdetect_score"], d.metadata["mtdetect_status"]) for d in documents], strict=True
    )
    check_scores(scores, statuses, TEXTS, detector)


def test_texts_that_are_no_text_pass_through_whole(detector: Detector) -> None:
    step = MtdetectFilter(mtdetect.Gate(detector, level="sentence"), drop=())
    documents = [Document(text=value, id=str(i)) for i, value in enumerate(ODD)]
    out = list(step.run(iter(documents)))
    assert out == documents
    assert [document.metadata["mtdetect_status"] for document in out] == ODD_STATUSES


def test_the_default_gate_judges_documents(detector: Detector) -> None:
    step = MtdetectFilter()
    document = Document(text=f"{CLEAN}\n{CLEAN}", id="1")
    assert step.filter(document) is True
    assert document.metadata["mtdetect_score"] == detector.score_documents([document.text])[0]
    assert len(pickle.dumps(step._scorer)) < 1000


def test_rules_by_source(detector: Detector) -> None:
    rules = Rules(false_positive_rate=0.01, review_rate=0.05, minimum_words=1000, short="reject")
    step = MtdetectFilter(mtdetect.Gate(detector, sources={"strict": rules}), source_key="site")
    documents = [Document(text=CLEAN, id="1", metadata={"site": "strict"}), Document(text=CLEAN, id="2")]
    assert step.filter_batch(documents) == [(False, "reject"), True]


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"drop": "reject"}, ValueError, r"not 'reject'; write drop=\(\"reject\",\)"),
        ({"drop": ("reject", "rejcet")}, ValueError, r"actions \(pass, review, reject\), not 'rejcet'"),
        ({"gate": Detector()}, TypeError, r"not Detector; write mtdetect\.Gate\(mtdetect\.load\(\)\)"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any], error: type[Exception], line: str) -> None:
    with pytest.raises(error, match=line):
        MtdetectFilter(**arguments)


def test_metadata_is_never_overwritten(detector: Detector) -> None:
    documents = [
        Document(text=CLEAN, id="a", metadata={"mtdetect_score": "mine"}),
        Document(text=CLEAN, id="b", metadata={"kept": 1}),
    ]
    with pytest.raises(
        mtdetect.InputError, match=r"document 'a'.*'mtdetect_score' is there already; .* another prefix"
    ):
        MtdetectFilter().filter_batch(documents[::-1])
    assert documents[1].metadata == {"kept": 1}
    step = MtdetectFilter(mtdetect.Gate(detector, level="sentence"), prefix="second_")
    assert step.filter_batch(documents) == [True, True]
    assert documents[0].metadata["mtdetect_score"] == "mine"
    assert documents[0].metadata["second_score"] == detector.score([CLEAN])[0]
