"""Ranks that score rows right after training, in the same launch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.evaluation.accumulator import accumulator_to_bytes
from pipeline.evaluation.predict import FOLLOW_UP, merged_accumulators, predict_split
from pipeline.evaluation.predict_job import NETWORK, PredictJob
from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.failures import RankLost
from pipeline.schemas.label import LabelSpec
from pipeline.store.filesystem import storage_path
from pipeline.store.large_files import sha256_of
from pipeline.store.layout import BUNDLE, MODEL
from pipeline.training.job import DecisionConfig, FollowUp, RankResult
from pipeline.training.launch import launch_training
from tests.support.jobs import rank_job
from tests.support.stores import NAME, STORE_ID, regression_state, write_small_store

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.slow, pytest.mark.timeout(280)]

SHARDS = {"train": [70, 50, 60, 60], "validation": [60, 5, 0, 35], "test": [40, 0, 31, 7]}
STATE = regression_state().model_copy(update={"label": LabelSpec(name="y", task="binary", classes=("no", "yes"))})
NETWORK_CONFIG = MlpConfig(hidden=(8,), dropout=0.2)
FAILS = "tests.support.faults:fail_once_after_scoring"


def predict_job(folder: Path, **settings: Any) -> PredictJob:
    scratch = str(folder / "scores")
    return PredictJob(
        root=str(folder), name=NAME, store_id=STORE_ID, split="test", scratch=scratch, predictions=f"{scratch}/rows"
    ).model_copy(update=settings)


def faulty(folder: Path, fault: str) -> PredictJob:
    """A job for `FAILS`, whose rank 1 will meet the fault once."""
    (folder / "scores").mkdir(exist_ok=True)
    (folder / "scores" / "fault").write_text(fault)
    return predict_job(folder)


def train(
    spark, root: Path, predict: PredictJob, target: str = FOLLOW_UP, name: str = "s", **settings: Any
) -> RankResult:
    """Two epochs, after which isotonic calibration and a threshold are fitted, and rows are scored."""
    content = {"workers": 2, "batch_size": 16, "epochs": 2, "mixed_precision": "bfloat16"} | settings
    job = rank_job(root, name, NETWORK_CONFIG, content, seed=3).model_copy(
        update={
            "decision_config": DecisionConfig(calibration="isotonic", threshold={"goal": "f1"}),
            "follow_up": FollowUp(target=target, payload=predict.to_json()),
        }
    )
    result, _ = launch_training(spark, job, lambda _: None, always_on_spark=True)
    return result


def contents(folder: Path) -> dict[str, Any]:
    """The predictions of each shard."""
    return {file.name: pq.read_table(file).to_pydict() for file in sorted((folder / "rows").iterdir())}


@pytest.mark.parametrize(("workers", "exchange"), [(1, "auto"), (2, "auto"), (2, "horovod")])
def test_scores_are_those_of_the_saved_model_to_the_bit(tmp_path, spark, workers, exchange):
    store = write_small_store(tmp_path, SHARDS, state=STATE)
    after = predict_job(tmp_path)
    result = train(spark, tmp_path, after, workers=workers, exchange=exchange)
    assert len(result.decision.calibration.scores) > 2
    after = after.model_copy(update={"decision": result.decision})
    model = storage_path(str(tmp_path)).child("s", BUNDLE, MODEL)
    apart = str(tmp_path / "apart")
    saved = after.model_copy(
        update={"model": model.uri, "sha256": sha256_of(model), "scratch": apart, "predictions": f"{apart}/rows"}
    )
    expected = predict_split(spark, workers, saved, store).accumulators[NETWORK]
    assert expected.rows == 78
    assert accumulator_to_bytes(merged_accumulators(after, store)[NETWORK]) == accumulator_to_bytes(expected)
    assert contents(tmp_path / "scores") == contents(tmp_path / "apart")


def test_a_rank_that_dies_while_it_scores_is_launched_again(tmp_path, spark, caplog):
    store, predict = write_small_store(tmp_path, SHARDS, state=STATE), faulty(tmp_path, "")
    undisturbed = train(spark, tmp_path, predict, FAILS)
    expected = (contents(tmp_path / "scores"), accumulator_to_bytes(merged_accumulators(predict, store)[NETWORK]))
    predict = faulty(tmp_path, "die")
    again = train(spark, tmp_path, predict, FAILS, "again", max_restarts=1)
    assert again.weights == undisturbed.weights
    assert accumulator_to_bytes(merged_accumulators(predict, store)[NETWORK]) == expected[1]
    assert contents(tmp_path / "scores") == expected[0]
    assert "Relaunching the ranks (1 of 1)" in caplog.text


def test_a_rank_that_is_stuck_while_it_scores_is_named(tmp_path, spark):
    write_small_store(tmp_path, SHARDS, state=STATE)
    message = r"^Rank 1 on .* made no progress for 10 s .* Last activity: scores held-out rows"
    with pytest.raises(RankLost, match=message):
        train(spark, tmp_path, faulty(tmp_path, "stuck"), FAILS, stall_seconds=10)


def test_nothing_is_scored_that_another_job_has_published(tmp_path, spark):
    write_small_store(tmp_path, SHARDS, state=STATE)
    (tmp_path / "score.json").touch()
    result = train(spark, tmp_path, predict_job(tmp_path, unless=str(tmp_path / "score.json")), workers=1)
    assert result.epochs == 2
    assert not (tmp_path / "scores").exists()
