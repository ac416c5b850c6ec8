"""The file of a first configuration: YAML with a comment for each choice.

Comments quote the data, so everything in them is on one line: a line break would end the comment.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from pipeline.config.run import RunConfig
from pipeline.formatting import counted, listed
from pipeline.preparation.description.described_columns import DescribedColumn, reasons_of
from pipeline.preparation.description.draft import Draft
from pipeline.preparation.planning.feature_plan import AUTOMATIC_CATEGORIES
from pipeline.report.text import short_name
from pipeline.schemas.source_contract import DATES

LONGEST_EXAMPLE, LONGEST_REASON = 30, 160
COMMENT_AT = 28
"""The column at which comments begin where there is room before."""


def experiment_file(config: RunConfig, draft: Draft, file: str) -> str:
    """The text of the file.

    Args:
        config: the name, the source and the label, and further keys of the source that were given.
        draft: what was chosen.
        file: where the text will be, for its first lines.
    """
    return "\n".join([*_head(config, draft, file), *_data(config, draft), *_features(draft), *_train(draft)]) + "\n"


def _head(config: RunConfig, draft: Draft, file: str) -> Iterator[str]:
    path = short_name(", ".join(config.data.source.path or ()), LONGEST_REASON)
    rows = counted(draft.rows, "row")
    yield f"# Written by jobs/init.py for {path}: {rows}, {counted(len(draft.columns), 'column')}. Edit it, then run"
    yield f"#     python jobs/run.py --config {short_name(file, LONGEST_REASON)}"
    if not draft.is_whole:
        yield "# Distinct values and examples are of a random sample of the rows."
    yield f"name: {_scalar(config.name)}"


def _data(config: RunConfig, draft: Draft) -> Iterator[str]:
    source = config.data.source.model_dump(mode="json", exclude_unset=True)
    yield "data:"
    yield "  source:"
    if config.data.source.path is not None and len(config.data.source.path) == 1:
        source["path"] = config.data.source.path[0]
    yield from (f"    {key}: {_scalar(value)}" for key, value in source.items())
    label = next(column for column in draft.columns if column.use == "label")
    yield _line(f"  label: {_scalar(label.name)}", f"{draft.task}; {_about(label)}")
    if draft.key is not None:
        key = next(column for column in draft.columns if column.name == draft.key)
        yield _line(f"  key: {_scalar(key.name)}", f"rows of one key stay in one split; {_about(key)}")
    yield from _settings(draft, "data")
    time = next((column for column in draft.columns if column.type in DATES and column.use == "dates"), None)
    if time is not None:
        yield _line(
            f"  # time: {_scalar(time.name)}", "with split: {method: time}, where later rows are to be predicted"
        )


def _features(draft: Draft) -> Iterator[str]:
    settings = {
        "numeric": ("impute: median", "in place of missing values; numbers are scaled to mean 0 and deviation 1"),
        "categorical": (f"max_categories: {AUTOMATIC_CATEGORIES}", "the most frequent values; one-hot"),
        "dates": ("parts: [year, month, weekday]", "what is taken from each"),
    }
    yield "features:"
    for use, (setting, reason) in settings.items():
        columns = draft.of_use(use)
        if columns:
            yield f"  {use}:"
            yield "    - columns:"
            yield from (_line(f"        - {_scalar(column.name)}", _about(column)) for column in columns)
            yield _line(f"      {setting}", reason)
    left_out = reasons_of(draft.columns)
    if left_out:
        yield "  # Left out. To use a column, write it into a list above, without the '#'."
        yield from (_line(f"  #     - {_scalar(name)}", reason) for name, reason in left_out.items())


def _train(draft: Draft) -> Iterator[str]:
    yield "train:"
    yield from _settings(draft, "train")


def _settings(draft: Draft, section: str) -> Iterator[str]:
    for path, (value, reason) in draft.settings.items():
        of, _, name = path.partition(".")
        if of == section:
            yield _line(f"  {name}: {_scalar(value)}", reason)


def _about(column: DescribedColumn) -> str:
    """The type of a column, and what was found."""
    examples = listed(repr(short_name(example, LONGEST_EXAMPLE)) for example in column.examples)
    facts = [f"{column.nulls:,} missing"] if column.nulls else []
    facts.append(f"{column.distinct:,} distinct{f', such as {examples}' if examples else ''}")
    return f"{column.type}: {', '.join(facts)}"


def _line(text: str, comment: str) -> str:
    shown = " ".join(short_name(word, LONGEST_REASON) for word in comment.split(" ") if word)
    return f"{text.ljust(COMMENT_AT)} # {shown}"


def _scalar(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.strip()[1:-1]
