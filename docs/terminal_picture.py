"""Make the terminal pictures of the README from real runs in a pseudo-terminal.

    python docs/terminal_picture.py

Writes docs/score.svg and docs/explain.svg, drawn by rich from the bytes that the commands print.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 110
PICTURES = {
    "score": "head -12 examples/news.txt | mtdetect score",
    "explain": 'mtdetect explain "The nurses were praised for the spirit of self-secrification."',
}
THEME = TerminalTheme(
    background=(22, 27, 34),
    foreground=(208, 215, 222),
    normal=[(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255),
            (118, 227, 234), (177, 186, 196)],
)  # fmt: skip
# Rich's own frame, without the web font: the picture shall not fetch anything.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def run_in_terminal(command: str) -> str:
    """Return what a shell command prints on a terminal of COLUMNS columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    real = command.replace("mtdetect", f"{shlex.quote(sys.executable)} -m mtdetect", 1)
    with subprocess.Popen(
        real, shell=True, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as it:
        os.close(theirs)
        printed = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not block:
                break
            printed += block
    os.close(ours)
    if it.returncode:
        raise SystemExit(f"{command}: exit code {it.returncode}\n{printed.decode(errors='replace')}")
    return printed.decode().replace("\r\n", "\n")


def main() -> None:
    for name, command in PICTURES.items():
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text(f"$ {command}", style="bold"), soft_wrap=True)
        console.print(Text.from_ansi(run_in_terminal(command)))
        target = ROOT / "docs" / f"{name}.svg"
        svg = console.export_svg(title="", theme=THEME, code_format=FRAME, unique_id=name)
        target.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
