"""The C core of the exchange with a sanitizer: `fuzz.c`, compiled once a process."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "pipeline" / "exchange" / "source"
CORE = ("region.c", "sums.c", "collectives.c")
SANITIZERS = {
    # Ranks as threads share one mapping, so each access of another rank's is seen.
    "threads": ["-fsanitize=thread"],
    "processes": ["-fsanitize=address,undefined", "-fno-sanitize-recover"],
}


def fuzz(kind: str, *arguments: object, timeout: float = 120) -> str:
    """Run it; returns what it complained of.

    Args:
        kind: `threads` or `processes`.
        arguments: ranks, calls, seed, largest tensor, how it ends.
        timeout: seconds.
    """
    command = [str(_compiled(kind)), kind, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    return f"exit code {done.returncode}: {done.stderr[-3000:]}" if done.returncode or done.stderr else ""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@cache
def _compiled(kind: str) -> Path:
    program = Path(_folder().name, kind)
    files = [*(str(SOURCES / name) for name in CORE), str(Path(__file__).with_name("fuzz.c"))]
    command = [shutil.which("cc") or "gcc", "-std=c11", "-g", "-O1", "-I", str(SOURCES), *SANITIZERS[kind], *files]
    subprocess.run([*command, "-lpthread", "-o", str(program)], check=True)
    return program
