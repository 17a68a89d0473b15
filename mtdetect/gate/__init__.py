"""The gate: a policy over scores that says of each text whether it passes, goes to review, or is rejected.

The limits are false-positive rates on clean English, not scores: "reject at most 1% of good text".
"""

from __future__ import annotations

from mtdetect.gate.baseline import Baseline, Drift
from mtdetect.gate.batch import Batch
from mtdetect.gate.gate import Decision, Evidence, Gate
from mtdetect.gate.policy import Policy
from mtdetect.gate.rules import ACTIONS, Action, Rules

__all__ = ["ACTIONS", "Action", "Baseline", "Batch", "Decision", "Drift", "Evidence", "Gate", "Policy", "Rules"]
