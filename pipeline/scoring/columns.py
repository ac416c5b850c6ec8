"""The columns of an output: columns of the source, the model's predictions, and the model's version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.config.features import PATTERN_SIGNS
from pipeline.config.score import ScoreConfig
from pipeline.errors import ConfigError, Problem, gather
from pipeline.schemas.column_names import clashing
from pipeline.schemas.label import LabelSpec

VERSION = "model_version"
UNFIT_FOR_DELTA = frozenset(" ,;{}()\n\t=")


@dataclass(frozen=True)
class OutputColumns:
    """The names of the columns, in the order in which they are written.

    Attributes:
        kept: columns of the source.
        predictions: columns of the model, see `LabelSpec.prediction_columns`.
        version: the column with the model's version.
    """

    kept: tuple[str, ...]
    predictions: tuple[str, ...]
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.kept, *self.predictions, self.version)


def output_columns(
    config: ScoreConfig, names: Sequence[str], *, key: Collection[str], label: LabelSpec
) -> OutputColumns:
    """The columns of an output.

    Args:
        config: the section `score`.
        names: the names of the source's columns.
        key: columns that are always kept, if the source has them.
        label: the label that the model predicts.

    Raises:
        ConfigError: an entry of `score.keep` matches no column, or two columns of the output would have the same name.
    """
    kept = tuple(name for name in dict.fromkeys(names) if name in key or _is_kept(name, config.keep))
    predictions = tuple(config.prefix + name for name in label.prediction_columns)
    columns = OutputColumns(kept, predictions, config.prefix + VERSION)
    problems = [*_unmatched_entries(config.keep, names), *_clashes(columns)]
    if config.format == "delta":
        problems += [_unfit(name) for name in columns.names if UNFIT_FOR_DELTA & set(name)]
    if problems:
        raise ConfigError(gather("The output cannot have these columns", problems))
    return columns


def is_pattern(entry: str) -> bool:
    """Whether an entry of `score.keep` is a pattern."""
    return bool(PATTERN_SIGNS & set(entry))


def _is_kept(name: str, entries: Sequence[str]) -> bool:
    """Whether a column is kept. One without a name, such as R's row numbers, cannot be."""
    return name != "" and any(name == entry or fnmatchcase(name, entry) for entry in entries)


def _unmatched_entries(entries: Sequence[str], names: Sequence[str]) -> Iterator[Problem]:
    for entry in entries:
        if entry not in names and not any(fnmatchcase(name, entry) for name in names):
            shown = ", ".join(names[:20])
            yield Problem(f"'{entry}' in score.keep matches no column of the source", shown, remedy="Correct it")


def _clashes(columns: OutputColumns) -> Iterator[Problem]:
    added = {name.lower() for name in (*columns.predictions, columns.version)}
    for alike in clashing(columns.names):
        what = "the model's prediction and a column of the source" if alike[0].lower() in added else "two columns"
        remedy = "Set score.prefix, or list only columns with other names in score.keep"
        yield Problem(f"'{alike[0]}' would be the name of {what}", "different names", " and ".join(alike), remedy)


def _unfit(name: str) -> Problem:
    allowed = "names without spaces, line breaks, tabs and any of ,;{}()="
    return Problem(f"A Delta table cannot have the column '{name}'", allowed, remedy="Choose another score.format")
