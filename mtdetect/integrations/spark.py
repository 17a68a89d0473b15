"""Spark: scores as columns of a data frame, through Arrow; pandas is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from mtdetect.detector import Detector
from mtdetect.errors import InputError, needs_extra
from mtdetect.gate import Gate
from mtdetect.integrations.arrow import ArrowScorer
from mtdetect.integrations.rows import PREFIX
from mtdetect.verdict import Level

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType


class BatchScorer:
    """The function for ``DataFrame.mapInArrow``: batches of rows in, the same rows with scores out, in order.

    ``score_dataframe`` is the short way.

    Raises:
        MissingExtraError: pyspark is not installed.
    """

    def __init__(self, scorer: ArrowScorer) -> None:
        _types()
        self._scorer = scorer

    def __call__(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yield each batch with the added columns."""
        return map(self._scorer, batches)

    def schema(self, given: StructType) -> StructType:
        """Return the schema of a data frame with the added columns behind its own, for ``mapInArrow``.

        Raises:
            InputError: no text column, one that is not of strings, or a column of the name of an added one.
        """
        types, column = _types(), self._scorer.text_column
        self._scorer.check_columns(given.names)
        kind = given[column].dataType
        if not isinstance(kind, types.StringType | types.NullType):
            raise InputError(f"the column {column!r} holds {kind.simpleString()}, not string; name the column of text")
        return types.StructType([*given.fields, *_fields(self._scorer)])


def score_dataframe(
    df: DataFrame,
    text_col: str = "text",
    by: Detector | Gate | None = None,
    level: Level | None = None,
    prefix: str = PREFIX,
    source_col: str | None = None,
) -> DataFrame:
    """Return a data frame with score, status and signature of every row; with action and reason under a gate.

    Every row is kept, in the order of its partition; a row without a score has a null. Nothing runs until Spark
    needs the rows, and each row is scored once, whatever is filtered afterwards. All columns travel to Python and
    back: where a table is wide, :func:`score_udf` sends the text alone.

    Args:
        df: any data frame.
        text_col: column of strings.
        by: a detector (the shipped model if None), or a gate. A model folder must lie under the same path on
            every machine.
        level: ``"sentence"`` or ``"document"``; None for sentences, and for the level of a gate.
        prefix: starts the name of every added column.
        source_col: column that names the source of a row, for a gate with rules by source.

    Raises:
        InputError: no such column, one that is not of strings, or a column of the name of an added one.
        MissingExtraError: pyspark is not installed.
    """
    scorer = BatchScorer(ArrowScorer(text_col, by, level, prefix, source_col))
    return df.mapInArrow(scorer, scorer.schema(df.schema))


def score_udf(by: Detector | Gate | None = None, level: Level | None = None) -> Callable[..., Column]:
    """Return a function of one column of strings that gives a struct: score, status, signature (and action, reason).

    A gate judges by its general rules, as the function sees no source. Spark is told that the function is not
    deterministic: it is, but Spark would score again wherever a field is filtered on.

    Raises:
        MissingExtraError: pyspark is not installed, or is older than 4.1.
    """
    types = _types()
    from pyspark.sql.functions import arrow_udf

    scorer = ArrowScorer(by=by, level=level, prefix="")

    def score(texts: Any) -> Any:
        import pyarrow

        return pyarrow.StructArray.from_arrays(scorer.arrays(texts), names=list(scorer.names))

    score.__annotations__.clear()  # Spark reads them, and takes this for one array in, one out
    return cast("Callable[..., Column]", arrow_udf(score, types.StructType(_fields(scorer))).asNondeterministic())


def _fields(scorer: ArrowScorer) -> list[Any]:
    types = _types()
    return [
        types.StructField(name, types.FloatType() if name.endswith("score") else types.StringType())
        for name in scorer.names
    ]


def _types() -> Any:
    with needs_extra("spark", "Spark is not installed"):
        from pyspark.sql import types
    return types
