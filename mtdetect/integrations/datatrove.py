"""datatrove: a filter that keeps documents by a gate, with score and reason in their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtdetect.detector import Detector
from mtdetect.errors import InputError, MissingExtraError
from mtdetect.gate import ACTIONS, Action, Gate
from mtdetect.integrations.rows import PREFIX, RowScorer

try:
    from datatrove.pipeline.filters.base_filter import BaseFilter
except ImportError:
    BaseFilter = None

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.writers.disk_base import DiskWriter


class MtdetectFilter(BaseFilter or object):  # type: ignore[misc]
    """Drops documents that a gate rejects.

    Every document, kept or dropped, gets ``mtdetect_action``, ``mtdetect_score`` (None where there is none),
    ``mtdetect_reason``, ``mtdetect_status`` and ``mtdetect_signature`` in its metadata. The statistics of the step
    count actions and statuses and hold the scores. It travels to workers by a few hundred bytes, and a worker
    process loads the model once.

    Args:
        gate: what to drop; by default a gate with the shipped model over documents that may lose 1% of clean English.
        drop: the actions that drop a document; () keeps all, for scores alone.
        exclusion_writer: writes the dropped documents, with the action as ``filter_reason``.
        batch_size: documents scored at a time.
        source_key: metadata that names the source of a document, for a gate with rules by source.
        prefix: starts the name of all added metadata.

    Raises:
        MissingExtraError: datatrove is not installed.
        TypeError: ``gate`` is no gate.
        ValueError: ``drop`` holds what is no action.
    """

    name = "🔎 mtdetect"

    def __init__(
        self,
        gate: Gate | None = None,
        drop: Sequence[Action] = ("reject",),
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = 1024,
        source_key: str | None = None,
        prefix: str = PREFIX,
    ) -> None:
        if BaseFilter is None:
            raise MissingExtraError("datatrove is not installed: pip install 'mtdetect[datatrove]'")
        if gate is not None and not isinstance(gate, Gate):
            raise TypeError(f"gate is a Gate, not {type(gate).__name__}; write mtdetect.Gate(mtdetect.load())")
        if isinstance(drop, str) or (unknown := [action for action in drop if action not in ACTIONS]):
            wrong = repr(drop if isinstance(drop, str) else unknown[0])
            raise ValueError(f'drop holds actions ({", ".join(ACTIONS)}), not {wrong}; write drop=("reject",)')
        super().__init__(exclusion_writer, batch_size)
        self._scorer = RowScorer(Gate(Detector()) if gate is None else gate, prefix=prefix)
        self._prefix = prefix
        self._drop = frozenset(drop)
        self._source_key = source_key

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Judge one document: True to keep it, or False and the action. Batches are much faster."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """Judge N documents; returns N answers in the same order.

        Raises:
            InputError: a document has metadata of the name of what is added.
        """
        for doc in batch:
            try:
                self._scorer.check_columns(doc.metadata)
            except InputError as error:
                raise InputError(f"metadata of document {doc.id!r}: {error}") from error
        answers: list[bool | tuple[bool, str]] = []
        sources = None if self._source_key is None else [doc.metadata.get(self._source_key) for doc in batch]
        for doc, added in zip(batch, self._scorer.rows([doc.text for doc in batch], sources), strict=True):
            doc.metadata.update(added)
            action, status, score = (added[self._prefix + name] for name in ("action", "status", "score"))
            self.stat_update(action, status)
            if score is not None:
                self.stat_update("score", value=score)
            answers.append((False, action) if action in self._drop else True)
        return answers

    def update_doc_stats(self, document: Document) -> None:
        """Count the length of a document, unless its text is no text."""
        if isinstance(document.text, str):
            super().update_doc_stats(document)
