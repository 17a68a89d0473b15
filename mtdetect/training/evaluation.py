"""Evaluation of detectors and baselines on the same rows: every figure with its set, size and interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtdetect.training import metrics
from mtdetect.training.documents import SENTENCES, assemble, mean_log_odds
from mtdetect.training.evaluation_curves import distributions, rating_figures, trade_off
from mtdetect.training.evaluation_sets import (
    DEFAULT_BREAKDOWNS,
    EvaluationSet,
    EvaluationSets,
    NamedSet,
    build,
    evaluation_rows,
)
from mtdetect.training.resampling import (
    RESAMPLES,
    Draws,
    auc_samples,
    calibration_samples,
    flagged_samples,
    pair_win_samples,
    threshold_samples,
)
from mtdetect.training.rows import Rows

Floats = NDArray[np.float64]
Scorer = Callable[[Sequence[str]], ArrayLike]

RATES = (0.01, 0.001)
"""False-positive rates on clean English at which flagged shares are given."""

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        data: plain types, ready for JSON: ``scorers``, ``resamples``, ``seed``, and for each level under
            ``levels`` its ``thresholds``, ``sets``, ``false_positives``, ``ratings``, ``reliability``,
            ``distributions``, ``trade_off`` and ``left_out``.
        rows: the rows that were scored, sentence by sentence.
        scores: by scorer, float64 (N,), NaN where a row has none.
    """

    data: dict[str, Any]
    rows: Rows
    scores: Mapping[str, Floats]

    def markdown(self) -> str:
        """Return all tables as Markdown."""
        from mtdetect.training.evaluation_tables import markdown

        return markdown(self.data)

    def tables(self) -> list[Any]:
        """Return all tables as rich renderables, for a terminal."""
        from mtdetect.training.evaluation_tables import rich_tables

        return rich_tables(self.data)


