"""Files of a source, on any file system that Spark reads, seen through Hadoop's client in the driver's JVM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import DataError

HEAD_BYTES = 1 << 20

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:/")
_PATTERN_SIGN = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class SourceFile:
    """One data file.

    Attributes:
        uri: where Spark finds it.
        name: relative to the source's folder, or the file's own name.
        bytes: its size.
        modified: when it was last written, in milliseconds, as the file system tells.
    """

    uri: str
    name: str
    bytes: int
    modified: int


@dataclass(frozen=True)
class Place:
    """A file or folder that a path or a pattern names.

    Attributes:
        uri: where Spark finds it.
        base: the folder that names of files are relative to: the folder itself, a file's folder, or what stands
            before the first sign of a pattern.
        is_file: or a folder.
    """

    uri: str
    base: str
    is_file: bool

    @property
    def name(self) -> str:
        """Relative to `base`; empty for `base` itself."""
        return self.uri.removeprefix(self.base).lstrip("/")


def locate(spark: SparkSession, path: str) -> str:
    """The path as Spark wants it: local ones absolute, since Python's and Java's working folders may differ."""
    default = hadoop_conf(spark).get("fs.defaultFS", "file:///")
    if _SCHEME.match(path) or not default.startswith("file:"):
        return path
    return f"file:{Path(path).expanduser().resolve()}"


def find_places(spark: SparkSession, location: str) -> tuple[Place, ...]:
    """What a path names: itself where it exists, else all that fit it as a pattern, in the order of their names.

    Raises:
        DataError: nothing is there, or the file system refuses.
    """
    try:
        path = java_path(spark, location)
        filesystem = path.getFileSystem(hadoop_conf(spark))
        if filesystem.exists(path):
            return (_literal_place(filesystem.getFileStatus(path)),)
        sign = _PATTERN_SIGN.search(location)
        if sign is None:
            raise DataError(f"Source '{location}' does not exist. Correct data.source.path.")
        before = location[: location.rfind("/", 0, sign.start()) + 1] or "."
        base = filesystem.makeQualified(java_path(spark, before))
        fitting = [_place(status, str(base)) for status in filesystem.globStatus(path)]
        places = sorted((place for place in fitting if not is_hidden(place.name)), key=lambda place: place.uri)
        if not places:
            folder = _nearest_folder(filesystem, base)
            raise DataError(
                f"Nothing fits the pattern '{location}'. The nearest folder that exists is '{folder}'. "
                "Correct data.source.path."
            )
        return tuple(places)
    except Py4JJavaError as error:
        raise DataError(f"Source '{location}' cannot be opened: {java_message(error)}.") from error


def outermost(places: Sequence[Place]) -> tuple[Place, ...]:
    """Each place once, without those that are within another one."""
    folders = {place.uri.rstrip("/") for place in places if not place.is_file}
    # Sorted, so that the order of the paths does not decide which base a file's name is relative to.
    alone = sorted((place for place in places if not any(up in folders for up in _above(place.uri))), key=_rank)
    return tuple({place.uri: place for place in alone}.values())


def list_files(spark: SparkSession, place: Place) -> tuple[SourceFile, ...]:
    """The data files at a place, in subfolders too; those that Spark takes for hidden do not count.

    Raises:
        DataError: the file system refuses.
    """
    try:
        path = java_path(spark, place.uri)
        found = path.getFileSystem(hadoop_conf(spark)).listFiles(path, True)
        files = [_source_file(status, place.base) for status in _walk(found)]
    except Py4JJavaError as error:
        raise DataError(f"Source '{place.uri}' cannot be opened: {java_message(error)}.") from error
    return tuple(sorted((file for file in files if not is_hidden(file.name)), key=lambda file: file.name))


def has_folder(spark: SparkSession, place: Place, name: str) -> bool:
    """Whether a place is a folder that holds the named folder.

    Raises:
        DataError: the file system refuses.
    """
    if place.is_file:
        return False
    path = java_path(spark, f"{place.uri}/{name}")
    try:
        return bool(path.getFileSystem(hadoop_conf(spark)).exists(path))
    except Py4JJavaError as error:
        raise DataError(f"Source '{place.uri}' cannot be opened: {java_message(error)}.") from error


def read_head(spark: SparkSession, file: SourceFile) -> bytes:
    """The first bytes of a file, decompressed where its ending says that it is compressed."""
    conf = hadoop_conf(spark)
    codecs = spark._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf)  # type: ignore[union-attr]
    path = java_path(spark, file.uri)
    codec = codecs.getCodec(path)
    try:
        stream = path.getFileSystem(conf).open(path)
        stream = stream if codec is None else codec.createInputStream(stream)
        try:
            return bytes(stream.readNBytes(HEAD_BYTES))
        finally:
            stream.close()
    except Py4JJavaError as error:
        raise DataError(f"File '{file.uri}' cannot be read: {java_message(error)}.") from error


def java_message(error: Py4JJavaError) -> str:
    """The first line of a Java exception."""
    cause: Any = error.java_exception
    return str(cause.getMessage() or cause.getClass().getName()).strip().splitlines()[0].rstrip(".")


def java_path(spark: SparkSession, location: str) -> Any:
    """Hadoop's object for a path."""
    return spark._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]


def hadoop_conf(spark: SparkSession) -> Any:
    """The settings of Hadoop's file systems."""
    return spark._jsc.hadoopConfiguration()


def escaped(location: str) -> str:
    """The path with signs that Spark would take for a pattern escaped."""
    return "".join(f"\\{sign}" if sign in "{}[]*?\\" else sign for sign in location)


def is_hidden(name: str) -> bool:
    """As Spark sees it: `_` in front hides a file, but not the folder of a column that begins so."""
    return any(
        part.startswith(".") or part.endswith("._COPYING_") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )


def _literal_place(status: Any) -> Place:
    path = status.getPath()
    return _place(status, str(path.getParent() if status.isFile() else path))


def _place(status: Any, base: str) -> Place:
    return Place(str(status.getPath()), base, bool(status.isFile()))


def _rank(place: Place) -> tuple[str, str]:
    return place.uri, place.base


def _above(uri: str) -> Iterator[str]:
    """All folders that a place is in."""
    while "/" in uri:
        uri = uri.rpartition("/")[0]
        yield uri


def _nearest_folder(filesystem: Any, path: Any) -> str:
    while path.getParent() is not None and not filesystem.exists(path):
        path = path.getParent()
    return str(path)


def _walk(iterator: Any) -> Iterator[Any]:
    while iterator.hasNext():
        yield iterator.next()


def _source_file(status: Any, base: str) -> SourceFile:
    uri = str(status.getPath())
    name = uri.removeprefix(base).lstrip("/")
    return SourceFile(uri, name, int(status.getLen()), int(status.getModificationTime()))
