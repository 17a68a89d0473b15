"""Run the blocks of pages and write what their commands print into the blocks of text after ``<!-- output -->``.

    python docs/refresh_outputs.py [PAGE...]

All pages if none is named. A model that scores differently changes figures; the tests compare the words alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import SkipTest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.pages import LAST_OUTPUT, PAGES, ROOT, outputs


def refreshed(page: Path) -> str:
    """Return the text of a page with new outputs."""
    document = PAGES.parse(page)
    shown = {region.start for region in outputs(document)}
    new = []
    PAGES.setup(document.namespace)
    try:
        for example in document.examples():
            if example.region.start in shown:
                new.append((example.region, document.namespace[LAST_OUTPUT]))
                continue
            try:
                example.evaluate()
            except SkipTest:
                continue
    finally:
        PAGES.teardown(document.namespace)
    text = document.text
    for region, output in reversed(new):
        text = text[: region.start] + output.rstrip() + "\n" + text[region.end :]
    return text


def main() -> None:
    chosen = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    for page in chosen:
        if "<!-- output -->" in page.read_text(encoding="utf-8"):
            page.write_text(refreshed(page), encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
