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


def warm(workplace: Workplace, rounds: int, works: Works) -> Seconds:
    """Seconds of each work, in turns, after a round that is not counted; one cold round where the bench is quick."""
    if workplace.is_quick:
        return in_turns(1, works)
    return {name: seconds[1:] for name, seconds in in_turns(rounds + 1, works).items()}


def measure_mixed(workplace: Workplace) -> Found:
    """2,000,000 rows of 17 columns: beside the copy, and beside spark.ml."""
    measured = _beside_spark_ml(workplace, "mixed", ROUNDS)
    return Found(
        measured,
        [
            Target("ours / copy, mixed", ratio(measured["ours"], measured["copy"]), at_most=1.2),
            Target("spark.ml / ours, mixed", ratio(measured["spark_ml"], measured["ours"]), at_least=4.5),
        ],
    )


def measure_wide(workplace: Workplace) -> Found:
    """200,000 rows of 500 numbers: beside the copy, and beside spark.ml."""
    measured = _beside_spark_ml(workplace, "wide", LONG_ROUNDS)
    return Found(
        measured,
        [
            Target("ours / copy, 500 columns", ratio(measured["ours"], measured["copy"]), at_most=0.55),
            Target("spark.ml / ours, 500 columns", ratio(measured["spark_ml"], measured["ours"]), at_least=6.0),
        ],
    )


def _beside_spark_ml(workplace: Workplace, name: str, rounds: int) -> Seconds:
    table, names = workplace.table(name), workplace.schema(name).names
    works: Works = {
        "copy": lambda: workplace.copy(table),
        "ours": lambda: workplace.prepare(str(table), names),
        "spark_ml": lambda: workplace.by_spark_ml(table),
    }
    return warm(workplace, rounds, works)


def measure_csv(workplace: Workplace) -> Found:
    """The mixed table as CSV: beside Spark's reading it as text and writing it as Parquet."""
    table, names = workplace.table("mixed", "csv"), workplace.schema("mixed").names
    works: Works = {
        "copy": lambda: workplace.copy(table, "csv"),
        "ours": lambda: workplace.prepare(str(table), names, "csv"),
    }
    measured = warm(workplace, ROUNDS, works)
    megabytes = round(sum(file.stat().st_size for file in table.glob("*.csv")) / 1e6)
    return Found(
        {"megabytes": megabytes, **measured},
        [Target("ours / copy, CSV", ratio(measured["ours"], measured["copy"]), at_most=0.7)],
    )


def measure_over_spark(workplace: Workplace) -> Found:
    """Tables on a file system that only Spark reads: beside the copy."""
    figures, targets = {}, []
    for name, format, most in (("mixed", "parquet", 2.0), ("wide", "parquet", 0.75), ("mixed", "csv", 1.3)):
        table = workplace.table(name, format)
        figures[table.name] = measured = warm(workplace, LONG_ROUNDS, _over_spark(workplace, name, format))
        times = ratio(measured["ours"], measured["copy"])
        targets.append(Target(f"ours / copy, over Spark, {table.name}", times, at_most=most))
    return Found(figures, targets)


def _over_spark(workplace: Workplace, name: str, format: str) -> Works:
    table, names = workplace.table(name, format), workplace.schema(name).names
    return {
        "copy": lambda: workplace.copy(table, format),
        "ours": lambda: workplace.prepare(f"{LAKE}/{table.name}", names, format),
    }


def measure_growth(workplace: Workplace) -> Found:
    """Five times the rows of the mixed table: what a row costs, and what a Python worker holds at most."""
    names = workplace.schema("mixed").names
    works: Works = {name: partial(workplace.prepare, str(workplace.table(name)), names) for name in ("mixed", "large")}
    with watched_workers() as peak:
        in_turns(1, {"mixed": works["mixed"]})
        before = peak[0]
        measured = in_turns(1 if workplace.is_quick else LONG_ROUNDS, works)
    per_row = ratio([seconds / 5 for seconds in measured["large"]], measured["mixed"])
    return Found(
        {**measured, "worker_megabytes": {"mixed": before, "large": peak[0]}},
        [
            Target("a row of five times the rows / a row", per_row, at_most=1.1),
            Target("gigabytes of a Python worker", round(peak[0] / 1024, 3), at_most=1.0),
        ],
    )


def measure_small(workplace: Workplace) -> Found:
    """Tables of 20,000 to 30,000 rows, by their configurations: seconds."""
    if not SHARED.is_dir():
        return Found({"skipped": f"the tables are not there: no folder {SHARED.parent.name}/data beside the checkout"})
    works: Works = {}
    for name, file in SMALL.items():
        overrides = (f"data.source.path={SHARED / file}", f"storage.root={workplace.folder / 'root'}")
        config = load_config(CHECKOUT / "conf" / f"{name}.yaml", overrides=overrides)
        works[name] = partial(workplace.build_configured, config)
    measured = warm(workplace, ROUNDS, works)
    return Found(
        measured, [Target(f"seconds, {name}", max(seconds), at_most=4.0) for name, seconds in measured.items()]
    )


def measure_very_wide(workplace: Workplace) -> Found:
    """20,000 rows of 5,000 numbers: beside the copy."""
    table, names = workplace.table("very_wide"), workplace.schema("very_wide").names
    works: Works = {"copy": lambda: workplace.copy(table), "ours": lambda: workplace.prepare(str(table), names)}
    measured = warm(workplace, LONG_ROUNDS, works)
    return Found(
        measured, [Target("ours / copy, 5,000 columns", ratio(measured["ours"], measured["copy"]), at_most=1.0)]
    )


def measure_every_kind(workplace: Workplace) -> Found:
    """Every kind of feature at once, from Parquet, CSV, JSON lines and ORC: a multiple of the copy, without a bound."""
    figures: dict[str, Any] = {}
    for format in ("parquet", "csv", "json", "orc"):
        table, bad = workplace.table("faulty", format), []
        add_malformed_line(table, format)
        measured = warm(workplace, LONG_ROUNDS, _every_kind(workplace, table, format, bad))
        figures[format] = {**measured, "ours / copy": ratio(measured["ours"], measured["copy"]), "bad_rows": bad[-1]}
    return Found(figures)


def _every_kind(workplace: Workplace, table: Path, format: str, bad: list[int]) -> Works:
    """The works; ours notes how many rows it set aside."""
    settings = settings_for(str(table), format)
    # Without a schema, Spark would read JSON once more to find it out.
    schema = workplace.schema("faulty") if format == "json" else None
    return {
        "copy": lambda: workplace.copy(table, format, schema),
        "ours": lambda: bad.append(workplace.build(settings).manifest.quarantined),
    }


def measure_categories(workplace: Workplace) -> Found:
    """A text with a million values, all kept: seconds."""
    table, names = workplace.table("categories"), workplace.schema("categories").names
    return Found(in_turns(1, {"ours": lambda: workplace.prepare(str(table), names, max_categories=CATEGORIES)}))


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
