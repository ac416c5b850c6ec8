"""Feeding a model from a store, beside plain Arrow, Petastorm's documented path, and Keras on arrays in memory.

The table is that of the figures in the documentation: 20 float columns, an array of 32 floats, a label. The store
holds the same 52 floats as columns. Each group of figures comes from a process of its own, so that one's memory does
not count as another's; within it, all are measured in turns.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from report import Target, in_turns, report, say, seconds_of

if TYPE_CHECKING:
    from pipeline.feed.cache import CacheKind
    from pipeline.feed.memory import Resources
    from pipeline.store.store import Store

ROWS, LARGE = 1_000_000, 20
"""Rows of the table, and how many times as many the large store has."""
FILES = 8
BATCH, STEPS = 512, 16
DOCUMENTED_ROWS = 60_000
WIDE_COLUMNS, WIDE_SHARDS, WIDE_GROUPS, GROUP_ROWS = 500, 16, 2, 1 << 14
ROUNDS, LONG_ROUNDS = 5, 3
SCALARS, ARRAY = [f"f{i}" for i in range(20)], [f"v{i}" for i in range(32)]


def make(folder: Path, rows: int) -> None:
    """The table, and a store of it."""
    import pyspark.sql.functions as F

    from pipeline.config.load import parse_config
    from pipeline.config.run import SparkConfig
    from pipeline.preparation.listing.source import open_source
    from pipeline.preparation.planning.store_spec import StoreSpec
    from pipeline.preparation.writing.build_store import build_store
    from pipeline.runtime.progress import Progress
    from pipeline.runtime.spark import open_session
    from pipeline.runtime.terminal import Terminal
    from pipeline.store.filesystem import storage_path

    spark = open_session(SparkConfig(master="local[2]", conf={"spark.driver.memory": "3g"}), app="bench", workers=2)
    floats = [F.rand(i).cast("float").alias(name) for i, name in enumerate(SCALARS)]
    array = F.array(*[F.rand(100 + i).cast("float") for i in range(len(ARRAY))]).alias("vec")
    table = spark.range(0, rows, numPartitions=FILES).select("id", *floats, array, (F.rand(77) > 0.5).alias("y"))
    table.select("*", F.col("y").cast("int").alias("label")).drop("y").write.parquet(str(folder / "table"))
    flat = [F.col("vec")[i].alias(name) for i, name in enumerate(ARRAY)]
    spark.read.parquet(str(folder / "table")).select("id", *SCALARS, *flat, "label").write.parquet(str(folder / "flat"))
    data = {"source": {"path": str(folder / "flat"), "format": "parquet"}, "label": "label", "key": "id"}
    features = {"numeric": [{"columns": [*SCALARS, *ARRAY], "scale": "none"}]}
    split = {"fractions": {"train": 0.98, "validation": 0.01, "test": 0.01}}
    storage = {"root": str(folder / "root")}
    config = parse_config({"name": "bench", "data": data, "features": features, "split": split, "storage": storage})
    root, store_spec = storage_path(str(folder / "root")), StoreSpec.of(config)
    source = open_source(spark, store_spec.data.source, root)
    build_store(spark, store_spec, source, root=root, progress=Progress(Terminal(io.StringIO())))
    spark.stop()


def the_store(folder: Path) -> Store:
    """The one store below a folder."""
    from pipeline.store.filesystem import storage_path
    from pipeline.store.store import open_store

    (place,) = (folder / "root" / "stores" / "bench").iterdir()
    return open_store(storage_path(str(place)))


def enlarge(folder: Path, times: int) -> None:
    """A store whose training files occur many times, as hard links of other names."""
    from pipeline.store.layout import MANIFEST

    store = the_store(folder)
    split = store.split("train")
    place, target = Path(store.path.path), folder / "large" / "root" / "stores" / "bench" / "large"
    (target / "train").mkdir(parents=True)
    files = []
    for file in split.files:
        for number in range(times):
            copy = file.model_copy(update={"path": file.path.replace(".parquet", f"-{number:03d}.parquet")})
            os.link(place / file.path, target / copy.path)
            files.append(copy)
    for name in store.manifest.documents:
        os.link(place / name, target / name)
    empty = split.model_copy(update={"rows": 0, "files": ()})
    train = split.model_copy(update={"rows": split.rows * times, "files": tuple(files)})
    splits = {"train": train, "validation": empty, "test": empty}
    manifest = store.manifest.model_copy(update={"splits": splits, "quarantined": 0})
    (target / MANIFEST).write_text(manifest.to_json())


def widen(folder: Path, groups: int) -> None:
    """A store of 500 columns, from random numbers, many files of which are the same one."""
    from pipeline.kinds.fitted_features import store_schema_of
    from pipeline.kinds.scaled.fitted import ScaledFeature
    from pipeline.schemas.store_schema import ROW_ID
    from pipeline.store.checksums import checksums_of
    from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST

    store = the_store(folder)
    names = [f"x{i}" for i in range(WIDE_COLUMNS)]
    numeric = tuple(ScaledFeature(name=name, source=name) for name in names)
    state = store.features.model_copy(update={"numeric": numeric})
    target = folder / "wide" / "root" / "stores" / "bench" / "wide"
    (target / "train").mkdir(parents=True)
    random, rows = np.random.default_rng(0), GROUP_ROWS * groups
    table = {name: random.random(rows, np.float32) for name in names}
    label = {state.label.name: random.integers(0, 2, rows).astype(np.int32), ROW_ID: np.arange(rows)}
    first = target / "train" / "0.parquet"
    pq.write_table(pa.table(table | label), first, row_group_size=GROUP_ROWS, use_dictionary=False)
    entry = store.split("train").files[0]
    content = first.read_bytes()
    size = {
        "rows": rows,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "row_groups": (GROUP_ROWS,) * groups,
        "parts": checksums_of(pa.py_buffer(content)),
    }
    files = []
    for shard in range(WIDE_SHARDS):
        files.append(entry.model_copy(update={"path": f"train/{shard}.parquet", "shard": shard, **size}))
        if shard:
            os.link(first, target / files[-1].path)

    documents = {CONTRACT: store_schema_of(state).to_json().encode(), FEATURES: state.to_json().encode()}
    for name, content in documents.items():
        (target / name).write_bytes(content)
    empty = store.split("train").model_copy(update={"rows": 0, "files": ()})
    train = empty.model_copy(update={"rows": rows * WIDE_SHARDS, "files": tuple(files)})
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in documents.items()}
    changed = {"splits": {"train": train, "validation": empty, "test": empty}, "documents": digests}
    (target / MANIFEST).write_text(store.manifest.model_copy(update={"shards": WIDE_SHARDS, **changed}).to_json())


def epoch_of(store: Store, epoch: int, resources: Resources | None = None) -> Iterator[Any]:
    """The shuffled batches of one epoch, as tensors, from opening to closing."""
    from pipeline.feed.blocks import open_feed
    from pipeline.feed.dataset import BlockReader

    feed = open_feed(
        store,
        "train",
        batch_size=BATCH,
        world_size=1,
        rank=0,
        steps_per_block=STEPS,
        seed=1,
        resources=resources,
    )
    with BlockReader(feed, epoch, last_epoch=epoch) as reader:
        yield from reader.epoch()


def resources_with(cache: CacheKind) -> Resources:
    from pipeline.feed.cache import open_cache
    from pipeline.feed.memory import Resources

    return Resources(cache=open_cache(cache, 8 << 30))


def arrow(folder: Path) -> int:
    """Row group by row group, columns stacked, the array flattened without a copy: the limit."""
    rows = 0
    for path in sorted((folder / "table").glob("*.parquet")):
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            part = file.read_row_group(group)
            np.stack([part[name].to_numpy() for name in SCALARS], 1)
            part["vec"].combine_chunks().flatten().to_numpy().reshape(-1, len(ARRAY))
            rows += part.num_rows
    return rows


def arrow_on_store(store: Store) -> int:
    """The same on the store's own files, whose 52 floats are columns."""
    rows = 0
    for entry in store.split("train").files:
        file = pq.ParquetFile(f"{store.path.path}/{entry.path}")
        for group in range(file.num_row_groups):
            part = file.read_row_group(group)
            np.stack([part[name].to_numpy() for name in (*SCALARS, *ARRAY)], 1)
            rows += part.num_rows
    return rows


