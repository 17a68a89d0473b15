"""Policy: the settings of a gate, from a TOML file and from options, every one of them checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from mtdetect.errors import PolicyError
from mtdetect.gate.rules import ACTION, LEVEL, WORDS, Kind, Rules, one_of, shown
from mtdetect.verdict import Level

MAX_BYTES = 256 * 1024
"""Largest policy file, in bytes."""

_MAX_LINE = 1000  # time to read a dotted key grows with the square of its length
_MAX_NAME = 200
_RATE = Kind("a share above 0 and up to 0.5, with a point: 0.01 for 1%", float, lambda value: 0 < value <= 0.5)
_SHARE = Kind("a share from 0.0 to 1.0, with a point: 0.05 for 5%", float, lambda value: 0 <= value <= 1)
_NAME = Kind(
    f"a line of 1 to {_MAX_NAME} printable characters",
    str,
    lambda value: 0 < len(value) <= _MAX_NAME and value.isprintable(),
)
_PATH = Kind("the path of a file", str, lambda value: 0 < len(value) <= 900 and "\0" not in value)

BY_SOURCE: dict[str, Kind] = {
    "false_positives.sentence": _RATE,
    "false_positives.document": _RATE,
    "review.sentence": _RATE,
    "review.document": _RATE,
    "minimum_words": WORDS,
    "short": ACTION,
    "foreign": ACTION,
    "empty": ACTION,
}
"""What can be set for all rows and for the rows of one source: dotted key to kind of value."""

KEYS: dict[str, Kind] = {
    "name": _NAME,
    "level": LEVEL,
    **BY_SOURCE,
    "max_rejected": _SHARE,
    "max_unreadable": _SHARE,
    "drift.baseline": _PATH,
    "drift.confidence": Kind(
        "a number from 0.5 up to, not including, 1, such as 0.99", float, lambda value: 0.5 <= value < 1
    ),
    "drift.tolerance": _SHARE,
    "drift.alarm": one_of("fail", "warn"),
    "sources.column": _NAME,
}
"""Everything that can be set: dotted key to kind of value. ``sources.overrides`` is a table of tables beside it."""

DEFAULTS: dict[str, Any] = {
    "name": "",
    "level": "document",
    "false_positives.sentence": 0.01,
    "false_positives.document": 0.01,
    "minimum_words": 0,
    "short": "pass",
    "foreign": "pass",
    "empty": "pass",
    "max_rejected": 0.05,
    "max_unreadable": 0.05,
    "drift.baseline": "",
    "drift.confidence": 0.99,
    "drift.tolerance": 0.005,
    "drift.alarm": "fail",
    "sources.column": "",
}
_REVIEW_RATE = 0.05  # unless stated; never below the false positives
_OVERRIDES = "sources.overrides"


@dataclass(frozen=True)
class Policy:
    """The settings of a gate.

    Attributes:
        settings: what was stated for all rows: dotted key (as in ``KEYS``) to value.
        overrides: what was stated for the rows of one source, by its name: dotted key (as in ``BY_SOURCE``) to value.
        folder: where a relative ``drift.baseline`` starts.

    Raises:
        PolicyError: an unknown key, a value out of range, or settings that contradict each other.

    >>> policy = Policy({"level": "sentence", "false_positives.sentence": 0.002})
    >>> policy.rules().false_positive_rate, policy.rules().review_rate
    (0.002, 0.05)
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: Path = Path()

    def __post_init__(self) -> None:
        _check_keys(self.settings, KEYS, "")
        for source, stated in self.overrides.items():
            _check_keys(stated, BY_SOURCE, f'{_OVERRIDES}."{_clean(source)}".')
        if self.overrides and not self["sources.column"]:
            raise PolicyError('sources.overrides needs sources.column, which says where the source stands: "site"')
        for source_or_all in (None, *self.overrides):
            self.rules(source_or_all)

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """Read a policy file.

        Raises:
            PolicyError: naming the file, the key, its value and what is allowed.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise PolicyError(f"{path}: {error.strerror or error}") from error
        if len(data) > MAX_BYTES:
            raise PolicyError(f"{path}: larger than {MAX_BYTES // 1024} KB, which no policy is; name the right file")
        try:
            return replace(cls.parse(data), folder=path.parent)
        except PolicyError as error:
            raise PolicyError(f"{path}: {error}") from error

    @classmethod
    def parse(cls, data: bytes | str) -> Policy:
        """Make a policy of the contents of a policy file.

        Raises:
            PolicyError: naming the key, its value and what is allowed.
        """
        try:
            text = data if isinstance(data, str) else data.decode("utf-8-sig")
            for number, line in enumerate(text.split("\n"), 1):
                if len(line) > _MAX_LINE:
                    raise PolicyError(f"line {number} is longer than {_MAX_LINE:,} characters, which no policy needs")
            tables = tomllib.loads(text)
        except UnicodeDecodeError as error:
            raise PolicyError(f"not UTF-8 text (byte {error.start}); a policy is a TOML file") from error
        except RecursionError as error:
            raise PolicyError("nested too deeply; a policy is a TOML file with three levels at most") from error
        except ValueError as error:  # also what int() says to numbers of thousands of digits
            raise PolicyError(f"not valid TOML: {str(error)[:200]}") from error
        sources = tables.get("sources")
        stated: dict[str, Any] = {}
        if isinstance(sources, dict) and "overrides" in sources:
            stated = _table(sources.pop("overrides"), _OVERRIDES)
        overrides = {
            source: dict(_flat(_table(table, f'{_OVERRIDES}."{_clean(source)}"'), BY_SOURCE))
            for source, table in stated.items()
        }
        return cls(dict(_flat(tables, KEYS)), overrides)

    def replaced(self, settings: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]]) -> Policy:
        """Return the policy with some settings in place of its own, and overrides of sources added to its own.

        Raises:
            PolicyError: as the policy itself.
        """
        sources = dict.fromkeys([*self.overrides, *overrides])
        merged = {source: {**self.overrides.get(source, {}), **overrides.get(source, {})} for source in sources}
        return Policy({**self.settings, **settings}, merged, self.folder)

    def __getitem__(self, key: str) -> Any:
        return self.settings.get(key, DEFAULTS[key])

    @property
    def level(self) -> Level:
        """What one row is."""
        level: Level = self["level"]
        return level

    @property
    def baseline(self) -> Path | None:
        """The baseline that batches are compared with, if any."""
        return self.folder / self["drift.baseline"] if self["drift.baseline"] else None

    @property
    def fingerprint(self) -> str:
        """Short hash of all rules for rows: equal for policies that decide alike."""
        rules = {source: asdict(self.rules(source)) for source in self.overrides}
        facts = [self.level, asdict(self.rules()), self["sources.column"] if rules else "", sorted(rules.items())]
        return sha256(orjson.dumps(facts)).hexdigest()[:12]

    def rules(self, source: str | None = None) -> Rules:
        """Return what is asked of a row, by its source.

        Raises:
            PolicyError: fewer false positives are sent to review than are rejected.
        """
        stated = {**self.settings, **(self.overrides.get(source, {}) if source is not None else {})}
        rejected = stated.get(f"false_positives.{self.level}", DEFAULTS[f"false_positives.{self.level}"])
        review = stated.get(f"review.{self.level}", max(_REVIEW_RATE, rejected))
        if review < rejected:
            raise PolicyError(
                f"review.{self.level} is {review:g}, below false_positives.{self.level}, {rejected:g}"
                f"{'' if source is None else f' (source {shown(source)})'}; it counts rejected rows too, so make it "
                f"at least as large"
            )
        rest = {key: stated.get(key, DEFAULTS[key]) for key in ("minimum_words", "short", "foreign", "empty")}
        return Rules(rejected, review, **rest)

    def facts(self) -> dict[str, Any]:
        """Return every setting in force, as plain types."""
        rules = self.rules()
        facts = {key: self[key] for key in KEYS if key in DEFAULTS}
        facts[f"review.{self.level}"] = rules.review_rate
        facts[_OVERRIDES] = {source: dict(stated) for source, stated in self.overrides.items()}
        return facts


def _clean(source: str) -> str:
    return shown(source)[1:-1]


def _table(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"{key} is {shown(value)}; allowed: a table")
    return value


def _flat(tables: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Iterator[tuple[str, Any]]:
    """Yield dotted keys with their values, going no deeper than the known keys do."""
    outer = {key.split(".")[0] for key in kinds if "." in key}
    for key, value in tables.items():
        if key in outer:
            for inner, entry in _table(value, key).items():
                yield f"{key}.{inner}", entry
        else:
            yield key, value


def _unquoted(prefix: str, key: str, value: dict[str, Any]) -> str:
    """Say what to do about the name of a source that TOML took apart at its dots."""
    name = f"{prefix.removeprefix(f'{_OVERRIDES}.').strip('.')[1:-1]}.{_clean(key)}"
    while len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        name += f".{_clean(next(iter(value)))}"
        value = inner
    return f'{prefix}{_clean(key)} is a table; a name with dots stands in quotes: [{_OVERRIDES}."{name[:_MAX_NAME]}"]'


def _check_keys(stated: Mapping[str, Any], kinds: Mapping[str, Kind], prefix: str) -> None:
    for key, value in stated.items():
        if key not in kinds:
            if prefix and isinstance(value, dict):
                raise PolicyError(_unquoted(prefix, key, value))
            close = difflib.get_close_matches(key[:_MAX_NAME], kinds, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known keys: {', '.join(kinds)}"
            raise PolicyError(f"unknown key {prefix}{_clean(key)}; {hint}")
        try:
            kinds[key].check(prefix + key, value)
        except (TypeError, ValueError) as error:
            raise PolicyError(str(error)) from error
