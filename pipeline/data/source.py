"""The source of a run: which files, in which format, and the fingerprint that tells one content from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.contract.document import fingerprint
from pipeline.data.files import SourceFile, list_source, locate
from pipeline.data.samples import make_sample, sample_fingerprint
from pipeline.errors import ConfigError, DataError
from pipeline.store.filesystem import Root

Format = Literal["csv", "tsv", "json", "parquet"]

ENDINGS: dict[str, Format] = {
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "parquet": "parquet",
    "pq": "parquet",
}
COMPRESSED = frozenset({"gz", "bz2", "zst", "lz4", "snappy", "deflate"})


@dataclass(frozen=True)
class Source:
    """A source that was found, before anything of it is read.

    Attributes:
        location: the file or folder, as Spark wants it.
        format: how to read it.
        files: its data files.
        fingerprint: changes when the content does.
    """

    location: str
    format: Format
    files: tuple[SourceFile, ...]
    fingerprint: str


def open_source(spark: SparkSession, config: SourceConfig, root: Root) -> Source:
    """Find the files of a source; a sample is made first where it is not there yet.

    Raises:
        ConfigError: the format cannot be told.
        DataError: there is no file, or nothing in it, or files that Spark would leave out without a word.
    """
    sample = config.sample is not None
    location = locate(spark, make_sample(config, root).uri if sample else str(config.path))
    files = list_source(spark, location)
    if not any(file.bytes for file in files):
        what = "is empty" if files else "holds no data file"
        raise DataError(f"Source '{location}' {what}. Correct data.source.path.")
    _check_folders(location, files)
    content = sample_fingerprint(config) if sample else files_fingerprint(files)
    return Source(location, _format(config, files[0].name), files, content)


def files_fingerprint(files: tuple[SourceFile, ...]) -> str:
    """SHA-256 over names, sizes and times of change; the folder's own place does not count."""
    return fingerprint([[file.name, file.bytes, file.modified] for file in files])


def _check_folders(location: str, files: tuple[SourceFile, ...]) -> None:
    """Spark reads subfolders only where all files are in some that are named COLUMN=VALUE, of the same columns."""
    folders = {file.name: file.name.split("/")[:-1] for file in files}
    plain = next((name for name, parts in folders.items() if any("=" not in part for part in parts)), None)
    if plain is not None:
        raise DataError(
            f"File '{plain}' of source '{location}' is in a subfolder, which Spark does not read. "
            "Allowed: files in the folder itself, or all in subfolders named COLUMN=VALUE. "
            "Move the files, or give the folder that they are in as data.source.path."
        )
    first, *others = ((name, [part.split("=")[0] for part in parts]) for name, parts in folders.items())
    other = next((name for name, columns in others if columns != first[1]), None)
    if other is not None:
        raise DataError(
            f"Files '{first[0]}' and '{other}' of source '{location}' are in subfolders of different columns, "
            "not all of which Spark reads. Move the files, so that all are at the same depth."
        )


def _format(config: SourceConfig, name: str) -> Format:
    if config.sample is not None:
        return "parquet"
    if config.format != "auto":
        return config.format
    endings = name.lower().split(".")[1:]
    while endings and endings[-1] in COMPRESSED:
        endings.pop()
    if not endings or endings[-1] not in ENDINGS:
        raise ConfigError(
            f"The ending of '{name}' does not tell its format. Allowed: {', '.join(sorted(ENDINGS))}. "
            "Set data.source.format."
        )
    return ENDINGS[endings[-1]]
