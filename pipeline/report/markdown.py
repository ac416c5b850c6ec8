"""Tables in Markdown, for descriptions of runs."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A table.

    Args:
        head: of the columns.
        lines: of cells.
        numbers: whether all columns but the first hold numbers, which stand to the right.
    """
    kinds = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in [head, kinds, *lines])
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
