"""Checks the columns of a source against its contract, before the first row is read; for values see `contract_values`.

Without a contract, the types inferred for a text format are enforced in the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from pipeline.arrays.cells import column_type
from pipeline.errors import DataError
from pipeline.formatting import SHOWN_AT_MOST
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.schemas.source_contract import DATES, NUMBERS, ColumnTerms, ColumnType, KeptContract

log = logging.getLogger(__name__)


_TITLES = ("column", "in the contract", "in the source", "what")


def check_columns(contract: KeptContract, table: SourceTable) -> None:
    """Check that a source has all columns of its contract; it may have more, in any order.

    Raises:
        DataError: with a table of the differences.
    """
    terms = contract.table.columns
    rows = [row for name in terms if (row := _difference(name, terms[name].type, table, terms)) is not None]
    if rows:
        raise DataError(
            f"The source does not match its contract ({len(rows)} of {len(terms)} columns):\n{_aligned(rows)}\n"
            f"Correct the source, or edit the contract '{contract.location}', or delete it: the next run then writes "
            "it anew."
        )
    more = [name for name in table.names if name not in terms and name not in table.objects]
    if more:
        log.info("Columns that the contract does not have: %s.", ", ".join(more))


def terms_of(
    contract: KeptContract | None, table: SourceTable, types: Mapping[str, ColumnType]
) -> dict[str, ColumnTerms]:
    """The terms of each column; without a contract, dates that were inferred for a text format."""
    if contract is not None:
        return dict(contract.table.columns)
    return {name: ColumnTerms(type=kind) for name, kind in types.items() if table.is_text and kind in DATES}


def agreed_types(
    table: SourceTable, inputs: Inputs, plan: FeaturePlan, inferred: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """The contract's type of each column that is read, in the order of the source.

    Args:
        table: the source.
        inputs: the columns that are read.
        plan: the features.
        inferred: the inferred types of a text format.
    """
    raw = inputs.raw
    names = sorted(raw.names, key=table.names.index)
    if not table.is_text:
        return {name: column_type(raw.kinds[name]) for name in names}
    numbers = {column.name for column in inputs.typed if column.type == "number"} | {inputs.label, inputs.weight}
    used = {column.name for column in inputs.typed}
    dates = used - {source for feature in plan.categorical for source in feature.sources}
    agreed: dict[str, ColumnType] = {}
    for name in names:
        kind = inferred.get(name, "text")
        if name in numbers:
            agreed[name] = kind if kind in (*NUMBERS, "boolean") else "number"
        else:
            agreed[name] = kind if kind in DATES and name in dates else "text"
    return agreed


def _difference(
    name: str, kind: ColumnType, table: SourceTable, contract_names: Collection[str]
) -> tuple[str, str, str, str] | None:
    """One line of the table of differences; None where the column fits."""
    count = table.occurrences[name]
    if count > 1:
        return name, kind, f"{count} times", "duplicated"
    if count == 1:
        source_type = kind if table.is_text else column_type(table.kinds[name])
        fits = source_type == kind or (kind == "number" and source_type == "integer")
        return None if fits else (name, kind, source_type, "retyped")
    other_case = next(
        (name_in_source for name_in_source in table.names if name_in_source.lower() == name.lower()), None
    )
    if other_case is not None:
        return name, kind, other_case, "differs by case"
    near = get_close_matches(
        name, [name_in_source for name_in_source in table.names if name_in_source not in contract_names], n=1
    )
    return (name, kind, near[0], "renamed?") if near else (name, kind, "-", "missing")


def _aligned(rows: Sequence[tuple[str, str, str, str]]) -> str:
    shown = [_TITLES, *(tuple(" ".join(cell.split())[:40] for cell in row) for row in rows[:SHOWN_AT_MOST])]
    widths = [max(len(row[i]) for row in shown) for i in range(len(_TITLES))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown]
    lines = [line.rstrip() for line in lines]
    hidden = len(rows) - SHOWN_AT_MOST
    return "\n".join([*lines, *([f"  ... and {hidden} more."] if hidden > 0 else [])])
