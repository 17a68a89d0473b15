"""What tests in a real browser (the fixture ``browser``) share."""

from __future__ import annotations

from typing import Any


def visit(browser: Any, address: str, width: int, theme: str) -> None:
    """Open a page afresh, on a screen of a width in pixels, under a theme (``light`` or ``dark``), without motion."""
    browser.get("about:blank")
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": theme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
