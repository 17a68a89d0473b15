"""Runs the code blocks of docs/integrations.md as they stand, and finds Java."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")

NO_JAVA = "Spark needs Java 17: apt-get install openjdk-17-jre-headless"


def java_version() -> int:
    """Return the version of the Java runtime, 0 if there is none."""
    home = os.environ.get("JAVA_HOME")
    command = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    if command is None:
        return 0
    words = subprocess.run([command, "-version"], capture_output=True, text=True).stderr.split('"')
    return int(words[1].split(".")[0]) if len(words) > 1 else 0


def code(heading: str) -> str:
    """Return the Python blocks under a heading of the page, joined."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert section, f"no section {heading!r}"
    blocks = re.findall(r"^```python\n(.*?)^```$", section[1], flags=re.MULTILINE | re.DOTALL)
    assert blocks, f"no code under {heading!r}"
    return "\n".join(blocks)


def run(script: str, folder: Path) -> list[dict[str, Any]]:
    """Run a script beside the examples and return the list of rows that it leaves in ``rows``."""
    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
    (folder / "script.py").write_text(
        f"{script}\nimport json\njson.dump(rows, open('rows.json', 'w'), default=float)\n", encoding="utf-8"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    environment |= {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows: list[dict[str, Any]] = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return rows
