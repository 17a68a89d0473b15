"""Every target by name, with where fuzzing it starts: a strategy for property-based inputs, and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from fuzzing import calls, folders, inputs, promises


@dataclass(frozen=True)
class Target:
    """Something that takes any bytes.

    Attributes:
        check: checks what is promised of these bytes; returns how many inputs they hold.
        strategy: property-based inputs.
        seeds: inputs that coverage-guided fuzzing sets out from.
        length: bytes of the longest input that coverage-guided fuzzing makes.
        share: share of the inputs of a run.
    """

    check: Callable[[bytes], int]
    strategy: SearchStrategy[bytes]
    seeds: Callable[[], list[bytes]]
    length: int
    share: float


def _service(data: bytes) -> int:
    from fuzzing.service import service  # needs what the service needs: pip install 'mtdetect[serve]'

    return service(data)


TARGETS = {
    "sentences": Target(promises.sentences, inputs.texts, lambda: inputs.text_seeds(300, breaks=True), 60_000, 0.90),
    "documents": Target(promises.documents, inputs.paragraphs, lambda: inputs.text_seeds(3, breaks=False), 8_000, 0.03),
    "verdicts": Target(promises.verdicts, inputs.few_texts, lambda: inputs.text_seeds(1, breaks=False), 1_500, 0.004),
    "readers": Target(promises.readers, inputs.files, inputs.file_seeds, 3_000, 0.045),
    "models": Target(folders.models, inputs.model_changes, folders.model_seeds, 8_000, 0.008),
    "service": Target(_service, calls.requests, calls.seeds, 3_000, 0.025),
    "policies": Target(folders.policies, inputs.policies, lambda: [folders.POLICY], 2_000, 0.013),
}
