"""Bins, values brought back from the store, and the page."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kinds.scaled.arrays import source_values
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform, restored
from pipeline.preparation.profile.bins import bins_of, counts_between, histogram_of
from pipeline.preparation.profile.store_sample import sample_stored
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.drift import ColumnDrift, DriftReport
from pipeline.schemas.profile import DataProfile, NumberProfile, Summary, TextProfile, ValueCount
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.stages.page import number, share, text
from pipeline.stages.profile_page import profile_page
from pipeline.store.filesystem import storage_path
from pipeline.store.manifest import FileEntry, SplitEntry

VALUES = np.concatenate([-np.logspace(-3, 4, 40), [0.0], np.logspace(-3, 4, 40)])


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.3, 1.0, 2.0, 2.5])
def test_each_power_has_an_inverse(power):
    values = VALUES[np.abs(VALUES) < 50]
    transform = NumericTransform(shape="power", power=power)
    np.testing.assert_allclose(transform.inverse(transform.array(values)), values, rtol=1e-9, atol=1e-9)


def test_logarithms_and_straight_lines_have_an_inverse():
    positive = VALUES[VALUES > -1.0]
    transform = NumericTransform(shape="log1p")
    np.testing.assert_allclose(transform.inverse(transform.array(positive)), positive, rtol=1e-12, atol=1e-15)
    feature = ScaledFeature(name="x", source="x", shape="log1p", center=2.0, scale=0.5)
    np.testing.assert_allclose(restored((np.log1p(positive) - 2.0) / 0.5, feature), positive, rtol=1e-12, atol=1e-14)
    clipped = NumericTransform(low=-1.0, high=1.0)
    np.testing.assert_array_equal(clipped.inverse(clipped.array(VALUES)), np.clip(VALUES, -1.0, 1.0))


def test_what_was_filled_in_is_left_out_and_the_rest_is_as_it_was():
    feature = ScaledFeature(name="x", source="x", fill=1052.37, center=1052.37, scale=7153.1)
    raw = np.array([0.0, 0.1, 3.0, 99_999.0, 1052.37, 1052.37, 1052.37])
    stored = ((raw - feature.center) / feature.scale).astype(np.float32)
    # Two of the three are nulls; the third one was there.
    values = source_values(feature, stored, 2 / 7)
    np.testing.assert_allclose(values, [0.0, 0.1, 3.0, 1052.37, 99_999.0], rtol=1e-6, atol=1e-3)
    assert values[0] == 0.0 and not np.signbit(values[0])
    assert values[-1] == 99_999.0


def test_few_values_have_a_bin_each_and_many_have_twenty():
    few = histogram_of(np.array([1.0, 1.0, 2.0, 5.0]))
    assert (few.edges, few.counts, few.open) == ((1.0, 1.5, 3.5, 5.0), (2, 1, 1), False)
    even = histogram_of(np.arange(1000.0))
    assert (len(even.counts), sum(even.counts), even.open) == (20, 1000, False)
    assert max(even.counts) - min(even.counts) <= 1
    far = histogram_of(np.append(np.arange(1000.0), 1e9))
    assert far.open and far.edges[-1] < 1000 and sum(far.counts) == 1001
    assert histogram_of(np.array([])) is None and bins_of(np.array([])) is None


def test_one_value_is_one_bin():
    assert histogram_of(np.full(5, 3.0)).counts == (5,)
    assert (bins_of(np.full(5, 3.0)).edges, bins_of(np.full(5, 3.0)).counts) == ((), (5,))


def test_float32_does_not_move_a_value_to_another_bin():
    random = np.random.default_rng(0)
    values = np.sort(np.round(random.lognormal(10, 1, 5000), -2)) + 0.1
    bins = bins_of(values)
    assert len(bins.counts) == 10
    assert counts_between(np.array(bins.edges), values.astype(np.float32).astype(np.float64)) == bins.counts


def test_a_column_that_is_mostly_zero_still_has_bins():
    values = np.sort(np.concatenate([np.zeros(9500), np.random.default_rng(0).uniform(1, 100, 500)]))
    bins = bins_of(values)
    assert bins.counts[0] == 9500 and len(bins.counts) == 10 and max(bins.counts[1:]) < 60


def test_a_sample_takes_the_first_row_groups_of_all_files(tmp_path, monkeypatch):
    from pipeline.preparation.profile import store_sample as stored

    entries = []
    for shard in range(4):
        table = pa.table({"x": np.arange(100.0) + 1000 * shard})
        pq.write_table(table, tmp_path / f"{shard}.parquet", row_group_size=10)
        entries.append(
            FileEntry(path=f"{shard}.parquet", shard=shard, rows=100, bytes=1, sha256="", row_groups=(10,) * 10)
        )
    split, root = SplitEntry(rows=400, files=tuple(entries)), storage_path(str(tmp_path))
    assert sorted(sample_stored(split, root, ["x"])["x"].to_pylist()) == sorted(
        1000.0 * shard + i for shard in range(4) for i in range(100)
    )
    monkeypatch.setattr(stored, "SAMPLE_ROWS", 45)
    taken = sample_stored(split, root, ["x"])["x"].to_numpy()
    assert len(taken) == 45 and {int(value) // 1000 for value in taken[:40]} == {0, 1, 2, 3}
    assert max(value % 1000 for value in taken[:40]) == 9


class Checker(HTMLParser):
    """Every element that begins also ends, in order, and none can run or fetch anything."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def some_number(name: str) -> NumberProfile:
    values = np.sort(np.random.default_rng(0).lognormal(size=500))
    return NumberProfile(
        name=name,
        splits={"train": Summary(rows=500, low=values[0], high=values[-1], mean=1.5, std=2.0)},
        distinct=500,
        quantiles=tuple(np.quantile(values, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))),
        histogram=histogram_of(values),
        bins=bins_of(values),
    )


