"""The names that configurations may use, as a page: `python -m pipeline.reference > docs/names.md` updates it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from pipeline.activations import ACTIVATIONS
from pipeline.kinds.registry import feature_kinds
from pipeline.losses import LOSSES
from pipeline.metrics import METRICS, Metric
from pipeline.networks.network import NETWORKS, NetworkConfig
from pipeline.optimizers import OPTIMIZERS
from pipeline.regularizers import REGULARIZERS
from pipeline.samplers import SAMPLERS
from pipeline.schedules import SCHEDULES
from pipeline.schemas.target import TARGETS
from pipeline.sources.registry import FORMATS

HEAD = """# Names in a configuration

Written by `python -m pipeline.reference > docs/names.md`; a test checks that it is up to date. Instead of a name, an
object of your own may be given as `package.module:name`, if it can be imported wherever the pipeline runs."""


def reference_page() -> str:
    """All names, in Markdown."""
    return "\n\n".join([HEAD, *(f"## {title}\n\n{table}" for title, table in _tables().items())]) + "\n"


def formats_table() -> str:
    """The source formats, in Markdown."""
    return _table(
        ("`format`", "file extension", "holds"),
        (
            (format.name, _listed(f".{ending}" for ending in format.endings) or "-", format.description)
            for format in FORMATS.entries.values()
        ),
    )


def kinds_table() -> str:
    """The kinds of features, in Markdown."""
    return _table(
        ("`kind`", "section", "`encoding`", "a column becomes"),
        (
            (name, f"`features.{kind.section}`", _listed(kind.allowed) or "-", kind.description)
            for name, kind in feature_kinds().items()
        ),
    )


def _tables() -> dict[str, str]:
    return {
        "`data.source.format`": formats_table(),
        "`encoding` of a group of columns": kinds_table(),
        "`data.task`": _table(
            ("task", "loss", "other metrics of training", "headlines"),
            (
                (t.name, f"`{t.loss}`", _listed(t.training_metrics), _listed(t.headlines))
                for t in TARGETS.entries.values()
            ),
        ),
        "`train.loss`": _table(
            ("loss", "what it is", "tasks"),
            ((loss.name, loss.summary, _listed(loss.tasks or ("all",))) for loss in LOSSES.entries.values()),
        ),
        "`train.metrics`, and metrics of an evaluation": _table(
            ("metric", "is called", "better", "range", "while training"), map(_metric, METRICS.entries.values())
        ),
        "`train.optimizer`": _table(
            ("optimizer", "has momentum"),
            ((o.name, "yes" if o.has_momentum else "") for o in OPTIMIZERS.entries.values()),
        ),
        "`train.schedule`": _table(
            ("schedule", "settings"), ((s.name, _listed(s.options)) for s in SCHEDULES.entries.values())
        ),
        "`model.type`": _table(
            ("network", "what it is", "settings", "`search.space: auto` tries"),
            ((n.name, n.summary, _settings(n.config), _listed(n.search)) for n in NETWORKS.entries.values()),
        ),
        "`search.sampler`": _table(
            ("sampler", "what it does"), ((sampler.name, sampler.summary) for sampler in SAMPLERS.entries.values())
        ),
        "`model.regularizer`": _table(
            ("regularizer", "what it adds to the loss, times its weight"),
            ((regularizer.name, regularizer.summary) for regularizer in REGULARIZERS.entries.values()),
        ),
        "`model.activation`": _table(("activation",), ((name,) for name in ACTIVATIONS.names)),
    }


def _metric(metric: Metric) -> tuple[str, ...]:
    trained = ["numbers"] * metric.is_trained_on(classes=False) + ["classes"] * metric.is_trained_on(classes=True)
    low, high = ("" if math.isinf(bound) else f"{bound:g}" for bound in (metric.low, metric.high))
    better = "lower" if metric.lower_is_better else "higher"
    return metric.name, metric.title, better, f"{low} to {high}".strip(), ", ".join(trained)


def _settings(config: type[NetworkConfig]) -> str:
    return _listed(name for name in config.model_fields if name != "type")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *((f"`{name}`", *cells) for name, *cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
