"""Plots of an evaluation as SVG that takes its colours from the page, for light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mtdetect.errors import needs_extra
from mtdetect.training.evaluation_tables import brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Data = Mapping[str, Any]

INK, SOFT, LINE, FLAG = "#010101", "#020202", "#030303", "#040404"
SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006", "#0a0007", "#0a0008")
_TOKENS = {INK: "--ink", SOFT: "--ink-soft", LINE: "--line", FLAG: "--flag"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)
}
"""Colours that stand for those of the page; matplotlib draws in them, and the page's own take their place."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)), (0, (8, 2)), (0, (3, 1)))
"""Series differ in shape as well as in colour."""

_ATTRIBUTES = frozenset(
    "fill stroke stroke-width stroke-dasharray stroke-linecap stroke-linejoin opacity fill-opacity stroke-opacity "
    "text-anchor clip-path fill-rule stroke-dashoffset".split()
)
_WIDE = 5.6  # inches; at 72 dots a page column, and a phone's width at a glance


def distributions(found: Sequence[Data], threshold: float | None, title: str) -> str:
    """Return how the scores of each kind of text spread: one filled line a kind, machine text first."""
    shown = [one for one in found if one["rows"] >= 20]
    figure, axes = _figure(0.34 * len(shown) + 0.9)
    for place, one in enumerate(reversed(shown)):
        share = np.asarray(one["share"])
        height = np.sqrt(share / max(share.max(), 1e-9)) * 0.85
        edges = np.linspace(0, 1, len(share) + 1)
        colour = FLAG if one["kind"] == "machine" else SERIES[0]
        axes.stairs(place + height, edges, baseline=place, fill=True, color=colour, alpha=0.5)
        axes.stairs(place + height, edges, baseline=place, color=colour, linewidth=0.9)
        axes.axhline(place, color=LINE, linewidth=0.5)
    axes.set_yticks(
        [place + 0.3 for place in range(len(shown))],
        [f"{'▲' if one['kind'] == 'machine' else '○'} {_short(one['name'])}" for one in reversed(shown)],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.1, len(shown))
    axes.set_xlabel("score (▲ machine, ○ human; heights on a square-root scale)")
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1, linestyle="--")
        axes.text(threshold, len(shown), " own 1% threshold", color=INK, va="bottom", ha="center")
    return _svg(figure, title)


