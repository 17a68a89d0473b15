"""The OpenAPI document is true: a schema fuzzer finds no request or answer that it does not describe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.harness import Service


def test_a_schema_fuzzer_finds_nothing(service: Service, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="pip install 'mtdetect[service-test]' to fuzz the service")
    program = str(Path(sys.executable).with_name("schemathesis"))
    address = f"http://127.0.0.1:{service.port}/openapi.json"
    options = ["--max-examples", "15", "--seed", "1", "--no-color", "--output-truncate", "true"]
    done = subprocess.run([program, "run", address, *options], cwd=tmp_path, capture_output=True, text=True)
    said = "\n".join(line[:300] for line in done.stdout.splitlines())
    assert done.returncode == 0, said
    assert "Tested: 9" in said
    assert service.get("/ready")[0] == 200


def test_every_path_is_described(service: Service) -> None:
    document = json.loads(service.get("/openapi.json")[1])
    assert document["openapi"].startswith("3.1")
    for path in ("/v1/score", "/v1/score/batch", "/v1/gate", "/v1/gate/batch", "/v1/check"):
        assert {"200", "400", "408", "413", "415", "422", "503"} <= set(document["paths"][path]["post"]["responses"])
    for path in ("/v1/model", "/health", "/ready", "/metrics", "/openapi.json"):
        assert service.get(path)[0] == 200
        assert "get" in document["paths"][path]
