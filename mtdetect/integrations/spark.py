"""Spark: scores as columns of a data frame, through Arrow; pandas is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from mtdetect.detector import Detector
from mtdetect.errors import InputError, needs_extra
from mtdetect.formats.arrow import ELEMENT
from mtdetect.gate import Gate
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.rows import PREFIX
from mtdetect.verdict import Level

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType


class BatchScorer:
    """The function for ``DataFrame.mapInArrow`` (see :func:`score_dataframe`): rows in, the same with scores out."""

    def __init__(self, scorer: ArrowScorer) -> None:
        _types()
        self._scorer = scorer

    def __call__(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yield each batch with the added columns."""
        return map(self._scorer, batches)

    def schema(self, given: StructType) -> StructType:
        """Return the schema of a data frame with the added columns; errors are those of ``score_dataframe``."""
        self._scorer.check_columns(given.names, any_case=True)
        _, kind = self._scorer.ways(_inside(given), _inside)[0]
        if kind.typeName() not in ("string", "binary", "void"):
            holds = f"{self._scorer.text_column!r} holds {kind.simpleString()}"
            raise InputError(f"{holds}, not string; name the column of text")
        return _types().StructType([*given.fields, *_fields(self._scorer)])


def score_dataframe(
    df: DataFrame,
    text_col: str = "text",
    by: Detector | Gate | None = None,
    level: Level | None = None,
    prefix: str = PREFIX,
    source_col: str | None = None,
) -> DataFrame:
    """Return a data frame with score, status and signature of every row; with action and reason under a gate.

    Every row is kept, in the order of its partition; a row without a score has a null. Each row is scored once,
    whatever is filtered. All columns travel to Python and back: :func:`score_udf` sends the text alone.

    Args:
        df: any data frame.
        text_col: column of strings (or of bytes in UTF-8), or a dotted path into structs.
        by: a detector (the shipped model if None), or a gate. A model folder must lie under one path everywhere.
        level: ``"sentence"`` or ``"document"``; None for sentences, and for the level of a gate.
        prefix: starts the name of every added column.
        source_col: column that names the source of a row, for a gate with rules by source.

    Raises:
        InputError: no such column, one that is not of strings, or a column of the name of an added one.
        MissingExtraError: pyspark is not installed.
    """
    _types()
    scorer, names = ArrowScorer(text_col, by, level, prefix, source_col), df.columns
    schema = BatchScorer(scorer).schema(df.schema)
    numbers = [f"c{i}" for i in range(len(schema))]  # dots, backticks and names twice get lost on the way to Python

    def score(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        for batch in batches:
            scored = scorer(type(batch).from_arrays(batch.columns, names=names))
            yield type(batch).from_arrays(scored.columns, names=numbers)

    numbered = _types().StructType()
    for number, field in zip(numbers, schema, strict=True):
        numbered.add(number, field.dataType, field.nullable, field.metadata)
    return df.toDF(*numbers[: len(names)]).mapInArrow(score, numbered).toDF(*schema.names)


def score_udf(by: Detector | Gate | None = None, level: Level | None = None) -> Callable[..., Column]:
    """Return a function of one column of strings that gives a struct: score, status, signature (and action, reason).

    A gate sees no source and judges by its general rules. Spark is told that the function is not deterministic:
    it is, but Spark would score again wherever a field is filtered on.

    Raises:
        MissingExtraError: pyspark is not installed, or is older than 4.1.
    """
    types = _types()
    with needs_extra("spark", "score_udf needs Spark 4.1 (score_dataframe runs from 3.5 on)"):
        from pyspark.sql.functions import arrow_udf
    scorer = ArrowScorer(by=by, level=level, prefix="")

    def score(texts: Any) -> Any:
        import pyarrow

        return pyarrow.StructArray.from_arrays(scorer.arrays(texts), names=list(scorer.names))

    score.__annotations__.clear()  # Spark reads them, and takes this for one array in, one out
    return cast("Callable[..., Column]", arrow_udf(score, types.StructType(_fields(scorer))).asNondeterministic())


def _inside(kind: Any) -> list[tuple[str, Any]]:
    if element := getattr(kind, "elementType", None):
        return [(ELEMENT, element)]
    return [(field.name, field.dataType) for field in getattr(kind, "fields", ())]


def _fields(scorer: ArrowScorer) -> list[Any]:
    field, number, string = _types().StructField, _types().FloatType(), _types().StringType()
    return [field(name, number if name.endswith("score") else string) for name in scorer.names]


def _types() -> Any:
    with needs_extra("spark", "Spark or pyarrow is not installed"):
        import pyarrow  # noqa: F401
        from pyspark.sql import types
    return types
