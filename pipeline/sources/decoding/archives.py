"""Files compressed in ways that Hadoop does not know: `.xz`, and `.zip` with one file in it.

Both are decompressed in pieces, so that a file of any size, or one that is made to be huge, needs little memory.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from pipeline.sources.decoding.binary_files import buffered

_PACKED_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20
_DICTIONARY_BYTES = 1 << 30
"""The most memory that xz may take for its dictionary; `xz -9` takes 65 MB."""


def xz_pieces(file: Any) -> Iterator[bytes]:
    """The content of an xz file, which may consist of several streams.

    Raises:
        OSError: it is no such file, or ends too early.
    """
    stream, packed = _xz_stream(), b""
    while True:
        if stream.eof:
            # What is between streams are zeros, in fours.
            packed = stream.unused_data.lstrip(b"\0") or file.read(_PACKED_BYTES).lstrip(b"\0")
            if not packed:
                return
            stream = _xz_stream()
        elif stream.needs_input:
            packed = file.read(_PACKED_BYTES)
            if not packed:
                raise OSError("The compressed file ends too early.")
        try:
            piece = stream.decompress(packed, _PIECE_BYTES)
        except (lzma.LZMAError, MemoryError) as error:
            raise OSError(f"The file cannot be decompressed: {error}") from error
        packed = b""
        if piece:
            yield piece


def zip_pieces(file: Any) -> Iterator[bytes]:
    """The content of the one file in a zip archive.

    Raises:
        OSError: it is no such archive, has another number of files in it, or is damaged.
    """
    with _opened(file) as archive:
        try:
            with archive.open(_only_member(archive)) as member:
                while piece := member.read(_PIECE_BYTES):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
            raise OSError(f"The archive cannot be decompressed: {error}") from error


def zip_member(file: Any) -> str:
    """The name of the one file in a zip archive.

    Raises:
        OSError: as for `zip_pieces`.
    """
    with _opened(file) as archive:
        return _only_member(archive).filename


def _xz_stream() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY_BYTES)


def _opened(file: Any) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(buffered(file))
    except (zipfile.BadZipFile, ValueError) as error:
        raise OSError(f"The file is no zip archive: {error}") from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file, besides folders and what macOS adds.

    Raises:
        OSError: there are none or several, or it is encrypted.
    """
    members = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    if len(members) != 1:
        shown = ", ".join(f"'{info.filename}'" for info in members[:3]) + (", ..." if len(members) > 3 else "")
        raise OSError(
            f"The archive holds {len(members)} files{f' ({shown})' if members else ''}, and one is allowed; unpack it"
        )
    if members[0].flag_bits & 1:
        raise OSError("The archive is encrypted; unpack it")
    return members[0]


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