def documented(folder: Path, rows: int) -> int:
    """Petastorm's documented path, shuffled."""
    from petastorm import make_batch_reader
    from petastorm.tf_utils import make_petastorm_dataset

    url = f"file://{folder / 'table'}"
    with make_batch_reader(url, num_epochs=1, workers_count=2, shuffle_row_groups=True) as reader:
        dataset = make_petastorm_dataset(reader).unbatch().shuffle(10_000).batch(BATCH)
        return sum(len(batch.label) for batch in islice(dataset, rows // BATCH))


def measure_speed(folder: Path, _: bool) -> dict[str, Any]:
    """Rows a second of every way to ready batches."""
    store = the_store(folder)
    resources = {cache: resources_with(cache) for cache in ("none", "memory", "disk")}
    epochs = iter(range(1 << 30))
    all_rows = store.split("train").rows

    def feed(cache: str) -> None:
        rows = sum(float(block.rows.numpy().sum()) for block in epoch_of(store, next(epochs), resources[cache]))
        if rows != all_rows:
            raise SystemExit(f"the feed served {rows} rows of {all_rows}")

    works: dict[str, Callable[[], object]] = {
        "arrow": lambda: arrow(folder),
        "arrow_on_store": lambda: arrow_on_store(store),
        "feed": lambda: feed("none"),
        "feed_memory": lambda: feed("memory"),
        "feed_disk": lambda: feed("disk"),
    }
    counts = dict.fromkeys(works, all_rows) | {"arrow": arrow(folder)}
    if find_spec("pyarrow.filesystem") is None:
        say("Petastorm as documented is left out: its own readers need pyarrow 14 (scripts/setup --pins pyarrow14)")
    else:
        counts["documented"] = DOCUMENTED_ROWS
        works["documented"] = lambda: documented(folder, DOCUMENTED_ROWS)
    return rates(in_turns(ROUNDS + 1, works), counts)


def rates(seconds: dict[str, list[float]], counts: dict[str, int]) -> dict[str, Any]:
    """Rows a second, without the first round, which warms up and fills caches."""
    return {name: [round(counts[name] / s) for s in found[1:]] for name, found in seconds.items()}


def measure_training(folder: Path, _: bool) -> dict[str, Any]:
    """Rows a second of training from the feed, and of Keras on the same rows as arrays."""
    return {
        "64-64": train((64, 64), folder, ROUNDS, share=1),
        "512-512": train((512, 512), folder, LONG_ROUNDS, share=2),
    }


def train(hidden: tuple[int, ...], folder: Path, rounds: int, *, share: int) -> dict[str, Any]:
    """In turns: `fit`, from the files, and from the caches. Of each epoch one `share`-th is taken, in full steps.

    A feed of a training is opened once for all its epochs, and here anew each time: the half second until the first
    batch would be a fifth of a tenth of an epoch.
    """
    import keras

    from pipeline.config.train import OptimizerConfig
    from pipeline.feed.reader import read_shard
    from pipeline.model.head import build_head
    from pipeline.model.network import build_network
    from pipeline.networks.mlp import MlpConfig
    from pipeline.training.optimizer import build_optimizer
    from pipeline.training.step_runner import StepRunner
    from pipeline.training.world import SingleWorld

    store, world = the_store(folder), SingleWorld()
    parts = [rows for shard in range(store.manifest.shards) for rows in read_shard(store, "train", shard)]
    blocks = max(len(np.concatenate([part.label for part in parts])) // share // (BATCH * STEPS), 1)
    rows = blocks * BATCH * STEPS
    numeric = np.concatenate([part.tensors["numeric"] for part in parts])[:rows]
    label = np.concatenate([part.label for part in parts])[:rows].astype(np.float32)
    del parts

    def network() -> keras.Model:
        return build_network(MlpConfig(hidden=hidden), store.features, 1)

    fitted = network()
    fitted.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
        steps_per_execution=STEPS,
    )

    def from_feed(cache: CacheKind) -> Callable[[], object]:
        resources = resources_with(cache)
        for _ in epoch_of(store, 0, resources):
            pass  # a part of an epoch is any part of the store, so the cache needs all of it
        head, epochs = build_head(store.features.label, "auto"), iter(range(1 << 30))
        runner = StepRunner(network(), head, build_optimizer(OptimizerConfig(), world), world)

        def work() -> None:
            with closing(epoch_of(store, next(epochs), resources)) as reading:
                for block in islice(reading, blocks):
                    runner.train(block)
            runner.training.finish(world)

        return work

    works: dict[str, Callable[[], object]] = {
        "fit": lambda: fitted.fit({"numeric": numeric}, label, batch_size=BATCH, verbose=0),
        "feed": from_feed("none"),
        "feed_memory": from_feed("memory"),
        "feed_disk": from_feed("disk"),
    }
    return rates(in_turns(rounds + 1, works), dict.fromkeys(works, rows))


def measure_first_batch(folder: Path, _: bool) -> dict[str, Any]:
    """Seconds from opening a store to its first block, imports aside."""
    import pipeline.feed.dataset  # noqa: F401 (imports are not measured)

    return {"seconds": [seconds_of(lambda epoch=epoch: next(epoch_of(the_store(folder), epoch))) for epoch in range(3)]}


def measure_memory(folder: Path, _: bool) -> dict[str, Any]:
    """Megabytes of this process at most, before the feed and after an epoch."""
    import tensorflow  # noqa: F401 (what it takes is no part of the feed)

    import pipeline.feed.dataset  # noqa: F401

    store, before = the_store(folder), peak()
    start = time.monotonic()
    rows = sum(float(block.rows.numpy().sum()) for block in epoch_of(store, 0))
    return {"rows": rows, "before": before, "peak": peak(), "seconds": round(time.monotonic() - start, 1)}


def peak() -> float:
    """Megabytes that this process has held at most."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


PARTS: dict[str, Callable[[Path, bool], dict[str, Any]]] = {
    "speed": measure_speed,
    "training": measure_training,
    "first_batch": measure_first_batch,
    "memory": measure_memory,
}


def in_process(part: str, folder: Path, quick: bool) -> dict[str, Any]:
    """The figures of a part, from a process of its own."""
    say(f"measuring {part} of {folder.name}")
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), *(["--quick"] if quick else [])]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def targets_of(figures: dict[str, Any]) -> list[Target]:
    """What the figures are held against."""
    speed, training, memory = figures["speed"], figures["training"], figures["memory"]

    def of(above: list[float], below: list[float]) -> float:
        return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)

    found = [
        Target("feed / Arrow", of(speed["feed"], speed["arrow"]), at_least=0.35),
        Target("feed / Arrow on the store's files", of(speed["feed"], speed["arrow_on_store"]), at_least=0.35),
        Target("seconds to the first batch", max(figures["first_batch"]["seconds"]), at_most=2.0),
    ]
    if "documented" in speed:
        times = of(speed["feed"], speed["documented"])
        found.append(Target("feed / Petastorm as documented, shuffled", times, at_least=18.0))
    for size, least in (("64-64", 0.6), ("512-512", 0.9)):
        one = training[size]
        found.append(Target(f"training from the feed / fit, MLP {size}", of(one["feed"], one["fit"]), at_least=least))
        cached = of(one["feed_memory"], one["fit"])
        found.append(Target(f"training from memory / fit, MLP {size}", cached, at_least=0.9))
    if "large" in memory:
        large = round(memory["large"]["peak"] / memory["small"]["peak"], 3)
        found.append(Target("memory at 20 times the rows / memory", large, at_most=1.1))
        wide = round((memory["wide"]["peak"] - memory["wide"]["before"]) / 1024, 3)
        found.append(Target("memory of 500 columns / train.feed_memory", wide, at_most=1.0))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench feed")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, and no store of 20 times as many")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.part:
        sys.stdout.write(json.dumps(PARTS[told.part](told.folder, told.quick)) + "\n")
        return
    rows = ROWS // 10 if told.quick else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"making the store: {seconds_of(lambda: make(folder, rows))} s")
        parts = ("speed", "training", "first_batch")
        figures: dict[str, Any] = {"rows": rows} | {part: in_process(part, folder, told.quick) for part in parts}
        figures["memory"] = {"small": in_process("memory", folder, told.quick)}
        if not told.quick:
            enlarge(folder, LARGE)
            widen(folder, WIDE_GROUPS)
            figures["memory"] |= {kind: in_process("memory", folder / kind, False) for kind in ("large", "wide")}
    report("feed", figures, targets_of(figures))


if __name__ == "__main__":
    main()
