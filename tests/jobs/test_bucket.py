"""The main job and scoring with their root in a bucket: what they make there is what they make in a folder."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.config.load import parse_config
from pipeline.scoring.publication import CARD, ScoreCard
from pipeline.stages.crossval import cross_validate
from pipeline.stages.prepare import prepare
from pipeline.stages.run import run
from pipeline.stages.score import score
from pipeline.stages.search import search
from pipeline.stages.train import train
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import MANIFEST
from pipeline.store.store import open_store

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.slow, pytest.mark.timeout(600)]

ROWS = 600
COLUMNS = ["id", "x", "prediction"]


def content(folder: Path, root: str, **score: object) -> dict[str, Any]:
    """An experiment with bad rows, slices and a board; its source lies in the folder, and so do rows to score."""
    if not (folder / "rows.csv").exists():
        x = np.random.default_rng(3).normal(size=ROWS).round(3)
        rows = pd.DataFrame({"id": range(ROWS), "x": x.astype(str), "c": [*"abc"] * (ROWS // 3), "y": x * 2 + 1})
        rows.assign(x=rows["x"].mask(rows["id"] < 2, "?!")).to_csv(folder / "new.csv", index=False)
        rows.assign(y=rows["y"].mask(rows["id"] < 2)).to_csv(folder / "rows.csv", index=False)
    return {
        "name": "small",
        "data": {
            "source": {"path": str(folder / "rows.csv")},
            "label": "y",
            "key": "id",
            "bad_rows": {"budget": 5},
        },
        "features": {"numeric": [{"columns": ["x"]}], "categorical": [{"columns": ["c"]}]},
        "model": {"hidden": [4]},
        "train": {"epochs": 2, "batch_size": 64, "workers": 2, "tensorboard": True},
        "evaluate": {"slices": ["c"]},
        "storage": {"root": root},
        "track": {"enabled": False},
        "score": score,
    }


def stored(root: StoragePath, uri: str) -> dict[str, bytes]:
    """All files of a store, but for rows that were set aside, whose files Spark may name."""
    place = storage_path(uri)
    assert place.path.startswith(root.path)
    return {path: files.read_bytes(place.child(path)) for path in files.list_files(place) if "quarantine" not in path}


def rows_of(output: StoragePath) -> pd.DataFrame:
    """The rows of the files that the card lists."""
    card = ScoreCard.from_json(files.read_bytes(output.child(CARD)), CARD)
    names = [name for name in card.files if not name.startswith("_")]
    tables = [pq.read_table(output.child(name).path, filesystem=output.filesystem).to_pandas() for name in names]
    return pd.concat(tables).sort_values("id", ignore_index=True)


def test_a_bucket_gets_what_a_folder_gets_and_nothing_is_renamed(spark_with_bucket, bucket, s3_server, tmp_path):
    spark, folder, root = spark_with_bucket, storage_path(str(tmp_path / "root")), storage_path(f"{bucket}/team")
    here = run(parse_config(content(tmp_path, folder.path)), spark=spark)
    there = run(parse_config(content(tmp_path, root.uri)), spark=spark)
    assert stored(root, there.prepare.store) == stored(folder, here.prepare.store)
    assert there.prepare.rows["quarantined"] == 2
    quarantine = storage_path(there.prepare.store).child("quarantine")
    aside = pq.read_table(quarantine.child("part-00000.parquet").path, filesystem=root.filesystem).to_pylist()
    assert len(aside) == 2 and {row["reason"] for row in aside} == {"no label"}
    assert there.train.weights == here.train.weights
    assert there.evaluate.metrics == here.evaluate.metrics

    again = train(parse_config(content(tmp_path, root.uri)), spark=spark)
    assert again.weights == here.train.weights
    kinds = {path.split("/")[0] for path in files.list_files(root)}
    assert kinds == {"contracts", "models", "stores", "tensorboard"}, "no scratch and no checkpoint is left"
    assert len([path for path in files.list_files(root) if path.endswith("model.keras")]) == 1

    wanted = {"path": str(tmp_path / "new.csv"), "keep": ["x"], "bad_rows": {"budget": 5}, "mode": "overwrite"}
    one = score(parse_config(content(tmp_path, folder.path, **wanted)), spark=spark)
    expected = pd.concat(map(pd.read_parquet, Path(one.output.removeprefix("file://")).glob("*.parquet")))
    expected = expected.sort_values("id", ignore_index=True)
    done = score(parse_config(content(tmp_path, root.uri, **wanted)), spark=spark)
    output = storage_path(done.output)
    assert (done.rows, done.quarantined) == (ROWS - 2, 2)
    pd.testing.assert_frame_equal(rows_of(output)[COLUMNS], expected[COLUMNS])
    score(parse_config(content(tmp_path, root.uri, format="csv", **wanted)), spark=spark)
    names = files.list_files(output)
    assert len(names) == 3 and names[:2] == [names[0], CARD] and names[0].startswith("_quarantine/part-")
    text = files.read_bytes(output.child(names[2])).decode()
    assert text.startswith("id,x,prediction,model_version\n")
    found = pd.read_csv(io.StringIO(text), dtype={"id": str}).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(found[["id", "prediction"]], expected[["id", "prediction"]], check_dtype=False)
    assert s3_server.copies == []
    assert not [path for _, path in s3_server.requests if path.endswith(".part")]


def test_a_preparation_that_is_killed_leaves_no_store_and_the_same_command_ends_it(
    repository, spark_with_bucket, bucket, tmp_path
):
    told = content(tmp_path, f"{bucket}/team") | {"spark": {"master": "local[2]"}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(told))
    command = [sys.executable, "jobs/prepare.py", "--config", str(tmp_path / "small.yaml")]
    killed = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    root, end = storage_path(f"{bucket}/team"), time.monotonic() + 200
    while not [path for path in files.list_files(root) if path.endswith(".parquet")]:
        assert killed.poll() is None, killed.stderr.read().decode()[-2000:]
        assert time.monotonic() < end
        time.sleep(0.02)
    family = psutil.Process(killed.pid).children(recursive=True)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert psutil.wait_procs(family, timeout=60)[1] == [], "what the job started ends with it"
    assert not [path for path in files.list_files(root) if path.endswith(MANIFEST)]

    there = prepare(parse_config(told), spark=spark_with_bucket)
    here = prepare(parse_config(content(tmp_path, str(tmp_path / "root"))), spark=spark_with_bucket)
    assert not there.reused
    assert open_store(storage_path(there.store)).manifest == open_store(storage_path(here.store)).manifest
    assert stored(root, there.store) == stored(storage_path(str(tmp_path / "root")), here.store)
    assert json.loads(files.read_bytes(storage_path(there.store).child(MANIFEST)))["quarantined"] == 2


def test_folds_and_trials_in_a_bucket(spark_with_bucket, bucket, s3_server, tmp_path):
    told = content(tmp_path, f"{bucket}/team") | {
        "train": {"epochs": 1, "batch_size": 128},
        "crossval": {"folds": 2},
        "search": {"space": {"train.optimizer.learning_rate": {"choice": [0.01, 0.1]}}, "sampler": "grid", "trials": 2},
    }
    for _ in range(2):  # the second time folds are found, and the table takes the place of the first one
        done = cross_validate(parse_config(told), spark=spark_with_bucket)
        place = storage_path(done.predictions)
        names = files.list_files(place)
        assert names[0] == "_SUCCESS" and all(name.endswith(".parquet") for name in names[1:])
        tables = [pq.read_table(place.child(name).path, filesystem=place.filesystem) for name in names[1:]]
        ids = [id for table in tables for id in table["id"].to_pylist()]
        assert len(ids) == len(set(ids)) == done.rows

    found = [search(parse_config(told), spark=spark_with_bucket) for _ in range(2)]
    assert [result.trials for result in found] == [2, 2]
    saved = [path for method, path in s3_server.requests if method == "PUT" and path.endswith(".db")]
    assert len(saved) == 4, "at the beginning and at the end of two trials, which the second search finds"
    assert found[0].best.params == found[1].best.params
    (database,) = [path for path in files.list_files(storage_path(bucket)) if path.endswith(".db")]
    assert database.startswith("team/searches/small/")
    assert s3_server.copies == []
