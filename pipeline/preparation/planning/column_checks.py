"""Checks that every configured column exists once in the source, with a type that its role can use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pipeline.arrays.cells import is_usable
from pipeline.errors import DataError, Problem, gather
from pipeline.formatting import listed
from pipeline.kinds.fitted_features import RawColumn
from pipeline.preparation.reading.raw import RawColumns, name_problem
from pipeline.schemas.column_names import clashing
from pipeline.sources.decoding.header import looks_like_data

SHOWN_CHARACTERS = 120
_SEPARATORS = {";": "';'", "\t": '"\\t"', "|": "'|'", ",": "','", ":": "':'", " ": "' '"}
"""Signs that may separate the columns of a file, and how they are written in YAML."""
HEADLESS = "If it is a row, set data.source.header: false, and data.source.columns to the names"


def check_names(names: Sequence[str], wanted: Sequence[str], first_line: str = "") -> None:
    """Check that every wanted column exists exactly once, and differs from the others in more than case.

    Args:
        names: names of the columns of the source.
        wanted: names of the columns that are needed.
        first_line: the header line of a text file; empty for other files.

    Raises:
        DataError: naming each problem; where no wanted column exists, saying what may be wrong with the header.
    """
    if first_line and _are_other_words(names, wanted):
        raise DataError(str(_no_header(names, wanted, first_line)))
    counts = Counter(names)
    problems = [_name_problem(name, names, counts[name]) for name in wanted if counts[name] != 1]
    if problems and first_line and looks_like_data(names):
        problems.append(_data_in_first_line(first_line))
    for alike in clashing(wanted):
        shown = " and ".join(f"'{name}'" for name in alike)
        problems.append(Problem(f"Columns {shown} differ by case only", remedy="Rename one; Parquet needs it"))
    if problems:
        raise DataError(gather("The source does not have the columns that the configuration names", problems))


def _are_other_words(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether no wanted name exists or is similar to an existing one; a single wanted name may just be a typo."""
    folded = [name.lower() for name in names]
    near = any(get_close_matches(name.lower(), folded, n=1) for name in wanted)
    return not near and (len(wanted) > 1 or len(names) == 1)


def _no_header(names: Sequence[str], wanted: Sequence[str], first_line: str) -> Problem:
    for sign, shown in _SEPARATORS.items():
        if set(wanted) <= {name.strip(' "') for name in first_line.split(sign)} and sign in first_line:
            what = f"The columns of the source have another separator. The first line is: '{_cut(first_line)}'"
            return Problem(what, remedy=f"Set data.source.separator: {shown}")
    cause = "data.source.separator right" if len(names) == 1 else "the first line a header"
    what = f"No column that the configuration names is in the source ({listed(wanted)})"
    more = f" {HEADLESS}" if len(names) > 1 or looks_like_data(names) else ""
    remedy = f"The first line is: '{_cut(first_line)}'. Is {cause}?{more}"
    return Problem(what, remedy=remedy)


def _data_in_first_line(first_line: str) -> Problem:
    return Problem("The first line looks like data", remedy=f"It is: '{_cut(first_line)}'. {HEADLESS}")


def _cut(line: str) -> str:
    return line[:SHOWN_CHARACTERS]


def _name_problem(name: str, names: Sequence[str], count: int) -> Problem:
    other_case = [there for there in names if there.lower() == name.lower()]
    if count == 0 and other_case:
        remedy = f"Names are case-sensitive: write '{other_case[0]}'"
        return Problem(f"Column '{name}' is not in the source", remedy=remedy)
    return name_problem(name, names, count)


def check_types(raw: RawColumns, typed: Iterable[RawColumn]) -> None:
    """Check that every column has a type that its role can use.

    Raises:
        DataError: naming each column that has not.
    """
    numeric = {column.name for column in typed if column.type == "number"}
    problems = []
    for name in raw.names:
        kind = raw.kinds[name]
        if not is_usable(kind, numeric=name in numeric):
            allowed = "a number, true/false, or text that holds numbers" if name in numeric else "a plain value"
            remedy = "Convert it, or leave it out"
            problems.append(Problem(f"Column '{name}' has no usable type", allowed, str(kind), remedy))
    if problems:
        raise DataError(gather("Some columns have a type that cannot be used", problems))
