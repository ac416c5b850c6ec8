"""The kinds of features there are, and what engines ask of them.

    pipeline/kinds/bucket/__init__.py   KIND = FeatureKind(...)      encoding: bucketize
    my_package/sign.py                  SIGN = FeatureKind(...)      encoding: my_package.sign:SIGN

The allowed values of `encoding` and the classes of fitted features follow from here. A kind's functions lie in the
modules `arrays` and `layers` of its folder, or where it has none, beside its `FeatureKind`. They are imported when they
are first asked for: `layers` loads TensorFlow, which Spark's tasks do without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from pipeline.errors import nearest
from pipeline.kinds.feature import Feature, TextFeature
from pipeline.schemas.section import Section, parse_options

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.arrays.values import Ids, Stored, Values
    from pipeline.kinds.statistics import Needs, Transform

ColumnSection = Literal["numeric", "categorical"]

OWN_KIND = "package.module:NAME"

FIRST = ("scaled", "mapped", "vocabulary", "hashed", "bucket")
"""The order of layers in served models, which are the same bytes whatever kinds are added; others follow by name."""


@dataclass(frozen=True)
class FeatureKind:
    """A kind of feature.

    Attributes:
        description: one line for people.
        section: of `features`, whose columns can become such features.
        feature: the class of fitted features. Its field `kind` is the name of the kind: its folder in this package, or
            `package.module:NAME`.
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


class Arrays(Protocol):
    """What `arrays.py` of every kind has; those made of numbers have `Numbers` too, those of texts `Texts`."""

    def needs(self, group: Any) -> Needs:
        """The statistics of training rows that `fit` looks at, by the configuration of a group of columns."""

    def fit(self, plan: Any, found: Any) -> Any:
        """From a plan and the statistics of training rows to the fitted feature."""

    def stored(self, feature: Any, values: Mapping[str, pa.Array], folds: Ids | None = None) -> Sequence[Stored]:
        """The columns of a store.

        Args:
            feature: of this kind.
            values: raw and derived columns by name, float64 or string [n].
            folds: [n], the fold of a training row, negative for other rows; None where no row is a training row.
        """


class Numbers(Arrays, Protocol):
    """The kinds made of numbers."""

    def transform(self, group: Any, sample: Values) -> Transform | None:
        """What becomes of a number before the moments are taken that `needs` calls `transformed`; None for nothing.

        Args:
            group: the configuration.
            sample: finite values of training rows, ascending; may be empty where `needs` does not ask for it.
        """

    def of_numbers(self, feature: Any, values: Values) -> Stored:
        """The column of a store, of values that are NaN where they are null or not finite."""

    def beyond_float32(self, feature: Any, values: Sequence[float]) -> tuple[float, ...]:
        """The least and the greatest number that the feature meets, where the store cannot hold all between."""

    def source_values(self, feature: Any, column: Stored, missing: float) -> Values:
        """The values that a column of a store was made of, ascending; only of features that keep them."""


class Texts(Arrays, Protocol):
    """The kinds made of texts."""

    def table(self, feature: Any, text: TextFeature, *, by_fold: bool = False) -> Stored:
        """What the feature makes of each id of a text that rows of all folds share: [ids], or [folds, ids]."""


class Layers(Protocol):
    """What `layers.py` of every kind has."""

    def serve(self, features: Sequence[tuple[int, Any]], columns: Any) -> Iterator[tuple[Sequence[str], Any]]:
        """The columns of a store, see `layer.py`; `features` are those of this kind, with their places among all."""


def feature_kinds() -> dict[str, FeatureKind]:
    """The kinds of this package by name, in the order of their layers."""
    package = import_module(__package__)
    folders = (module.name for module in iter_modules(package.__path__) if module.ispkg)
    declared = {folder: getattr(import_module(f"{__package__}.{folder}"), "KIND", None) for folder in folders}
    return {name: kind for name, kind in sorted(declared.items(), key=lambda pair: _rank(pair[0])) if kind is not None}


