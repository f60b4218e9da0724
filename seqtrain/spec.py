"""What a model knows of the data: the kind of its inputs, and the kind of its targets. Needs no torch.

Whoever has to treat kinds differently dispatches on these classes, and asks nothing else to learn what the
data is. A kind of your own is a frozen dataclass that derives from `Inputs` or `Targets`; checkpoints name it
by its class, which has to be imported (`plugins=[...]`) before they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

Plain: TypeAlias = dict[str, Any]
Standardization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]  # means and standard deviations
TagScheme: TypeAlias = Literal["bio", "iob"]  # see `StepClasses.tag_scheme`

MAX_SIZE = 1 << 20  # of a time step, an image or a word vector in a checkpoint's DataSpec

K = TypeVar("K", bound="Kind")


class UnknownKindError(ValueError):
    """A checkpoint has inputs or targets of a class that has not been imported."""


class Kind:
    """A kind of inputs or of targets, as plain values that load with `weights_only=True`."""

    kinds: ClassVar[dict[str, Any]]  # the classes that may be read, by name

    def __init_subclass__(cls) -> None:
        known = cls.kinds.get(cls.__name__, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__module__}.{cls.__name__}: {known.__module__} has a kind of this name")
        cls.kinds[cls.__name__] = cls

    def to_dict(self) -> Plain:
        """The fields beside the name of the class. Nothing is copied: this is saved in every epoch."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {"kind": type(self).__name__} | {name: _to_plain(value) for name, value in values.items()}

    @classmethod
    def from_dict(cls: type[K], plain: Plain) -> K:
        """The record of the class that `plain` names.

        Raises:
            UnknownKindError: no such class has been imported.
            TypeError, ValueError: `plain` was not made by `to_dict`.
        """
        name, values = plain["kind"], {key: value for key, value in plain.items() if key != "kind"}
        if not is_dataclass(cls.kinds.get(name)):
            raise UnknownKindError(name)
        kind: type[K] = cls.kinds[name]
        return kind(**{key: _from_plain(value) for key, value in values.items()})


class Inputs(Kind):
    """What a sequence is made of."""

    kinds: ClassVar[dict[str, Any]] = {}

    sequences: ClassVar[str] = "sequences"  # plural nouns, for messages and metrics
    steps: ClassVar[str] = "time steps"

    def describe(self) -> str:
        """What is known of the inputs, in a few words; "" for nothing but their number."""
        return ""


class Targets(Kind):
    """What the data says of a sequence, or of each of its time steps."""

    kinds: ClassVar[dict[str, Any]] = {}

    per_step: ClassVar[bool]  # whether each time step has a target, or each sequence
    each: ClassVar[str]  # what one of them is, for messages: "a class for each sequence"

    @property
    def num_targets(self) -> int:
        """How many numbers a head gives for each position, a score for each class for instance."""
        raise NotImplementedError

    def describe(self) -> str:
        """What the targets are, in a few words."""
        return ""


@dataclass(frozen=True, kw_only=True)
class VectorInputs(Inputs):
    """Sequences of vectors."""

    feature_size: int  # numbers per step
    standardization: Standardization | None = None  # by which the features were scaled

    def __post_init__(self) -> None:
        _check_sizes(self.feature_size)
        if self.standardization is not None:
            means, deviations = self.standardization
            if not all(type(each) in (int, float) for each in (*means, *deviations)):
                raise TypeError("the standardization is not made of numbers")


@dataclass(frozen=True, kw_only=True)
class ImageInputs(VectorInputs):
    """Images of one size, each read as a sequence of vectors."""

    view: str  # how an image is read, see `seqtrain.data.View`
    size: tuple[int, int]  # height and width

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_names([self.view])
        height, width = self.size
        _check_sizes(height, width)


@dataclass(frozen=True)
class Vocabulary:
    """Strings and their ids; 0 is padding, 1 the unknown string.

    `counts` holds how often each entry of `entries` occurred in the training part (0 for entries
    from elsewhere, such as pretrained vectors, which come last).
    """

    entries: tuple[str, ...]  # without the two reserved ids: entries[0] has id 2
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.entries) + 2

    @cached_property
    def num_counted(self) -> int:
        """How many entries occurred in the training part."""
        return sum(count > 0 for count in self.counts)

    def index(self) -> Mapping[str, int]:
        """The id of each entry."""
        return self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=2)}


@dataclass(frozen=True, kw_only=True)
class WordInputs(Inputs):
    """Sentences of words, each known by its place in a vocabulary and by its letters."""

    words: Vocabulary
    characters: Vocabulary
    vector_size: int | None = None  # numbers of a pretrained word vector, where there are any

    sequences: ClassVar[str] = "sentences"
    steps: ClassVar[str] = "words"

    def __post_init__(self) -> None:
        _check_names(self.words.entries)
        _check_names(self.characters.entries)
        if self.vector_size is not None:
            _check_sizes(self.vector_size)

    def describe(self) -> str:
        return f"{len(self.words):,} known words, {len(self.characters):,} characters"


class Classes(Targets):
    """One of several classes; `names` are in the order of their ids."""

    names: tuple[str, ...]

    @property
    def num_targets(self) -> int:
        return len(self.names)

    def describe(self) -> str:
        return f"{len(self.names)} classes"

    def __post_init__(self) -> None:
        _check_names(self.names)


@dataclass(frozen=True)
class SequenceClasses(Classes):
    """A class for each sequence."""

    names: tuple[str, ...]

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "a class for each sequence"


@dataclass(frozen=True)
class StepClasses(Classes):
    """A class, or tag, for each time step."""

    names: tuple[str, ...]
    column: str | None = None  # of CoNLL-U, where the tags are from
    # Tags that mark spans: what begins one, see `seqtrain.data.tag_scheme`. It follows from the data, and
    # earlier versions decided otherwise: a checkpoint of theirs does not come from other data for that.
    tag_scheme: TagScheme | None = field(default=None, compare=False)

    per_step: ClassVar[bool] = True
    each: ClassVar[str] = "a class for each time step"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_names([] if self.column is None else [self.column])


@dataclass(frozen=True)
class DataSpec:
    """All that a model knows about the data, available after setup and saved with the checkpoint."""

    inputs: Inputs
    targets: Targets

    def to_dict(self) -> Plain:
        """Plain tuples, strings and numbers, so that it loads with `weights_only=True`."""
        return {"inputs": self.inputs.to_dict(), "targets": self.targets.to_dict()}

    @classmethod
    def from_dict(cls, plain: Plain) -> DataSpec:
        """Read what `to_dict` made, now or in an earlier version.

        Raises:
            UnknownKindError: its inputs or targets are of a class that has not been imported.
            KeyError, TypeError, ValueError: it was made by something else.
        """
        if "inputs" not in plain:
            plain = _from_flat(plain)
        return cls(Inputs.from_dict(plain["inputs"]), Targets.from_dict(plain["targets"]))


def _from_flat(plain: Plain) -> Plain:
    """What version 0.2 and earlier saved, one record with the fields of all kinds, as it is saved now."""
    size, words = plain["image_size"], plain["words"]
    inputs: Plain
    targets: Plain
    if words is not None:
        inputs = {
            "kind": "WordInputs",
            "words": words,
            "characters": plain["characters"],
            "vector_size": plain.get("vector_size"),
        }
    elif size is not None:
        inputs = {
            "kind": "ImageInputs",
            "feature_size": plain["feature_size"],
            "view": plain["view"],
            "size": (size[0], size[1]),
        }
    else:
        inputs = {
            "kind": "VectorInputs",
            "feature_size": plain["feature_size"],
            "standardization": plain.get("standardization"),
        }
    targets = {"kind": "SequenceClasses", "names": tuple(plain["target_names"])}
    if words is not None or plain.get("has_target_per_step"):
        column = plain.get("column", None if words is None else "UPOS")
        targets |= {"kind": "StepClasses", "column": column, "tag_scheme": plain.get("tag_scheme")}
    return {"inputs": inputs, "targets": targets}


def _to_plain(value: Any) -> Any:
    return {"entries": value.entries, "counts": value.counts} if isinstance(value, Vocabulary) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"entries", "counts"}:
        return Vocabulary(tuple(value["entries"]), tuple(value["counts"]))
    return value


# These refuse what only a checkpoint made by hand can hold: a text for a size could end up in a script.


def _check_names(names: Iterable[object]) -> None:
    if not all(isinstance(each, str) for each in names):
        raise TypeError("a name is not a text")


def _check_sizes(*sizes: object) -> None:
    if not all(type(each) is int and 0 < each <= MAX_SIZE for each in sizes):
        raise TypeError(f"a size is not a number from 1 to {MAX_SIZE}")
