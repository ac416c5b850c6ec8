"""Rows without scaling, and stores of folds around them, written with Arrow alone."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.shared_fold_rows import LABEL, PART, SharedFoldRows, Text, number_column
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.store_schema import ROW_ID
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST, SPLITS, UNSCALED, store_folder
from pipeline.store.manifest import FileEntry, Manifest, SplitEntry
from pipeline.store.store import Store, open_store
from tests.support.listed import listed

NAME, FOLDS_ID = "small", "0123456789abcdef"

RawRow = tuple[float | None, str | None, str | None, str | None]
"""Area, city, zip, tags, as in `kinds.ROWS`."""


def write_rows(folder: Path, tables: Mapping[str, pa.Table], row_group: int = 64) -> None:
    """Write the files that folds share.

    Args:
        folder: the storage root.
        tables: by path; the shard is in its name, as in `rows/3/shard-00-000.parquet`.
        row_group: rows of a row group at most.
    """
    for name, table in tables.items():
        path = _base(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=row_group)


def write_fold(
    folder: Path,
    shared_rows: SharedFoldRows,
    state: FittedFeatures,
    splits: Mapping[str, Sequence[str]],
    number: int = 0,
) -> Store:
    """A fold whose splits have these files, each of them as often as it is listed."""
    place = store_folder(storage_path(str(folder)), NAME, FOLDS_ID).child(f"fold-{number}")
    entries = {split: [_entry(_base(folder), name) for name in sorted(splits.get(split, ()))] for split in SPLITS}
    documents = {
        CONTRACT: store_schema_of(state).to_json().encode(),
        FEATURES: state.to_json().encode(),
        UNSCALED: shared_rows.to_json().encode(),
    }
    for name, content in documents.items():
        files.write_bytes(place.child(name), content)
    manifest = Manifest(
        name=NAME,
        store_id=FOLDS_ID,
        source="",
        config="",
        shards=1 + max(entry.shard for some in entries.values() for entry in some),
        splits={
            split: SplitEntry(rows=sum(entry.rows for entry in some), files=tuple(_by_shard(some)))
            for split, some in entries.items()
        },
        documents={name: hashlib.sha256(content).hexdigest() for name, content in documents.items()},
        base="..",
    )
    files.write_bytes(place.child(MANIFEST), manifest.to_json().encode())
    return open_store(place)


def joint(
    state: FittedFeatures, *, more: Sequence[str] = (), slots: int = 0, has_parts: bool = False
) -> SharedFoldRows:
    """What rows hold that a fold with these features shares with others.

    Args:
        state: the features of the fold.
        more: texts that only other folds know; they come first, and the fold's own ones are turned round.
        slots: of multi-valued texts, more than the fold has.
        has_parts: whether rows tell the part that they are in.
    """
    features = (*state.numeric, *state.categorical)
    numbers = (feature.source for feature in features if hasattr(feature, "source"))
    return SharedFoldRows(
        numbers=tuple(dict.fromkeys(numbers)),
        texts=tuple(_joint_text(f, more, slots) for f in features if not hasattr(f, "source")),
        task=state.label.task,
        has_parts=has_parts,
        weighted=state.weight is not None,
    )


def table_of(shared_rows: SharedFoldRows, rows: Sequence[RawRow], **columns: object) -> pa.Table:
    """Rows as they are at rest.

    Args:
        shared_rows: what they hold.
        rows: raw ones.
        columns: what is not computed from raw rows: `part`, `weight`, and `label` and ids, which count the rows if
            they are not told.
    """
    named = [dict(zip(("area", "city", "zip", "tags"), row, strict=True)) for row in rows]
    made: dict[str, object] = {LABEL: range(len(rows)), ROW_ID: range(len(rows)), PART: [0] * len(rows), **columns}
    for place, source in enumerate(shared_rows.numbers):
        made[number_column(place)] = [_number(row["area"], 0.5 if source == "half area" else 1.0) for row in named]
    for place, text in enumerate(shared_rows.texts):
        slots = zip(*(_ids(text, _joined([row[source] for source in text.sources])) for row in named), strict=True)
        made |= dict(zip(shared_rows.text_columns(place), slots, strict=True))
    return pa.table({name: pa.array(np.asarray(made[name], kind)) for name, kind in shared_rows.columns.items()})


def _base(folder: Path) -> Path:
    return folder / "stores" / NAME / FOLDS_ID


def _entry(base: Path, name: str) -> FileEntry:
    return listed(base, name, int(Path(name).name.split("-")[1]))


def _by_shard(entries: Iterable[FileEntry]) -> list[FileEntry]:
    return sorted(entries, key=lambda entry: (entry.shard, entry.path))


def _joint_text(
    feature: MappedFeature | VocabularyFeature | HashedFeature, more: Sequence[str], slots: int
) -> VocabularyFeature | HashedFeature:
    assert not isinstance(feature, ScaledFeature)
    if isinstance(feature, MappedFeature):
        feature = VocabularyFeature(name=feature.name, sources=feature.sources, vocabulary=feature.vocabulary)
    changed = {} if feature.separator is None else {"slots": max(feature.slots, slots)}
    if isinstance(feature, VocabularyFeature):
        changed["vocabulary"] = (*more, *reversed(feature.vocabulary))
    return feature.model_copy(update=changed)


def _number(value: float | None, factor: float) -> float:
    return np.nan if value is None or not np.isfinite(value) else value * factor


def _joined(texts: Sequence[str | None]) -> str | None:
    return texts[0] if len(texts) == 1 else CROSS_SEPARATOR.join(NULL_TOKEN if t is None else t for t in texts)


def _ids(text: Text, value: str | None) -> list[int]:
    """A row's id in each slot."""
    if text.separator is None:
        return [_id(text, value)]
    values = [part.strip(" ") for part in (value or "").split(text.separator) if part.strip(" ")]
    return ([_id(text, part) for part in values] + [text.size - 1] * text.slots)[: text.slots]


def _id(text: Text, value: str | None) -> int:
    if isinstance(text, HashedFeature):
        return 0 if value is None else 1 + zlib.crc32(value.encode()) % text.buckets
    word = NULL_TOKEN if value is None else value
    return 1 + text.vocabulary.index(word) if word in text.vocabulary else 0
