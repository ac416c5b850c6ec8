"""Preparing a store, beside a plain copy of the same table and the same features made by spark.ml.

Each part has a process of its own, with a Spark session on two task slots with 4 GB of memory; within it, all are
measured in turns, after a first round that is not counted: it warms the compiler for all of them alike. Tables are made
when a part first asks for them, and kept for the others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from report import Target, report, say
from support.feature_parts import PARTS
from support.preparing import Workplace
from support.tables import QUICK


def main() -> None:
    """Measure and print."""
    options = _arguments()
    if options.folder:
        measured = PARTS[options.part[0]](Workplace.at(options.folder, options.quick))
        sys.stdout.write(json.dumps(asdict(measured)) + "\n")
        return
    figures: dict[str, Any] = {"quick": options.quick}
    targets = []
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part or PARTS:
            measured = in_process(part, Path(folder), options.quick)
            figures[part] = measured["figures"]
            targets += [Target(**target) for target in measured["targets"]]
    report("features", figures, targets)


def _arguments() -> argparse.Namespace:
    parts = "\n".join(f"  {name:<12}{measure.__doc__}" for name, measure in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench features",
        description=f"{__doc__}\nparts:\n{parts}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"tables of a {QUICK}th of the rows, and one round, which is cold"
    )
    parser.add_argument(
        "--part", choices=PARTS, action="append", metavar="PART", help="only this part; may be given several times"
    )
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def in_process(part: str, folder: Path, quick: bool) -> dict[str, Any]:
    """The figures of a part, from a process of its own."""
    say(f"measuring {part}")
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
