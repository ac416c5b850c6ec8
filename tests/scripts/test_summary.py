from __future__ import annotations

import json
import subprocess
import sys

import pytest

RESULT = {
    "stage": "run",
    "status": "done",
    "seconds": 61.2,
    "run_id": "ab12",
    "prepare": {"rows": {"train": 140000, "validation": 30000, "test": 30000, "quarantined": 7}, "seconds": 20.4},
    "train": {
        "model": "file:///x y/models/bank/m/bundle-00/model.keras",
        "epochs": 15,
        "best_epoch": 13,
        "workers": 2,
        "rows_per_second": 123456.7,
        "input_bound_percent": 8.3,
        "seconds": 30.0,
    },
    "evaluate": {
        "metrics": {"mae": 132_000.4, "r2": 0.91234, "auc": None, "mean_error": 3.0},
        "baselines": {
            "mean": {"mae": 200_000.0, "r2": 0.0, "auc": None},
            "linear": {"mae": 150_000.0, "r2": 0.95, "auc": 0.5},
        },
        "seconds": 4.0,
    },
}
TABLE = """
The run
-----------------------------------------------------------------------
rows     140,000 train + 30,000 validation + 30,000 test, 7 quarantined
ranks    2
epochs   15 (best: 13)
speed    123,457 rows/s, waiting for rows 8 %
seconds  61 (prepare 20, train 30, evaluate 4)

Test split  network     mean   linear
---------------------------------------------------------
mae         132,000  200,000  150,000  better than linear
r2           0.9123        0     0.95  worse than linear
auc               -        -      0.5

Model  file:///x y/models/bank/m/bundle-00/model.keras
Runs   ./scripts/mlflow-ui --root '/x y'   (this one: ab12)
"""


@pytest.fixture
def summary(repository):
    def run(result: dict) -> str:
        command = [sys.executable, str(repository / "scripts" / "env" / "summary.py")]
        text = f"something before\n{json.dumps(result)}\n"
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True).stdout

    return run


def test_the_table(summary):
    assert summary(RESULT) == TABLE


def test_the_default_root_needs_no_option(summary, repository):
    model = f"file://{repository}/artifacts/models/bank/m/bundle-00/model.keras"

    assert "./scripts/mlflow-ui   (this" in summary(RESULT | {"train": RESULT["train"] | {"model": model}})


def test_without_a_baseline(summary):
    table = summary(RESULT | {"evaluate": {"metrics": {"mae": 2.0}, "baselines": {}, "seconds": 4.0}})

    assert "Test split  network\n" in table
    assert "mae               2\n" in table
