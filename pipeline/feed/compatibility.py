"""Imports Petastorm 0.13.1, on the versions of pyarrow and Python that it was made for and on later ones.

Petastorm imports modules that later versions lack: `pyarrow.filesystem` and `pyarrow.hdfs` (dropped by pyarrow 16), and
`distutils` (dropped by Python 3.12). Nothing that is used here calls them, so empty modules stand in for them while
Petastorm is imported, and no longer: neither pyarrow nor the standard library is changed for the process.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

__all__ = [
    "Reader",
    "ThreadPool",
    "VentilatedItemProcessedMessage",
    "Ventilator",
    "WorkerBase",
    "WorkerTerminationRequested",
]

DROPPED: Mapping[str, str] = {
    "pyarrow.filesystem": "LocalFileSystem",
    "pyarrow.hdfs": "HadoopFileSystem",
    "distutils.version": "LooseVersion",
}
"""Modules that may be missing, and the class that Petastorm takes from each."""


@contextmanager
def stand_ins() -> Iterator[None]:
    """Put empty modules in place of missing ones while a block runs."""
    missing = {name: _stand_in(name, held) for name, held in DROPPED.items() if not _is_there(name)}
    sys.modules.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def _stand_in(name: str, held: str) -> ModuleType:
    module = ModuleType(name)
    setattr(module, held, type(held, (), {}))
    return module


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # nor is the package that it belongs to
        return False


with stand_ins(), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what Petastorm imports is deprecated where it is not gone
    from petastorm.reader import Reader
    from petastorm.workers_pool import VentilatedItemProcessedMessage
    from petastorm.workers_pool.thread_pool import ThreadPool, WorkerTerminationRequested
    from petastorm.workers_pool.ventilator import Ventilator
    from petastorm.workers_pool.worker_base import WorkerBase
