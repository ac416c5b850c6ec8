"""The bank sample: customers, and how many transactions each will make next year.

The number depends on interactions that no sum of single columns can follow:

- a large balance makes retired customers spend and working ones save (`retired` x `balance`, above all);
- children cost money while their parents are younger than 50 (`children` x `age`);
- in some regions more accounts mean more transactions, in others fewer (`region` x `accounts`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHUNK_ROWS = 50_000
NOISE = 6.0

REGIONS = ("north", "east", "south", "west", "coast", "hills", "capital", "islands")
REGION_SHARES = (0.18, 0.15, 0.15, 0.13, 0.13, 0.1, 0.1, 0.06)
REGION_LEVEL = np.array([0.0, 4.0, -6.0, 2.0, 8.0, -8.0, 14.0, -10.0])
REGION_PER_ACCOUNT = np.array([2.0, 6.0, -5.0, 3.0, 7.0, -6.0, 9.0, -4.0])
CHANNELS = ("app", "branch", "web", "phone")
CHANNEL_SHARES = (0.45, 0.2, 0.25, 0.1)
CHANNEL_LEVEL = np.array([24.0, -14.0, 8.0, -20.0])

SCHEMA = pa.schema(
    [
        ("customer_id", pa.int64()),
        ("age", pa.int32()),
        ("balance", pa.float64()),
        ("retired", pa.bool_()),
        ("children", pa.int32()),
        ("accounts", pa.int32()),
        ("tenure_years", pa.float64()),
        ("region", pa.string()),
        ("channel", pa.string()),
        ("transactions", pa.float64()),
    ]
)


def bank_chunk(seed: int, chunk: int, rows: int) -> pa.RecordBatch:
    """Rows `chunk * CHUNK_ROWS` and following; each chunk has a seed of its own, so any number can be made."""
    random = np.random.default_rng([seed, chunk])
    age = random.integers(18, 91, rows)
    retired = random.random(rows) < 1.0 / (1.0 + np.exp(-(age - 64.0) / 3.0))
    balance = random.gamma(4.0, 5_000.0, rows) * (0.7 + age / 150.0)
    children = np.minimum(random.poisson(1.3, rows), 6)
    accounts = 1 + random.binomial(5, 0.3, rows)
    tenure = np.minimum(random.exponential(8.0, rows), age - 17.0)
    region = random.choice(len(REGIONS), rows, p=REGION_SHARES)
    channel = random.choice(len(CHANNELS), rows, p=CHANNEL_SHARES)
    expected = _expected(age, balance, retired, children, accounts, tenure) + _banking(region, accounts, channel)
    transactions = np.maximum(np.round(expected + random.normal(0.0, NOISE, rows)), 0.0)
    columns: list[Any] = [
        pa.array(np.arange(rows) + chunk * CHUNK_ROWS + 1),
        pa.array(age.astype(np.int32)),
        pa.array(np.round(balance, 2), mask=random.random(rows) < 0.03),
        pa.array(retired),
        pa.array(children.astype(np.int32), mask=random.random(rows) < 0.02),
        pa.array(accounts.astype(np.int32)),
        pa.array(np.round(tenure, 1), mask=random.random(rows) < 0.02),
        pa.array(np.array(REGIONS)[region], mask=random.random(rows) < 0.01),
        pa.array(np.array(CHANNELS)[channel]),
        pa.array(transactions),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _expected(age: Any, balance: Any, retired: Any, children: Any, accounts: Any, tenure: Any) -> Floats:
    """Transactions that follow from the customer alone."""
    wealth = balance / 20_000.0
    spending = np.where(retired, 10.0 + 75.0 * wealth, 80.0 - 15.0 * wealth)
    family = np.where(age < 50, 11.0, -2.0) * children
    result: Floats = 20.0 + spending + family + 9.0 * accounts + 0.6 * tenure
    return result


def _banking(region: Any, accounts: Any, channel: Any) -> Floats:
    """Transactions that follow from where and how the customer banks."""
    result: Floats = REGION_LEVEL[region] + REGION_PER_ACCOUNT[region] * (accounts - 2.5) + CHANNEL_LEVEL[channel]
    return result
