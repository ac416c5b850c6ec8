"""Stores built from small tables, for tests of reading, fitting and writing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.config.load import parse_config
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.writing.build_store import build_store
from pipeline.runtime.progress import Progress
from pipeline.runtime.terminal import Terminal
from pipeline.store.filesystem import storage_path
from pipeline.store.store import Store, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def spec_for(
    path: Path | str,
    *,
    label: str = "y",
    numeric: Any = (),
    categorical: Any = (),
    source: dict[str, Any] | None = None,
    seed: int = 0,
    fractions: dict[str, float] | None = None,
    target: str = "standard",
    features: dict[str, Any] | None = None,
    split: dict[str, Any] | None = None,
    **data: Any,
) -> StoreSpec:
    """The specification of a store of one file; `numeric`, `categorical`: column names, or groups as configured."""
    section = {
        "numeric": _groups(numeric),
        "categorical": _groups(categorical),
        "target": {"transform": target},
        **(features or {}),
    }
    content = {
        "name": "test",
        "seed": seed,
        "data": {"source": {"path": str(path), **(source or {})}, "label": label, **data},
        "split": split or {"fractions": fractions or FRACTIONS},
        "features": section,
    }
    return StoreSpec.of(parse_config(content))


def build(spark: SparkSession, store_spec: StoreSpec, root: Path) -> Store:
    """The published store of a specification."""
    place = storage_path(str(root))
    source = open_source(spark, store_spec.data.source, place)
    progress = Progress(Terminal(io.StringIO()))
    build_store(spark, store_spec, source, root=place, progress=progress)
    return open_store(store_spec.folder(source, place))


def rows_of(store: Store, split: str | None = None) -> pd.DataFrame:
    """The rows of one split, or of all with a column `split`, in the order of the files."""
    splits = [split] if split else list(store.manifest.splits)
    parts = [
        pd.read_parquet(f"{store.path.path}/{file.path}", partitioning=None).assign(split=name, shard=file.shard)
        for name in splits
        for file in store.split(name).files
    ]
    return pd.concat(parts, ignore_index=True)


def _groups(columns: Any) -> Any:
    if not columns:
        return []
    return [{"columns": list(columns)}] if isinstance(columns[0], str) else columns
