"""Tables in Markdown, for descriptions of runs."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A table.

    Args:
        head: names of the columns.
        lines: cells of each line.
        numbers: whether all columns but the first hold numbers, which are aligned to the right.
    """
    kinds = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in [head, kinds, *lines])
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
