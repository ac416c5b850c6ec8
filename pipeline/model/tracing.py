"""Traces functions for TensorFlow without leaving behind the code that AutoGraph generates for them.

AutoGraph writes a file into the temporary folder for each function that it converts, imports it (which writes its
bytecode beside it), and removes it when the interpreter exits. Spark's Python workers, which run ranks and score rows,
end without that (`os._exit`, or SIGKILL if another rank failed), so each file is removed once it is imported.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

GENERATED = "__autograph_generated_file"
"""How the names of these modules start."""


def traced(function: Any) -> Any:
    """The concrete function of a `tf.function` with an input signature."""
    try:
        return function.get_concrete_function()
    finally:
        remove_generated_files()


def remove_generated_files() -> None:
    """Remove the files of all code that AutoGraph has generated in this process, which is loaded and stays so."""
    for module in [module for name, module in sys.modules.copy().items() if name.startswith(GENERATED)]:
        if module.__file__ is not None:
            _remove_module_file(Path(module.__file__))


def _remove_module_file(source: Path) -> None:
    bytecode = Path(cache_from_source(str(source)))
    with suppress(OSError):
        source.unlink(missing_ok=True)
        bytecode.unlink(missing_ok=True)
        bytecode.parent.rmdir()  # Fails where other processes have bytecode, which is to stay.
