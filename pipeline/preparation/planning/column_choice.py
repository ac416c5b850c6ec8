"""Says which columns cannot be a feature, and which had better not be one, where features are chosen automatically."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.arrays.cells import category_of, number_of
from pipeline.arrays.values import Values
from pipeline.formatting import shortened
from pipeline.preparation.planning.text_contents import contents_of
from pipeline.preparation.reading.survey import ColumnFacts, Survey

EXAMINED = 2_000
"""Values of a text that are looked at one by one."""
LEAST_IDS = 20
"""Fewer numbers may follow one another, and all differ, by chance."""
MANY_IDS = 100
"""Distinct numbers from which on a column with the name of an identifier is one, though they repeat."""
_NAME_OF_ID = re.compile(
    r"(?:^|.*[_\W])(?:id|ids|uuid|guid|index|rownames?|row_?(?:names?|numbers?|id))|.*[a-z](?:ID|Id)"
)


def unfit_columns(names: Sequence[str], nested: Mapping[str, pa.DataType]) -> dict[str, str]:
    """Columns that cannot be a feature, whatever their values, with the reason.

    Args:
        names: names of all columns of the source.
        nested: types of those that hold neither numbers, texts, dates nor true and false.
    """
    reasons = {name: f"it holds {_noun(kind)}, which cannot be a feature" for name, kind in nested.items()}
    for name in names:
        if not name:
            reasons[name] = "it has no name; row names look like that"
        elif "/" in name or name.startswith("__"):
            reasons[name] = "the exported model cannot have its name, with '/' in it or '__' at its start: rename it"
    return reasons


def unsuitable_columns(survey: Survey) -> dict[str, str]:
    """Columns whose values had better not become a feature, with the reason."""
    found = ((name, _objection(survey, name)) for name in survey.types)
    return {name: reason for name, reason in found if reason}


def constant_columns(survey: Survey) -> dict[str, str]:
    """Columns that have one value; `features.drop` says what becomes of them."""
    if not survey.is_whole:
        return {}
    full = {name: facts for name, facts in survey.facts.items() if not survey.nulls[name]}
    values = {name: shortened(facts.examples[0]) for name, facts in full.items() if facts.distinct == 1}
    return {name: f"it is {value} in every row" for name, value in values.items()}


def is_name_of_id(name: str) -> bool:
    """Whether a column is called like an identifier: `id`, `customer_id`, `PropertyID`."""
    return _NAME_OF_ID.fullmatch(name) is not None or _NAME_OF_ID.fullmatch(name.lower()) is not None


def _objection(survey: Survey, name: str) -> str:
    if survey.nulls[name] == survey.rows > 0:
        return "it has no value in any row"
    facts = survey.facts[name]
    values = survey.sample[name].combine_chunks().drop_null()
    match survey.types[name]:
        case "text":
            texts = category_of(values.slice(0, EXAMINED)).to_pylist()
            return contents_of(texts, facts.distinct / max(facts.present, 1), facts.present)
        case "integer":
            return _as_identifier(name, facts, number_of(values).to_numpy(zero_copy_only=False))
    return ""


def _as_identifier(name: str, facts: ColumnFacts, numbers: Values) -> str:
    """Why integers are identifiers; empty where they may be quantities."""
    if facts.distinct == facts.present >= LEAST_IDS:
        counts_rows = np.nanmin(numbers) in (0, 1) and np.ptp(numbers) == len(numbers) - 1
        if counts_rows or is_name_of_id(name):
            return f"every row has another {'number, one after the other' if counts_rows else 'identifier'}"
    if facts.distinct > MANY_IDS and is_name_of_id(name):
        return f"its name is that of an identifier, of which there are {facts.distinct:,}"
    return ""


def _noun(kind: pa.DataType) -> str:
    """What a column of a nested type holds."""
    if pa.types.is_null(kind):
        return "no value"
    if pa.types.is_map(kind):
        return "maps"
    if pa.types.is_struct(kind):
        is_file = "bytes" in {kind.field(index).name for index in range(kind.num_fields)}
        return "structs with bytes, such as pictures" if is_file else "structs"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "lists"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "bytes, such as pictures"
    return f"values of type {kind}"
