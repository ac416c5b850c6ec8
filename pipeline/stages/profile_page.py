"""The profile of a store as a page for people, and as artifacts of the run."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.drift import DriftConfig
from pipeline.config.source import SourceConfig
from pipeline.preparation.profile.drift_limits import enforce
from pipeline.redact import without_user
from pipeline.schemas.audit import LeakAudit
from pipeline.schemas.drift import ColumnDrift, DriftReport
from pipeline.schemas.profile import DataProfile, Histogram, NumberProfile, TextProfile
from pipeline.stages.page import NONE, bars, number, page, share, table, text, tile
from pipeline.store.store import Store, read_audit, read_profile
from pipeline.tracking.tracker import Tracker

DRIFT_SHOWN = 10
CHANGED = 0.1
"""An index above this is pointed out."""

_NUMBER_HEAD = ("column", "missing", "zeros", "distinct", "min", "1 %", "25 %", "median", "75 %", "99 %", "max")
_SHOWN_QUANTILES = (0, 2, 3, 4, 6)


def report_profile(tracker: Tracker, store: Store, source: SourceConfig, drift: DriftConfig) -> None:
    """Log the profile and its page, and compare the splits with the limits of the configuration.

    Raises:
        DataError: the validation or test rows are beyond a limit that stops.
    """
    profile = read_profile(store)
    if profile is None:
        return
    tracker.log_text(profile.to_json(), "data/profile.json")
    drawn = profile_page(store.manifest.name, _source(source), profile, read_audit(store))
    tracker.log_text(drawn, "data/profile.html")
    for report in profile.drift:
        named = report.model_copy(update={"data": f"the {report.data} rows"})
        enforce(named, drift)


def profile_page(name: str, source: str, profile: DataProfile, audit: LeakAudit | None) -> str:
    """One HTML document without scripts and without anything from elsewhere.

    Args:
        name: of the experiment.
        source: what the rows came from.
        profile: what is shown.
        audit: of leaks; None shows no such section.
    """
    return page(
        f"{name}: data profile",
        _overview(name, source, profile),
        _label(profile.label),
        "" if audit is None else _audit(audit),
        _drift(profile.drift),
        _numbers(profile),
        _texts(profile.texts),
    )


def _source(config: SourceConfig) -> str:
    """What people call it; a password in an address stays out of the page."""
    named = config.table or config.sample or config.query or ", ".join(config.path or ())
    return without_user(named)


def _overview(name: str, source: str, profile: DataProfile) -> str:
    total = sum(profile.rows.values())
    tiles = [tile(f"{rows:,}", f"{split} rows, {share(rows, total)}") for split, rows in profile.rows.items()]
    tiles += [tile(f"{profile.quarantined:,}", "quarantined"), tile(f"{profile.left_out:,}", "left out")]
    tiles += [tile(f"{len(profile.numbers):,}", "numeric columns"), tile(f"{len(profile.texts):,}", "text columns")]
    return (
        f'<h1>{text(name)}</h1><p class="quiet">Training data from <span class="name">{text(source)}</span></p>'
        f'<div class="tiles">{"".join(tiles)}</div>'
    )


def _label(label: NumberProfile | TextProfile) -> str:
    if isinstance(label, TextProfile):
        return f'<h2>Label</h2><div class="cards">{_card(label)}</div>'
    return f"<h2>Label</h2>{_number_table([label])}"


def _audit(audit: LeakAudit) -> str:
    rows = []
    for check in audit.checks:
        answer = '<span class="ok">passed</span>' if check.passed else f'<span class="bad">{check.severity}</span>'
        rows.append((text(check.name), answer, _sentence(check.detail)))
    cuts = "".join(f"<p>{text(split)} begins at {text(cut)}</p>" for split, cut in audit.cuts.items())
    return f"<h2>Leak audit</h2><p>Rows are divided by {text(audit.method)}.</p>{cuts}" + table(
        ("check", "result", "what was found"), rows
    )


def _drift(reports: Sequence[DriftReport]) -> str:
    sections = [_drift_table(report) for report in reports if report.columns]
    if not sections:
        return ""
    about = (
        "Population stability index of each column: below 0.1 is usually read as no change, above 0.25 as a large one. "
        "An index below what chance explains says nothing. New: texts that the vocabulary lacks beyond those of "
        "training rows, numbers outside the range of training rows."
    )
    title = "Other splits against the training rows"
    return f'<h2>{title}</h2><p class="quiet">{about}</p><div class="pair">{"".join(sections)}</div>'


def _drift_table(report: DriftReport) -> str:
    rows = [_drift_row(column) for column in report.columns[:DRIFT_SHOWN]]
    hidden = len(report.columns) - len(rows)
    plural = "" if hidden == 1 else "s"
    more = f'<p class="quiet">and {hidden:,} column{plural} with less drift</p>' if hidden > 0 else ""
    head = ("column", "index", "by chance", "missing", "in training", "new")
    title = f"<p><b>{text(report.data)}</b>, {report.rows:,} rows compared</p>"
    return f"<div>{title}{table(head, rows, range(1, len(head)))}{more}</div>"


def _drift_row(column: ColumnDrift) -> tuple[str, ...]:
    index = f"{column.psi:.4f}"
    shown = f'<span class="bad">{index}</span>' if column.shift > CHANGED else index
    new = NONE if column.new is None else share(column.new)
    missing = (share(column.missing), share(column.missing_before))
    return (text(column.name), shown, f"{column.chance:.4f}", *missing, new)


def _numbers(profile: DataProfile) -> str:
    if not profile.numbers:
        return ""
    about = "Training rows. Missing values, zeros, the smallest and the largest number, mean and deviation are exact. "
    if profile.rank_error:
        about += (
            f"Quantiles, histograms and distinct values are of a random {profile.sample_rows:,} rows; the rank of a "
            f"quantile is off by less than {100 * profile.rank_error:.2g} %."
        )
    else:
        about += "So are quantiles and histograms, as far as float32 goes, in which the store keeps numbers."
    return f'<h2>Numeric columns</h2><p class="quiet">{about}</p>{_number_table(profile.numbers)}'


def _number_table(columns: Sequence[NumberProfile]) -> str:
    head = (*_NUMBER_HEAD, "mean", "deviation", "histogram")
    return table(head, [_number_row(column) for column in columns], range(1, len(head) - 1))


def _number_row(column: NumberProfile) -> tuple[str, ...]:
    train = column.train
    shown = [number(column.quantiles[place]) if column.quantiles else NONE for place in _SHOWN_QUANTILES]
    derived = '<div class="quiet">derived</div>' if column.derived else ""
    note = f'<div class="quiet">{_sentence(column.note)}</div>' if column.note else ""
    return (
        text(column.name) + derived + note,
        share(train.missing),
        share(train.zeros, train.rows),
        NONE if column.distinct is None else f"{column.distinct:,}",
        number(train.low),
        *shown,
        number(train.high),
        number(train.mean),
        number(train.std),
        "" if column.histogram is None else _histogram(column.histogram),
    )


def _histogram(histogram: Histogram) -> str:
    low, high = number(histogram.edges[0]), number(histogram.edges[-1])
    ends = (f"≤ {low}", f"≥ {high}") if histogram.open else (low, high)
    return bars(histogram.counts, *ends)


def _texts(columns: Sequence[TextProfile]) -> str:
    if not columns:
        return ""
    cards = "".join(map(_card, columns))
    return (
        '<h2>Text columns</h2><p class="quiet">Training rows: the most frequent values, all others together, and '
        f'missing values. Counts are exact.</p><div class="cards">{cards}</div>'
    )


def _card(column: TextProfile) -> str:
    most = max([value.count for value in column.values] + [column.rest, column.nulls, 1])
    lines = [_line(text(value.value), value.count, column.rows, most) for value in column.values]
    other = "all others" if column.values else "all values"
    rest = [_line(f'<span class="quiet">{other}</span>', column.rest, column.rows, most, "rest")] if column.rest else []
    null = (
        [_line('<span class="quiet">missing</span>', column.nulls, column.rows, most, "rest")] if column.nulls else []
    )
    facts = [] if column.distinct is None else [f"{column.distinct:,} distinct"]
    facts += [f"{share(column.unknown, column.rows)} outside the vocabulary"] if column.unknown else []
    facts += [_sentence(column.note)] if column.note else []
    if column.sources != (column.name,):
        facts.insert(0, f"of {', '.join(map(text, column.sources))}")
    about = f'<div class="quiet">{"; ".join(facts)}</div>'
    drawn = "".join([*lines, *rest, *null])
    return f'<div class="card"><span class="name">{text(column.name)}</span>{about}<table>{drawn}</table></div>'


def _line(name: str, count: int, rows: int, most: int, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return (
        f'<tr><td class="v">{name}</td><td class="bar"><i{css} style="width:{90 * count / most:.0f}px"></i></td>'
        f'<td class="n">{count:,}</td><td class="n">{share(count, rows)}</td></tr>\n'
    )


def _sentence(content: str) -> str:
    """Plain words of our own that may quote names from the data; not shortened."""
    return " ".join(text(word) for word in content.split(" ") if word)
