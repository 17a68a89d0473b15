"""Plain text: one text a line, every line a row (an empty line is an empty text)."""

from __future__ import annotations

from collections.abc import Iterator

from mtdetect.formats.base import Chunk, RowReader
from mtdetect.formats.source import Source


class TxtReader(RowReader):
    """Reads one text a line; the record is ``{"text": line}``."""

    format_name = "txt"

    def __init__(self, source: Source, text_column: str | None) -> None:
        super().__init__(source, None if text_column is None else "text")

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; invalid UTF-8 is shown with U+FFFD and the row carries an error."""
        first = 1
        for lines in self.source.line_batches():
            errors: dict[int, str] = {}
            texts: list[str | None] = list(decoded_lines(lines) or ())
            if not texts:
                for position, line in enumerate(lines):
                    body = strip_line_end(line)
                    try:
                        texts.append(body.decode())
                    except UnicodeDecodeError as error:
                        errors[position] = invalid_utf8(error)
                        texts.append(body.decode(errors="replace"))
            records = [{"text": text} for text in texts]
            for position in errors:
                texts[position] = None
            yield Chunk(self.source.name, range(first, first + len(lines)), lines, texts, records, errors)
            first += len(lines)


def decoded_lines(lines: list[bytes]) -> list[str] | None:
    r"""Return N lines as text without their line ends, all at once; None where one is no UTF-8.

    >>> decoded_lines([b"one\r\n", b"two"])
    ['one', 'two']
    """
    try:
        texts = b"".join(lines).decode().split("\n")
    except UnicodeDecodeError:
        return None
    if not texts[-1]:
        texts.pop()
        return [text.removesuffix("\r") for text in texts]
    return [*(text.removesuffix("\r") for text in texts[:-1]), texts[-1]]


def strip_line_end(line: bytes) -> bytes:
    r"""Take off one ``\n`` or ``\r\n``."""
    if line.endswith(b"\n"):
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]
    return line


def invalid_utf8(error: UnicodeDecodeError) -> str:
    """Say where bytes stop being UTF-8 (or what else they were taken for)."""
    return f"invalid {error.encoding.upper()} at byte {error.start + 1} (0x{error.object[error.start]:02x})"
