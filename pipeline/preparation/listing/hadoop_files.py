"""Files on any file system that Spark reads, listed by Hadoop's client in the driver's JVM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import DataError
from pipeline.preparation.listing.files import (
    SourceFile,
    SourcePath,
    literal_part,
    no_match,
    nothing_there,
    visible_files,
    visible_paths,
)
from pipeline.sources.decoding.header import HEAD_BYTES

_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:/")


def locate(spark: SparkSession, path: str) -> str:
    """The path as Spark takes it; local ones are absolute, since Python's and Java's working folders may differ."""
    default = hadoop_conf(spark).get("fs.defaultFS", "file:///")
    if _SCHEME.match(path) or not default.startswith("file:"):
        return path
    return f"file:{Path(path).expanduser().resolve()}"


@dataclass(frozen=True)
class HadoopFiles:
    """Lists files through Hadoop's client.

    Attributes:
        spark: the session.
        note: appended to error messages: why Arrow could not open the source either.
    """

    spark: SparkSession
    note: str = ""

    def find_paths(self, location: str) -> tuple[SourcePath, ...]:
        """The files and folders that a path or a pattern names."""
        try:
            path = java_path(self.spark, location)
            filesystem = path.getFileSystem(hadoop_conf(self.spark))
            if filesystem.exists(path):
                status = filesystem.getFileStatus(path)
                resolved = status.getPath()
                return (_source_path(status, str(resolved.getParent() if status.isFile() else resolved)),)
            return self._matching(filesystem, location)
        except Py4JJavaError as error:
            raise self._refused(location, error) from error

    def _matching(self, filesystem: Any, location: str) -> tuple[SourcePath, ...]:
        literal = literal_part(location)
        if literal is None:
            raise nothing_there(location)
        base = filesystem.makeQualified(java_path(self.spark, literal or "."))
        statuses = filesystem.globStatus(java_path(self.spark, location))
        paths = visible_paths(_source_path(status, str(base)) for status in statuses)
        if not paths:
            raise no_match(location, _nearest_folder(filesystem, base))
        return paths

    def list_files(self, path: SourcePath) -> tuple[SourceFile, ...]:
        """The data files of a path."""
        try:
            hadoop_path = java_path(self.spark, path.uri)
            statuses = hadoop_path.getFileSystem(hadoop_conf(self.spark)).listFiles(hadoop_path, True)
            return visible_files(_source_file(status, path.base) for status in _walk(statuses))
        except Py4JJavaError as error:
            raise self._refused(path.uri, error) from error

    def has_folder(self, path: SourcePath, name: str) -> bool:
        """Whether a path is a folder that contains the named folder."""
        if path.is_file:
            return False
        hadoop_path = java_path(self.spark, f"{path.uri}/{name}")
        try:
            return bool(hadoop_path.getFileSystem(hadoop_conf(self.spark)).exists(hadoop_path))
        except Py4JJavaError as error:
            raise self._refused(path.uri, error) from error

    def _refused(self, location: str, error: Py4JJavaError) -> DataError:
        return DataError(f"Source '{location}' cannot be opened: {java_message(error)}{self.note}.")


def read_head(spark: SparkSession, file: SourceFile) -> bytes:
    """The first bytes of a file, decompressed where its file extension says that it is compressed."""
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
    """A path as Hadoop's Java object."""
    return spark._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]


def hadoop_conf(spark: SparkSession) -> Any:
    """The settings of Hadoop's file systems."""
    return spark._jsc.hadoopConfiguration()


def _source_path(status: Any, base: str) -> SourcePath:
    return SourcePath(str(status.getPath()), base, bool(status.isFile()))


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
