"""Makes the golden artifacts of a version: what its jobs leave at rest, small, for later versions to open.

python tests/golden/make.py FOLDER

Run it from a checkout of that version, in that version's environment. Three jobs are killed on purpose: a training in
mid-epoch, a search and a cross-validation; what they should have ended with is computed in a storage root of its own
and kept as `expected.json` and `predictions.csv`.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent
REPOSITORY = GOLDEN.parents[1]
WRITTEN = 1_760_000_000
"""When the source was written, in seconds since 1970: its time of change is part of a store's name."""
NO_SERVER = "http://127.0.0.1:9"
"""A tracking server that never answers, so that the outbox keeps everything."""
UNDISTURBED = "undisturbed"
"""The storage root of jobs that nobody kills."""
ROWS = 480
COLUMNS = [
    "id",
    "age",
    "balance",
    "income",
    "joined",
    "region",
    "product",
    "grade",
    "tags",
    "city",
    "active",
    "spent",
    "churned",
]


def main() -> None:
    """All artifacts, in the folder that is named."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True)
    write_source(folder / "customers.csv")
    write_expected(folder)
    run(folder, "root", "train", "customers", "--set", f"track={{uri: '{NO_SERVER}', enabled: true}}")
    run(folder, "root", "evaluate", "customers")
    run(folder, "root", "run", "prices")
    kill(folder, "train", "unfinished", lambda root: checkpoint_past(root, 3))
    kill(folder, "search", "search", lambda root: finished_trials(root) >= 2)
    kill(folder, "crossval", "crossval", lambda root: bool(list(root.glob("crossvals/*/*/fold-*/score.json"))))
    shutil.rmtree(folder / "root" / "scratch", ignore_errors=True)
    shutil.rmtree(folder / UNDISTURBED)


def write_source(file: Path) -> None:
    """Customers with what a source may hold: nulls, dates, rare and several values, a skewed number."""
    chance = random.Random(1)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(row(number, chance) for number in range(ROWS))
    os.utime(file, (WRITTEN, WRITTEN))


def row(number: int, chance: random.Random) -> list[object]:
    """One customer."""
    age, income = chance.randrange(18, 90), round(chance.lognormvariate(10, 0.7), 2)
    region = chance.choice(["north", "south", "east", "west", "mid-länd"])
    spent = round(age * 3 + income / 500 + 40 * (region == "north") + chance.gauss(0, 20), 2)
    churned = "yes" if age < 45 and chance.random() < 0.8 else "no"
    cells: list[object] = [
        number,
        age,
        round(chance.gauss(0, 1000), 2),
        income,
        f"{chance.randrange(2000, 2025)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        region,
        f"p{int(chance.paretovariate(0.8)) % 60}",
        chance.choice(["low", "middle", "high"]),
        ";".join(chance.sample(["new", "gold", "web", "shop"], chance.randrange(4))),
        chance.choice(["Ulm", "Graz", "Basel", "Łódź"]),
        chance.choice(["true", "false"]),
    ]
    for place in (1, 2, 5, 8):
        if chance.random() < 0.04:
            cells[place] = ""
    return [*cells, spent, churned]


def write_expected(folder: Path) -> None:
    """What the killed jobs would have ended with, and what the models say of every row."""
    expected: dict[str, object] = {}
    root = folder / UNDISTURBED
    for name in ("customers", "prices", "unfinished"):
        result = run(folder, UNDISTURBED, "run", name)
        card = json.loads(next(root.glob(f"models/{name}/*/model.json")).read_text())
        expected[name] = {
            "store_id": card["store_id"],
            "model_id": card["model_id"],
            "weights": card["weights"],
            "metrics": result["evaluate"]["metrics"],
            "epochs": result["train"]["epochs"],
        }
        scored = run(folder, UNDISTURBED, "score", name, "--set", "score.path=customers.csv")
        part = next(Path(scored["output"].removeprefix("file://")).glob("*.csv"))
        shutil.copy(part, folder / f"{name}-predictions.csv")
    validated = run(folder, UNDISTURBED, "crossval", "crossval")
    expected["crossval"] = {"id": validated["id"], "mean": validated["mean"]}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def run(folder: Path, root: str, job: str, overlay: str, *options: str) -> dict[str, Any]:
    """What a job prints when it has ended."""
    done = subprocess.run(command(root, job, overlay, *options), cwd=folder, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def kill(folder: Path, job: str, overlay: str, is_time: Callable[[Path], bool]) -> None:
    """Start a job and end it, with all its processes, by SIGKILL at a moment."""
    process = subprocess.Popen(
        command("root", job, overlay), cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True
    )
    while not is_time(folder / "root"):
        if process.poll() is not None:
            raise SystemExit(f"{job} {overlay} ended before it could be killed")
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def command(root: str, job: str, overlay: str, *options: str) -> list[str]:
    """Of a job; all paths are relative to the folder, so that none of this machine is left in what is made."""
    env = GOLDEN / f"{overlay}.yaml"
    layers = ["--config", str(GOLDEN / "golden.yaml"), *(["--env", str(env)] if env.exists() else [])]
    sets = ("--set", f"storage.root={root}", "--set", "spark.conf={spark.driver.memory: 1g}")
    return [sys.executable, str(REPOSITORY / "jobs" / f"{job}.py"), *layers, *sets, *options]


def checkpoint_past(root: Path, generation: int) -> bool:
    """Whether a training of the experiment `unfinished` has gone so far."""
    numbers = [int(file.stem) for file in root.glob("checkpoints/unfinished/*/*.checkpoint")]
    return bool(numbers) and max(numbers) > generation


def finished_trials(root: Path) -> int:
    """How many trials of the search have ended."""
    import sqlite3

    database = next(root.glob("searches/customers/*.db"), None)
    if database is None:
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


if __name__ == "__main__":
    main()
