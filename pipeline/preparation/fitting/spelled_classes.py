"""Joins the counts of classes that are one number, and tells of numbers that are written in several ways."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from pipeline.formatting import listed
from pipeline.preparation.fitting.label import ClassCounts
from pipeline.preparation.rows.class_spellings import number_names
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.preparation.statistics.value_counts import Counts
from pipeline.schemas.tokens import NULL_TOKEN

log = logging.getLogger(__name__)


def joined_classes(counts: Counts, label: LabelStatistics) -> Counts:
    """The counts of a fold, with one class for each number where all classes are numbers."""
    if label.is_text:
        return counts
    names = number_names(counts.classes)
    joined: dict[str, tuple[int, int, int]] = {}
    for spelling, rows in counts.classes.items():
        name = names[spelling] or spelling
        before = joined.get(name, (0, 0, 0))
        joined[name] = (before[0] + rows[0], before[1] + rows[1], before[2] + rows[2])
    return replace(counts, classes=joined)


def log_spellings(name: str, label: LabelStatistics, classes: ClassCounts) -> None:
    """Say that leading zeros make a label's classes texts; warn of numbers that are written in several ways.

    Args:
        name: of the label.
        label: its statistics.
        classes: as they are written, before `joined_classes`.
    """
    if label.padded:
        log.info("Label '%s' has numbers with leading zeros, so its classes are texts, as they are written.", name)
    for number, spellings in _spellings(classes).items():
        if len(spellings) == 1:
            continue
        shown = listed([f"'{spelling}'" for spelling in spellings])
        if label.is_text:
            log.warning(
                "Label '%s' has classes that are one number written in several ways: %s. They stay apart, since the "
                "classes are texts. Write the number in one way.",
                name,
                shown,
            )
        else:
            log.warning("Label '%s' has a number written in several ways: %s. It is class '%s'.", name, shown, number)


def _spellings(classes: ClassCounts) -> Mapping[str, list[str]]:
    spellings: dict[str, list[str]] = {}
    for spelling, number in number_names(classes).items():
        if number is not None and spelling != NULL_TOKEN:
            spellings.setdefault(number, []).append(spelling)
    return spellings