def trade_off(curves: Mapping[str, Sequence[Sequence[float]]], title: str) -> str:
    """Return shares flagged over false-positive rates; the operating points at 1% and 0.1% are marked."""
    figure, axes = _figure(3.7)
    for number, (name, points) in enumerate(curves.items()):
        colour = SERIES[number % len(SERIES)]
        x, y = np.asarray(points).T
        axes.plot(
            100 * x, 100 * y, color=colour, linestyle=DASHES[number % len(DASHES)], linewidth=1.7, label=_short(name)
        )
        at = np.interp(np.log([rate for rate in (0.001, 0.01) if rate >= x[0]]), np.log(x), y)
        rates = [rate for rate in (0.1, 1.0) if rate >= 100 * x[0]]
        axes.plot(rates, 100 * at, color=colour, marker=MARKERS[number % len(MARKERS)], linestyle="", markersize=5)
    for rate in (0.1, 1.0):
        axes.axvline(rate, color=LINE, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.05, 50)
    axes.set_xticks([0.1, 1, 10, 50], ["0.1%", "1%", "10%", "50%"])
    axes.minorticks_off()
    axes.set_ylim(0, 100)
    axes.set_yticks([0, 25, 50, 75, 100], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_xlabel("false positives on clean English (log scale)")
    axes.set_ylabel("machine text flagged")
    _legend(axes, len(curves))
    return _svg(figure, title)


def calibration(curves: Mapping[str, Sequence[Data]], title: str) -> str:
    """Return the share of machine text over the score, at even prior; the diagonal is perfect."""
    figure, axes = _figure(3.7)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    for number, (name, points) in enumerate(curves.items()):
        axes.plot(
            [point["score"] for point in points],
            [point["share"] for point in points],
            color=SERIES[number % len(SERIES)],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=1.4,
            label=_short(name),
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("score")
    axes.set_ylabel("share of machine text, even prior")
    _legend(axes, len(curves))
    return _svg(figure, title)


def dots(
    rows: Sequence[tuple[str, Sequence[Data | None]]],
    scorers: Sequence[str],
    label: str,
    title: str,
    mark: float | None,
) -> str:
    """Return one line a set with a dot and its interval for every scorer; ``mark`` draws a line to compare with.

    Args:
        rows: name of a set and a figure (``value``, ``low``, ``high``) for each scorer, None where it has none.
        scorers: names of the scorers.
        label: what the axis says.
        title: what the plot shows, for those who do not see it.
        mark: a value to draw a line at, or None.
    """
    figure, axes = _figure(0.27 * max(len(rows), 1) + 0.9 + (0.2 if len(scorers) > 1 else 0))
    for number, scorer in enumerate(scorers):
        offset = 0.0 if len(scorers) == 1 else (number / (len(scorers) - 1) - 0.5) * 0.4
        found = [(place, figures[number]) for place, (_, figures) in enumerate(rows)]
        known = [(place, one) for place, one in found if one is not None and one["value"] is not None]
        if not known:
            continue
        value, low, high = (np.array([one[part] for _, one in known]) for part in ("value", "low", "high"))
        axes.errorbar(
            value,
            [place + offset for place, _ in known],
            xerr=np.clip([value - low, high - value], 0, None),
            fmt=MARKERS[number % len(MARKERS)],
            color=SERIES[number % len(SERIES)],
            markersize=4.5,
            linewidth=1.2,
            label=_short(scorer),
        )
    if mark is not None:
        axes.axvline(mark, color=SOFT, linewidth=0.9, linestyle="--")
    axes.set_yticks(range(len(rows)), [_short(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    if label == "AUC":  # one scale, so that plots can be compared
        axes.set_xlim(min(0.4, axes.get_xlim()[0]), 1.01)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    axes.set_xlabel(label)
    _legend(axes, len(scorers))
    return _svg(figure, title)


def _figure(height: float) -> tuple[Figure, Axes]:
    with needs_extra("report", "the page needs matplotlib; install it with"):
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    with rc_context({"font.size": 9}):
        figure = Figure(figsize=(_WIDE, height), layout="constrained")
        axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(SOFT)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=SOFT, labelcolor=INK)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
    return figure, axes


def _legend(axes: Axes, entries: int) -> None:
    if entries > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            frameon=False,
            labelcolor=INK,
            borderaxespad=0.2,
            fontsize=8.5,
        )


def _short(name: str) -> str:
    name = re.sub(r"^(held_out: |clean: )", "", name)
    name = brief(name).removeprefix("clean_").replace("_", " ").replace("$", r"\$")
    return name if len(name) <= 30 else name[:29] + "…"


def _svg(figure: Figure, title: str) -> str:
    """Write a figure as SVG without a style of its own: attributes only, colours from the page, no ids that clash."""
    from xml.sax.saxutils import quoteattr

    from matplotlib import rc_context

    target = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 9}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = target.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z][A-Za-z0-9.]*_\d+"', "", text)
    text = re.sub(r' style="([^"]*)"', _attributes, text)
    text = re.sub(
        r"#0[0-9a-f]{5}\b", lambda match: f"var({_TOKENS[match[0]]})" if match[0] in _TOKENS else match[0], text
    )
    head = re.compile(r'<svg\b[^>]*?viewBox="([^"]*)"[^>]*>', re.DOTALL)
    return head.sub(
        lambda match: f'<svg class="plot" viewBox="{match[1]}" role="img" aria-label={quoteattr(title)}>', text, count=1
    ).strip()


def _attributes(match: re.Match[str]) -> str:
    pairs = [part.partition(":") for part in match[1].split(";") if part.strip()]
    return "".join(f' {name.strip()}="{value.strip()}"' for name, _, value in pairs if name.strip() in _ATTRIBUTES)
