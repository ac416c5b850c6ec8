"""What every fitted feature tells of itself, whatever its kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.schemas.document import Document
from pipeline.schemas.expression import ValueType
from pipeline.schemas.section import Integer
from pipeline.schemas.tensors import Dtype, TensorSpec
from pipeline.schemas.tokens import CROSS_SEPARATOR

Expansion = Literal["one_hot", "embedding"]
Dimension = Annotated[Integer, Field(ge=1, le=4096)]
Role = Literal["numeric", "categorical"]
"""Whether a feature's columns in the store are float32 numbers or int32 ids."""


class Feature(Document):
    """A fitted feature.

    Attributes:
        kind: tells features apart, and is the name of the kind's folder.
        name: of the store's column.
    """

    kind: str
    name: str

    role: ClassVar[Role]
    reads: ClassVar[ValueType]
    """What its columns of the source are read as."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The raw or derived columns that it is made of."""
        raise NotImplementedError

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in the store."""
        return (self.name,)

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """The tensors of a batch that it feeds: its own part of each, beside those of other features."""
        dtype: Dtype = "float32" if self.role == "numeric" else "int32"
        return (TensorSpec(name=self.role, dtype=dtype, shape=(len(self.columns),)),)

    @property
    def out_of_fold(self) -> bool:
        """Whether a training row gets a number that its own label is not in."""
        return False

    @property
    def fills_null(self) -> bool:
        """Whether a row may have no value."""
        return True

    def examples(self, column: str) -> Iterator[float | str]:
        """Values of one column of the source that mean something to it, if any."""
        raise NotImplementedError


class NumberFeature(Feature):
    """A feature made of a number.

    Attributes:
        source: the raw or derived column.
    """

    source: str

    reads: ClassVar[ValueType] = "number"
    keeps_values: ClassVar[bool]
    """Whether the store's column tells the values of the source."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The one column."""
        return (self.source,)

    if TYPE_CHECKING:  # pydantic lets no field override a property

        @property
        def edges(self) -> tuple[float, ...]:
            """Between intervals: of the store's column where that tells the values, else of the source."""

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Smaller values became the first one, larger ones the second; None for no bound."""
        return None, None

    @property
    def is_clipped(self) -> bool:
        """Whether there is a bound."""
        return self.bounds != (None, None)


class ValueFeature(Feature):
    """A feature whose column holds numbers, which the model may expand."""

    role: ClassVar[Role] = "numeric"

    if TYPE_CHECKING:

        @property
        def edges(self) -> tuple[float, ...]:
            """Between which the model expands the number piecewise linearly; empty for the number itself."""

        @property
        def width(self) -> int:
            """Columns that the network sees."""


class TextFeature(Feature):
    """A feature made of texts.

    Attributes:
        sources: the raw or derived columns; more than one is a cross.
    """

    sources: tuple[str, ...]

    reads: ClassVar[ValueType] = "text"
    has_vocabulary: ClassVar[bool] = True
    """Whether it knows texts, so that others are unknown to it."""

    @property
    def note(self) -> str:
        """What people are told beside its values, if anything."""
        return ""

    if TYPE_CHECKING:

        @property
        def vocabulary(self) -> tuple[str, ...]:
            """The texts that it knows."""

        @property
        def separator(self) -> str | None:
            """Between the values of a multi-valued text; None for one value."""

        @property
        def slots(self) -> int:
            """How many values of a row it keeps at most."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """All columns."""
        return self.sources

    @property
    def columns(self) -> tuple[str, ...]:
        """One, or of a multi-valued text one a slot: `name[0]`, `name[1]`, ..."""
        if self.separator is None:
            return (self.name,)
        return tuple(f"{self.name}[{slot}]" for slot in range(self.slots))

    def shared(self, earlier: TextFeature | None) -> TextFeature:
        """What rows hold from which this fold's column and those of earlier folds can be told.

        Args:
            earlier: what earlier folds share; None for the first one.
        """
        raise NotImplementedError

    def can_be_made_of(self, text: TextFeature) -> bool:
        """Whether ids that rows hold, by `shared`, tell what this feature tells."""
        raise NotImplementedError

    def tells_apart(self, texts: Collection[str]) -> bool:
        """Whether each of these texts has an id of its own."""
        return self.has_vocabulary and set(texts) <= set(self.vocabulary)

    def examples(self, column: str) -> Iterator[str]:
        """Texts of a column that is not part of a cross."""
        if self.sources == (column,):
            yield from self.vocabulary

    def known_texts(self, column: str) -> Iterator[str]:
        """The texts that it knows of one column, of a cross the part that comes from it."""
        parts = len(self.sources)
        for index in [index for index, source in enumerate(self.sources) if source == column]:
            for text in self.vocabulary:
                split = text.split(CROSS_SEPARATOR) if parts > 1 else [text]
                if len(split) == parts:
                    yield split[index]


class IdFeature(Feature):
    """A feature whose columns hold ids, which the model expands.

    Id 0 stands for what is unknown; a slot without a value holds the id `size - 1`, the padding.
    """

    role: ClassVar[Role] = "categorical"

    if TYPE_CHECKING:

        @property
        def encoding(self) -> Expansion:
            """How the model expands an id."""

        @property
        def dimension(self) -> int:
            """Of the embedding; 0 for one-hot."""

        @property
        def size(self) -> int:
            """Number of ids."""

        @property
        def separator(self) -> str | None:
            """Between the values of a multi-valued text; None for one value."""

        @property
        def slots(self) -> int:
            """How many columns it has."""
