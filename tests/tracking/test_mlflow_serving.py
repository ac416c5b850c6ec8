"""A logged model behind `mlflow models serve`, asked over HTTP, and as a function of Spark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.tracking.mlflow_folder import example_of
from tests.support import kinds
from tests.tracking.test_mlflow_model import RAW, keras_answer, save_model, state_of

pytestmark = pytest.mark.slow

START_SECONDS = 120.0
Ask = Callable[..., tuple[int, dict[str, Any]]]
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of two classes, with the Keras file beside it."""
    from pipeline.tracking.mlflow_folder import write_model_folder

    folder = tmp_path_factory.mktemp("served")
    state = state_of("binary")
    write_model_folder(folder / "m", save_model(folder, state), state, model_id="m-" + "0" * 32, run_id="0" * 32)
    return folder / "m"


@pytest.fixture(scope="module")
def expected(model: Path) -> np.ndarray:
    """Probabilities of the second class, by the Keras model itself, for the rows of `RAW`."""
    from pipeline.store.filesystem import storage_path

    return keras_answer(storage_path(str(model.parent)).child("model.keras"))["probabilities"][:, 1]


@pytest.fixture(scope="module")
def ask(model: Path) -> Iterator[Ask]:
    """A real service; asks it, and gives its status and its answer."""
    port = _unused_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    service = subprocess.Popen(
        [*command, "--env-manager", "local"],
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=(model.parent / "service.err").open("w"),
        start_new_session=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/ping", service, model.parent / "service.err")
        yield lambda content, *kind: _post(f"http://127.0.0.1:{port}/invocations", content, *kind)
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait(30)


def _unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, service: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and service.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"The service did not start: {log.read_text()[-3000:]}")


def _post(url: str, content: Any, kind: str = JSON) -> tuple[int, dict[str, Any]]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_raw_columns_are_answered_with_label_and_probabilities(ask: Ask, model: Path, expected: np.ndarray) -> None:
    rows = pd.DataFrame(RAW).astype(object).where(lambda frame: frame.notna(), None)
    for content in (
        {"dataframe_split": rows.to_dict(orient="split")},
        {"dataframe_records": rows.to_dict(orient="records")},
    ):
        status, answer = ask(content)
        found = pd.DataFrame(answer["predictions"])
        assert (status, list(found.columns)) == (200, ["label", "probability_no", "probability_yes"])
        np.testing.assert_allclose(found["probability_yes"], expected, rtol=1e-6)
        assert list(found["label"]) == ["yes" if p >= 0.5 else "no" for p in expected]
    status, answer = ask(json.loads((model / "serving_input_example.json").read_text()))
    assert (status, len(answer["predictions"])) == (200, 3)


@pytest.mark.parametrize("kind", [CSV, "Text/CSV; charset=utf-8"])
def test_csv_is_answered_like_json(ask: Ask, expected: np.ndarray, kind: str) -> None:
    status, answer = ask(pd.DataFrame(RAW).to_csv(index=False).encode(), kind)
    assert status == 200
    found = [row["probability_yes"] for row in answer["predictions"]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_each_instance_is_a_row_whatever_columns_it_has(ask: Ask) -> None:
    rows = [{"net worth": 1}, {"age": 50.0, "net worth": 2}]
    status, answer = ask({"instances": rows})
    assert (status, answer) == ask({"dataframe_records": rows})
    assert (status, len(answer["predictions"])) == (200, 2)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"net worth\nplenty\n", CSV, "'net worth' must be numeric. Allowed: numbers"),
        (b"other\n1\n", CSV, "Model is missing inputs ['net worth']"),
        (b"age,net worth\n1,2\n3\n", CSV, "line 3 has 1 fields. Allowed: 2, as in the header."),
        (b"", CSV, "The request cannot be read: it is empty."),
        (b"\xff", CSV, "it is no CSV ("),
        (b"PAR1garbage", PARQUET, "Failed to parse input"),
        (b'{"instances": ' + b"[" * 100_000, "application/json", "The request cannot be read: maximum recursion depth"),
        (
            b'{"dataframe_records": [{"net worth": 1' + b"0" * 5000 + b"}]}",
            "application/json",
            "cannot be read: Exceeds",
        ),
    ],
    ids=["text", "other columns", "ragged", "empty", "bytes", "parquet", "deep", "digits"],
)
def test_no_answer_shows_the_insides_of_the_server(ask: Ask, content: bytes, kind: str, words: str) -> None:
    status, answer = ask(content, kind)
    assert status == 400
    assert words in answer["message"]
    assert "stack_trace" not in answer
    assert "site-packages" not in str(answer)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"dataframe_records": [{"age": 1}]}, ["Model is missing inputs ['net worth']"]),
        (
            {"dataframe_records": [{"net worth": 2}, {"net worth": "plenty"}]},
            ["'net worth' must be numeric. Allowed: numbers", "Received: 'plenty' in row 1. Correct it, or send null"],
        ),
        ({"dataframe_records": [{"net worth": [1, 2]}]}, ["'net worth' must be numeric", "Received: [1, 2] in row 0"]),
        ({"dataframe_records": [{"net worth": None}]}, ["Nulls in columns that had none in training: net worth"]),
        (
            {"dataframe_records": [{"net worth": 1, "region": {"a": 1}}]},
            ["'region' must hold single values. Allowed: text", "Received: {'a': 1} in row 0. Send one value"],
        ),
        ({"dataframe_records": [{"other": 1}]}, ["Model is missing inputs ['net worth']"]),
        ({"rows": [1]}, ["exactly one of the input fields", "dataframe_split"]),
        (b"{nonsense", ["Ensure that input is a valid JSON"]),
    ],
    ids=["missing", "text", "list", "null", "object", "other columns", "unknown", "no JSON"],
)
def test_what_is_wrong_with_a_request_is_told_with_status_400(ask: Ask, content: Any, words: list[str]) -> None:
    status, answer = ask(content)
    assert status == 400
    assert all(word in answer["message"] for word in words), answer["message"]
    assert "stack_trace" not in answer


@pytest.mark.spark
def test_it_is_a_function_of_spark(model: Path, expected: np.ndarray, spark: Any) -> None:
    import mlflow

    answers = mlflow.pyfunc.spark_udf(
        spark,
        str(model),
        env_manager="local",
        result_type="label string, probability_no double, probability_yes double",
    )
    rows = [(*row,) for row in zip(RAW["age"], RAW["net worth"], RAW["region"], strict=True)]
    frame = spark.createDataFrame(rows, "age double, `net worth` long, region string").coalesce(1)
    found = frame.select(answers(*[frame[f"`{name}`"] for name in frame.columns]).alias("a")).select("a.*").toPandas()
    np.testing.assert_allclose(found["probability_yes"], expected, rtol=1e-6)
    assert list(found["label"]) == ["yes" if p >= 0.5 else "no" for p in expected]


def test_the_example_has_values_that_features_know() -> None:
    example = example_of(state_of("binary"))
    assert example.to_dict(orient="list") == {
        "age": [40.0, 50.0, 40.0],  # the fill is the mean, and so the centre; a deviation above it
        "net worth": [0.0, 1.0, 0.0],
        "region": ["98101", "north", "98101"],
    }
    state = kinds.every_kind()
    assert list(example_of(state).columns) == [column.name for column in state.raw]
