"""Batch: what a gate did to many rows, and whether the batch as a whole can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mtdetect.gate.baseline import Baseline
from mtdetect.gate.gate import Decision
from mtdetect.gate.policy import Policy
from mtdetect.gate.rules import ACTIONS

_COUNTED = dict(zip(ACTIONS, ("passed", "review", "rejected"), strict=True))


class Batch:
    """Counts the decisions on a batch and gives the verdict on it.

    Args:
        policy: the policy the decisions were made by.
        signature: the model they were made with.
        baseline: what the share rejected is compared with.

    Attributes:
        actions: rows by action.
        statuses: rows by status.
        by_source: rows by source and action, for the sources that the policy names.
        without_source: rows whose source is None, where the policy sorts rows by source.
        unreadable: rows nothing could be decided about.
        broken_files: inputs of which all rows, or all from some place on, were lost: ``name`` and ``reason`` of
            each. Whoever reads the rows adds them.

    Raises:
        PolicyError: the baseline was written under other rules or by another model.

    >>> import mtdetect
    >>> policy, detector = mtdetect.Policy({"level": "sentence"}), mtdetect.load()
    >>> batch = Batch(policy, detector.signature)
    >>> batch.add(mtdetect.Gate.from_policy(detector, policy).decide_batch(["Too short.", None]))
    >>> batch.facts()["verdict"], batch.facts()["statuses"]
    ('passed', {'empty': 1, 'too_short': 1})
    """

    def __init__(self, policy: Policy, signature: str, baseline: Baseline | None = None) -> None:
        if baseline is not None:
            baseline.check_comparable(policy.level, policy.fingerprint, signature)
        self.policy, self.signature = policy, signature
        self._baseline = baseline
        self.actions: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.by_source: Counter[tuple[str, str]] = Counter()
        self.without_source = 0
        self.unreadable = 0
        self.broken_files: list[dict[str, str]] = []

    @property
    def rows(self) -> int:
        """Rows decided about."""
        return self.actions.total()

    def add(self, decisions: Sequence[Decision], sources: Sequence[str | None] | None = None) -> None:
        """Count N decisions; ``sources`` are N names, or None for rows without, where the policy sorts by source."""
        self.actions.update([decision.action for decision in decisions])
        self.statuses.update([decision.status for decision in decisions])
        named = self.policy.overrides
        if sources is not None and named:
            self.without_source += sum(source is None for source in sources)
            self.by_source.update(
                (source or "", decision.action)
                for source, decision in zip(sources, decisions, strict=True)
                if (source or "") in named
            )

    def counts(self) -> dict[str, Any]:
        """Return all counts as plain types, for another batch to add."""
        return {
            "actions": dict(self.actions),
            "statuses": dict(self.statuses),
            "sources": [[source, action, count] for (source, action), count in self.by_source.items()],
            "without_source": self.without_source,
            "unreadable": self.unreadable,
            "broken_files": list(self.broken_files),
        }

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Add what ``counts()`` of another batch returned: one that another process judged, or an earlier run."""
        self.actions.update(counts["actions"])
        self.statuses.update(counts["statuses"])
        self.by_source.update({(source, action): count for source, action, count in counts["sources"]})
        self.without_source += counts["without_source"]
        self.unreadable += counts["unreadable"]
        self.broken_files += counts["broken_files"]

    def facts(self) -> dict[str, Any]:
        """Return counts, shares and the verdict as plain types, ready for JSON.

        ``verdict`` is ``"failed"`` where a limit was not kept; else ``"incomplete"`` where rows or files could not
        be read, so that the batch is not all of its input; else ``"passed"``. ``failed_on`` names the limits:
        ``"max_rejected"``, ``"max_unreadable"``, ``"drift"``, and ``"sources.column"`` where the policy has rules
        by source but no row had a source. ``share_unreadable`` is of all rows that came, other shares are of
        those that could be read; how many rows broken files had is not known.
        """
        policy, rules, rows = self.policy, self.policy.rules(), self.rows
        share = self.actions["reject"] / rows if rows else 0.0
        unreadable = self.unreadable / (rows + self.unreadable) if self.unreadable else 0.0
        failed_on = ["max_rejected"] if share > policy["max_rejected"] else []
        if unreadable > policy["max_unreadable"] or (self.broken_files and not policy["max_unreadable"]):
            failed_on.append("max_unreadable")
        if 0 < rows == self.without_source and "" not in policy.overrides:
            failed_on.append("sources.column")
        drift = None
        if self._baseline is not None:
            drift = self._baseline.compare(
                rows, self.actions["reject"], policy["drift.confidence"], policy["drift.tolerance"]
            )
            if drift.alarm and policy["drift.alarm"] == "fail":
                failed_on.append("drift")
        return {
            "name": policy["name"],
            "verdict": "failed" if failed_on else "incomplete" if self.unreadable or self.broken_files else "passed",
            "failed_on": failed_on,
            "rows": rows,
            **{counted: self.actions[action] for action, counted in _COUNTED.items()},
            "unreadable": self.unreadable,
            "broken_files": list(self.broken_files),
            "share_rejected": share,
            "max_rejected": policy["max_rejected"],
            "share_unreadable": unreadable,
            "max_unreadable": policy["max_unreadable"],
            "max_false_positives": rules.false_positive_rate,
            "review_rate": rules.review_rate,
            "level": policy.level,
            "statuses": dict(sorted(self.statuses.items())),
            "sources": {
                source: {counted: self.by_source[source, action] for action, counted in _COUNTED.items()}
                for source in policy.overrides
            },
            "without_source": self.without_source,
            "drift": asdict(drift) if drift else None,
            "policy": policy.facts(),
            "signature": self.signature,
        }

    def to_baseline(self) -> Baseline | None:
        """Return the baseline that later batches can be compared with; None if there was nothing to decide about."""
        if not self.rows:
            return None
        return Baseline(self.rows, self.actions["reject"], self.policy.level, self.policy.fingerprint, self.signature)
