"""Make the pictures of the report in docs/ from a real page in headless Chromium.

    python docs/report_pictures.py

Needs Debian's chromium and chromium-driver, poppler-utils for the printed page, and pip install '.[browser-test]'
pillow. Writes docs/report-light.png, report-dark.png, report-phone.png and report-print.png.
"""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"


def browser(dark: bool = False) -> webdriver.Chrome:
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    return driver


def shoot(
    page: Path, name: str, width: int, height: int, dark: bool = False, phone: bool = False, script: str = ""
) -> None:
    driver = browser(dark)
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(page.as_uri())
        if script:
            driver.execute_script(script)
        picture = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
        save(Image.open(io.BytesIO(picture)), name)
    finally:
        driver.quit()


def print_page(page: Path, name: str) -> None:
    driver = browser()
    try:
        driver.get(page.as_uri())
        pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    finally:
        driver.quit()
    command = ["pdftoppm", "-r", "70", "-png", "-f", "1", "-l", "2"]
    done = subprocess.run(command, input=pdf, capture_output=True, check=True)
    sheets = [b"\x89PNG" + part for part in done.stdout.split(b"\x89PNG")[1:]]
    pages = [Image.open(io.BytesIO(sheet)) for sheet in sheets]
    both = Image.new("RGB", (sum(sheet.width for sheet in pages) + 10, pages[0].height), "#777777")
    left = 0
    for sheet in pages:
        both.paste(sheet, (left, 0))
        left += sheet.width + 10
    save(both, name)


def save(picture: Image.Image, name: str) -> None:
    path = OUT / f"{name}.png"
    picture.convert("RGB").quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.name, path.stat().st_size // 1024, "KB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "mtdetect", "report", "examples/articles.jsonl", "examples/comments.csv"]
        subprocess.run([*command, "-o", str(page), "--quiet"], cwd=ROOT, check=True)
        shoot(page, "report-light", 1360, 1180, script="select(1)")
        shoot(page, "report-dark", 1360, 1000, dark=True, script="reader.scrollIntoView(); step(1)")
        shoot(page, "report-phone", 390, 844, phone=True, script="select(0, {open: true})")
        print_page(page, "report-print")


if __name__ == "__main__":
    main()