EVIL = "<script>alert('x')</script>"


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def test_the_page_is_well_formed_and_nothing_in_the_data_is_obeyed():
    drift = ColumnDrift(name=EVIL, kind="text", psi=0.3, chance=0.1, missing=0.0, missing_before=0.1, new=0.5)
    profile = DataProfile(
        rows={"train": 500, "validation": 0, "test": 10},
        label=some_number(EVIL),
        numbers=(some_number(EVIL), NumberProfile(name="empty", splits={"train": Summary(rows=500, nulls=500)})),
        texts=(
            TextProfile(
                name='"><img src=x onerror=alert(1)>',
                sources=("a", "b"),
                rows=500,
                nulls=20,
                values=tuple(ValueCount(value=value, count=9) for value in (EVIL, "", f"{NULL_TOKEN}\x1fü", "\x00")),
                unknown=3,
                note=EVIL,
            ),
        ),
        drift=(DriftReport(data=EVIL, rows=10, columns=(drift,)),),
    )
    audit = LeakAudit(
        method=EVIL, rows=profile.rows, cuts={"test": EVIL}, checks=(Check(name=EVIL, passed=False, detail=EVIL),)
    )
    page = profile_page(EVIL, EVIL, profile, audit)
    words = checked(page).words
    assert words.count(EVIL) >= 10
    assert "null \N{MULTIPLICATION SIGN} ü" in words and "(empty)" in words and "\\x00" in words
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_of_500_columns_stays_small():
    columns = tuple(some_number(f"column_{i}") for i in range(500))
    profile = DataProfile(rows={"train": 500}, label=some_number("y"), numbers=columns)
    page = profile_page("wide", "s", profile, None)
    checked(page)
    assert len(page.encode()) < 500_000


def test_numbers_are_short_and_readable():
    assert [number(value) for value in (0.0, 1984.0, 12345.0, 117454.68, 120.0, 0.123456, 1e-9, 2.5e12, None)] == [
        "0",
        "1984",
        "12,345",
        "117,455",
        "120",
        "0.12346",
        "1e\N{MINUS SIGN}9",
        "2.5e12",
        "\N{EN DASH}",
    ]
    assert [share(part, 1000.0) for part in (0, 1, 20, 500, 0.01)] == ["0 %", "0.10 %", "2.00 %", "50.0 %", "< 0.01 %"]
    assert text("a" * 100) == "a" * 39 + "…" + "a" * 20
