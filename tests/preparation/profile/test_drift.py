"""The stability index by hand and by chance, limits and their messages."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from pipeline.config.drift import DriftConfig
from pipeline.errors import DataError
from pipeline.preparation.profile.drift_limits import enforce
from pipeline.preparation.profile.shares import Shares, compare, stability_index
from pipeline.schemas.drift import FLOOR, ColumnDrift, DriftReport


def test_the_index_is_the_sum_over_bins():
    by_hand = 0.1 * math.log(0.3 / 0.2) + 0.1 * math.log(0.5 / 0.4) + -0.2 * math.log(0.2 / 0.4)
    assert stability_index([0.2, 0.4, 0.4], [0.3, 0.5, 0.2]) == pytest.approx(by_hand, rel=1e-12)
    assert stability_index([0.2, 0.4, 0.4], [0.2, 0.4, 0.4]) == 0.0
    # Symmetric: it does not matter which of the two came first.
    assert stability_index([0.1, 0.9], [0.7, 0.3]) == pytest.approx(stability_index([0.7, 0.3], [0.1, 0.9]), rel=1e-12)


def test_an_empty_bin_counts_with_the_floor():
    expected = (0.5 - FLOOR) * math.log(0.5 / FLOOR) + 0.5 * math.log(2.0)
    assert stability_index([0.5, 0.5], [0.0, 1.0]) == pytest.approx(expected, rel=1e-12)


def test_missing_values_are_a_bin():
    column = compare("x", Shares(100, [50, 50], 0.0), Shares(100, [40, 40], 0.2))
    assert column.psi == pytest.approx(stability_index([0.5, 0.5, 0.0], [0.4, 0.4, 0.2]))
    assert (column.missing_before, column.missing) == (0.0, 0.2)


def test_what_chance_explains_is_rarely_exceeded():
    random = np.random.default_rng(0)
    shares = [0.05, 0.1, 0.15, 0.2, 0.5]
    beyond = 0
    for _ in range(400):
        before, after = random.multinomial(5000, shares), random.multinomial(300, shares)
        beyond += compare("x", Shares(5000, before, 0.0), Shares(300, after, 0.0)).shift > 0.0
    assert beyond <= 3
    moved = random.multinomial(300, shares[::-1])
    assert compare("x", Shares(5000, random.multinomial(5000, shares), 0.0), Shares(300, moved, 0.0)).shift > 0.5


def test_values_that_training_lacked_too_are_not_new():
    def new(before: float, after: float) -> float | None:
        return compare("c", Shares(100, [100], 0.0, before), Shares(100, [100], 0.0, after), text=True).new

    assert new(0.02, 0.05) == pytest.approx(0.03)
    assert new(0.02, 0.01) == 0.0


def column(name: str, psi: float, *, kind: str = "number", chance: float = 0.01, new: float = 0.0) -> ColumnDrift:
    return ColumnDrift(name=name, kind=kind, psi=psi, chance=chance, missing=0.0, missing_before=0.0, new=new)


REPORT = DriftReport(
    data="new.csv",
    rows=1000,
    columns=(
        column("size", 0.4),
        column("noise", 0.3, chance=0.5),
        column("city", 0.05, kind="text", new=0.03),
        column("far", 0.0, new=0.9),
    ),
)


def test_a_warning_a_limit_and_none_for_chance(caplog):
    with caplog.at_level(logging.WARNING):
        enforce(REPORT, DriftConfig())
    assert [record.getMessage() for record in caplog.records] == [
        "Drift of new.csv: more than a population stability index of 0.1 in 'size' (0.400)",
        "Drift of new.csv: more than 1.00% new categories in 'city' (3.00%)",
    ]


def test_no_limit_says_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        enforce(REPORT, DriftConfig(psi_warn=None, new_category_warn=None))
    assert not caplog.records


def test_a_limit_that_stops_shows_the_table():
    with pytest.raises(DataError) as error:
        enforce(REPORT, DriftConfig(psi_stop=0.25, new_category_stop=0.02))
    lines = str(error.value).splitlines()
    assert lines[0] == (
        "2 of 4 columns drifted too far. Allowed: a population stability index of 0.25 at most, 2.00% new categories "
        "at most."
    )
    assert [line.split()[:2] for line in lines[3:5]] == [["size", "0.4000"], ["city", "0.0500"]]
    assert len({len(line) for line in lines[2:5]}) == 1, "the table is aligned"
    assert lines[-1].startswith("Correct the data, train on newer rows, or raise the limits")


def test_a_long_table_ends_with_what_it_leaves_out():
    many = DriftReport(data="d", rows=1, columns=tuple(column(f"x{i}", 0.0) for i in range(33)))
    lines = many.to_text().splitlines()
    assert (len(lines), lines[-1]) == (33, "... and 3 columns with less drift")
