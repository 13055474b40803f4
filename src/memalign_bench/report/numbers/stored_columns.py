"""Stored records as data frames that stay small with millions of rows.

A name that many rows share (a run, a case, an item) is held once, and a row holds its number:
pandas calls such a column categorical. Its categories are sorted, so that rows sort by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.scales import plain_number
from memalign_bench.study import records
from memalign_bench.types import Grade

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["frame_of", "pooled_frame", "read_named", "with_names"]

_NAMES = frozenset(
    ("run_id", "study", "dataset", "item_id", "case_id", "model", "endpoint"),
)
"""Columns of names that many rows share. The words of tables and figures (variant, dimension and
the like) stay texts, which one may put together with others."""


def read_named(path: Path, schema: pa.Schema) -> pa.Table:
    """Parquet with each name that rows share held once (Arrow: a dictionary).

    Raises:
        RecordError: As `records.read_table`.
    """
    return _with_dictionaries(records.read_table(path, schema))


def with_names(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """The table with columns added that hold one name in all rows."""
    import pyarrow as pa

    for column, name in names.items():
        table = table.append_column(column, pa.repeat(name, len(table)))
    return _with_dictionaries(table)


def _with_dictionaries(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    for place, (name, kind) in enumerate(zip(table.column_names, table.schema.types, strict=True)):
        if name in _NAMES and pa.types.is_string(kind):
            table = table.set_column(place, name, table[name].dictionary_encode())
    return table


def pooled_frame(
    tables: list[pa.Table],
    grades: Sequence[Grade],
    choose: Callable[[pa.Table], NDArray[np.intp]] | None = None,
) -> pd.DataFrame:
    """The rows of several tables as one frame, as `frame_of` makes it.

    Args:
        tables: Of one schema; emptied, so that their memory is given back on the way.
        grades: The scale's grades.
        choose: Gives the places in the pooled table of the rows to keep, in their order.
    """
    import pyarrow as pa

    # A run may hold its grades as whole numbers where another needs reals (`has_whole_scores`).
    pooled = pa.concat_tables(tables, promote_options="permissive")
    tables.clear()
    places = None if choose is None else choose(pooled)
    fields, stored = list(pooled.schema), pooled.columns
    del pooled
    return _frame(fields, stored, grades, places)


def frame_of(table: pa.Table, grades: Sequence[Grade]) -> pd.DataFrame:
    """A table as a frame whose integer columns stay integers where values are missing.

    Scores that are no grade are N/A, however the file spells it, and missing in the frame.
    """
    return _frame(list(table.schema), table.columns, grades)


def _frame(
    fields: Sequence[pa.Field],
    stored: list[pa.ChunkedArray],
    grades: Sequence[Grade],
    places: NDArray[np.intp] | None = None,
) -> pd.DataFrame:
    """The columns as a frame; `stored` is emptied on the way."""
    import pandas as pd

    columns = {}
    for field in fields:
        # Let go once it is made: of a large study, one column at a time is held twice.
        column = stored.pop(0).combine_chunks()
        column = column if places is None else column.take(places)
        columns[field.name] = _column(column, field, grades)
    return pd.DataFrame(columns, copy=False)


def _column(stored: pa.Array, field: pa.Field, grades: Sequence[Grade]) -> Any:
    """A stored column as the frame holds it."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, nullable = field.type, field.nullable
    if pa.types.is_list(kind):
        return _lists(stored, grades if field.name in records.GRADE_COLUMNS else None)
    if pa.types.is_dictionary(kind):
        return _categorical(stored)
    if field.name in records.GRADE_COLUMNS:
        # 0 stands for N/A on disk; it must not be averaged as a grade.
        known = pa.array([float(grade) for grade in grades], pa.float64())
        stored = pc.if_else(pc.is_in(stored.cast(pa.float64()), known), stored, None)
        whole = all(float(grade).is_integer() for grade in grades)
        kind, nullable = pa.int64() if whole else pa.float64(), True
    if pa.types.is_integer(kind) and nullable:
        # pandas would make floats of a column with missing values.
        return pd.array(stored.cast(pa.int64()), dtype=pd.Int64Dtype())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        own = pa.int64() if pa.types.is_integer(kind) else pa.float64()
        # Copied, since what Arrow lends cannot be written to.
        return np.array(stored.cast(own).to_numpy(zero_copy_only=False))
    return stored.to_pandas()


def _categorical(stored: pa.DictionaryArray) -> pd.Categorical:
    import pandas as pd

    names, codes = stored.dictionary.to_pylist(), stored.indices.to_numpy()
    rising = sorted(np.unique(codes).tolist(), key=names.__getitem__)  # of those that rows have
    rank = np.zeros(len(names), dtype=np.intp)
    rank[rising] = np.arange(len(rising))
    return pd.Categorical.from_codes(rank[codes], pd.Index([names[at] for at in rising], dtype=str))


def _lists(stored: pa.Array, grades: Sequence[Grade] | None) -> pd.Series[Any]:
    """Lists, not arrays; scores that are no grade are None."""
    import pandas as pd

    lists = stored.to_pylist()
    if grades is not None:
        lists = [
            [plain_number(score) if score in grades else None for score in scores]
            for scores in lists
        ]
    # Where no example is shown a list is empty: these are one list, which nobody may add to.
    empty: list[Any] = []
    return pd.Series([empty if each == [] else each for each in lists], dtype=object)
