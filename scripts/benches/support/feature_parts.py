"""The parts of `scripts/bench features`: what each measures, and the bounds that its ratios should keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from report import Target, in_turns, ratio

from pipeline.config.load import load_config
from support.every_kind import add_malformed_line, settings_for
from support.preparing import LAKE, Workplace
from support.tables import CATEGORIES
from support.workers import watched_workers

ROUNDS, LONG_ROUNDS = 3, 2
CHECKOUT = Path(__file__).resolve().parents[3]
SHARED = CHECKOUT.parent / "shared" / "data"
SMALL = {"adult": "adult.csv", "house_prices_full": "house_sales.tsv"}
"""Configurations of `conf/`, and the files that they are for."""

Seconds = dict[str, list[float]]
Works = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Found:
    """What a part measured.

    Attributes:
        figures: by name.
        targets: what they are held against.
    """

    figures: dict[str, Any]
    targets: list[Target] = field(default_factory=list)


def warm(place: Workplace, rounds: int, works: Works) -> Seconds:
    """Seconds of each work, in turns, after a round that is not counted; one cold round where the bench is quick."""
    if place.is_quick:
        return in_turns(1, works)
    return {name: seconds[1:] for name, seconds in in_turns(rounds + 1, works).items()}


def measure_mixed(place: Workplace) -> Found:
    """2,000,000 rows of 17 columns: beside the copy, and beside spark.ml."""
    found = _beside_spark_ml(place, "mixed", ROUNDS)
    return Found(
        found,
        [
            Target("ours / copy, mixed", ratio(found["ours"], found["copy"]), at_most=1.2),
            Target("spark.ml / ours, mixed", ratio(found["spark_ml"], found["ours"]), at_least=4.5),
        ],
    )


def measure_wide(place: Workplace) -> Found:
    """200,000 rows of 500 numbers: beside the copy, and beside spark.ml."""
    found = _beside_spark_ml(place, "wide", LONG_ROUNDS)
    return Found(
        found,
        [
            Target("ours / copy, 500 columns", ratio(found["ours"], found["copy"]), at_most=0.55),
            Target("spark.ml / ours, 500 columns", ratio(found["spark_ml"], found["ours"]), at_least=6.0),
        ],
    )


def _beside_spark_ml(place: Workplace, name: str, rounds: int) -> Seconds:
    table, names = place.table(name), place.schema(name).names
    works: Works = {
        "copy": lambda: place.copy(table),
        "ours": lambda: place.prepare(str(table), names),
        "spark_ml": lambda: place.by_spark_ml(table),
    }
    return warm(place, rounds, works)


def measure_csv(place: Workplace) -> Found:
    """The mixed table as CSV: beside Spark's reading it as text and writing it as Parquet."""
    table, names = place.table("mixed", "csv"), place.schema("mixed").names
    works: Works = {
        "copy": lambda: place.copy(table, "csv"),
        "ours": lambda: place.prepare(str(table), names, "csv"),
    }
    found = warm(place, ROUNDS, works)
    megabytes = round(sum(file.stat().st_size for file in table.glob("*.csv")) / 1e6)
    return Found(
        {"megabytes": megabytes, **found},
        [Target("ours / copy, CSV", ratio(found["ours"], found["copy"]), at_most=0.7)],
    )


def measure_over_spark(place: Workplace) -> Found:
    """Tables on a file system that only Spark reads: beside the copy."""
    figures, targets = {}, []
    for name, format, most in (("mixed", "parquet", 2.0), ("wide", "parquet", 0.75), ("mixed", "csv", 1.3)):
        table = place.table(name, format)
        figures[table.name] = found = warm(place, LONG_ROUNDS, _over_spark(place, name, format))
        times = ratio(found["ours"], found["copy"])
        targets.append(Target(f"ours / copy, over Spark, {table.name}", times, at_most=most))
    return Found(figures, targets)


