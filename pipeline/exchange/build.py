"""Compiles the operation for the TensorFlow that is installed; scripts/setup runs this.

python -m pipeline.exchange.build
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.errors import PlatformError
from pipeline.exchange.compiled import BUILT, compiled_name, installed_tensorflow, source_files

FOLDER = Path(__file__).parent / BUILT
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-shared", "-fPIC", "-Wall", "-Wextra")
FRAMEWORK = "libtensorflow_framework.so.2"


def build_library() -> Path:
    """Compile the library unless it exists, and delete those of other sources for this TensorFlow.

    Raises:
        PlatformError: there is no C compiler, or it fails.
    """
    target = FOLDER / compiled_name()
    if not target.exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as name:
            draft = Path(name) / target.name
            _compile(draft)
            draft.replace(target)
    for other in FOLDER.glob(f"exchange-{installed_tensorflow()}-*.so"):
        if other != target:
            other.unlink(missing_ok=True)
    return target


def _compile(target: Path) -> None:
    tensorflow = _tensorflow_folder()
    sources = [str(file) for file in source_files() if file.name.endswith(".c")]
    # -isystem silences warnings in TensorFlow's own headers.
    include = ("-isystem", str(tensorflow / "include"), "-Wno-unused-parameter")
    link = (f"-L{tensorflow}", f"-l:{FRAMEWORK}")
    command = [_compiler(), *FLAGS, *include, *sources, "-o", str(target), *link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformError(f"The exchange between ranks cannot be compiled by {command[0]}:\n{done.stderr}")


def _compiler() -> str:
    candidates = [*filter(None, [os.environ.get("CC")]), *COMPILERS]
    compiler = next(filter(None, map(shutil.which, candidates)), None)
    if compiler is None:
        raise PlatformError(
            f"A C compiler is missing; the exchange between ranks is compiled with it. Looked for: "
            f"{', '.join(candidates)}. Install one, or set the variable CC."
        )
    return compiler


def _tensorflow_folder() -> Path:
    spec = importlib.util.find_spec("tensorflow")  # which imports nothing
    if spec is None or spec.origin is None:
        raise PlatformError("TensorFlow is missing; the exchange between ranks is compiled for it. Run scripts/setup.")
    return Path(spec.origin).parent


def main() -> None:
    """Build the library and print its path."""
    try:
        sys.stdout.write(f"{build_library()}\n")
    except PlatformError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
