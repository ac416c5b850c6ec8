"""What the checks of scripts/test share: running a job, comparing what it made, and a table of what was found."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import h5py
import numpy as np

CHECKOUT = Path(__file__).resolve().parents[2]
LOG_LINES = 25


class CheckFailed(Exception):
    """A command that a check stands on did not do its work; the text says which, and where its log is."""


def cache_folder() -> Path:
    """Where everything lies that is kept from one check to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spark-keras-pipeline"


def call(command: Sequence[object], *, log: Path, checkout: Path = CHECKOUT, venv: Path | None = None) -> str:
    """Run a command in a checkout.

    Args:
        command: program and arguments.
        log: where standard error goes.
        checkout: where it runs.
        venv: whose programs come first on PATH.

    Returns:
        Its standard output.

    Raises:
        CheckFailed: its exit code is not 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if venv is not None:
        environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    with log.open("w", encoding="utf-8") as errors:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
    if done.returncode:
        tail = "\n".join([*log.read_text(encoding="utf-8").splitlines(), *done.stdout.splitlines()][-LOG_LINES:])
        raise CheckFailed(f"{tail}\n{' '.join(map(str, command))}: exit code {done.returncode}. Log: {log}")
    return done.stdout


def run_job(
    name: str, arguments: Sequence[str], *, log: Path, checkout: Path = CHECKOUT, venv: Path | None = None
) -> dict[str, Any]:
    """Run one of `jobs/`; returns the JSON of its last line. See `call` for the arguments."""
    venv = venv or checkout / ".venv"
    command = [venv / "bin" / "python", f"jobs/{name}.py", *arguments]
    result: dict[str, Any] = json.loads(call(command, log=log, checkout=checkout, venv=venv).splitlines()[-1])
    return result


def path_of(uri: str) -> Path:
    """The file or folder of a `file:` URI."""
    return Path(unquote(urlsplit(uri).path))


def weights_hash(model: Path) -> str:
    """SHA-256 over the weights of a Keras file, as the card of the published model tells it."""
    return str(json.loads((model.parents[1] / "model.json").read_text(encoding="utf-8"))["weights"])


def weight_arrays(model: Path) -> dict[str, np.ndarray]:
    """Every array of a Keras file, by its name there."""
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item)

    with (
        zipfile.ZipFile(model) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as content,
    ):
        content.visititems(add)
    return arrays


def largest_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Over all arrays or numbers of two mappings; infinite where names, shapes or types of content differ."""
    if one.keys() != other.keys():
        return float("inf")
    return max((_difference(one[name], other[name]) for name in one), default=0.0)


def _difference(one: Any, other: Any) -> float:
    left, right = np.asarray(one), np.asarray(other)
    if left.shape != right.shape:
        return float("inf")
    if not (np.issubdtype(left.dtype, np.number) and np.issubdtype(right.dtype, np.number)):
        return 0.0 if np.array_equal(left, right) else float("inf")
    if not left.size or np.array_equal(left, right, equal_nan=True):
        return 0.0
    difference = float(np.max(np.abs(left.astype(np.float64) - right.astype(np.float64))))
    return float("inf") if np.isnan(difference) else difference


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(text + "\n")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns below a ruled headline."""
    lines = [tuple(titles), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    text = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * max(map(len, text)), *text[1:]])