def _over_spark(place: Workplace, name: str, format: str) -> Works:
    table, names = place.table(name, format), place.schema(name).names
    return {
        "copy": lambda: place.copy(table, format),
        "ours": lambda: place.prepare(f"{LAKE}/{table.name}", names, format),
    }


def measure_growth(place: Workplace) -> Found:
    """Five times the rows of the mixed table: what a row costs, and what a Python worker holds at most."""
    names = place.schema("mixed").names
    works: Works = {name: partial(place.prepare, str(place.table(name)), names) for name in ("mixed", "large")}
    with watched_workers() as peak:
        in_turns(1, {"mixed": works["mixed"]})
        before = peak[0]
        found = in_turns(1 if place.is_quick else LONG_ROUNDS, works)
    per_row = ratio([seconds / 5 for seconds in found["large"]], found["mixed"])
    return Found(
        {**found, "worker_megabytes": {"mixed": before, "large": peak[0]}},
        [
            Target("a row of five times the rows / a row", per_row, at_most=1.1),
            Target("gigabytes of a Python worker", round(peak[0] / 1024, 3), at_most=1.0),
        ],
    )


def measure_small(place: Workplace) -> Found:
    """Tables of 20,000 to 30,000 rows, by their configurations: seconds."""
    if not SHARED.is_dir():
        return Found({"skipped": f"the tables are not there: no folder {SHARED.parent.name}/data beside the checkout"})
    works: Works = {}
    for name, file in SMALL.items():
        overrides = (f"data.source.path={SHARED / file}", f"storage.root={place.folder / 'root'}")
        config = load_config(CHECKOUT / "conf" / f"{name}.yaml", overrides=overrides)
        works[name] = partial(place.build_configured, config)
    found = warm(place, ROUNDS, works)
    return Found(found, [Target(f"seconds, {name}", max(seconds), at_most=4.0) for name, seconds in found.items()])


def measure_very_wide(place: Workplace) -> Found:
    """20,000 rows of 5,000 numbers: beside the copy."""
    table, names = place.table("very_wide"), place.schema("very_wide").names
    works: Works = {"copy": lambda: place.copy(table), "ours": lambda: place.prepare(str(table), names)}
    found = warm(place, LONG_ROUNDS, works)
    return Found(found, [Target("ours / copy, 5,000 columns", ratio(found["ours"], found["copy"]), at_most=1.0)])


def measure_every_kind(place: Workplace) -> Found:
    """Every kind of feature at once, from Parquet, CSV, JSON lines and ORC: a multiple of the copy, without a bound."""
    figures: dict[str, Any] = {}
    for format in ("parquet", "csv", "json", "orc"):
        table, bad = place.table("faulty", format), []
        add_malformed_line(table, format)
        found = warm(place, LONG_ROUNDS, _every_kind(place, table, format, bad))
        figures[format] = {**found, "ours / copy": ratio(found["ours"], found["copy"]), "bad_rows": bad[-1]}
    return Found(figures)


def _every_kind(place: Workplace, table: Path, format: str, bad: list[int]) -> Works:
    """The works; ours notes how many rows it set aside."""
    settings = settings_for(str(table), format)
    # Without a schema, Spark would read JSON once more to find it out.
    schema = place.schema("faulty") if format == "json" else None
    return {
        "copy": lambda: place.copy(table, format, schema),
        "ours": lambda: bad.append(place.build(settings).manifest.quarantined),
    }


def measure_categories(place: Workplace) -> Found:
    """A text with a million values, all kept: seconds."""
    table, names = place.table("categories"), place.schema("categories").names
    return Found(in_turns(1, {"ours": lambda: place.prepare(str(table), names, max_categories=CATEGORIES)}))


PARTS: dict[str, Callable[[Workplace], Found]] = {
    "mixed": measure_mixed,
    "wide": measure_wide,
    "very_wide": measure_very_wide,
    "csv": measure_csv,
    "over_spark": measure_over_spark,
    "growth": measure_growth,
    "small": measure_small,
    "every_kind": measure_every_kind,
    "categories": measure_categories,
}
"""By name, in the order in which they are measured."""
