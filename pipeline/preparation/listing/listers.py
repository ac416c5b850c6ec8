"""Chooses who lists the files of a source: Hadoop's client local ones, Arrow those of remote systems it can open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.errors import ConfigError
from pipeline.preparation.listing.arrow_files import ArrowFiles
from pipeline.preparation.listing.files import Lister
from pipeline.preparation.listing.hadoop_files import HadoopFiles, locate
from pipeline.redact import holds_secret, redacted
from pipeline.sources.decoding.remote import is_remote, without_query
from pipeline.sources.decoding.streams import first_line


@dataclass(frozen=True)
class Listing:
    """Paths of a source, and the lister of their files.

    Attributes:
        locations: the paths, without options.
        lister: lists their files.
        query: options of their file system.
    """

    locations: tuple[str, ...]
    lister: Lister
    query: str


def find_lister(spark: SparkSession, paths: Sequence[str]) -> Listing:
    """Choose the lister of some paths.

    Raises:
        ConfigError: a path contains a password, or the options of the paths differ.
    """
    secret = next((path for path in paths if is_remote(path) and holds_secret(path)), None)
    if secret is not None:
        raise ConfigError(
            f"data.source.path holds a password: '{redacted(secret).partition('?')[0]}'. It would be recorded with "
            "each run. Give it as the file system's client wants it, such as by AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        )
    plain, queries = zip(*(without_query(path) for path in paths), strict=True)
    if len({*queries}) > 1:
        raise ConfigError(f"Options after data.source.path differ: {', '.join(sorted({*queries}))}. Allowed: the same.")
    locations = tuple(locate(spark, path) for path in plain)
    if not all(map(is_remote, locations)):
        return Listing(locations, HadoopFiles(spark), queries[0])
    arrow = ArrowFiles(queries[0])
    try:
        for location in locations:
            arrow.reach(location)
    except (OSError, pa.ArrowException) as error:
        return Listing(locations, HadoopFiles(spark, f"; Arrow cannot either: {first_line(error)}"), queries[0])
    return Listing(locations, arrow, queries[0])
