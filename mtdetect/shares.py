"""Shares: how they are written, and how far one that was counted may be from the true one."""

from __future__ import annotations


def percent(share: float) -> str:
    """Write a share the way people read it.

    >>> percent(0.01), percent(0.0005)
    ('1%', '0.05%')
    """
    return f"{share * 100:.3g}%"


def exact_interval(found: int, total: int, tail: float = 0.025) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share, ``found`` of ``total``; (0, 1) if there is nothing to count.

    Args:
        found: how many were counted.
        total: out of how many.
        tail: chance that the true share lies below the interval at most, and above it at most; 0.025 for 95%.

    >>> low, high = exact_interval(1, 1, 0.005)
    >>> round(low, 4), high
    (0.005, 1.0)
    """
    from scipy.special import betaincinv

    low = float(betaincinv(found, total - found + 1, tail)) if found else 0.0
    high = float(betaincinv(found + 1, total - found, 1 - tail)) if found < total else 1.0
    return low, high
