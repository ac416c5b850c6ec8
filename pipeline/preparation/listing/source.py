"""The source of a run: its files, its format, and the fingerprint of its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from pipeline.config.joins import JoinConfig
from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.catalog import open_relation, relation_fingerprint
from pipeline.preparation.listing.column_folders import ColumnFolders, column_folders
from pipeline.preparation.listing.delta_log import LOG, find_snapshot
from pipeline.preparation.listing.file_format import format_of
from pipeline.preparation.listing.files import Lister, SourceFile, SourcePath, outermost
from pipeline.preparation.listing.listers import Listing, find_lister
from pipeline.preparation.listing.samples import make_sample, sample_fingerprint, samples_root
from pipeline.schemas.document import fingerprint
from pipeline.store.filesystem import StoragePath

TABLE, QUERY = "table", "query"
"""Formats of sources that are not files."""

SHOWN_PATHS = 3


@dataclass(frozen=True)
class Source:
    """A source before any of its rows are read.

    Attributes:
        location: its name in messages.
        format: the format of its files, as in `data.source.format`, or `TABLE` or `QUERY`.
        fingerprint: SHA-256 that changes with the content.
        paths: URIs of its files and folders, as Spark takes them; empty for a table or a query.
        files: its data files; empty for a table, a query or Delta, which keep their own list.
        folders: the folders named COLUMN=VALUE, if any.
        version: the version of a Delta table.
        query: options of the file system, as they stand behind a path.
        joins: the right sides of joins; their fingerprints are part of `fingerprint`.
    """

    location: str
    format: str
    fingerprint: str
    paths: tuple[str, ...] = ()
    files: tuple[SourceFile, ...] = ()
    folders: ColumnFolders | None = None
    version: int | None = None
    query: str = ""
    joins: tuple[JoinedSource, ...] = ()

    @property
    def filled(self) -> tuple[SourceFile, ...]:
        """Its data files, without empty ones."""
        return tuple(file for file in self.files if file.bytes)


@dataclass(frozen=True)
class JoinedSource:
    """The right side of a join.

    Attributes:
        config: how it is joined.
        source: where its rows come from.
    """

    config: JoinConfig
    source: Source


def check_unchanged(
    spark: SparkSession, config: SourceConfig, source: Source, root: StoragePath, *, same_rows: bool
) -> None:
    """Check that all queries read the same content; one version of a Delta table cannot change.

    Args:
        spark: the session.
        config: the source's configuration.
        source: the source as it was before the queries.
        root: the storage root.
        same_rows: whether as many rows were written as were counted.

    Raises:
        DataError: the source changed.
    """
    joins = tuple(joined.config for joined in source.joins)
    again = source if source.version is not None and not joins else open_source(spark, config, root, joins)
    if again.fingerprint != source.fingerprint or not same_rows:
        raise DataError(f"Source '{source.location}' changed while it was read. Run the job again.")


def open_source(
    spark: SparkSession, config: SourceConfig, root: StoragePath, joins: Sequence[JoinConfig] = ()
) -> Source:
    """Find a source; a sample is written first where it does not exist.

    Args:
        spark: the session.
        config: the source's configuration.
        root: the storage root.
        joins: what is joined to it.

    Raises:
        ConfigError: the format cannot be inferred, or contradicts other settings.
        DataError: there is no such file, table or view, or it is empty, or Spark would skip some of its files.
        PlatformError: Delta cannot be read in this environment.
    """
    source = _open(spark, config, root)
    if not joins:
        return source
    joined = tuple(JoinedSource(join, _open(spark, join.source, root)) for join in joins)
    content = fingerprint([source.fingerprint, *(right.source.fingerprint for right in joined)])
    return replace(source, fingerprint=content, joins=joined)


def _open(spark: SparkSession, config: SourceConfig, root: StoragePath) -> Source:
    if config.table is not None or config.query is not None:
        rows = open_relation(spark, config)
        kind = QUERY if config.table is None else TABLE
        return Source(config.table or QUERY, kind, relation_fingerprint(spark, rows, config.query or ""))
    locations = (
        (make_sample(config, samples_root(spark, root)).uri,) if config.sample is not None else config.path or ()
    )
    listing = find_lister(spark, locations)
    paths = outermost([path for location in listing.locations for path in listing.lister.find_paths(location)])
    if _is_delta(listing.lister, config, paths):
        return _delta_source(spark, config, paths, listing.query)
    return _file_source(listing, config, paths)


def _is_delta(lister: Lister, config: SourceConfig, paths: tuple[SourcePath, ...]) -> bool:
    if config.format in ("auto", "delta", "parquet"):
        table = next((path for path in paths if lister.has_folder(path, LOG)), None)
        if table is not None and config.format == "parquet":
            raise ConfigError(
                f"'{table.uri}' is a Delta table, whose folder also contains deleted rows. "
                "Set data.source.format: delta."
            )
        return table is not None or config.format == "delta"
    return False


def _delta_source(spark: SparkSession, config: SourceConfig, paths: tuple[SourcePath, ...], query: str) -> Source:
    if len(paths) != 1:
        raise ConfigError(
            f"A Delta table is one folder. Received: {len(paths)} files and folders, '{paths[0].uri}' among them. "
            "Correct data.source.path."
        )
    _refuse_unused(config, "delta")
    snapshot = find_snapshot(spark, paths[0].uri, query)
    content = fingerprint([snapshot.id, snapshot.version])
    uri = paths[0].uri
    return Source(uri, "delta", content, paths=(uri,), version=snapshot.version, query=query)


def _file_source(listing: Listing, config: SourceConfig, paths: tuple[SourcePath, ...]) -> Source:
    locations = listing.locations
    location = ", ".join(locations[:SHOWN_PATHS]) + (", ..." if len(locations) > SHOWN_PATHS else "")
    files = {path: listing.lister.list_files(path) for path in paths}
    every = tuple(sorted((file for listed in files.values() for file in listed), key=_order))
    if not any(file.bytes for file in every):
        what = "is empty" if every else "holds no data file"
        raise DataError(f"Source '{location}' {what}. Correct data.source.path.")
    format = format_of(config, every, listing.query)
    _refuse_unused(config, format)
    return Source(
        location,
        format,
        sample_fingerprint(config) if config.sample is not None else files_fingerprint(every),
        paths=tuple(path.uri for path in paths),
        files=every,
        folders=column_folders(location, files),
        query=listing.query,
    )


def files_fingerprint(files: tuple[SourceFile, ...]) -> str:
    """SHA-256 of names, sizes and modification times, whatever folder the files are in."""
    return fingerprint([[file.name, file.bytes, file.modified] for file in files])


def _order(file: SourceFile) -> tuple[str, int, int, str]:
    """Sorts files by what the fingerprint is made of, before their location."""
    return file.name, file.bytes, file.modified, file.uri


def _refuse_unused(config: SourceConfig, format: str) -> None:
    problems = list(config.unused_by(format))
    if problems:
        raise ConfigError(f"'data.source': {'; '.join(problems)}.")
