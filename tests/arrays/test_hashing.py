"""Hashes of columns are those of Spark's `xxhash64`, to the bit: splits, shards and ids of rows depend on them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyspark.sql.functions as F
import pytest

from pipeline.arrays.hashing import hash_of, salted, salted_once, uniform

pytestmark = pytest.mark.spark

ROWS = 3000


def columns() -> dict[str, pa.Array]:
    random = np.random.default_rng(1)
    alphabet = list("abcdé€𝄞 \x00")
    texts = ["".join(random.choice(alphabet, random.integers(0, 110))) for _ in range(ROWS - 6)]
    numbers = random.normal(0.0, 1e6, ROWS)
    numbers[:5] = [0.0, np.nan, np.inf, -1e300, 5e-324]
    longs = random.integers(-(1 << 63), (1 << 63) - 1, ROWS)
    missing = random.random(ROWS) < 0.1
    return {
        "t": pa.array(["", "a", "abcd", "abcdefg", "x" * 32, None, *texts]),
        "n": pa.array(numbers, mask=missing),
        "l": pa.array(longs, mask=np.roll(missing, 3)),
        "i": pa.array(longs.astype(np.int32)),
    }


def test_hashes_are_sparks(spark):
    own = columns()
    key = F.xxhash64("t")
    queries = {
        **{name: (F.xxhash64(name), hash_of([own[name]])) for name in own},
        "all": (F.xxhash64("t", "n", "l", "i", "t"), hash_of([own[name] for name in "tnlit"])),
    }
    hashed = hash_of([own["t"]])
    for seed in (0, 7, -7, 1 << 40):
        queries[f"salted {seed}"] = (F.xxhash64(F.lit("split"), F.lit(seed), key), salted("split", seed, hashed))
    queries["salted once"] = (F.xxhash64(F.lit("sample"), key), salted_once("sample", hashed))
    rows = spark.createDataFrame(pa.table(own)).coalesce(1)
    found = rows.select(*(query.alias(name) for name, (query, _) in queries.items())).toArrow()
    for name, (_, ours) in queries.items():
        np.testing.assert_array_equal(found[name].to_numpy(), ours, err_msg=name)


def test_parts_of_a_column_hash_alike():
    own = columns()
    whole = hash_of([own["t"], own["n"]])
    parts = [hash_of([own[name].slice(start, 700) for name in "tn"]) for start in range(0, ROWS, 700)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(hash_of([pa.array([], pa.string())])) == 0


def test_hashes_are_uniform():
    share = uniform(salted("split", 3, np.arange(100_000)))
    assert share.min() >= 0.0
    assert share.max() < 1.0
    assert np.histogram(share, 10, (0.0, 1.0))[0] == pytest.approx(10_000, rel=0.05)
