"""Training and evaluation: rows, splits, pairing, resources, classifier, thresholds, measurement."""

from __future__ import annotations

from mtdetect.training.train import train

__all__ = ["train"]
