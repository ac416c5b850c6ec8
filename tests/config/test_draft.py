"""Experiments are named after their files."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.config.draft import experiment_name, minimal_content
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("customers.csv", "customers"),
        ("/data/My Customers (1).csv.gz", "My_Customers_1"),
        ("s3://lake/sales/2024.parquet?endpoint_override=localhost:9000", "2024"),
        ("lake/sales/", "sales"),
        ("lake/sales/*.parquet", "sales"),
        ("lake/sales/year=2024/part-*.csv", "sales"),
        ("kunden.größe.csv", "kunden_gr_e"),
        ("a" * 80 + ".csv", "a" * 64),
        ("archive.tar", "archive"),
        (".hidden", "hidden"),
    ],
)
def test_the_name_of_an_experiment(path, name):
    assert experiment_name(path) == name
    assert load_config(minimal_content(path, "y")).name == name


def test_a_path_without_a_name():
    with pytest.raises(ConfigError, match=r"'\.\./\*' has no letter or digit to name an experiment by"):
        experiment_name("../*")
