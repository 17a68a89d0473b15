"""Rewrite known_failures.json from what the current model gets wrong; comments of entries that stay are kept.

python tests/cases/update_known_failures.py [--model DIR] [--dry-run]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # this checkout, whatever is installed


@click.command()
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Instead of the shipped.")
@click.option("--dry-run", is_flag=True, help="Only print.")
def main(model: Path | None, dry_run: bool) -> None:
    """Rewrite tests/cases/known_failures.json from what the model gets wrong."""
    from case_checks import KNOWN_FAILURES, all_checks, known_failures, problem

    import mtdetect

    detector = mtdetect.load(model)
    before = {(entry["text"], entry["check"]): entry["comment"] for entry in known_failures()}
    counts: Counter[tuple[str, str]] = Counter()
    failures = []
    for check in all_checks():
        file = check.name.split("-")[0] + ("" if not check.name.endswith("-pair") else " (human versions)")
        counts[file, "all"] += 1
        wrong = problem(detector, check)
        if not wrong:
            continue
        counts[file, "wrong"] += 1
        key = (check.text, check.check)
        failures.append({"text": check.text, "check": check.check, "comment": before.get(key, check.comment)})
        if key not in before:
            click.echo(f"new: {check.name}: {wrong}: {check.text}")
    now = {(entry["text"], entry["check"]) for entry in failures}
    for text, kind in before.keys() - now:
        click.echo(f"no longer fails: {kind}: {text}")
    for file in dict.fromkeys(file for file, _ in counts):
        click.echo(f"{file}: {counts[file, 'all'] - counts[file, 'wrong']} of {counts[file, 'all']} as they should be")
    click.echo(f"known failures: {len(failures)} (were {len(before)}); {detector.signature}")
    if not dry_run:
        text = json.dumps(failures, ensure_ascii=False, indent=2) + "\n"
        KNOWN_FAILURES.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
