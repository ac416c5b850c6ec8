"""The source of a run: what it is, in which format, and the fingerprint that tells one content from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.catalog import open_relation, relation_fingerprint
from pipeline.preparation.listing.column_folders import ColumnFolders, column_folders
from pipeline.preparation.listing.delta_log import LOG, find_snapshot
from pipeline.preparation.listing.files import Lister, SourceFile, SourcePath, outermost
from pipeline.preparation.listing.listers import Listing, find_lister
from pipeline.preparation.listing.samples import make_sample, sample_fingerprint, samples_root
from pipeline.schemas.document import fingerprint
from pipeline.sources.decoding.compressed import is_compressed
from pipeline.sources.registry import endings
from pipeline.store.filesystem import StoragePath

TABLE, QUERY = "table", "query"
"""Formats of sources that are no files."""

SHOWN_PATHS = 3

Files = Mapping[SourcePath, tuple[SourceFile, ...]]


@dataclass(frozen=True)
class Source:
    """A source that was found, before anything of it is read.

    Attributes:
        location: what messages call it.
        format: of its files, as `data.source.format` calls it, or `TABLE` or `QUERY`.
        fingerprint: changes when the content does.
        paths: its files and folders, as Spark wants them; none for a table or a query.
        files: its data files; none for a table, a query or Delta, which keep their own list.
        firsts: one file of each path that was given.
        folders: the folders named COLUMN=VALUE.
        version: of a Delta table.
        query: options of the file system, as they stand behind a path.
    """

    location: str
    format: str
    fingerprint: str
    paths: tuple[str, ...] = ()
    files: tuple[SourceFile, ...] = ()
    firsts: tuple[SourceFile, ...] = ()
    folders: ColumnFolders | None = None
    version: int | None = None
    query: str = ""


def check_unchanged(
    spark: SparkSession, config: SourceConfig, source: Source, root: StoragePath, *, same_rows: bool
) -> None:
    """See that all queries saw the same source; one that names its version cannot change.

    Args:
        spark: the session.
        config: of the source.
        source: as it was before the queries.
        root: of the storage.
        same_rows: whether the rows that were written are as many as those that were counted.

    Raises:
        DataError: it changed.
    """
    again = source if source.version is not None else open_source(spark, config, root)
    if again.fingerprint != source.fingerprint or not same_rows:
        raise DataError(f"Source '{source.location}' changed while it was read. Run the job again.")


def open_source(spark: SparkSession, config: SourceConfig, root: StoragePath) -> Source:
    """Find a source; a sample is made first where it is not there yet.

    Raises:
        ConfigError: the format cannot be told, or does not go with other settings.
        DataError: there is no file, table or view, or nothing in it, or files that Spark would leave out.
        PlatformError: nothing here can read Delta.
    """
    if config.table is not None or config.query is not None:
        rows = open_relation(spark, config)
        kind = QUERY if config.table is None else TABLE
        return Source(config.table or QUERY, kind, relation_fingerprint(spark, rows, config.query or ""))
    locations = (
        (make_sample(config, samples_root(spark, root)).uri,) if config.sample is not None else config.path or ()
    )
    listing = find_lister(spark, locations)
    groups = [listing.lister.find_paths(location) for location in listing.locations]
    paths = outermost([path for group in groups for path in group])
    if _is_delta(listing.lister, config, paths):
        return _delta_source(spark, config, paths, listing.query)
    return _file_source(listing, config, paths, groups=groups)


def _is_delta(lister: Lister, config: SourceConfig, paths: tuple[SourcePath, ...]) -> bool:
    if config.format in ("auto", "delta", "parquet"):
        table = next((path for path in paths if lister.has_folder(path, LOG)), None)
        if table is not None and config.format == "parquet":
            raise ConfigError(
                f"'{table.uri}' is a Delta table, whose folder also holds rows that are deleted. "
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


def _file_source(
    listing: Listing, config: SourceConfig, paths: tuple[SourcePath, ...], *, groups: list[tuple[SourcePath, ...]]
) -> Source:
    locations = listing.locations
    location = ", ".join(locations[:SHOWN_PATHS]) + (", ..." if len(locations) > SHOWN_PATHS else "")
    files = {path: listing.lister.list_files(path) for path in paths}
    every = tuple(sorted((file for listed in files.values() for file in listed), key=_order))
    if not any(file.bytes for file in every):
        what = "is empty" if every else "holds no data file"
        raise DataError(f"Source '{location}' {what}. Correct data.source.path.")
    format = _format(config, every)
    _refuse_unused(config, format)
    return Source(
        location,
        format,
        sample_fingerprint(config) if config.sample is not None else files_fingerprint(every),
        paths=tuple(path.uri for path in paths),
        files=every,
        firsts=_firsts(groups, files),
        folders=column_folders(location, files),
        query=listing.query,
    )


def files_fingerprint(files: tuple[SourceFile, ...]) -> str:
    """SHA-256 over names, sizes and times of change; the folder's own place does not count."""
    return fingerprint([[file.name, file.bytes, file.modified] for file in files])


def _order(file: SourceFile) -> tuple[str, int, int, str]:
    """By what the fingerprint sees first: the place of a folder does not count."""
    return file.name, file.bytes, file.modified, file.uri


def _firsts(groups: list[tuple[SourcePath, ...]], files: Files) -> tuple[SourceFile, ...]:
    filled = ([file for path in group for file in files.get(path, ()) if file.bytes] for group in groups)
    return tuple(files_of_group[0] for files_of_group in filled if files_of_group)


def _refuse_unused(config: SourceConfig, format: str) -> None:
    problems = list(config.unused_by(format))
    if problems:
        raise ConfigError(f"'data.source': {'; '.join(problems)}.")


def _format(config: SourceConfig, files: tuple[SourceFile, ...]) -> str:
    if config.sample is not None:
        return "parquet"
    if config.format != "auto":
        return config.format
    formats = endings()
    first, *others = [formats.get(_ending(file.name)) for file in files]
    odd = next((file.name for file, format in zip(files[1:], others, strict=True) if format != first), None)
    if odd is not None:
        raise ConfigError(
            f"The file extensions of '{files[0].name}' and '{odd}' indicate different formats. "
            "Allowed: files of one format. Correct data.source.path, or set data.source.format."
        )
    if first is None:
        raise ConfigError(
            f"The ending of '{files[0].name}' does not tell its format. Allowed: {', '.join(sorted(formats))}. "
            "Set data.source.format."
        )
    return first


def _ending(name: str) -> str:
    """What a name ends with, in small letters, endings of compressed files aside; empty where it has no ending."""
    while is_compressed(name):
        name = name.rpartition(".")[0]
    return name.lower().rpartition(".")[2] if "." in name else ""
