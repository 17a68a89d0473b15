"""A report of thousands of documents: how long it takes to make, and how quick it is in headless Chromium.

Needs Debian's chromium and chromium-driver, and pip install '.[report,browser-test]'.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from common import Figure, example_sentences, json_option, model_arguments, model_option, publish, sentences

_MEASURE = """
const time = (act) => {
  const start = performance.now();
  act();
  list.getBoundingClientRect();
  reader.getBoundingClientRect();
  return performance.now() - start;
};
const filter = (id, value) => time(() => { byId(id).value = value; applyFilters(); });
const navigation = performance.getEntriesByType('navigation')[0];
return {
  'opening the page': navigation.loadEventEnd,
  'next document': time(() => select(current + 1)),
  'to the last document': time(() => select(documents.length - 1)),
  'scrolling by one screen': time(() => { list.scrollTop = 40000; drawList(); }),
  'finding words, first time': filter('find', 'wednesday'),
  'finding words, again': filter('find', 'wednesda'),
  'filter by score': filter('lowest', '0.5'),
}"""


@click.command()
@model_option
@json_option
@click.option("--documents", default=5000, show_default=True, help="Documents, of ten to thirty sentences each.")
def main(model: Path | None, json_out: Path | None, documents: int) -> None:
    """Measure the report of many documents, one sentence in five of them from the garbled and odd examples."""
    from selenium import webdriver

    generator = random.Random(0)
    clean, odd = sentences(20_000), example_sentences()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        rows, page = Path(folder) / "rows.jsonl", Path(folder) / "report.html"
        with rows.open("w", encoding="utf-8") as stream:
            for i in range(documents):
                text = [
                    generator.choice(odd if generator.random() < 0.2 else clean)
                    for _ in range(generator.randint(10, 30))
                ]
                row = {"title": text[0][:60], "source": f"site{i % 200}.example", "text": "\n".join(text)}
                stream.write(json.dumps(row) + "\n")
        command = [sys.executable, "-m", "mtdetect", "report", str(rows), "-o", str(page), *model_arguments(model)]
        start = time.perf_counter()
        subprocess.run([*command, "--quiet"], check=True)
        figures.append(Figure("mtdetect report", time.perf_counter() - start, "s"))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures.append(Figure("its processor time", used.ru_utime + used.ru_stime, "s"))
        figures.append(Figure("size of the page", page.stat().st_size / 1e6, "MB"))
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,900"):
            options.add_argument(argument)
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            browser.get(page.as_uri())
            time.sleep(0.2)  # the load event has to end before it can be read
            measured = browser.execute_script(_MEASURE)
            drawn = browser.execute_script("return document.querySelectorAll('*').length")
        finally:
            browser.quit()
    figures += [Figure(name, milliseconds, "ms") for name, milliseconds in measured.items()]
    figures.append(Figure("elements on the page", drawn, ""))
    publish(f"A report of {documents:,} documents", figures, json_out)


if __name__ == "__main__":
    main()
