"""Fits features to a data frame, and adds them to any other one.

The results are those of a store: the same passes fit the features, and the same functions apply them in Spark's tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StructField, StructType

from pipeline.errors import DataError, Problem, gather
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.fitting.fit_features import fit_features
from pipeline.preparation.planning.column_checks import check_names, check_types
from pipeline.preparation.planning.open_dataset import open_rows
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.raw import RawColumns, RawTable, SourceTable, arrow_type, typed_table
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.preparation.statistics.checked_statistics import checked_statistics
from pipeline.preparation.writing.store_columns import feature_columns


def fit_frame(rows: DataFrame, store_spec: StoreSpec, null_values: Sequence[str] = ()) -> FittedFeatures:
    """Fit features to the rows that the split of `store_spec` assigns to training.

    Args:
        rows: the rows; scanned several times, so they must be the same each time.
        store_spec: features, label and split; its source is ignored.
        null_values: texts that mean null.

    Raises:
        ConfigError: the features do not fit the columns or the label.
        DataError: columns are missing, or rows are not as configured.
    """
    opened = open_rows(store_spec, _with_markers(typed_table(rows), tuple(null_values)))
    return fit_features(store_spec, opened, *checked_statistics(store_spec, opened)).features


def with_features(rows: DataFrame, features: FittedFeatures, prefix: str = "") -> DataFrame:
    """Add the columns of a store, and the label where the rows have one.

    A text that is no number counts as null in a numeric feature. A label is null where it is missing or an unknown
    class.

    Args:
        rows: rows with the columns of `features.raw`; other columns are kept unchanged.
        features: the fitted features.
        prefix: prefix of the names of new columns. Without one, a new column replaces the raw column of the same name.

    Raises:
        DataError: columns are missing, have an unusable type, or have the name of a new column.
    """
    names = rows.columns
    label = features.label.name if features.label.name in names else None
    raw = _raw_columns(rows, features, label)
    new = feature_names(features, prefix) + ([prefix + features.label.name] if label else [])
    _check_new(new, names, () if prefix else raw.names)
    inputs = Inputs(raw, features.raw, features.derived, label, weight=None)
    kinds = {name: _store_kind(features, name.removeprefix(prefix)) for name in new}
    return _added(rows, inputs, features, kinds)


def feature_names(features: FittedFeatures, prefix: str = "") -> list[str]:
    """The names of the columns that `with_features` adds, without the label."""
    return [prefix + name for name in (*(f.name for f in features.numeric), *(name for name, _ in features.id_columns))]


def _with_markers(table: SourceTable, markers: tuple[str, ...]) -> SourceTable:
    def read(wanted: Sequence[str]) -> RawTable:
        raw = table.reader(wanted)
        return replace(raw, columns=replace(raw.columns, markers=markers))

    return replace(table, reader=read)


def _raw_columns(rows: DataFrame, features: FittedFeatures, label: str | None) -> RawColumns:
    """The raw columns that the features and the label need."""
    names = rows.columns
    wanted = tuple(dict.fromkeys([*(column.name for column in features.raw), *([label] if label else [])]))
    check_names(names, wanted)
    kinds = {name: arrow_type(rows.schema.fields[names.index(name)].dataType) for name in wanted}
    raw = RawColumns(wanted, kinds, markers=features.null_values, readings=features.readings)
    check_types(raw, features.raw)
    return raw


def _store_kind(features: FittedFeatures, name: str) -> pa.DataType:
    """The type of a new column."""
    if name == features.label.name:
        return pa.int32() if features.label.classes else pa.float64()
    return pa.float32() if any(feature.name == name for feature in features.numeric) else pa.int32()


def _added(rows: DataFrame, inputs: Inputs, features: FittedFeatures, kinds: Mapping[str, pa.DataType]) -> DataFrame:
    """All columns with the new ones, which replace those of the same name or follow them."""
    names = rows.columns
    numbered = rows.toDF(*(f"c{index}" for index in range(len(names))))
    indices = [names.index(name) for name in inputs.raw.names]
    new_fields = [StructField(f"m{i}", from_arrow_type(kind)) for i, kind in enumerate(kinds.values())]
    schema = StructType([*numbered.schema.fields, *new_fields])

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            raw_batch = pa.RecordBatch.from_arrays(
                [batch.column(index) for index in indices], names=[str(p) for p in indices]
            )
            new_columns = _new_columns(inputs, features, raw_batch)
            columns = [
                pa.array(column, kind, from_pandas=True)
                for column, kind in zip(new_columns, kinds.values(), strict=True)
            ]
            yield pa.RecordBatch.from_arrays([*batch.columns, *columns], names=schema.names)

    extended = numbered.mapInArrow(work, schema)
    new = {name: F.col(f"m{i}").alias(name) for i, name in enumerate(kinds)}
    old = [new[name] if name in new else F.col(f"c{i}").alias(name) for i, name in enumerate(names)]
    return extended.select(*old, *(column for name, column in new.items() if name not in names))


def _new_columns(inputs: Inputs, features: FittedFeatures, batch: pa.RecordBatch) -> list[Any]:
    """The new columns of a batch; the label is null where it is missing or an unknown class."""
    rows = inputs.rows(batch)
    columns: list[Any] = [*feature_columns(features, rows.values).values()]
    if inputs.label is None:
        return columns
    if not features.label.classes:
        return [*columns, rows.label_number]
    class_ids = label_value(features.label, rows)
    return [*columns, pa.array(class_ids, mask=class_ids < 0)]


def _check_new(new: Sequence[str], existing: Sequence[str], replaced: Collection[str]) -> None:
    alike: dict[str, list[str]] = {}
    for name in existing:
        alike.setdefault(name.lower(), []).append(name)
    taken = [name for name in new if any(old != name or old not in replaced for old in alike.get(name.lower(), ()))]
    problems = [Problem(f"The data frame already has a column '{name}'") for name in taken]
    if problems:
        title = "Features would get names that are taken; set outputPrefix or rename columns"
        raise DataError(gather(title, problems) + ("" if len(problems) > 1 else " Set outputPrefix, or rename it."))
