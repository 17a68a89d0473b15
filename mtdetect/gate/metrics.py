"""A batch as Prometheus text, for the textfile collector of node_exporter."""

from __future__ import annotations

import time
from typing import Any

from mtdetect.errors import needs_extra

COUNTS = ("passed", "review", "rejected", "unreadable")


def check_installed() -> None:
    """Make sure that metrics can be written.

    Raises:
        MissingExtraError: prometheus_client is not installed.
    """
    with needs_extra("metrics", "metrics need one more package"):
        import prometheus_client  # noqa: F401


def prometheus_text(facts: dict[str, Any]) -> bytes:
    """Return the facts of a batch (:meth:`mtdetect.gate.Batch.facts`) in the Prometheus text format.

    Every series has the label ``gate`` with the name of the policy, so that several gates can write their
    files into one folder.

    Raises:
        MissingExtraError: prometheus_client is not installed.
    """
    check_installed()
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    name = facts["name"]

    def gauge(key: str, text: str, value: float) -> None:
        Gauge(f"mtdetect_gate_{key}", text, ["gate"], registry=registry).labels(name).set(value)

    rows = Gauge("mtdetect_gate_rows", "Rows of the last batch by outcome.", ["gate", "outcome"], registry=registry)
    for count in COUNTS:
        rows.labels(name, count).set(facts[count])
    statuses = Gauge(
        "mtdetect_gate_statuses", "Rows of the last batch by status.", ["gate", "status"], registry=registry
    )
    for status, count in facts["statuses"].items():
        statuses.labels(name, status).set(count)
    if facts["sources"]:
        labels = ["gate", "source", "outcome"]
        by_source = Gauge("mtdetect_gate_source_rows", "Rows by source and outcome.", labels, registry=registry)
        for source, counts in facts["sources"].items():
            for outcome, count in counts.items():
                by_source.labels(name, source, outcome).set(count)
    gauge("rejected_ratio", "Share of the rows of the last batch that was rejected.", facts["share_rejected"])
    gauge("rejected_ratio_limit", "Share above which a batch fails.", facts["max_rejected"])
    broken = len(facts["broken_files"])
    gauge("unreadable_rows", "Rows of the last batch that could not be read.", facts["unreadable"])
    gauge("broken_files", "Inputs of the last batch that could not be read, or not to their end.", broken)
    gauge("unreadable_ratio", "Share of the rows of the last batch that could not be read.", facts["share_unreadable"])
    gauge("unreadable_ratio_limit", "Share above which a batch fails.", facts["max_unreadable"])
    gauge("batch_failed", "1 if the last batch failed, else 0.", facts["verdict"] == "failed")
    lost = facts["unreadable"] > 0 or broken > 0
    gauge("batch_incomplete", "1 if rows or files of the last batch could not be read, else 0.", lost)
    if facts["drift"] is not None:
        gauge("drift_alarm", "1 if the share rejected drifted from the baseline, else 0.", facts["drift"]["alarm"])
        gauge("baseline_rejected_ratio", "Share rejected in the baseline.", facts["drift"]["baseline_share"])
    gauge("last_run_timestamp_seconds", "When the last batch ended.", time.time())
    info = Gauge("mtdetect_gate_model_info", "The model of the last batch.", ["gate", "signature"], registry=registry)
    info.labels(name, facts["signature"]).set(1)
    return generate_latest(registry)
