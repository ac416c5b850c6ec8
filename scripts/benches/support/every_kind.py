"""A configuration with everything at once, for the table `faulty`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MALFORMED = {"csv": "1,2,3\n", "json": '{"id": 1, "n0": \n'}
"""By format: a line that no reader can make a row of."""

NUMERIC: list[dict[str, Any]] = [
    {"columns": ["n0", "ratio"]},
    {"columns": ["n1"], "impute": "median", "indicator": True, "scale": "robust", "clip": {"quantiles": [0.01, 0.99]}},
    {"columns": ["n2"], "shape": "power"},
    {"columns": ["n3"], "clip": {"low": 0.0}, "shape": "log1p"},
    {"columns": ["n4"], "encoding": "piecewise_linear", "bins": 16},
    {"columns": ["n5"], "encoding": "bucketize", "bins": 8},
    {"columns": ["n6"], "encoding": "bucketize", "binning": "uniform", "dimension": 4},
    {"columns": ["n7"], "impute": "mode", "scale": "min_max"},
    {"columns": ["n8"], "impute": "constant", "fill": 0.0, "scale": "max_abs"},
]
CATEGORICAL: list[dict[str, Any]] = [
    {"columns": ["c0", "pair"]},
    {"columns": ["c1"], "encoding": "embedding", "min_count": 2},
    {"columns": ["c2"], "encoding": "ordinal", "order": [f"c2_{i}" for i in range(15)]},
    {"columns": ["c3"], "encoding": "target_mean"},
    {"columns": ["c4"], "hash_buckets": 16},
    {"columns": ["tags"], "separator": "|", "max_values": 4},
]
CROSSES: list[dict[str, Any]] = [
    {"columns": ["c0", "c1"]},
    {"columns": ["c2", "c5"], "encoding": "embedding", "hash_buckets": 256, "dimension": 4},
]
FEATURES: dict[str, Any] = {
    "derived": [
        {"name": "ratio", "expression": "n0 / (1 + abs(n1))"},
        {"name": "pair", "expression": "concat(c0, '-', substring(c5, 1, 4))"},
    ],
    "dates": [
        {"columns": ["day"], "parts": ["year", "month", "weekday", "day_of_year"], "cyclic": True},
        {"columns": ["moment"], "parts": ["hour", "days"], "since": "2020-01-01"},
    ],
    "numeric": NUMERIC,
    "categorical": CATEGORICAL,
    "crosses": CROSSES,
}


def settings_for(path: str, format: str) -> dict[str, Any]:
    """Every kind of feature, derived columns, dates, a filter, weights, and bad rows within their budget."""
    data = {
        "source": {"path": path, "format": format},
        "label": "y",
        "key": "id",
        "weight": "w",
        "filter": "n9 > -10 OR n9 IS NULL",
        "bad_rows": {"budget": 0.01},
    }
    return {"data": data, "features": FEATURES}


def add_malformed_line(table: Path, format: str) -> None:
    """At the end of a text table's first file, whose checksum goes: it no longer holds."""
    if format in MALFORMED:
        file = min(table.glob("part-*"))
        (table / f".{file.name}.crc").unlink(missing_ok=True)
        with file.open("a") as stream:
            stream.write(MALFORMED[format])
