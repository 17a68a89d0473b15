"""Ray Data on a local cluster of two workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'mtdetect[ray]'")
pytest.importorskip("ray.data")

from ray.data.expressions import col

import mtdetect
from mtdetect.detector import Detector
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.ray import BatchScorer, score_dataset
from mtdetect.model import load_model
from tests.integrations.contract import CLEAN, GARBLED, TEXTS, check_scores, many

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(
        num_cpus=3,  # two for the actors and one for reading
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 << 20,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    yield
    ray.shutdown()


def _table(dataset: Any) -> pa.Table:
    return pa.concat_tables(ray.get(dataset.to_arrow_refs()))


def test_dataset(detector: Detector) -> None:
    texts = many(60)
    given = pa.table({"text": texts, "id": range(len(texts)), "raw": [b"\x00\xff"] * len(texts)})
    dataset = ray.data.from_arrow([given.slice(start, 110) for start in range(0, len(texts), 110)])
    scored = _table(score_dataset(dataset, actors=2, batch_size=64))
    assert scored.select(given.column_names).to_pylist() == given.to_pylist()
    check_scores(scored["mtdetect_score"].to_pylist(), scored["mtdetect_status"].to_pylist(), texts, detector)
    assert set(scored["mtdetect_signature"].to_pylist()) == {detector.signature}


def test_gate_filters_documents(detector: Detector) -> None:
    gate = mtdetect.Gate(detector)
    dataset = ray.data.from_arrow(pa.table({"body": TEXTS, "id": range(len(TEXTS))}))
    kept = score_dataset(dataset, "body", by=gate).filter(expr=col("mtdetect_action") != "reject")
    decisions = gate.decide_batch(TEXTS)
    assert _table(kept)["id"].to_pylist() == [i for i, each in enumerate(decisions) if each.action != "reject"]
    assert decisions[TEXTS.index(GARBLED)].action == "reject"


def test_values_that_are_no_text_become_a_status() -> None:
    blocks = [
        pa.table({"text": column}) for column in ([7, None], [None, None], [CLEAN, ""], [b"\xff", CLEAN.encode()])
    ]
    statuses = [_table(score_dataset(ray.data.from_arrow(block)))["mtdetect_status"].to_pylist() for block in blocks]
    assert statuses == [["unreadable", "empty"], ["empty"] * 2, ["scored", "empty"], ["unreadable", "scored"]]


def test_text_inside_a_struct(detector: Detector) -> None:
    given = pa.table({"doc": [{"text": GARBLED}, None], "id": [1, 2]})
    scored = _table(score_dataset(ray.data.from_arrow(given), "doc.text"))
    assert scored["mtdetect_score"].to_pylist() == [detector.score([GARBLED])[0], None]


def test_an_actor_loads_the_model_once() -> None:
    class WithProcess(BatchScorer):
        """Adds the process and how often it has loaded a model."""

        def __call__(self, batch: pa.Table) -> pa.Table:
            scored = super().__call__(batch)
            for name, value in (("process", os.getpid()), ("loads", load_model.cache_info().misses)):
                scored = scored.append_column(name, pa.array([value] * scored.num_rows))
            return scored

    dataset = ray.data.from_arrow(pa.table({"text": many(40)}))
    scored = dataset.map_batches(
        WithProcess,
        fn_constructor_args=(ArrowScorer(),),
        batch_format="pyarrow",
        batch_size=32,
        compute=ray.data.ActorPoolStrategy(size=2),
    )
    table = _table(scored)
    assert table.num_rows == len(many(40))
    assert set(table["loads"].to_pylist()) == {1}
    assert os.getpid() not in table["process"].to_pylist()


def test_another_batch_format_is_refused_with_what_to_write() -> None:
    with pytest.raises(mtdetect.InputError, match=r'a dict .*call map_batches with batch_format="pyarrow"'):
        BatchScorer(ArrowScorer())({"text": [CLEAN]})  # type: ignore[arg-type]
