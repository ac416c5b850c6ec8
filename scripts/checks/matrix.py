"""Trains, searches, scores and serves in several environments, and compares what came of it.

scripts/test --matrix [ENVIRONMENT]...

Each environment is made by scripts/setup beside the others and kept. What the jobs wrote, and their logs, stays in
artifacts/matrix until the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from results import (
    CHECKOUT,
    CheckFailed,
    cache_folder,
    call,
    largest_difference,
    path_of,
    run_job,
    say,
    table,
    weight_arrays,
    weights_hash,
)

ENVIRONMENTS = {
    "3.11": ("--python", "3.11", "--pins", "python3.11"),
    "3.12": ("--python", "3.12", "--pins", "python3.12"),
    "3.13": ("--python", "3.13", "--pins", "python3.13"),
    "pyarrow14": ("--pins", "pyarrow14"),
}
"""By name, what scripts/setup is told."""

TESTS = ("tests/feed", "tests/tracking/test_mlflow_serving.py")
PACKAGES = ("pyspark", "pyarrow", "numpy", "pandas", "tensorflow-cpu")
OWN_COLUMNS = ("prediction", "label", "probability_")
"""How the columns begin that scoring adds, but for the model's version, which tells the libraries too."""

VERSIONS = f"""
import json, platform
from importlib.metadata import version
print(json.dumps([platform.python_version(), *map(version, {PACKAGES})]))
"""


@dataclass(frozen=True)
class Outcome:
    """What one environment made.

    Attributes:
        versions: of Python and of PACKAGES.
        tests: how pytest counted them.
        store: the folder of the training's store.
        models: the Keras files of the training and of the search's best trial.
        scores: the folder of the scored rows.
        seconds: all of it, the making of the environment apart.
    """

    versions: Sequence[str]
    tests: str
    store: Path
    models: tuple[Path, Path]
    scores: Path
    seconds: float


def main() -> int:
    """Run the environments that are named, or all; 1 where one failed or where weights differ."""
    parser = argparse.ArgumentParser(prog="scripts/test --matrix", description=__doc__.splitlines()[0])
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help=", ".join(ENVIRONMENTS))
    names = parser.parse_args().environments or list(ENVIRONMENTS)
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown:
        parser.error(f"unknown environments: {', '.join(unknown)}; allowed are {', '.join(ENVIRONMENTS)}")
    outcomes, failures = {}, []
    for name in names:
        try:
            outcomes[name] = outcome_of(name)
        except CheckFailed as failure:
            failures.append(name)
            say(f"{name} failed: {failure}")
    if outcomes:
        sys.stdout.write(table(TITLES, rows(outcomes)) + "\n")
    if failures:
        sys.stdout.write(f"Failed: {', '.join(failures)}; the reasons are above.\n")
    return 1 if failures or any(differ_in_weights(outcomes)) else 0


def outcome_of(name: str) -> Outcome:
    """Make the environment where it is missing, and do everything in it."""
    venv = environment_folder(name)
    folder = CHECKOUT / "artifacts" / "matrix" / name
    shutil.rmtree(folder, ignore_errors=True)
    say(f"{name}: the environment, {venv}")
    call(["scripts/setup", *ENVIRONMENTS[name], "--venv", venv], log=folder / "setup.log")
    python, start = venv / "bin" / "python", time.monotonic()
    versions = json.loads(call([python, "-c", VERSIONS], log=folder / "versions.log"))
    say(f"{name}: {' '.join(TESTS)}")
    tests = call([python, "-m", "pytest", "-q", *TESTS], log=folder / "tests.log", venv=venv)
    options = ["--config", "conf/iris.yaml", "--env", "scripts/checks/matrix.yaml"]
    options += ["--set", f"storage.root={folder / 'root'}"]
    results = {}
    for job in ("run", "search", "score"):
        say(f"{name}: jobs/{job}.py")
        results[job] = run_job(job, options, log=folder / f"{job}.log", venv=venv)
    return Outcome(
        versions=versions,
        tests=counted(tests),
        store=path_of(results["run"]["prepare"]["store"]),
        models=(path_of(results["run"]["train"]["model"]), path_of(results["search"]["train"]["model"])),
        scores=path_of(results["score"]["output"]),
        seconds=time.monotonic() - start,
    )


def environment_folder(name: str) -> Path:
    """One for each checkout: an environment holds the project in editable form."""
    key = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    return cache_folder() / "environments" / f"{name}-{key}"


def counted(output: str) -> str:
    """The last line of pytest, without its seconds."""
    return re.sub(r",? *\d+ warnings?| in .*", "", output.strip().splitlines()[-1])


TITLES = ("environment", "python", *PACKAGES, "tests", "store", "weights", "of search", "predictions", "seconds")


def rows(outcomes: dict[str, Outcome]) -> list[Sequence[str]]:
    """A row for each environment; what it made is compared with what the first one made."""
    first = next(iter(outcomes.values()))
    return [
        (
            name,
            *outcome.versions,
            outcome.tests,
            "the same" if store_tables(outcome.store) == store_tables(first.store) else "differs",
            *(compared_weights(*pair) for pair in zip(outcome.models, first.models, strict=True)),
            compared_scores(outcome.scores, first.scores),
            f"{outcome.seconds:.0f}",
        )
        for name, outcome in outcomes.items()
    ]


def differ_in_weights(outcomes: dict[str, Outcome]) -> list[bool]:
    """For each model of a training run or a search, whether not all environments have the same bits."""
    kinds = zip(*(outcome.models for outcome in outcomes.values()), strict=True)
    return [len({weights_hash(model) for model in models}) > 1 for models in kinds]


def store_tables(store: Path) -> dict[str, pa.Table]:
    """The rows of every Parquet file of a store, by its path there."""
    files = sorted(store.glob("*/*.parquet"))
    return {str(file.relative_to(store)): pq.read_table(file, partitioning=None) for file in files}


def compared_weights(model: Path, first: Path) -> str:
    """The hash, and how far the arrays are from those of the first model where it is another."""
    own = weights_hash(model)
    if own == weights_hash(first):
        return own[:12]
    return f"{own[:12]} (by {largest_difference(weight_arrays(model), weight_arrays(first)):.1e})"


def compared_scores(scores: Path, first: Path) -> str:
    """Whether the predictions of all rows are the same, else by how much they differ."""
    difference = largest_difference(predictions(scores), predictions(first))
    return "the same" if difference == 0 else f"by {difference:.1e}"


def predictions(scores: Path) -> dict[str, list[object]]:
    """What scoring added to the rows, which are put in the order of what they had before."""
    scored = pq.read_table(scores, partitioning=None)
    own = [name for name in scored.column_names if name.startswith(OWN_COLUMNS)]
    given = [name for name in scored.column_names if name not in (*own, "model_version")]
    ordered = scored.sort_by([(name, "ascending") for name in given])
    return {name: ordered[name].to_pylist() for name in own}


if __name__ == "__main__":
    sys.exit(main())
