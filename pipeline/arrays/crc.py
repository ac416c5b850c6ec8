"""CRC-32 of texts, by which hashed categories get their ids."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def crc32_of(text: pa.Array) -> npt.NDArray[np.uint32]:
    """uint32 [n]: the CRC-32 of each text in UTF-8, of different texts once; of null, anything."""
    encoded = text.dictionary_encode()
    crcs = np.array([*(zlib.crc32(value.as_buffer()) for value in encoded.dictionary), 0], np.uint32)
    null = len(encoded.dictionary)
    hashes: npt.NDArray[np.uint32] = crcs[encoded.indices.fill_null(null).to_numpy()]
    return hashes