def evaluate(
    scorers: Mapping[str, Scorer],
    rows: Rows,
    *,
    document_scorers: Mapping[str, Scorer] | None = None,
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
    abstain_with: Mapping[str, str] | None = None,
    by: Sequence[str] = DEFAULT_BREAKDOWNS,
    named: Sequence[NamedSet] = (),
    clean_limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure scorers on the test rows: the test split and what is held out, or all rows without a split.

    Rows without a score (NaN) count as never flagged and rank lowest; their number is given.

    Args:
        scorers: name and scoring function (N texts -> N scores, NaN where not scorable).
        rows: labelled rows.
        document_scorers: the same for whole documents. A scorer without one scores a document by the mean
            log-odds of its sentences.
        thresholds: by scorer and level (``"sentence"``, ``"document"``), its own threshold for 1% false
            positives, checked beside the empirical one.
        abstain_with: by scorer, another scorer whose unscored rows it leaves unscored too, so that a baseline
            is not charged for rows (too short, not English) that a detector may decline.
        by: breakdowns of the test split (see :mod:`mtdetect.training.evaluation_sets`).
        named: sets asked for by name.
        clean_limit: at most this many rows of each clean collection (see ``evaluation_rows``).
        resamples: bootstrap resamples over content groups.
        seed: seed of the resamples.

    >>> from mtdetect.training.rows import rows_from_records
    >>> rows = rows_from_records([{"text": "zz", "label": "mt"}, {"text": "fine", "label": "human"}], "doc")
    >>> result = evaluate({"zz": lambda texts: [float("zz" in text) for text in texts]}, rows, resamples=0)
    >>> result.data["levels"]["sentence"]["sets"][0]["scorers"]["zz"]["auc"]["value"]
    1.0
    """
    rows = evaluation_rows(rows, clean_limit, seed)
    own = thresholds or {}
    settings = _Settings(resamples, seed, {name: dict(own.get(name, {})) for name in scorers})
    scores = {name: _checked(name, scorer(rows.text), len(rows)) for name, scorer in scorers.items()}
    _abstain(scores, abstain_with or {})
    wanted = {level: [one for one in named if one.level == level] for level in ("sentence", "document")}
    levels = {"sentence": _level("sentence", rows, scores, build(rows, by, wanted["sentence"]), settings)}
    pieces, members = assemble(rows)
    if len(pieces):
        document_scores = {
            name: _checked(name, document_scorers[name](pieces.text), len(pieces))
            if document_scorers and name in document_scorers
            else mean_log_odds(scores[name][members])
            for name in scorers
        }
        _abstain(document_scores, abstain_with or {})
        by_document = [name for name in by if name not in ("length", "rating")]
        levels["document"] = _level(
            "document", pieces, document_scores, build(pieces, by_document, wanted["document"]), settings
        )
    else:
        levels["sentence"]["left_out"].append(
            f"documents: no document id (doc_id) with at least {SENTENCES} rows of one version"
        )
    return Evaluation(
        {
            "format": FORMAT_VERSION,
            "scorers": list(scorers),
            "resamples": resamples,
            "seed": seed,
            "document_sentences": SENTENCES,
            "abstain_with": dict(abstain_with or {}),
            "levels": levels,
        },
        rows,
        scores,
    )


@dataclass(frozen=True)
class _Settings:
    resamples: int
    seed: int
    own_thresholds: Mapping[str, Mapping[str, float]]


def _level(
    level: str, rows: Rows, scores: Mapping[str, Floats], sets: EvaluationSets, settings: _Settings
) -> dict[str, Any]:
    clean = sets.clean
    thresholds = {
        name: clean_thresholds(rows, values, sets, settings.resamples, settings.seed) for name, values in scores.items()
    }
    for rate in RATES:
        if 0 < len(clean) * rate < 1:
            sets.left_out.append(f"flagged at {rate:.1%}: {len(clean)} clean rows, fewer than {1 / rate:.0f}")
    measured = [
        {
            "kind": one.kind,
            "name": one.name,
            "mt": len(one.mt),
            "human": len(one.human),
            "groups": len(np.unique(rows.content[np.concatenate([one.mt, one.human])])),
            "against_clean": one.against_clean,
            "scorers": {
                name: measure(one, rows, scores[name], sets, thresholds[name], settings.resamples, settings.seed)
                for name in scores
            },
        }
        for one in sets.sets
    ]
    false_positives = [
        {
            "kind": human.kind,
            "name": human.name,
            "human": len(human.rows),
            "scorers": {
                name: _false_positives(
                    level,
                    scores[name][human.rows],
                    rows.content[human.rows],
                    thresholds[name],
                    name,
                    settings,
                )
                for name in scores
            },
        }
        for human in sets.human_sets
    ]
    everything = next((one for one in sets.sets if one.kind == "all"), None)
    return {
        "rows": len(rows),
        "mt": int((rows.label == 1).sum()),
        "human": int((rows.label == 0).sum()),
        "clean": len(clean),
        "clean_domains": len(set(sets.clean_domain)),
        "unscored": {name: int(np.isnan(scores[name]).sum()) for name in scores},
        "thresholds": {
            name: {str(rate): float(samples[0]) for rate, samples in thresholds[name].items()}
            | ({"own": settings.own_thresholds[name][level]} if level in settings.own_thresholds[name] else {})
            for name in scores
        },
        "sets": measured,
        "false_positives": false_positives,
        "ratings": rating_figures(rows, scores, settings.resamples, settings.seed),
        "reliability": {
            name: metrics.reliability(scores[name][everything.mt], scores[name][everything.human]) for name in scores
        }
        if everything
        else {},
        "distributions": distributions(scores, sets),
        "trade_off": trade_off(scores, sets),
        "left_out": sets.left_out,
    }


def clean_thresholds(
    rows: Rows, scores: Floats, sets: EvaluationSets, resamples: int, seed: int
) -> dict[float, Floats]:
    """Return the thresholds (1 + R,) of one scorer by false-positive rate on clean English; too few rows give none."""
    clean, weights = sets.clean, sets.clean_weights()
    return {
        rate: threshold_samples(
            scores[clean], rate, groups=rows.content[clean], weights=weights, resamples=resamples, seed=seed + 1
        )
        for rate in RATES
        if len(clean) * rate >= 1
    }


def measure(
    one: EvaluationSet,
    rows: Rows,
    scores: Floats,
    sets: EvaluationSets,
    thresholds: Mapping[float, Floats],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return every metric of one scorer on one set as plain intervals."""
    samples = metric_samples(one, rows, scores, sets, thresholds, resamples, seed)
    result: dict[str, Any] = {
        name: metrics.Interval.of(values, size).to_dict() for name, (values, size) in samples.items()
    }
    result["unscored"] = int(np.isnan(scores[one.mt]).sum())
    return result


def metric_samples(
    one: EvaluationSet,
    rows: Rows,
    scores: Floats,
    sets: EvaluationSets,
    thresholds: Mapping[float, Floats],
    resamples: int,
    seed: int,
) -> dict[str, tuple[Floats, int]]:
    """Return every metric of one scorer on one set: its values (1 + R,) and the number of rows behind it."""
    mt, human = scores[one.mt], scores[one.human]
    draws = Draws(mt, human, rows.content[one.mt], rows.content[one.human], resamples, seed)
    machine_draws = Draws(mt, (), rows.content[one.mt], None, resamples, seed)
    weights = sets.clean_weights() if one.against_clean else None
    found = {"auc": (auc_samples(mt, human, draws, weights), len(mt) + len(human))}
    for rate, cuts in thresholds.items():
        found[flagged_name(rate)] = (flagged_samples(mt, cuts, machine_draws), len(mt))
    if not one.against_clean:
        found["pair_wins"] = pair_win_samples(mt, human, sets.segment[one.mt], sets.segment[one.human], draws)
    scored = int(np.isfinite(mt).sum() + np.isfinite(human).sum())
    found["calibration_error"] = (calibration_samples(mt, human, draws), scored)
    return {name: (values, size) for name, (values, size) in found.items() if np.isfinite(values[0])}


def flagged_name(rate: float) -> str:
    """Return the name of the share flagged at a false-positive rate.

    >>> flagged_name(0.01), flagged_name(0.001)
    ('flagged_at_1%', 'flagged_at_0.1%')
    """
    return f"flagged_at_{rate * 100:g}%"


def _false_positives(
    level: str,
    scores: Floats,
    content: ArrayLike,
    thresholds: Mapping[float, Floats],
    name: str,
    settings: _Settings,
) -> dict[str, Any]:
    cuts = {flagged_name(rate): float(samples[0]) for rate, samples in thresholds.items()}
    own = settings.own_thresholds[name].get(level)
    if own is not None:
        cuts["flagged_at_own_1%"] = own
    return {
        cut: metrics.share_above(
            scores, value, groups=content, resamples=settings.resamples, seed=settings.seed
        ).to_dict()
        for cut, value in cuts.items()
    } | {"unscored": int(np.isnan(scores).sum())}


def _abstain(scores: dict[str, Floats], follow: Mapping[str, str]) -> None:
    for name, leader in follow.items():
        scores[name] = np.where(np.isnan(scores[leader]), np.nan, scores[name])


def _checked(name: str, scores: ArrayLike, size: int) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (size,):
        raise ValueError(f"scorer {name!r} returned shape {values.shape} for {size} texts; return one score a text")
    return values
