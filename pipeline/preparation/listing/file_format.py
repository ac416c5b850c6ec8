"""The format of files by the extensions of their names."""

from __future__ import annotations

from contextlib import closing

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError
from pipeline.preparation.listing.files import SourceFile
from pipeline.sources.decoding.archives import zip_member
from pipeline.sources.decoding.compressed import is_compressed
from pipeline.sources.decoding.remote import FileOpener
from pipeline.sources.decoding.streams import naming
from pipeline.sources.registry import endings


def format_of(config: SourceConfig, files: tuple[SourceFile, ...], query: str) -> str:
    """The format of some files, as `data.source.format` calls it.

    Args:
        config: the source's configuration.
        files: all files.
        query: options of their file system.

    Raises:
        ConfigError: file extensions indicate no format, or several.
        DataError: an archive without another extension holds no single file.
    """
    if config.sample is not None:
        return "parquet"
    if config.format != "auto":
        return config.format
    formats = endings()
    first, *others = [formats.get(_ending(file.name) or _packed_ending(file, query)) for file in files]
    odd = next((file.name for file, format in zip(files[1:], others, strict=True) if format != first), None)
    if odd is not None:
        raise ConfigError(
            f"The file extensions of '{files[0].name}' and '{odd}' indicate different formats. "
            "Allowed: files of one format. Correct data.source.path, or set data.source.format."
        )
    if first is None:
        raise ConfigError(
            f"The file extension of '{files[0].name}' does not indicate its format. Allowed: "
            f"{', '.join(sorted(formats))}. Set data.source.format."
        )
    return first


def _packed_ending(file: SourceFile, query: str) -> str:
    """The file extension of the file in a zip archive, where the name of the archive has no other."""
    if not file.name.lower().endswith(".zip"):
        return ""
    with naming(file.uri), closing(FileOpener(query)(file.uri)) as stream:
        return _ending(zip_member(stream))


def _ending(name: str) -> str:
    """The file extension in lower case, without that of the compression; empty where there is none."""
    while is_compressed(name):
        name = name.rpartition(".")[0]
    return name.lower().rpartition(".")[2] if "." in name else ""
