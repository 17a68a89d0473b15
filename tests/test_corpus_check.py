"""Every fault that is planted in good rows is found, named with its rows, and good rows pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mtdetect.cli import main
from mtdetect.training.corpus_check import CorpusCheck, check_corpus

SAMPLE = Path(__file__).parent.parent / "training_data" / "sample.jsonl"
Row = dict[str, Any]


def sample() -> list[Row]:
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def check(tmp_path: Path, rows: list[Row]) -> CorpusCheck:
    return check_corpus([write(tmp_path / "rows.jsonl", rows)])


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["corpus", "check", *(str(argument) for argument in arguments)])


def test_the_sample_is_fit_to_train_on() -> None:
    result = run(SAMPLE)
    assert result.exit_code == 0, result.output
    assert "1,178 rows, 373 human and 805 machine" in result.output


@pytest.mark.parametrize(
    ("fault", "check_name"),
    [
        ({"text": "A row without a label stands here."}, "no label"),
        ({"text": "A row with an odd label stands here.", "label": "robot"}, "no label"),
        ({"text": "A row with a list for a label.", "label": ["mt"]}, "no label"),
        ({"text": "", "label": "mt"}, "no text"),
        ({"label": "mt"}, "no text"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, fault: Row, check_name: str) -> None:
    result = run(write(tmp_path / "rows.jsonl", [*sample(), fault]))
    assert result.exit_code == 4, result.output
    assert f"error: {check_name}" in result.output
    assert "rows.jsonl:1179" in result.output


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", sample()[:3])
    path.write_text(path.read_text() + '{"text": "broken\n')
    result = run(path)
    assert result.exit_code == 4
    assert "rows.jsonl:4" in result.output


def planted(name: str, rows: list[Row]) -> list[Row]:
    human, machine = ([row for row in rows if row["label"] == side] for side in ("human", "mt"))
    changes: dict[str, Callable[[], object]] = {
        "conflicting text": lambda: machine[5].update(text=human[9]["text"]),
        "duplicated text": lambda: [
            rows.append({**human[i], "group": f"copy{i} {len(rows)}", "text": " ".join(human[i]["text"].split()[:7])})
            for i in (*range(40), *range(40))
        ],
        "unpaired rows": lambda: [row.update(group=f"alone{i}") for i, row in enumerate(machine[:300])],
        "label and system disagree": lambda: human[3].update(system="apertium en-es-en"),
        "unbalanced sources": lambda: [row.update(domain="web") for row in machine],
        "too few rows": lambda: rows.__delitem__(slice(100, None)),
        "one side only": lambda: rows.__setitem__(slice(None), human),
    }
    changes[name]()
    return rows


@pytest.mark.parametrize(
    "name",
    ["conflicting text", "duplicated text", "unpaired rows", "label and system disagree", "unbalanced sources",
     "too few rows", "one side only"],
)  # fmt: skip
def test_planted_faults_are_found(tmp_path: Path, name: str) -> None:
    result = check(tmp_path, planted(name, sample()))
    found = [finding for finding in result.findings if finding.check == name and finding.severity == "problem"]
    assert found, result.findings
    assert found[0].advice
    assert name in ("too few rows", "one side only") or found[0].examples[0].startswith("rows.jsonl:")


FORMS: dict[str, Callable[[str], str]] = {
    "straight double quotes": lambda t: f'"{t}"',
    "space before punctuation": lambda t: t.replace(",", " ,").replace(".", " ."),
    "HTML entities": lambda t: t.replace(" ", "&nbsp;", 1),
    "no capital letter": str.lower,
    "no punctuation at the end": lambda t: t.rstrip("."),
    "length in words": lambda t: " ".join(t.split()[: max(4, len(t.split()) // 2)]) + ".",
    "marks of a tokeniser": lambda t: t.replace(" ", " @-@ ", 1),
    "curly quotes or apostrophes": lambda t: f"“{t}”",
    "line breaks": lambda t: t.replace(" ", "\n", 1),
}


@pytest.mark.parametrize(("name", "side"), [*((name, "mt") for name in FORMS), ("straight double quotes", "human")])
def test_form_that_gives_the_label_away_is_found(tmp_path: Path, name: str, side: str) -> None:
    rows = [{**row, "text": FORMS[name](row["text"])} if row["label"] == side else row for row in sample()]
    result = check(tmp_path, rows)
    found = [finding for finding in result.findings if finding.message.startswith(f"{name}:")]
    assert found, result.findings
    assert found[0].severity == "problem"
    assert found[0].examples
    assert result.form.auc > 0.65


def test_the_same_form_on_both_sides_is_no_finding(tmp_path: Path) -> None:
    result = check(tmp_path, [{**row, "text": f'"{row["text"].lower()} &amp;'} for row in sample()])
    assert result.worst() is None, result.findings


def test_content_in_both_splits(tmp_path: Path) -> None:
    rows = sample()
    for i, row in enumerate(rows):
        row["split"] = "test" if i >= 600 else "fit"
    cut = next(i for i in range(600, 0, -1) if rows[i]["group"] != rows[i - 1]["group"])
    for row in rows[cut:601]:
        row["split"] = "test"
    torn = check(tmp_path, rows)
    assert not [finding for finding in torn.findings if finding.check == "content in both splits"], "cut at a group"
    rows[cut]["split"] = "fit"
    assert [finding for finding in check(tmp_path, rows).findings if finding.check == "content in both splits"]


def test_rows_kept_for_measuring_share_no_content(tmp_path: Path) -> None:
    rows = sample()
    cut = next(i for i in range(1000, 0, -1) if rows[i]["group"] != rows[i - 1]["group"])
    train, test = write(tmp_path / "train.jsonl", rows[:cut]), write(tmp_path / "test.jsonl", rows[cut:])
    assert run(train, "--test", test).exit_code == 0
    write(test, [*rows[cut:], {"text": rows[0]["text"], "label": "human", "group": "another name"}])
    result = run(train, "--test", test)
    assert result.exit_code == 3, result.output
    assert "content in both splits" in result.output


def test_json_holds_findings_and_form(tmp_path: Path) -> None:
    result = run(write(tmp_path / "rows.jsonl", planted("unbalanced sources", sample())), "--json", "--examples", 1)
    assert result.exit_code == 3
    data = json.loads(result.output)
    assert data["verdict"] == "problem"
    assert data["rows"] == 1178
    assert data["form"]["pairs"] == 373
    assert all(len(finding["examples"]) <= 1 for finding in data["findings"])
    assert {finding["check"] for finding in data["findings"]} >= {"unbalanced sources"}


def test_pairs_of_a_round_trip_are_read(tmp_path: Path) -> None:
    rows = [{"text": f"Of the day the {i} it rained", "human": f"It rained on day {i} of the month", "label": "mt"}
            for i in range(300)]  # fmt: skip
    result = check(tmp_path, rows)
    assert (result.human, result.mt) == (300, 300)
    assert not [finding for finding in result.findings if finding.check == "unpaired rows"]
