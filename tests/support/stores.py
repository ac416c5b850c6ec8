"""Small published stores, written with Arrow alone, for tests of the feed and of training without Spark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID, WEIGHT
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST, SPLITS, store_folder
from pipeline.store.manifest import FileEntry, Manifest, SplitEntry
from pipeline.store.pages import WRITE_CHECKED
from pipeline.store.store import Store, open_store
from tests.support.listed import listed

NAME, STORE_ID = "small", "0123456789abcdef"
"""As Spark writes its files; pyarrow 14 cannot."""
SPARSE = {"train": [47, 1]}
"""In steps of 16 rows, two ranks have 47 rows and 1, which is in one step of three; two of four ranks have none."""


def regression_state(numeric: int = 2, sizes: Sequence[int] = (4,)) -> FittedFeatures:
    """Columns x0, x1, ... and c0, ... with a label y in its own unit."""
    return FittedFeatures(
        numeric=tuple(
            ScaledFeature(name=f"x{i}", source=f"x{i}", fill=0.0, center=0.0, scale=1.0) for i in range(numeric)
        ),
        categorical=tuple(
            VocabularyFeature(name=f"c{j}", sources=(f"c{j}",), vocabulary=tuple(f"v{k}" for k in range(1, size)))
            for j, size in enumerate(sizes)
        ),
        label=LabelSpec(name="y", task="regression"),
    )


def write_small_store(
    folder: Path,
    shard_rows: Mapping[str, Sequence[int]],
    *,
    state: FittedFeatures | None = None,
    row_group: int = 64,
    seed: int = 0,
) -> Store:
    """A store whose rows have ids 0, 1, 2, ... within each split; the label is a known function of the row.

    Args:
        folder: the storage root.
        shard_rows: rows of every shard, by split; a split that is left out has none.
        state: the features; by default two numeric columns and one categorical.
        row_group: rows of a row group at most.
        seed: of the values.
    """
    state = state or regression_state()
    root = storage_path(str(folder))
    place = store_folder(root, NAME, STORE_ID)
    splits = {}
    for number, split in enumerate(SPLITS):
        counts = shard_rows.get(split, ())
        starts = np.cumsum([0, *counts])
        entries = [
            _write_file(folder, state, split, shard, range(starts[shard], starts[shard + 1]), row_group, seed + number)
            for shard in range(len(counts))
            if counts[shard]
        ]
        splits[split] = SplitEntry(rows=sum(counts), files=tuple(entries))
    documents = {CONTRACT: store_schema_of(state).to_json().encode(), FEATURES: state.to_json().encode()}
    for name, content in documents.items():
        files.write_bytes(place.child(name), content)
    manifest = Manifest(
        name=NAME,
        store_id=STORE_ID,
        source="",
        config="",
        shards=max(len(counts) for counts in shard_rows.values()),
        splits=splits,
        documents={name: hashlib.sha256(content).hexdigest() for name, content in documents.items()},
    )
    files.write_bytes(place.child(MANIFEST), manifest.to_json().encode())
    return open_store(place)


def _write_file(
    folder: Path, state: FittedFeatures, split: str, shard: int, ids: range, row_group: int, seed: int
) -> FileEntry:
    name = f"{split}/shard-{shard:05d}.parquet"
    path = folder / "stores" / NAME / STORE_ID / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        _table(state, ids, np.random.default_rng([seed, shard])), path, row_group_size=row_group, **WRITE_CHECKED
    )
    return listed(folder / "stores" / NAME / STORE_ID, name, shard)


def _table(state: FittedFeatures, ids: range, rng: np.random.Generator) -> pa.Table:
    n, label = len(ids), state.label
    columns = {f.name: rng.normal(size=n).astype(np.float32) for f in state.numeric}
    columns |= {name: rng.integers(0, feature.size, n).astype(np.int32) for name, feature in state.id_columns}
    signal = sum((columns[f.name] * (i + 1) for i, f in enumerate(state.numeric)), np.zeros(n))
    signal = signal + sum(((columns[name] == 1) for name, _ in state.id_columns), np.zeros(n))
    match label.task:
        case "regression":
            columns[label.name] = signal.astype(np.float64)
        case "binary":
            columns[label.name] = (signal > 0).astype(np.int32)
        case "multiclass":
            columns[label.name] = np.digitize(signal, np.linspace(-2, 2, len(label.classes) - 1)).astype(np.int32)
    if state.weight:
        columns[WEIGHT] = rng.uniform(0.5, 1.5, n).astype(np.float32)
    columns[ROW_ID] = np.asarray(ids, np.int64)
    return pa.table(columns)
