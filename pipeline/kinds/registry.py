"""The kinds of features there are.

    pipeline/kinds/bucket/__init__.py   KIND = FeatureKind(...)      encoding: bucketize
    my_package/sign.py                  SIGN = FeatureKind(...)      encoding: my_package.sign:SIGN

The allowed values of `encoding` and the classes of fitted features follow from here; the functions of a kind, which
`interfaces.py` describes, are imported when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.kinds.feature import Feature
from pipeline.kinds.interfaces import missing_functions
from pipeline.registry import REFERENCE, Registry, unknown_name
from pipeline.schemas.section import Section, parse_options

ColumnSection = Literal["numeric", "categorical"]

FIRST = ("scaled", "mapped", "vocabulary", "hashed", "bucket")
"""The order of layers in served models, which are the same bytes whatever kinds are added; others follow by name."""


@dataclass(frozen=True)
class FeatureKind:
    """A kind of feature.

    Attributes:
        description: one line for people.
        section: of `features`, whose columns can become such features.
        feature: the class of fitted features. Its field `kind` is the name of the kind: its folder in this package, or
            `package.module:name`.
        encodings: values of `encoding` that lead to it; None for its name alone.
        options: what `options` of a group of columns may hold; None for nothing.
    """

    description: str
    section: ColumnSection
    feature: type[Feature]
    encodings: tuple[str, ...] | None = None
    options: type[Section] | None = None

    @property
    def name(self) -> str:
        """What `kind` is in `features.json`."""
        return str(self.feature.model_fields["kind"].default)

    @property
    def allowed(self) -> tuple[str, ...]:
        """The values of `encoding` that lead to it."""
        return (self.name,) if self.encodings is None else self.encodings

    def parsed_options(self, content: Mapping[str, Any]) -> Section | None:
        """The options of a group of columns, checked.

        Raises:
            ValueError: the kind has none, or others.
        """
        return parse_options(self.options, content, self.name)


KINDS = Registry("kind of feature", __package__, FeatureKind, folders_only=True)
"""Of these, `feature_kinds` gives the order of their layers."""


def feature_kinds() -> dict[str, FeatureKind]:
    """The kinds of this package by name, in the order of their layers."""
    return dict(sorted(KINDS.entries.items(), key=lambda entry: _rank(entry[0])))


def encodings_of(section: ColumnSection) -> dict[str, str]:
    """Each value of `encoding` of a section, with the kind that it leads to."""
    kinds = [(name, kind) for name, kind in feature_kinds().items() if kind.section == section]
    return {encoding: name for name, kind in kinds for encoding in kind.allowed}


def kind_of_encoding(section: ColumnSection, encoding: str) -> str:
    """The kind that an encoding leads to.

    Raises:
        ValueError: it leads to none of that section.
    """
    encodings = encodings_of(section)
    if encoding in encodings:
        return encodings[encoding]
    if not REFERENCE.fullmatch(encoding):
        raise ValueError(unknown_name("encoding", encoding, [*encodings]))
    if (kind := KINDS.resolve(encoding)).section != section:
        raise ValueError(f"encoding {encoding} is for features.{kind.section}, not for features.{section}")
    return encoding


def check_encoding(section: ColumnSection, encoding: str) -> str:
    """The encoding, where it leads to a kind of that section.

    Raises:
        ValueError: see `kind_of_encoding`; or the kind, if it is none of those that ship, lacks functions.
    """
    kind = kind_of_encoding(section, encoding)
    if kind in FIRST:  # checked by tests; their functions would load pyarrow
        return encoding
    if missing := missing_functions(kind, KINDS.resolve(kind).feature):
        raise ValueError(
            f"the kind of feature '{kind}' lacks functions: {', '.join(missing)}. Define them beside its FeatureKind, "
            "as pipeline/kinds/interfaces.py describes them"
        )
    return encoding


def by_kind(features: Iterable[Feature], first: int = 0) -> dict[str, list[tuple[int, Feature]]]:
    """The features of each kind with their positions, counted from `first`, in the order of their layers."""
    groups: dict[str, list[tuple[int, Feature]]] = {}
    for position, feature in enumerate(features, first):
        groups.setdefault(feature.kind, []).append((position, feature))
    return {kind: groups[kind] for kind in sorted(groups, key=_rank)}


def _rank(kind: str) -> tuple[int, str]:
    return (FIRST.index(kind), "") if kind in FIRST else (len(FIRST), kind)
