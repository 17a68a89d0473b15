"""One service for all tests that do not need their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.harness import Service, running


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    for package in ("httptools", "msgspec", "prometheus_client", "starlette", "uvicorn"):
        pytest.importorskip(package, reason=f"the service needs {package}: pip install 'mtdetect[serve]'")
    with running("--max-request", "2", "--max-held", "4", "--time-limit", "2") as started:
        yield started
        assert started.process.poll() is None, "the service ended while it was tested"
