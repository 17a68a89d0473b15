"""Make the pictures of the service's page in docs/ from a running service in headless Chromium.

    python docs/service_pictures.py

Needs Debian's chromium and chromium-driver, and pip install '.[serve,browser-test]' pillow. Writes
docs/service-light.png, service-dark.png and service-phone.png.
"""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import time

from PIL import Image
from report_pictures import ROOT, browser, save


def shoot(address: str, name: str, width: int, height: int, dark: bool = False, note: bool = False) -> None:
    driver = browser(dark)
    phone = width < 600
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(address)
        driver.execute_script("document.getElementById('example').click()")
        deadline = time.monotonic() + 20
        while not driver.execute_script("return document.querySelector('.sentence')"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if note:
            driver.execute_script("document.querySelector('.ref').click()")
        if phone:
            driver.execute_script("document.activeElement.blur(); scrollTo(0, 230)")
        picture = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
        save(Image.open(io.BytesIO(picture)), name)
    finally:
        driver.quit()


def main() -> None:
    command = [sys.executable, "-m", "mtdetect", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split(" ")[2]
        try:
            shoot(address, "service-light", 1280, 860, note=True)
            shoot(address, "service-dark", 1280, 860, dark=True)
            shoot(address, "service-phone", 390, 844)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
