"""Find machine-translation artifacts in English.

>>> import mtdetect
>>> detector = mtdetect.load()
>>> detector.check("The minister said the talks would go on until Friday.").flagged
False
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtdetect.detector import Detector, load
    from mtdetect.errors import InputError, MissingExtraError, ModelError, MtdetectError, PolicyError
    from mtdetect.explain import Explanation
    from mtdetect.gate import Decision, Gate, Policy
    from mtdetect.verdict import DocumentVerdict, Reason, SentenceVerdict, Span

__version__ = "0.4.0"

# Names are imported at first use, so that `mtdetect --help` and light imports do not wait for numpy.
_HOME = {
    "Detector": "detector",
    "load": "detector",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "MtdetectError": "errors",
    "PolicyError": "errors",
    "Explanation": "explain",
    "Decision": "gate",
    "Gate": "gate",
    "Policy": "gate",
    "DocumentVerdict": "verdict",
    "Reason": "verdict",
    "SentenceVerdict": "verdict",
    "Span": "verdict",
}
__all__ = [
    "Decision",
    "Detector",
    "DocumentVerdict",
    "Explanation",
    "Gate",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "MtdetectError",
    "Policy",
    "PolicyError",
    "Reason",
    "SentenceVerdict",
    "Span",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mtdetect' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"mtdetect.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
