"""Draw what the features see in a natural and in a garbled sentence, from the shipped model.

    python docs/feature_pictures.py

Writes docs/words.svg (evidence word by word) and docs/families.svg (what each feature family adds to the score).
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import mtdetect
from mtdetect.detector import Detector
from mtdetect.explain import STREAMS, word_evidence
from mtdetect.text import normalise

DOCS = Path(__file__).resolve().parent
SENTENCES = {
    "written by a person": "Thousands of people came out into the streets to celebrate the liberation of their city.",
    "garbled": "Thousands of the inhabitants they left to the streets for celebrate the libertation of the city.",
}
ROWS = {
    "garble": "wording of garble",
    "translation": "wording of machines",
    "grammar": "order of word kinds",
    "combination": "combinations of words",
    "surprise": "surprise in English",
    "unknown": "not an English word",
    "foreign": "a foreign word",
}
LABEL, WIDTH, ROW = 170, 1000, 24
INK, PAPER, QUIET = "#1f2328", "#ffffff", "#59636e"
SPEAKS_FOR, SPEAKS_AGAINST = "#d9480f", "#1971c2"


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK, size: int = 13) -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-size="{size}">{escape(words)}</text>'


def signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def box(x: float, y: float, width: float, height: float, value: float, largest: float) -> str:
    colour = SPEAKS_FOR if value > 0 else SPEAKS_AGAINST
    strength = min(abs(value) / largest, 1) * 0.75
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="2" '
        f'fill="{colour}" fill-opacity="{strength:.2f}"/>'
    )


def picture(name: str, title: str, height: float, parts: list[str]) -> None:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="6" fill="{PAPER}"/>'
    )
    (DOCS / name).write_text("\n".join([head, *parts, "</svg>"]) + "\n", encoding="utf-8")
    print(f"docs/{name}")


def words_picture(detector: Detector) -> None:
    """Draw a table for each sentence: a column a word, a row a kind of evidence, in log-odds."""
    parts, y = [], 20.0
    for kind, sentence in SENTENCES.items():
        plain = normalise([sentence])
        analysis = detector.model.resources.analyse(plain)
        evidence = word_evidence(analysis)
        first = analysis.characters.start[0]
        spans = zip(analysis.words.begin - first, analysis.words.end - first, strict=True)
        words = [plain[0][begin:end] for begin, end in spans]
        verdict = detector.check(sentence)
        unit = (WIDTH - LABEL - 20) / sum(len(word) + 2 for word in words)
        parts.append(
            text(16, y + 6, f"{kind}: score {verdict.score:.2f}{', flagged' if verdict.flagged else ''}", size=15)
        )
        y += 34
        names = [ROWS[name] for name, _, _ in STREAMS] + ["together"]
        for row, name in enumerate(names):
            bold = ' font-weight="600"' if name == "together" else ""
            parts.append(f"<g{bold}>{text(LABEL - 8, y + 24 + row * ROW, name, 'end', QUIET, 12)}</g>")
        x = float(LABEL)
        for column, word in enumerate(words):
            width = unit * (len(word) + 2)
            parts.append(text(x + width / 2, y, word, "middle"))
            values = [*evidence[:, column], evidence[:, column].sum()]
            for row, value in enumerate(values):
                top = y + 8 + row * ROW
                parts.append(box(x + 1, top, width - 2, ROW - 2, value, 2.0))
                if abs(value) >= 0.25:
                    parts.append(text(x + width / 2, top + 16, signed(value, 1), "middle", size=11))
            x += width
        y += len(names) * ROW + 44
    title = "Evidence word by word, in log-odds: a natural sentence has little, a garbled one much"
    parts.append(
        text(
            16,
            y - 8,
            "+ (orange) speaks for garble, − (blue) against it; rough log-odds",
            colour=QUIET,
            size=12,
        )
    )
    picture("words.svg", title, y + 8, parts)


def families_picture(detector: Detector) -> None:
    """Draw a bar for each feature family, from the base to the logit, for each sentence."""
    wholes = {kind: detector.contributions(sentence) for kind, sentence in SENTENCES.items()}
    families = list(dict.fromkeys(part.family for whole in wholes.values() for part in whole.features))
    middle, parts, y = (WIDTH - LABEL) / 2, [], 20.0
    sums = {
        kind: {"base": whole.base}
        | {family: sum(part.contribution for part in whole.features if part.family == family) for family in families}
        for kind, whole in wholes.items()
    }
    ends = []
    for steps in sums.values():
        total = 0.0
        for value in steps.values():
            total += value
            ends.append(abs(total))
    scale = (middle - 70) / max(*ends, 1.0)
    for panel, (kind, steps) in enumerate(sums.items()):
        whole = wholes[kind]
        parts.append(text(16, y + 6, f"{kind}: log-odds {signed(whole.logit, 1)}, score {whole.score:.2f}", size=15))
        y += 22
        total, zero = 0.0, LABEL + middle
        parts.append(
            f'<line x1="{zero}" x2="{zero}" y1="{y}" y2="{y + len(steps) * 22}" stroke="{QUIET}"'
            ' stroke-dasharray="3 3"/>'
        )
        for family, value in steps.items():
            left, right = sorted((zero + total * scale, zero + (total + value) * scale))
            parts.append(text(LABEL - 8, y + 15, family.replace("_", " "), "end", QUIET, 12))
            parts.append(box(left, y + 3, max(right - left, 1.5), 16, value, abs(value) or 1.0))
            parts.append(text(right + 5, y + 15, signed(value, 2), size=11))
            total += value
            y += 22
        y += 30 if not panel else 14
    title = "What each feature family adds to the log-odds, from the base to the score"
    picture("families.svg", title, y, parts)


def main() -> None:
    detector = mtdetect.load()
    words_picture(detector)
    families_picture(detector)


if __name__ == "__main__":
    main()
