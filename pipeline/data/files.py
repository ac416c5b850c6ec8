"""Files of a source, on any file system that Spark reads, seen through Hadoop's client in the driver's JVM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import DataError

HEAD_BYTES = 1 << 20


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


def locate(spark: SparkSession, path: str) -> str:
    """The path as Spark wants it: local ones absolute, since Python's and Java's working folders may differ."""
    default = _hadoop_conf(spark).get("fs.defaultFS", "file:///")
    if ":/" in path or not default.startswith("file:"):
        return path
    return f"file:{Path(path).expanduser().resolve()}"


def list_source(spark: SparkSession, location: str) -> tuple[SourceFile, ...]:
    """The data files at a location, by name, in subfolders too; those that Spark takes for hidden do not count.

    Raises:
        DataError: nothing is there, or the file system refuses.
    """
    path = spark._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    try:
        filesystem = path.getFileSystem(_hadoop_conf(spark))
        if not filesystem.exists(path):
            raise DataError(f"Source '{location}' does not exist. Correct data.source.path.")
        top = filesystem.getFileStatus(path)
        found = [top] if top.isFile() else _walk(filesystem.listFiles(path, True))
    except Py4JJavaError as error:
        raise DataError(f"Source '{location}' cannot be opened: {java_message(error)}.") from error
    base = top.getPath().getParent() if top.isFile() else top.getPath()
    files = [_source_file(status, str(base)) for status in found]
    return tuple(sorted((file for file in files if not _is_hidden(file.name)), key=lambda file: file.name))


def read_head(spark: SparkSession, file: SourceFile) -> bytes:
    """The first bytes of a file, decompressed where its ending says that it is compressed."""
    path = spark._jvm.org.apache.hadoop.fs.Path(file.uri)  # type: ignore[union-attr]
    conf = _hadoop_conf(spark)
    codec = spark._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf).getCodec(path)  # type: ignore[union-attr]
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


def _hadoop_conf(spark: SparkSession) -> Any:
    return spark._jsc.hadoopConfiguration()


def _walk(iterator: Any) -> list[Any]:
    found = []
    while iterator.hasNext():
        found.append(iterator.next())
    return found


def _source_file(status: Any, base: str) -> SourceFile:
    uri = str(status.getPath())
    name = uri.removeprefix(base).lstrip("/")
    return SourceFile(uri, name, int(status.getLen()), int(status.getModificationTime()))


def _is_hidden(name: str) -> bool:
    """As Spark sees it: `_` in front hides a file, but not the folder of a column that begins so."""
    return any(
        part.startswith(".") or part.endswith("._COPYING_") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )
