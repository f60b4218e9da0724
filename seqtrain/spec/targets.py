"""The kinds of targets: what the data says of a sequence, or of each of its time steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtrain.spec.inputs import Standardization, check_standardization
from seqtrain.spec.kinds import Kind, Vocabulary, check_names, check_sizes

TagScheme: TypeAlias = Literal["bio", "iob"]  # see `StepClasses.tag_scheme`


class Targets(Kind):
    """What the data says of a sequence, or of each of its time steps."""

    kinds: ClassVar[dict[str, Any]] = {}

    per_step: ClassVar[bool]  # whether each time step has a target, or each sequence
    each: ClassVar[str]  # what one of them is, for messages: "a class for each sequence"

    @property
    def num_targets(self) -> int:
        """How many numbers a head gives for each position: for instance, a score for each class."""
        raise NotImplementedError

    def describe(self) -> str:
        """What the targets are, in a few words."""
        return ""


class Classes(Targets):
    """One of several classes; `names` are in the order of their ids."""

    names: tuple[str, ...]

    @property
    def num_targets(self) -> int:
        return len(self.names)

    def describe(self) -> str:
        return f"{len(self.names)} classes"

    def __post_init__(self) -> None:
        check_names(self.names)


@dataclass(frozen=True)
class SequenceClasses(Classes):
    """A class for each sequence."""

    names: tuple[str, ...]
    counts: tuple[int, ...] | None = field(
        default=None, compare=False
    )  # of the classes in train, where known

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "a class for each sequence"


@dataclass(frozen=True)
class StepClasses(Classes):
    """A class, or tag, for each time step."""

    names: tuple[str, ...]
    column: str | None = None  # of CoNLL-U, from which the tags come
    # How tags begin a span, if they mark spans; see `find_scheme` in `seqtrain.data.files.tagged_file`. Not
    # compared: it follows from the data, and earlier versions derived it differently from the same data.
    tag_scheme: TagScheme | None = field(default=None, compare=False)

    per_step: ClassVar[bool] = True
    each: ClassVar[str] = "a class for each time step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names([] if self.column is None else [self.column])


@dataclass(frozen=True)
class NextToken(Targets):
    """The token that follows each time step, by its id in the vocabulary, which is that of the inputs."""

    tokens: Vocabulary

    per_step: ClassVar[bool] = True
    each: ClassVar[str] = "the next token for each time step"

    def __post_init__(self) -> None:
        check_names(self.tokens.entries)

    @property
    def num_targets(self) -> int:
        return len(self.tokens)

    def describe(self) -> str:
        return "the next token"


class Numbers(Targets):
    """Numbers, which are learnt as `(value - mean) / deviation` where there is a standardization."""

    names: tuple[str, ...]  # of the numbers of one position
    standardization: Standardization | None  # a mean and a deviation for each name

    @property
    def num_targets(self) -> int:
        return len(self.names)

    def in_units(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predicted numbers (..., num_targets) in the units of the data."""
        if self.standardization is None:
            return values
        means, deviations = (np.asarray(each, dtype=np.float32) for each in self.standardization)
        return values * deviations + means

    def describe(self) -> str:
        many = len(self.names)
        return f"the number {self.names[0]}" if many == 1 else f"{many} numbers"

    def __post_init__(self) -> None:
        check_names(self.names)
        check_standardization(self.standardization)


@dataclass(frozen=True)
class SequenceNumbers(Numbers):
    """Numbers for each sequence: targets of a batch are (batch, numbers) float, NaN where unknown."""

    names: tuple[str, ...]
    standardization: Standardization | None = None

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "numbers for each sequence"


@dataclass(frozen=True)
class Horizon(Numbers):
    """The next values of series: targets of a batch are (batch, horizon * series of a window) float.

    The series vary fastest. A window has one of them, where they are `independent`, or all.
    """

    names: tuple[str, ...]
    standardization: Standardization | None
    length: int  # rows ahead
    independent: bool
    season: int  # rows after which a series tends to repeat itself
    # For each series on train, as learnt: the mean absolute error of forecasting the value one season before,
    # by which MASE divides; 0 where the series repeats itself exactly.
    naive_errors: tuple[float, ...]

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "the next values of series"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self.length, self.season)

    @property
    def num_targets(self) -> int:
        return self.length * (1 if self.independent else len(self.names))

    def describe(self) -> str:
        return f"the next {self.length} rows"

    def restore(
        self, values: npt.NDArray[np.float32], series: npt.NDArray[np.int64], last: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Predicted numbers in the units of the data.

        Args:
            values: (batch, num_targets), counted from the last values.
            series: (batch, series of a window), the number of each.
            last: (batch, series of a window), as learnt.

        Returns:
            (batch, length, series of a window)
        """
        assert self.standardization is not None
        means, deviations = (np.asarray(each, dtype=np.float32) for each in self.standardization)
        counted = values.reshape(len(values), -1, last.shape[1]) + last[:, None]
        return counted * deviations[series][:, None] + means[series][:, None]


@dataclass(frozen=True)
class StepNumbers(Numbers):
    """Numbers for each time step: targets of a batch are (batch, time, numbers) float, NaN where unknown."""

    names: tuple[str, ...]
    standardization: Standardization | None = None

    per_step: ClassVar[bool] = True
    each: ClassVar[str] = "numbers for each time step"