def find_kind(name: str) -> FeatureKind:
    """The kind of a fitted feature.

    Raises:
        ValueError: there is none; it says which there are.
    """
    if ":" in name:
        return _own_kind(name)
    if name in FIRST:
        return cast(FeatureKind, import_module(f"{__package__}.{name}").KIND)
    kinds = feature_kinds()
    if name not in kinds:
        raise ValueError(f"'{name}' is no kind of feature. Allowed: {', '.join(kinds)}. {nearest(name, [*kinds])}")
    return kinds[name]


def encodings_of(section: ColumnSection) -> dict[str, str]:
    """Each value of `encoding` of a section, with the kind that it leads to."""
    kinds = [(name, kind) for name, kind in feature_kinds().items() if kind.section == section]
    return {encoding: name for name, kind in kinds for encoding in kind.allowed}


def kind_of_encoding(section: ColumnSection, encoding: str) -> str:
    """The kind that an encoding leads to.

    Raises:
        ValueError: it leads to none of that section.
    """
    if ":" in encoding:
        if (own := _own_kind(encoding)).section != section:
            raise ValueError(f"encoding {encoding} is for features.{own.section}, not for features.{section}")
        return encoding
    known = encodings_of(section)
    if encoding not in known:
        allowed = f"{', '.join(known)}, or {OWN_KIND}"
        raise ValueError(f"there is no encoding '{encoding}'. Allowed: {allowed}. {nearest(encoding, [*known])}")
    return known[encoding]


def known_encoding(section: ColumnSection, encoding: str) -> str:
    """The encoding, where it leads to a kind of that section.

    Raises:
        ValueError: see `kind_of_encoding`.
    """
    kind_of_encoding(section, encoding)
    return encoding


def kinds_table() -> str:
    """The kinds as a table in Markdown, for the documentation."""
    rows = ["| `kind` | section | `encoding` | a column becomes |", "|---|---|---|---|"]
    for name, kind in feature_kinds().items():
        encodings = ", ".join(f"`{encoding}`" for encoding in kind.allowed) or "-"
        rows.append(f"| `{name}` | `features.{kind.section}` | {encodings} | {kind.description} |")
    return "\n".join(rows)


def arrays_of(kind: str) -> Arrays:
    """The arrays side of a kind."""
    return cast(Arrays, _module(kind, "arrays"))


def number_arrays_of(kind: str) -> Numbers:
    """The arrays side of a kind made of numbers."""
    return cast(Numbers, _module(kind, "arrays"))


def text_arrays_of(kind: str) -> Texts:
    """The arrays side of a kind made of texts."""
    return cast(Texts, _module(kind, "arrays"))


def layers_of(kind: str) -> Layers:
    """The Keras side of a kind."""
    return cast(Layers, _module(kind, "layers"))


def by_kind(features: Iterable[Feature], first: int = 0) -> dict[str, list[tuple[int, Feature]]]:
    """The features of each kind with their places, counted from `first`, in the order of their layers."""
    found: dict[str, list[tuple[int, Feature]]] = {}
    for place, feature in enumerate(features, first):
        found.setdefault(feature.kind, []).append((place, feature))
    return {kind: found[kind] for kind in sorted(found, key=_rank)}


def _rank(kind: str) -> tuple[int, str]:
    return (FIRST.index(kind), "") if kind in FIRST else (len(FIRST), kind)


@cache
def _module(kind: str, name: str) -> Any:
    """The module of a kind's folder, or the one that declares it, where that is all of it."""
    own = kind.partition(":")[0] if ":" in kind else f"{__package__}.{kind}"
    whole = import_module(own)
    if not hasattr(whole, "__path__") or find_spec(f"{own}.{name}") is None:
        return whole
    return import_module(f"{own}.{name}")


def _own_kind(name: str) -> FeatureKind:
    module, _, attribute = name.partition(":")
    try:
        kind = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"'{name}' cannot be imported: {error}. Install the package, or correct the name") from error
    if not isinstance(kind, FeatureKind):
        allowed = f"an instance of {__name__}.FeatureKind"
        raise ValueError(f"'{name}' is no kind of feature. Allowed: {allowed}. Received: {type(kind).__name__}")
    return kind
