"""Scores for Arrow tables: the form in which Spark, Ray, Hugging Face datasets and polars hand rows over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mtdetect.detector import Detector
from mtdetect.errors import InputError, needs_extra
from mtdetect.formats.arrow import Kind, Way, column_at, fields_of, way_to
from mtdetect.gate import Gate
from mtdetect.integrations.rows import PREFIX, RowScorer, no_column
from mtdetect.verdict import Level

if TYPE_CHECKING:
    import pyarrow

Column: TypeAlias = "pyarrow.Array | pyarrow.ChunkedArray"
Rows = TypeVar("Rows", "pyarrow.Table", "pyarrow.RecordBatch")


class ArrowScorer(RowScorer):
    """Adds the columns of a :class:`mtdetect.integrations.rows.RowScorer` to Arrow tables and record batches.

    Scores are float32, the other columns strings. There is no NaN: a row without a score has a null, since NaN
    counts as larger than every number in Spark, polars and others. All other columns stay as they are.

    Args:
        text_column: column that holds the text, or a dotted path into structs: ``doc.body.text``.
        by: a detector (the shipped model if None), or a gate.
        level: ``"sentence"`` or ``"document"``, as for ``RowScorer``.
        prefix: starts the name of every added column.
        source_column: column, or path, that names the source of a row, for a gate with rules by source.

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
        self.text_column, self.source_column = text_column, source_column

    def __call__(self, table: Rows) -> Rows:
        """Return the table (N rows) with the added columns behind its own: N rows in the same order.

        Raises:
            InputError: no Arrow table, no text column, two of that name, or a column of the name of an added one.
        """
        import pyarrow

        if not isinstance(table, pyarrow.Table | pyarrow.RecordBatch):
            hint = (
                'Ray: call map_batches with batch_format="pyarrow"; datasets: with_format("arrow"); polars: to_arrow()'
            )
            raise InputError(f"a batch is no Arrow table but a {type(table).__name__} ({hint})")
        self.check_columns(table.schema.names)
        columns = [column_at(table, way) for way, _ in self.ways(fields_of(table.schema), fields_of)]
        added: list[pyarrow.Array] = self.arrays(*columns)
        schema = table.schema
        for name, array in zip(self.names, added, strict=True):
            schema = schema.append(pyarrow.field(name, array.type))
        return type(table).from_arrays([*table.columns, *added], schema=schema)

    def ways(
        self, columns: Sequence[tuple[str, Kind]], inside: Callable[[Kind], Sequence[tuple[str, Kind]]]
    ) -> list[tuple[Way, Kind]]:
        """Return the ways to the column of text and to that of the source, if one is named, and their types.

        The arguments are those of :func:`mtdetect.formats.arrow.way_to`.

        Raises:
            InputError: the message says which column is missing, or is there twice, and what to do.
        """
        found = []
        for path, what in ((self.text_column, "text"), (self.source_column, "source")):
            if path is not None:
                found.append(way_to(path, columns, inside))
                if found[-1] is None:
                    raise no_column(path, [name for name, _ in columns], what)
        return [way for way in found if way is not None]

    def arrays(self, texts: Column, sources: Column | None = None) -> list[pyarrow.Array]:
        """Return the added columns of N texts (from N sources), in the order of ``names``."""
        import pyarrow

        columns = self.columns(_values(texts), None if sources is None else _values(sources))
        return [pyarrow.array(columns[name], type=_type(name)) for name in self.names]


def _type(name: str) -> Any:
    import pyarrow

    return pyarrow.float32() if name.endswith("score") else pyarrow.string()


def _values(texts: Column) -> list[Any]:
    """Return the values of a column; what Arrow takes for text and is no UTF-8 stays bytes."""
    try:
        values: list[Any] = texts.to_pylist()
    except UnicodeDecodeError:
        values = [_value(text) for text in texts]
    return values


def _value(text: Any) -> Any:
    try:
        return text.as_py()
    except UnicodeDecodeError as error:
        return error.object
