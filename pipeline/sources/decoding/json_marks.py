"""Where lines, texts and names of plain JSON are in a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.sources.decoding.decoding import is_utf8

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Signs = npt.NDArray[np.uint8]

MOST_SPACES = 64
"""Spaces in a row; a line with more is not plain."""
LONGEST_LINE = 10_000_000
"""Bytes; a longer line may hold a text that is too long for Jackson."""


@dataclass(frozen=True)
class Lines:
    """The lines of a block that are not empty; shapes (lines,).

    Attributes:
        starts: their first bytes.
        ends: behind their last bytes.
        firsts: the first sign that is no space, a brace in plain lines.
        lasts: the last one.
        odd: which are not plain, as far as is known.
    """

    starts: Ints
    ends: Ints
    firsts: Ints
    lasts: Ints
    odd: Mask


def find_lines(block: bytes, signs: Signs) -> Lines:
    """The lines of a block; odd are those that do not look like an object, or hold bytes that plain text cannot."""
    feeds = np.flatnonzero(signs == ord("\n"))
    starts = np.concatenate(([0], feeds[:-1] + 1))[: len(feeds)]
    filled = feeds > starts
    starts, ends = starts[filled], feeds[filled]
    firsts, lasts = skip_spaces(signs, starts, 1), skip_spaces(signs, ends - 1, -1)
    odd = (signs[firsts] != ord("{")) | (signs[lasts] != ord("}")) | (ends - starts > LONGEST_LINE)
    controls = signs < ord(" ")
    if np.count_nonzero(controls) > len(feeds):
        at = np.flatnonzero(controls)
        odd[np.searchsorted(starts, at[signs[at] != ord("\n")], "right") - 1] = True
    lines = Lines(starts, ends, firsts, lasts, odd)
    if not is_utf8(block):
        odd |= [not is_utf8(block[start:end]) for start, end in zip(starts, ends, strict=True)]
    return lines


def skip_spaces(signs: Signs, positions: Ints, step: int) -> Ints:
    """Positions moved by `step` until no space is there."""
    moving = np.flatnonzero(signs[positions] == ord(" "))
    positions = positions.copy() if moving.size else positions
    for _ in range(MOST_SPACES):
        if not moving.size:
            break
        positions[moving] += step
        moving = moving[signs[positions[moving]] == ord(" ")]
    return positions


def text_pairs(block: bytes, signs: Signs, lines: Lines) -> tuple[Ints, Ints]:
    """The opening and the closing quotation marks of plain lines; lines with half a pair become odd."""
    quotes = np.flatnonzero(signs == ord('"'))
    if b"\\" in block:
        quotes = quotes[~are_escaped(signs)[quotes]]
    counts = np.diff(np.append(np.searchsorted(quotes, lines.starts), len(quotes)))
    lines.odd[counts % 2 == 1] = True
    quotes = _of_plain(quotes, lines)
    return quotes[0::2], quotes[1::2]


def find_names(signs: Signs, lines: Lines, opens: Ints, closes: Ints) -> tuple[Ints, Ints]:
    """The indices of the pairs that are names in the outermost objects, and the positions of their colons."""
    after = skip_spaces(signs, closes + 1, 1)
    is_name = signs[after] == ord(":")
    lowered = signs | 0x20
    braces = np.flatnonzero((lowered == ord("{")) | (lowered == ord("}")))
    if len(braces) > 2 * len(lines.odd):
        is_name &= _are_outermost(signs, lines, braces, opens, closes)
    pairs = np.flatnonzero(is_name)
    return pairs, after[pairs]


def are_escaped(signs: Signs) -> Mask:
    """Which bytes follow a backslash that is not itself escaped; shape (bytes,)."""
    slashes = np.flatnonzero(signs == ord("\\"))
    begins = np.diff(slashes, prepend=-2) > 1
    run = np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))
    escaped = np.zeros(len(signs) + 1, bool)
    escaped[slashes[(np.arange(len(slashes)) - run) % 2 == 0] + 1] = True
    return escaped[:-1]


def _of_plain(positions: Ints, lines: Lines) -> Ints:
    """Those positions that are in plain lines."""
    if not lines.odd.any():
        return positions
    counts = np.diff(np.append(np.searchsorted(positions, lines.starts), len(positions)))
    return positions[np.repeat(~lines.odd, counts)]


def _are_outermost(signs: Signs, lines: Lines, braces: Ints, opens: Ints, closes: Ints) -> Mask:
    """Which pairs are in an outermost object; lines whose braces do not match become odd."""
    braces = _of_plain(braces, lines)
    within = np.searchsorted(opens, braces)
    inside = within > np.searchsorted(closes, braces)
    braces = braces[~inside]
    steps = np.where((signs[braces] | 0x20) == ord("{"), 1, -1)
    # The last depth is also the one before the first brace.
    depths = np.append(np.cumsum(steps), 0)
    bounds = np.append(np.searchsorted(braces, lines.starts), len(braces))
    before = depths[bounds - 1]
    lines.odd[np.diff(before) != 0] = True
    # Counted within each line: a missing brace must not affect the next line.
    levels = depths[:-1] - np.repeat(before[:-1], np.diff(bounds))
    preceding = np.searchsorted(braces, opens) - 1
    return np.asarray(np.append(levels, 0)[preceding] == 1)
