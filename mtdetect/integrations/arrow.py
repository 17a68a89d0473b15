"""Scores for Arrow tables: the form in which Spark, Ray, Hugging Face datasets and polars hand rows over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mtdetect.detector import Detector
from mtdetect.errors import InputError, needs_extra
from mtdetect.gate import Gate
from mtdetect.integrations.rows import PREFIX, RowScorer
from mtdetect.verdict import Level

if TYPE_CHECKING:
    import pyarrow

Column: TypeAlias = "pyarrow.Array | pyarrow.ChunkedArray"
Rows = TypeVar("Rows", "pyarrow.Table", "pyarrow.RecordBatch")

_UNDECODABLE = object()


class ArrowScorer(RowScorer):
    """Adds the columns of a :class:`mtdetect.integrations.rows.RowScorer` to Arrow tables and record batches.

    Scores are float32, the other columns strings. There is no NaN: a row without a score has a null, since NaN
    counts as larger than every number in Spark, polars and others. All other columns stay as they are.

    Args:
        text_column: column that holds the text.
        by: a detector (the shipped model if None), or a gate.
        level: ``"sentence"`` or ``"document"``, as for ``RowScorer``.
        prefix: starts the name of every added column.
        source_column: column that names the source of a row, for a gate with rules by source.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(
        self,
        text_column: str = "text",
        by: Detector | Gate | None = None,
        level: Level | None = None,
        prefix: str = PREFIX,
        source_column: str | None = None,
    ) -> None:
        with needs_extra("parquet", f"{type(self).__name__} needs pyarrow"):
            import pyarrow  # noqa: F401
        super().__init__(by, level, prefix)
        self.text_column = text_column
        self.source_column = source_column

    def __call__(self, table: Rows) -> Rows:
        """Return the table (N rows) with the added columns behind its own: N rows in the same order.

        Raises:
            InputError: no text column, two of that name, or a column of the name of an added one.
        """
        import pyarrow

        self.check_columns(table.schema.names)
        sources = None if self.source_column is None else table.column(self.source_column)
        added: list[pyarrow.Array] = self.arrays(table.column(self.text_column), sources)
        schema = table.schema
        for name, array in zip(self.names, added, strict=True):
            schema = schema.append(pyarrow.field(name, array.type))
        return type(table).from_arrays([*table.columns, *added], schema=schema)

    def arrays(self, texts: Column, sources: Column | None = None) -> list[pyarrow.Array]:
        """Return the added columns of N texts (from N sources), in the order of ``names``."""
        import pyarrow

        columns = self.columns(_values(texts), None if sources is None else _values(sources))
        return [pyarrow.array(columns[name], type=_type(name)) for name in self.names]

    def check_columns(self, names: list[str]) -> None:
        """Refuse a table that lacks a column named by the arguments, or that has an added column already.

        Raises:
            InputError: the message says which column, and what to do.
        """
        for column, what in ((self.text_column, "text"), (self.source_column, "source")):
            if column is not None and (found := names.count(column)) != 1:
                count = f"{found} columns" if found else "no column"
                raise InputError(f"{count} {column!r} among {', '.join(names)}; name the column of the {what}")
        if taken := [name for name in self.names if name in names]:
            raise InputError(f"a column {taken[0]!r} is there already; drop it, or choose another prefix")


def _type(name: str) -> Any:
    import pyarrow

    return pyarrow.float32() if name.endswith("score") else pyarrow.string()


def _values(texts: Column) -> list[Any]:
    """Return the values of a column; bytes in a text column that are no UTF-8 become a value that is no text."""
    try:
        values: list[Any] = texts.to_pylist()
    except UnicodeDecodeError:
        values = [_value(text) for text in texts]
    return values


def _value(text: Any) -> Any:
    try:
        return text.as_py()
    except UnicodeDecodeError:
        return _UNDECODABLE
