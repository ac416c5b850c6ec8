"""The compiled operations, loaded into TensorFlow; this process loads them once."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from pipeline.exchange.compiled import BUILT, compiled_name, installed_tensorflow
from pipeline.exchange.failure import ExchangeUnavailableError


@dataclass(frozen=True)
class ExchangeLibrary:
    """The compiled file.

    Attributes:
        operations: TensorFlow's, as functions.
        functions: of membership.h.
    """

    operations: Any
    functions: ctypes.CDLL


@cache
def load_library() -> ExchangeLibrary:
    """Load the operations that fit what is installed.

    Raises:
        ExchangeUnavailableError: they were not compiled for it, or cannot be loaded.
    """
    if sys.platform != "linux":
        raise ExchangeUnavailableError(f"memory is shared between ranks on Linux only, and this is {sys.platform}")
    compiled = files(__package__).joinpath(BUILT, compiled_name())
    if not compiled.is_file():
        raise ExchangeUnavailableError(
            f"the exchange through shared memory is not compiled for TensorFlow {installed_tensorflow()} "
            f"(no {BUILT}/{compiled_name()}); run scripts/setup"
        )
    import tensorflow as tf

    # A zip of the library is unpacked for this; the file may go once it is loaded.
    with as_file(compiled) as path:
        try:
            # TensorFlow first: it takes for a file's operations those that are registered while it loads the file.
            operations = tf.load_op_library(str(path))
            return ExchangeLibrary(operations, _with_types(ctypes.CDLL(str(path))))
        except (tf.errors.OpError, OSError, AttributeError) as error:
            raise ExchangeUnavailableError(f"the exchange through shared memory cannot be loaded: {error}") from error


def _with_types(functions: ctypes.CDLL) -> ctypes.CDLL:
    whole, number, real = ctypes.c_int, ctypes.c_int64, ctypes.c_double
    functions.pipeline_exchange_bytes.argtypes, functions.pipeline_exchange_bytes.restype = [whole], ctypes.c_uint64
    functions.pipeline_exchange_join.argtypes = [whole, whole, whole, real]
    functions.pipeline_exchange_join.restype = number
    functions.pipeline_exchange_sees.argtypes, functions.pipeline_exchange_sees.restype = [number, whole], whole
    functions.pipeline_exchange_leave.argtypes, functions.pipeline_exchange_leave.restype = [number], None
    return functions
