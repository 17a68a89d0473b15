"""The report: what it counts and keeps, that its text is harmless, and that its colours can be read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_detector import FakeDetector

import mtdetect
from mtdetect.cli import main
from mtdetect.errors import MissingExtraError
from mtdetect.report import Document, Report, build_report, render_report

CLEAN = "The council will decide on Monday whether the old bridge is repaired or replaced."
HALF = "The old zzbridge is zzclosed for zzrepairs until zzspring."
GARBLED = "zzthe zzcouncil zzdecides zzbridge zzrepair zzor zzreplace."
HOSTILE = (
    "</script><script>window.hacked = 1</script> <img src=x onerror='window.hacked = 2'> <!--<script> "
    "\u2028 ${window.hacked = 3} {{ 7 * 7 }} &lt;b&gt; \u202e zzdesrever \u2066 \0 zzword zzword zzword "
    "\U0001f600 zzend."
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDetector:
    made = FakeDetector()
    monkeypatch.setattr(mtdetect, "load", lambda path=None: made)
    return made


def embedded(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert found
    return json.loads(found[1])


def report_of(*texts: str | None, **options: Any) -> Report:
    detector: Any = FakeDetector()
    return build_report(detector, [Document(text) for text in texts], **options)


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write_rows(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_worst_first_and_everything_counted() -> None:
    report = report_of(CLEAN, "", GARBLED, "Too short.", HALF, None)
    assert [shown.position for shown in report.shown] == [2, 4, 0, 1, 3, 5]  # those without score last, as read
    assert (report.documents, report.scored, report.flagged) == (6, 3, 1)
    assert dict(report.statuses) == {"scored": 3, "empty": 2, "too_short": 1}
    page = render_report(report)
    assert "<h1>1 of 3 documents reads like garbled machine translation</h1>" in page
    assert "2 empty" in page
    assert "1 too short" in page


def test_bars_add_up_and_none_holds_both_sides_of_the_threshold() -> None:
    report = report_of(CLEAN, GARBLED, GARBLED, HALF)
    assert sum(report.bins) == report.scored
    assert report.threshold in report.edges
    over = sum(n for n, start in zip(report.bins, report.edges, strict=False) if start >= report.threshold)
    assert over == report.flagged == 2


def test_the_false_positive_rate_moves_the_verdict() -> None:
    assert report_of(HALF).flagged == 0
    assert report_of(HALF, false_positive_rate=0.05).flagged == 1


def test_top_keeps_the_worst_and_counts_all() -> None:
    report = report_of(*[CLEAN] * 700, GARBLED, *[CLEAN] * 20, HALF, top=2)
    assert [shown.position for shown in report.shown] == [700, 721]
    assert (report.documents, report.scored, sum(report.bins)) == (722, 722, 722)
    assert "the text of the 2 documents with the highest scores" in " ".join(render_report(report).split())


@pytest.mark.parametrize(("garbled", "clean", "chance"), [(1, 99, True), (20, 80, False)])
def test_says_when_so_few_flags_could_be_chance(garbled: int, clean: int, chance: bool) -> None:
    page = render_report(report_of(*[GARBLED] * garbled, *[CLEAN] * clean))
    assert ("could be chance" in page) is chance


def test_no_flags_and_no_scores_have_their_own_words() -> None:
    assert "None of 1 document reads like" in render_report(report_of(CLEAN))
    assert "No document could be scored" in render_report(report_of("", None))
    assert "No document could be scored" in render_report(report_of())


def test_evidence_is_that_of_the_detector(detector: mtdetect.Detector) -> None:
    text = (
        "\U0001f600 It rained all day. The spirit of the self-secrification of soldiers was strong in the "
        "release of the city from the enemy.\nWe stayed at home and read the papers. Yes."
    )
    verdict = detector.check_document(text)
    item = embedded(render_report(build_report(detector, [Document(text)])))["documents"][0]
    assert item["score"] == pytest.approx(verdict.score, abs=1e-4)
    assert item["flagged"] == verdict.flagged
    units = text.encode("utf-16-le")
    assert len(item["sentences"]) == len(verdict.sentences)
    noted = 0
    for (start, end, score, flagged, _, spans), expected in zip(item["sentences"], verdict.sentences, strict=True):
        shown = units[2 * start : 2 * end].decode("utf-16-le")
        assert shown == expected.text
        assert bool(flagged) == expected.flagged
        assert score is None if expected.status != "scored" else score == pytest.approx(expected.score, abs=1e-4)
        if score is not None and score >= 0.4:
            noted += 1
            marked = [shown.encode("utf-16-le")[2 * a : 2 * b].decode("utf-16-le") for a, b, _ in spans]
            assert marked == [span.text for span in expected.spans]
    assert noted


def test_hostile_text_stays_text() -> None:
    detector: Any = FakeDetector()
    document = Document(HOSTILE, title=HOSTILE, source=HOSTILE, file="<b>.txt", row=1, error="")
    page = render_report(build_report(detector, [document, Document(GARBLED, source=HOSTILE), Document(CLEAN)]))
    data = embedded(page)
    assert data["documents"][1]["text"] == HOSTILE
    assert data["documents"][1]["title"] == HOSTILE
    for raw in ("<img", "<b>", "<script>window.hacked"):
        assert raw not in page
    assert page.count("<script") == page.count("</script>") == 3  # the data and our two
    assert "&lt;img src=x" in page  # the source stands in the verdict


def test_lone_surrogates_become_visible() -> None:
    detector: Any = FakeDetector()
    documents = [Document(None, title="a\ud800", source="\udfff", file="\ud800", error="broken \ud800 row")]
    item = embedded(render_report(build_report(detector, documents)))
    assert item["documents"][0]["title"] == "a\ufffd"
    assert item["reasons"] == ["broken \ufffd row"]


def test_policy_allows_exactly_what_the_page_holds() -> None:
    page = render_report(report_of(GARBLED))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.+?)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].replace("&#39;", "'").split("; "))
    assert rules["default-src"] == "'none'"

    def hashes(element: str) -> set[str]:
        bodies = re.findall(rf"<{element}>(.*?)</{element}>", page, flags=re.DOTALL)
        digests = [hashlib.sha256(body.encode()).digest() for body in bodies]
        return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}

    assert set(rules["script-src"].split()) == hashes("script")
    assert set(rules["style-src"].split()) == hashes("style")
    assert not re.search(r"<[^>]*\s(?:on\w+|style|src)=", page)
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)


def test_command(fake: FakeDetector, tmp_path: Path) -> None:
    rows = write_rows(
        tmp_path / "rows.jsonl",
        {"text": CLEAN, "head": {"line": "A bridge"}, "url": "https://news.example/a?b=1"},
        {"text": GARBLED, "head": {"line": "Zz bridge"}, "url": "https://zz.example/1"},
        {"text": HALF},
        {"text": "never read"},
    )
    page = tmp_path / "page.html"
    columns = ("--title-column", "head.line", "--source-column", "url", "--limit", "3")
    done = invoke("report", rows, "-o", page, *columns)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "3 documents: 3 scored, 1 flagged at 1% false positives" in done.stderr
    data = embedded(page.read_text(encoding="utf-8"))
    found = [(d["title"], data["sources"][d["source"]], d["row"]) for d in data["documents"]]
    assert found == [("Zz bridge", "zz.example", 2), ("", str(rows), 3), ("A bridge", "news.example", 1)]
    assert {data["files"][d["file"]] for d in data["documents"]} == {str(rows)}


def test_a_column_that_no_row_has_is_refused(fake: FakeDetector, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", {"text": CLEAN, "headline": "A bridge"})
    page = tmp_path / "page.html"
    done = invoke("report", rows, "-o", page, "--title-column", "headlin")
    assert done.exit_code == 2
    assert 'no row has a column "headlin"' in done.stderr
    assert not page.exists()
    assert invoke("report", rows, "-o", page, "--title-column", "headline").exit_code == 0


def test_several_files_and_worker_processes_give_the_same_page(tmp_path: Path) -> None:
    first = write_rows(tmp_path / "a.jsonl", {"text": CLEAN}, {"text": "The release of the of city was it celebrate."})
    second = tmp_path / "b.txt"
    second.write_text("One row a line, and another one.\n" * 3, encoding="utf-8")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page, jobs in zip(pages, (1, 2), strict=True):
        assert invoke("report", first, second, "-o", page, "--jobs", jobs).exit_code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert set(embedded(pages[0].read_text(encoding="utf-8"))["sources"]) == {str(first), str(second)}


def test_unreadable_rows_are_listed(fake: FakeDetector, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"text": GARBLED}) + "\n{broken\n" + json.dumps({"text": CLEAN}) + "\n")
    page = tmp_path / "page.html"
    done = invoke("report", rows, "-o", page)
    assert done.exit_code == 4
    data = embedded(page.read_text(encoding="utf-8"))
    last = data["documents"][-1]
    assert (last["row"], last["status"]) == (2, "unreadable")
    assert "invalid JSON" in data["reasons"][last["reasons"][0]]


def test_a_page_appears_whole_or_not_at_all(
    fake: FakeDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    rows = write_rows(tmp_path / "rows.jsonl", {"text": CLEAN})
    assert invoke("report", rows, "-o", rows).exit_code == 2
    assert invoke("report", rows, "-o", page, "--false-positive-rate", "0.00001%").exit_code == 2
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(fake, "score_batch", None)  # no work before it is clear that a page can be made
    done = invoke("report", rows, "-o", page)
    assert done.exit_code == 1
    assert "pip install 'mtdetect[report]'" in done.stderr
    with pytest.raises(MissingExtraError):
        render_report(report_of(CLEAN))
    assert page.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "rows.jsonl"]


STYLE = (Path(mtdetect.__file__).parent / "report" / "style.css").read_text(encoding="utf-8")
TOKENS = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);", STYLE)}
GROUNDS = ("paper", "surface", "shade-1", "shade-2", "shade-3")
READABLE = [
    *((text, ground, 4.5) for text in ("ink", "ink-soft") for ground in GROUNDS),
    *((text, ground, 4.5) for text in ("accent", "flag") for ground in ("paper", "surface")),
    ("on-accent", "accent", 4.5),
    ("on-flag", "flag", 4.5),
    *(("flag", ground, 3.0) for ground in GROUNDS),  # the line under words
    *(("edge", ground, 3.0) for ground in ("paper", "surface")),
    *((f"bar-{step}", "paper", 3.0) for step in range(4)),
]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "name"), [(0, "light"), (1, "dark")])
def test_colours_can_be_read(theme: int, name: str) -> None:
    too_faint = {
        f"{a} on {b}: {ratio:.2f}"
        for a, b, least in READABLE
        if (ratio := contrast(TOKENS[a][theme], TOKENS[b][theme])) < least
    }
    assert not too_faint, name
