"""What a search adds to the trainings that it consists of, and whether its ranks' memory grows from trial to trial."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from report import Target, report, say

TRIALS, EPOCHS = 20, 3
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
    columns = {f"x{place}": values[:, place] for place in range(COLUMNS)}
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
            "features": {"numeric": [{"columns": [f"x{place}" for place in range(COLUMNS)]}]},
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
    say(f"{study}: {result.trials} trials, {result.finished} ran to their end")
    (found,) = (folder / "root" / "mlartifacts").glob(f"{result.run_id}/artifacts/trials.json")
    return list(json.loads(found.read_text()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench search")
    parser.add_argument("--quick", action="store_true", help="a fifth of the trials")
    share = 5 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "table.parquet")
        searched(folder, trials=PARALLEL, epochs=1, study="warm-up")
        trials = searched(folder, trials=TRIALS // share, epochs=EPOCHS, study="long")
        short = searched(folder, trials=SHORT_TRIALS // share, epochs=1, study="short")
    training = sum(trial["training_seconds"] for trial in trials)
    spent = sum(trial["seconds"] for trial in trials)
    gaps = [trial["seconds"] - trial["training_seconds"] for trial in trials]
    memory = [trial["memory"] for trial in short if trial["memory"]]
    part = max(len(memory) // 5, 1)
    targets = [
        Target("time of all trials / pure training", round(spent / training, 3), at_most=1.25),
        Target("seconds of a trial beside its training", round(statistics.median(gaps), 2), at_most=2.0),
        Target(
            "memory of the last fifth of the trials / of the first",
            round(statistics.median(memory[-part:]) / statistics.median(memory[:part]), 3),
            at_most=1.1,
        ),
    ]
    figures = {
        "training_seconds": [round(trial["training_seconds"], 2) for trial in trials],
        "seconds": [round(trial["seconds"], 2) for trial in trials],
        "memory_mb": [round(value / (1 << 20)) for value in memory],
    }
    report("search", figures, targets)


if __name__ == "__main__":
    main()
