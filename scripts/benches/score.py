"""Scoring on Spark, from Parquet to Parquet, beside Keras's `predict` on the same rows as tensors in memory.

Spark scores ten times as many rows, so that the fixed cost of a query counts little; both are in rows per second.
Both have two cores: Spark two tasks, each with a Python worker of one thread; `predict` one process with two threads,
which reads its rows before the clock starts. They work in turns, after a first round that is not counted: it starts the
workers, imports TensorFlow and loads the model. What a scoring does beside its rows (finding the model, drift,
publication) is told apart.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import Target, report, say, seconds_of

ROWS, LARGE, TRAINING_ROWS = 300_000, 10, 50_000
FILES, ROUNDS, CORES = 8, 3, 2
BATCH = 8192
NUMBERS, TEXTS = [f"n{i}" for i in range(10)], [f"c{i}" for i in range(6)]


def settings(folder: Path, **score: Any) -> dict[str, Any]:
    """A configuration, as YAML would give it."""
    return {
        "name": "bench",
        "data": {"source": {"path": str(folder / "training"), "format": "parquet"}, "label": "y", "key": "id"},
        "features": {"numeric": [{"columns": NUMBERS}], "categorical": [{"columns": TEXTS}]},
        "train": {"epochs": 1, "batch_size": 1024},
        "storage": {"root": str(folder / "root")},
        "track": {"enabled": False},
        "score": score,
        "spark": {"master": f"local[{CORES}]", "conf": {"spark.driver.memory": "3g"}},
    }


def make(folder: Path, rows: int) -> None:
    """The rows, ten times as many as links to the same files, and a trained model."""
    from support.tables import mixed_table

    from pipeline.config.load import parse_config
    from pipeline.runtime.spark import close_session, open_session
    from pipeline.stages.train import train

    config = parse_config(settings(folder))
    spark = open_session(config.spark, app="bench", workers=1)
    mixed_table(spark, rows).repartition(FILES).write.parquet(str(folder / "small"))
    mixed_table(spark, TRAINING_ROWS).write.parquet(str(folder / "training"))
    (folder / "large").mkdir()
    for file in (folder / "small").glob("*.parquet"):
        for number in range(LARGE):
            os.link(file, folder / "large" / f"{number}-{file.name}")
    train(config, spark=spark)
    close_session()


def score_once(folder: Path, table: str) -> dict[str, float]:
    """Rows a second of reading, scoring and writing, and the seconds of the whole call."""
    from pipeline.config.load import parse_config
    from pipeline.runtime.progress import Progress
    from pipeline.runtime.terminal import Terminal
    from pipeline.stages.score import score

    output = str(folder / f"scored-{table}")
    config = parse_config(settings(folder, path=str(folder / table), output=output, mode="overwrite", batch_rows=BATCH))
    done = score(config, progress=Progress(Terminal(io.StringIO())))
    return {"rows_per_second": done.rows_per_second, "whole_seconds": round(done.seconds, 2), "rows": done.rows}


def measure_memory(folder: Path, table: str) -> dict[str, float]:
    """Megabytes that a Python worker held at most, in a session of its own."""
    from support.workers import worker_peaks

    from pipeline.config.load import parse_config
    from pipeline.runtime.spark import close_session, open_session

    open_session(parse_config(settings(folder)).spark, app="bench", workers=1)
    done = score_once(folder, table)
    peaks = worker_peaks()
    close_session()
    return {"rows": done["rows"], "peak": max(peaks)}


def serve_predict(folder: Path) -> None:
    """Wait for lines; after each, call `predict` and the model itself on all rows, and print rows a second."""
    import keras
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow as tf

    import pipeline.model.serving  # noqa: F401 (registers layers)
    from pipeline.schemas.tokens import NULL_TOKEN

    tf.config.threading.set_intra_op_parallelism_threads(CORES)
    tf.config.threading.set_inter_op_parallelism_threads(CORES)
    (file,) = (folder / "root" / "models").rglob("*.keras")
    model = keras.saving.load_model(file, compile=False)
    table = pq.read_table(folder / "small", columns=[*NUMBERS, *TEXTS])
    rows = len(table)
    tensors = {name: tf.constant(table[name].to_numpy().astype(np.float64)[:, None]) for name in NUMBERS}
    texts = {name: table[name].fill_null(NULL_TOKEN).to_numpy() for name in TEXTS}
    tensors |= {name: tf.constant(column, tf.string, (rows, 1)) for name, column in texts.items()}
    del table, texts
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(BATCH)
    direct = tf.function(lambda batch: model(batch, training=False))

    def call_directly() -> None:
        for batch in batches:
            direct(batch)

    works = {"predict": lambda: model.predict(tensors, batch_size=BATCH, verbose=0), "direct": call_directly}
    for _ in sys.stdin:
        sys.stdout.write(json.dumps({name: round(rows / seconds_of(work)) for name, work in works.items()}) + "\n")
        sys.stdout.flush()


def in_turns_with_predict(folder: Path, rounds: int) -> dict[str, list[Any]]:
    """Round by round: Spark, then the process that predicts from memory."""
    from pipeline.config.load import parse_config
    from pipeline.runtime.spark import close_session, open_session

    open_session(parse_config(settings(folder)).spark, app="bench", workers=1)
    command = [sys.executable, __file__, "--predict", "--folder", str(folder)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    measured: dict[str, list[Any]] = {"score": [], "memory": []}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for number in range(rounds + 1):
            measured["score"].append(score_once(folder, "large" if number else "small"))
            process.stdin.write("go\n")
            measured["memory"].append(json.loads(process.stdout.readline()))
            say(f"round {number} of {rounds}: {measured['score'][-1]}, {measured['memory'][-1]}")
        process.stdin.close()
    close_session()
    return {name: values[1:] for name, values in measured.items()}


def median(values: list[float]) -> float:
    """Of the rounds' ratios."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return round((ordered[middle] + ordered[~middle]) / 2, 3)


def in_process(part: str, folder: Path, table: str) -> dict[str, Any]:
    """The figures of a part, from a process of its own."""
    say(f"measuring {part} of {table}")
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--table", table]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench score")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, one round")
    parser.add_argument("--predict", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--part", choices=["memory"], help=argparse.SUPPRESS)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    # Spark's workers find the pipeline.
    here = Path(__file__).resolve().parents[2]
    os.environ["PYTHONPATH"] = str(here)
    sys.path.insert(1, str(here))
    if options.predict:
        serve_predict(options.folder)
        return
    if options.part:
        sys.stdout.write(json.dumps(measure_memory(options.folder, options.table)) + "\n")
        return
    rows = ROWS // 10 if options.quick else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"making rows and a model: {seconds_of(lambda: make(folder, rows))} s")
        speed = in_turns_with_predict(folder, 1 if options.quick else ROUNDS)
        memory = {table: in_process("memory", folder, table) for table in ("small", "large")}
    pairs = list(zip(speed["score"], speed["memory"], strict=True))
    large = round(memory["large"]["peak"] / memory["small"]["peak"], 3)
    targets = [
        Target("score / predict", median([s["rows_per_second"] / m["predict"] for s, m in pairs]), at_least=0.8),
        Target("memory of a worker at 10 times the rows / memory", large, at_most=1.1),
    ]
    report("score", {"rows": rows, **speed, "worker_memory": memory}, targets)


if __name__ == "__main__":
    main()
