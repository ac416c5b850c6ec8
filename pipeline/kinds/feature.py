"""What every fitted feature says about itself, whatever its kind."""

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
        kind: discriminates features at rest; the name of the kind's folder, or `package.module:name`.
        name: of the store's column.
    """

    kind: str
    name: str

    role: ClassVar[Role]
    reads: ClassVar[ValueType]
    """What its columns of the source are read as."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The raw or derived columns that it is computed from."""
        raise NotImplementedError

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in the store."""
        return (self.name,)

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """The tensors of a batch that it feeds, each with its own columns only."""
        dtype: Dtype = "float32" if self.role == "numeric" else "int32"
        return (TensorSpec(name=self.role, dtype=dtype, shape=(len(self.columns),)),)

    @property
    def out_of_fold(self) -> bool:
        """Whether training rows get numbers that are fitted without their own labels."""
        return False

    @property
    def fills_null(self) -> bool:
        """Whether a null of the source gets a value."""
        return True

    def examples(self, column: str) -> Iterator[float | str]:
        """Values of one column of the source that it treats in different ways, if any.

        They are tried when a model is saved, and make up the example that MLflow keeps.
        """
        return iter(())


class NumberFeature(Feature):
    """A feature made of a number.

    Attributes:
        source: the raw or derived column.
    """

    source: str

    reads: ClassVar[ValueType] = "number"
    keeps_values: ClassVar[bool]
    """Whether the values of the source can be recovered from the store's column."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The one column."""
        return (self.source,)

    if TYPE_CHECKING:  # pydantic lets no field override a property

        @property
        def edges(self) -> tuple[float, ...]:
            """Between intervals: in the unit of the store's column if it keeps values, else of the source."""

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Values are clipped to these; None for no bound."""
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
    """Whether it has a vocabulary, so that other texts are unknown."""

    @property
    def note(self) -> str:
        """A note on its values for people, or empty."""
        return ""

    if TYPE_CHECKING:

        @property
        def vocabulary(self) -> tuple[str, ...]:
            """The texts that it has ids or numbers for."""

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
        """The ids that rows of all folds share, from which the column of this fold and of earlier ones follows.

        Args:
            earlier: what earlier folds share; None for the first one.
        """
        raise NotImplementedError

    def can_be_derived_from(self, text: TextFeature) -> bool:
        """Whether the column of this feature follows from the ids that rows hold, by `shared`."""
        raise NotImplementedError

    def has_ids_for(self, texts: Collection[str]) -> bool:
        """Whether each of these texts has an id of its own."""
        return self.has_vocabulary and set(texts) <= set(self.vocabulary)

    def examples(self, column: str) -> Iterator[str]:
        """Texts of a column that is not part of a cross."""
        if self.sources == (column,):
            yield from self.vocabulary

    def texts_of_column(self, column: str) -> Iterator[str]:
        """The vocabulary's texts of one column; of a cross, the parts that come from that column."""
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
