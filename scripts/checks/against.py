"""Trains each configuration of conf/ by this checkout and by an earlier commit, and compares the weights.

scripts/test --against REF [--tolerance X]

The earlier commit is cloned, set up by its own scripts/setup, and kept. Trainings are short, on two ranks at most as
their configurations say. What they wrote, and their logs, stays in artifacts/against until the next time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
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

SHARED_DATA = CHECKOUT.parent / "shared" / "data"
RESULTS = CHECKOUT / "artifacts" / "against"
EPOCHS = 3
SAMPLE_ROWS = 20_000
ROUNDING = 1e-12
"""How much test metrics may differ in any case: they are sums, which versions of numpy round differently."""

TITLES = ("configuration", "weights", "metrics", "")


def main() -> int:
    """Compare; 1 where something failed or differs by more than the tolerance."""
    parser = argparse.ArgumentParser(prog="scripts/test --against", description=__doc__.splitlines()[0])
    parser.add_argument("ref", metavar="REF", help="a commit, branch or tag of this repository")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="X",
        help="how much a weight, or a test metric relative to its size, may differ (default: no bit of a weight)",
    )
    options = parser.parse_args()
    shutil.rmtree(RESULTS, ignore_errors=True)
    try:
        other = checkout_of(options.ref)
    except CheckFailed as failure:
        say(str(failure))
        return 1
    compared = [compare(config, other, options.tolerance) for config in sorted((CHECKOUT / "conf").glob("*.yaml"))]
    sys.stdout.write(table(TITLES, (row for row, _ in compared)) + "\n")
    return 0 if all(fine for _, fine in compared) else 1


def checkout_of(ref: str) -> Path:
    """A clone at the commit, set up.

    Raises:
        CheckFailed: the commit is unknown, or cannot be set up.
    """
    command = ["git", "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"]
    commit = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    if not commit:
        raise CheckFailed(f"REF is '{ref}', which is no commit here; allowed are commits, branches and tags.")
    checkout = cache_folder() / "checkouts" / commit
    if not checkout.is_dir():
        building = checkout.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        log = RESULTS / "clone.log"
        call(["git", "clone", "--quiet", "--no-checkout", CHECKOUT, building], log=log)
        call(["git", "checkout", "--quiet", "--detach", commit], log=log, checkout=building)
        building.rename(checkout)
    say(f"{ref}: setting up {checkout}")
    call(["scripts/setup"], log=RESULTS / "setup.log", checkout=checkout)
    return checkout


def compare(config: Path, other: Path, tolerance: float) -> tuple[Sequence[str], bool]:
    """A row of the table, and whether it is fine."""
    name = config.relative_to(CHECKOUT)
    if not (other / name).is_file():
        return (str(name), "-", "-", "skipped: the other commit does not have it"), True
    settings = short(yaml.safe_load(config.read_text(encoding="utf-8")))
    if settings is None:
        return (str(name), "-", "-", f"skipped: its data is not in {SHARED_DATA}"), True
    try:
        mine, theirs = (train(checkout, name, settings) for checkout in (CHECKOUT, other))
    except CheckFailed as failure:
        say(str(failure))
        return (str(name), "-", "-", "failed; the reason is above"), False
    models = [path_of(result["train"]["model"]) for result in (mine, theirs)]
    reached = [result["evaluate"]["metrics"] for result in (mine, theirs)]
    metrics = largest_difference(*(in_units_of(reached[1], values) for values in reached))
    same = weights_hash(models[0]) == weights_hash(models[1])
    weights = 0.0 if same else largest_difference(*map(weight_arrays, models))
    fine = (same or (tolerance > 0 and weights <= tolerance)) and metrics <= max(ROUNDING, tolerance)
    return (
        str(name),
        shown_difference(weights, same),
        shown_difference(metrics, metrics == 0),
        "" if fine else "differs",
    ), fine


def in_units_of(other: Mapping[str, float | None], metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Metrics as multiples of others that are above 1, so that an error in money is judged like a share."""
    return {
        name: value if value is None else value / max(1.0, abs(other.get(name) or 0.0))
        for name, value in metrics.items()
    }


def short(config: Mapping[str, Any]) -> list[str] | None:
    """What makes its training short; None where its data is missing."""
    source = config["data"]["source"]
    settings = [f"train.epochs={EPOCHS}", "track.enabled=false"]
    if source.get("rows", 0) > SAMPLE_ROWS:
        settings.append(f"data.source.rows={SAMPLE_ROWS}")
    if "path" in source:
        data = SHARED_DATA / Path(source["path"]).name
        if not data.is_file():
            return None
        settings.append(f"data.source.path={data}")
    return settings


def train(checkout: Path, config: Path, settings: Sequence[str]) -> dict[str, Any]:
    """Run the main job of a checkout; returns its JSON."""
    side = "this" if checkout == CHECKOUT else "other"
    folder = RESULTS / config.stem / side
    say(f"{config}: {side}")
    options = ["--config", str(config)]
    for setting in (*settings, f"storage.root={folder / 'root'}"):
        options += ["--set", setting]
    return run_job("run", options, log=folder / "run.log", checkout=checkout)


def shown_difference(difference: float, same: bool) -> str:
    """The text of a cell."""
    return "the same" if same else f"by {difference:.1e}"


if __name__ == "__main__":
    sys.exit(main())
