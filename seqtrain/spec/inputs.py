"""The kinds of inputs: what a sequence is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from seqtrain.spec.kinds import Kind, Vocabulary, check_names, check_sizes

Standardization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]  # means and standard deviations
Unit: TypeAlias = Literal["character", "word"]  # what a text is cut into
ViewName: TypeAlias = Literal["rows", "columns", "pixels", "permuted"]  # what a time step of an image is


class Inputs(Kind):
    """What a sequence is made of."""

    kinds: ClassVar[dict[str, Any]] = {}

    sequences: ClassVar[str] = "sequences"  # a plural noun, for messages and metrics

    @property
    def steps(self) -> str:
        """What a sequence consists of, a plural noun."""
        return "time steps"

    def describe(self) -> str:
        """The inputs in a few words; "" where there is nothing to say but their number."""
        return ""


def check_standardization(standardization: Standardization | None) -> None:
    if standardization is not None:
        means, deviations = standardization
        if not all(type(each) in (int, float) for each in (*means, *deviations)):
            raise TypeError("the standardization is not made of numbers")


@dataclass(frozen=True, kw_only=True)
class VectorInputs(Inputs):
    """Sequences of vectors."""

    feature_size: int  # numbers per step
    standardization: Standardization | None = None  # by which the features were scaled

    def __post_init__(self) -> None:
        check_sizes(self.feature_size)
        check_standardization(self.standardization)


@dataclass(frozen=True, kw_only=True)
class SeriesInputs(VectorInputs):
    """Windows of series: the last values of one series, or of all, with the covariates beside them.

    A time step has `fold` rows of the series. The standardization is that of the columns: `series`, then
    `covariates`.
    """

    series: tuple[str, ...]  # the columns that are forecast
    covariates: tuple[str, ...]  # columns that are read, but not forecast
    time: str | None  # the column of times
    distance: str | None  # from one time to the next: `1 hour`
    context: int  # rows that are read
    fold: int
    subtract_last: bool  # whether values are counted from the last one of the context
    independent: bool  # whether a window has one series, by itself, or all of them

    sequences: ClassVar[str] = "windows"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names([*self.columns, *(each for each in (self.time, self.distance) if each is not None)])
        check_sizes(self.context, self.fold)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in their order."""
        return self.series + self.covariates

    def describe(self) -> str:
        many = len(self.series)
        each = "" if many == 1 else ", each by itself" if self.independent else ", together"
        apart = "" if self.distance is None else f" {self.distance} apart"
        return f"{many} series{each}, {self.context} rows{apart}, in steps of {self.fold}"


@dataclass(frozen=True, kw_only=True)
class ImageInputs(VectorInputs):
    """Images of one size, each read as a sequence of vectors."""

    view: str  # how an image is read, see `seqtrain.data.View`
    size: tuple[int, int]  # height and width

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names([self.view])
        height, width = self.size
        check_sizes(height, width)


@dataclass(frozen=True, kw_only=True)
class WordInputs(Inputs):
    """Sentences of words, each known by its index in a vocabulary and by its letters."""

    words: Vocabulary
    characters: Vocabulary
    vector_size: int | None = None  # numbers of a pretrained word vector, where there are any

    sequences: ClassVar[str] = "sentences"

    def __post_init__(self) -> None:
        check_names(self.words.entries)
        check_names(self.characters.entries)
        if self.vector_size is not None:
            check_sizes(self.vector_size)

    @property
    def steps(self) -> str:
        return "words"

    def describe(self) -> str:
        return f"{len(self.words):,} known words, {len(self.characters):,} characters"


@dataclass(frozen=True, kw_only=True)
class TokenInputs(Inputs):
    """Texts as the ids of their characters or words."""

    tokens: Vocabulary
    unit: Unit

    sequences: ClassVar[str] = "texts"

    def __post_init__(self) -> None:
        check_names([*self.tokens.entries, self.unit])

    @property
    def steps(self) -> str:
        return f"{self.unit}s"

    def describe(self) -> str:
        return f"{len(self.tokens.entries):,} different {self.steps}"
