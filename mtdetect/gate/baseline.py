"""Drift: the share of rows rejected, compared with what was usual when a baseline was stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from mtdetect.errors import PolicyError
from mtdetect.gate.rules import shown
from mtdetect.shares import exact_interval
from mtdetect.verdict import Level

FORMAT = 1
_MAX_BYTES = 64 * 1024
_MAX_ROWS = 2**53
_AGAIN = "write it anew with --write-baseline"


@dataclass(frozen=True, slots=True)
class Drift:
    """A batch beside its baseline. Shares are of rows, 0..1; intervals hold the true share with the confidence stated.

    Attributes:
        alarm: whether the two differ by more than the tolerance, beyond what chance explains.
        share: share of the batch that was rejected, 0 for an empty batch.
        low: lower end of its interval.
        high: upper end.
        baseline_share: share of the baseline that was rejected.
        baseline_low: lower end of its interval.
        baseline_high: upper end.
    """

    alarm: bool
    share: float
    low: float
    high: float
    baseline_share: float
    baseline_low: float
    baseline_high: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was usual: how many rows of how many were rejected, under which rules and by which model.

    Attributes:
        rows: rows that were judged, at least 1.
        rejected: how many of them were rejected.
        level: what one row was.
        rules: fingerprint of the rules (:attr:`mtdetect.gate.Policy.fingerprint`).
        signature: the model.
    """

    rows: int
    rejected: int
    level: Level
    rules: str
    signature: str

    def to_json(self) -> bytes:
        """Return the contents of the baseline file."""
        return orjson.dumps({"format": FORMAT, **asdict(self)}, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read a baseline file.

        Raises:
            PolicyError: it is missing or holds something else.
        """
        if path.exists() and not path.is_file():
            raise PolicyError(f"{path} is no file; name the baseline that --write-baseline wrote")
        try:
            with path.open("rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise PolicyError(f"{path}: no such baseline; write one with --write-baseline") from error
        except OSError as error:
            raise PolicyError(f"{path}: {error.strerror or error}") from error
        try:
            return cls._parse(data)
        except ValueError as error:
            raise PolicyError(f"{path} is no baseline: {error}; {_AGAIN}") from error

    @classmethod
    def _parse(cls, data: bytes) -> Baseline:
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES // 1024} KB")
        facts = orjson.loads(data)
        names = ("format", *cls.__slots__)
        if not isinstance(facts, dict) or set(facts) != set(names):
            raise ValueError(f"it must hold {', '.join(names)}, and nothing else")
        if facts.pop("format") != FORMAT:
            raise ValueError("it is of another version")
        rows, rejected = facts["rows"], facts["rejected"]
        if type(rows) is not int or not 1 <= rows <= _MAX_ROWS:
            raise ValueError(f"rows is {shown(rows)}; allowed: a whole number from 1")
        if type(rejected) is not int or not 0 <= rejected <= rows:
            raise ValueError(f"rejected is {shown(rejected)}; allowed: a whole number from 0 to rows")
        for name in ("level", "rules", "signature"):
            if not isinstance(facts[name], str):
                raise ValueError(f"{name} is {shown(facts[name])}; allowed: a string")
        return cls(**facts)

    def check_comparable(self, level: Level, rules: str, signature: str) -> None:
        """Refuse to be compared with batches that were judged in another way.

        Raises:
            PolicyError: saying what differs.
        """
        for name, mine, theirs in (
            ("level", self.level, level),
            ("model", self.signature, signature),
            ("rules", self.rules, rules),
        ):
            if mine != theirs:
                raise PolicyError(
                    f"the baseline was written with {name} {shown(mine)}, this gate has {shown(theirs)}, "
                    f"so that shares cannot be compared; {_AGAIN}"
                )

    def compare(self, rows: int, rejected: int, confidence: float, tolerance: float) -> Drift:
        """Compare a batch with the baseline.

        There is an alarm when the exact (Clopper-Pearson) intervals of the two shares lie apart by more than
        the tolerance. Chance alone does that to fewer than 1 - confidence of all batches, however small.
        """
        tail = (1 - confidence) / 2
        low, high = exact_interval(rejected, rows, tail)
        usual_low, usual_high = exact_interval(self.rejected, self.rows, tail)
        alarm = low > usual_high + tolerance or high < usual_low - tolerance
        share = rejected / rows if rows else 0.0
        return Drift(alarm, share, low, high, self.rejected / self.rows, usual_low, usual_high)
