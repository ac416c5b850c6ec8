"""What a search adds to its training runs, and whether its ranks' memory grows from trial to trial.

A training lasts from its first step to its last one, validations and the tracing of the first of them included. What a
trial needs before and after that is what the search adds, and so is what passes between two trials.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from report import Target, report, say

TRIALS, TRAINING_SECONDS = 20, 3.0
WARM_UP_EPOCHS = 4
SHORT_TRIALS = 50
PARALLEL = 2
ROWS, COLUMNS = 200_000, 20


def write_table(file: Path) -> None:
    """Numbers, and a label that follows from them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    values = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    label = values @ random.normal(size=COLUMNS) + random.normal(size=ROWS)
    columns = {f"x{index}": values[:, index] for index in range(COLUMNS)}
    pq.write_table(pa.table({**columns, "y": label}), file)


def searched(folder: Path, *, trials: int, epochs: int, study: str) -> list[dict[str, Any]]:
    """The trials of a search, two at a time, a rank each."""
    from pipeline.config.load import parse_config
    from pipeline.stages.search import search

    config = parse_config(
        {
            "name": "bench",
            "storage": {"root": str(folder / "root")},
            "data": {"source": {"path": str(folder / "table.parquet")}, "label": "y"},
            "features": {"numeric": [{"columns": [f"x{index}" for index in range(COLUMNS)]}]},
            "train": {"epochs": epochs, "batch_size": 128, "early_stopping": None, "cache": "memory"},
            "search": {
                "space": {"train.optimizer.learning_rate": {"loguniform": [1e-4, 1e-2]}},
                "sampler": "random",
                "pruner": "none",
                "trials": trials,
                "parallel_trials": PARALLEL,
                "study": study,
            },
            "evaluate": {"baseline": "none"},
            "spark": {"master": f"local[{PARALLEL}]", "conf": {"spark.driver.memory": "1g"}},
        }
    )
    result = search(config)
    say(f"{study}: {result.trials} trials, {result.finished} finished")
    (file,) = (folder / "root" / "mlartifacts").glob(f"{result.run_id}/artifacts/trials.json")
    return list(json.loads(file.read_text()))


def seconds_of_all(folder: Path, study: str) -> float:
    """From the beginning of a search's first trial to the end of its last one."""
    (file,) = (folder / "root" / "searches").rglob(f"{study}-*.db")
    with sqlite3.connect(file) as database:
        times = database.execute("SELECT MIN(datetime_start), MAX(datetime_complete) FROM trials").fetchone()
    begun, ended = map(datetime.fromisoformat, times)
    return (ended - begun).total_seconds()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench search")
    parser.add_argument("--quick", action="store_true", help="a fifth of the trials")
    share = 5 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "table.parquet")
        searched(folder, trials=PARALLEL, epochs=1, study="first")
        warm = searched(folder, trials=PARALLEL, epochs=WARM_UP_EPOCHS, study="warm-up")
        epochs = round(TRAINING_SECONDS * WARM_UP_EPOCHS / max(trial["training_seconds"] for trial in warm))
        trials = searched(folder, trials=TRIALS // share, epochs=max(epochs, 1), study="long")
        whole = seconds_of_all(folder, "long")
        short = searched(folder, trials=SHORT_TRIALS // share, epochs=1, study="short")
    training = sum(trial["training_seconds"] for trial in trials)
    gaps = [trial["seconds"] - trial["training_seconds"] for trial in trials]
    memory = [trial["memory"] for trial in short if trial["memory"]]
    part = max(len(memory) // 5, 1)
    targets = [
        Target("time of all trials / pure training by two", round(whole * PARALLEL / training, 3), at_most=1.15),
        Target("seconds of a trial beside its training", round(statistics.median(gaps), 2), at_most=2.0),
        Target(
            "memory of the last fifth of the trials / of the first",
            round(statistics.median(memory[-part:]) / statistics.median(memory[:part]), 3),
            at_most=1.1,
        ),
    ]
    figures = {
        "epochs": epochs,
        "whole_seconds": round(whole, 2),
        "training_seconds": [round(trial["training_seconds"], 2) for trial in trials],
        "seconds": [round(trial["seconds"], 2) for trial in trials],
        "memory_mb": [round(value / (1 << 20)) for value in memory],
    }
    report("search", figures, targets)


if __name__ == "__main__":
    main()
