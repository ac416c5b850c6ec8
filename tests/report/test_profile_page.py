"""The page of a profile: well-formed, small, and never obeying the data that it shows."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from pipeline.preparation.profile.bins import bins_of, histogram_of
from pipeline.report.profile_page import profile_page
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.drift import ColumnDrift, DriftReport
from pipeline.schemas.profile import DataProfile, NumberProfile, Summary, TextProfile, ValueCount
from pipeline.schemas.tokens import NULL_TOKEN


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
        unused={EVIL: EVIL, "": "it has no name"},
    )
    audit = LeakAudit(
        method=EVIL, rows=profile.rows, cuts={"test": EVIL}, checks=(Check(name=EVIL, passed=False, detail=EVIL),)
    )
    page = profile_page(EVIL, EVIL, profile, audit)
    words = checked(page).words
    assert words.count(EVIL) >= 12
    assert "Columns that are not used" in words and "(empty): it has no name" in words
    assert "null \N{MULTIPLICATION SIGN} ü" in words and "(empty)" in words and "\\x00" in words
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_of_500_columns_stays_small():
    columns = tuple(some_number(f"column_{i}") for i in range(500))
    profile = DataProfile(rows={"train": 500}, label=some_number("y"), numbers=columns)
    page = profile_page("wide", "s", profile, None)
    checked(page)
    assert len(page.encode()) < 500_000
