"""Ray Data: scores as columns of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtdetect.detector import Detector
from mtdetect.errors import needs_extra
from mtdetect.gate import Gate
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.rows import PREFIX
from mtdetect.verdict import Level

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset


class BatchScorer:
    """The callable class for ``Dataset.map_batches(BatchScorer, batch_format="pyarrow", ...)``.

    Ray makes one in every actor, which loads the model there and then. :func:`score_dataset` is the short way.
    """

    def __init__(self, scorer: ArrowScorer) -> None:
        self._scorer = scorer
        self._scorer.columns([])

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        """Return the batch of N rows with the added columns: N rows in the same order.

        Raises:
            InputError: the batch is no Arrow table, has no text column, or has an added column already.
        """
        return self._scorer(batch)


def score_dataset(
    dataset: Dataset,
    text_column: str = "text",
    by: Detector | Gate | None = None,
    level: Level | None = None,
    prefix: str = PREFIX,
    source_column: str | None = None,
    actors: int = 1,
    batch_size: int = 4096,
) -> Dataset:
    """Return a dataset with score, status and signature of every row; with action and reason under a gate.

    Every row is kept; a row without a score has a null. Rows stay in order inside a block; where the order of
    blocks counts, set ``ray.data.DataContext.get_current().execution_options.preserve_order = True``.

    Args:
        dataset: any dataset.
        text_column: column of strings, or a dotted path into structs.
        by: a detector (the shipped model if None), or a gate. A model folder must lie under the same path on
            every machine.
        level: ``"sentence"`` or ``"document"``; None for sentences, and for the level of a gate.
        prefix: starts the name of every added column.
        source_column: column that names the source of a row, for a gate with rules by source.
        actors: worker processes, each with one core and the model.
        batch_size: rows scored at a time.

    Raises:
        MissingExtraError: Ray Data is not installed.
    """
    with needs_extra("ray", "Ray Data is not installed"):
        import ray.data
    return dataset.map_batches(
        BatchScorer,
        fn_constructor_args=(ArrowScorer(text_column, by, level, prefix, source_column),),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
