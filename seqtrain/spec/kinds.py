"""What a spec is made of: kinds of inputs and targets, and vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from seqtrain.errors import SURROGATE


@dataclass(frozen=True)
class Vocabulary:
    """Strings and their ids; 0 is padding, 1 the unknown string.

    `counts` holds how often each entry of `entries` occurs in train (0 for entries from elsewhere, such as
    pretrained vectors, which come last).
    """

    entries: tuple[str, ...]  # without the two reserved ids: entries[0] has id 2
    counts: tuple[int, ...]

    @classmethod
    def of(cls, counts: Mapping[str, int], min_count: int = 1) -> Vocabulary:
        """The strings that occur at least `min_count` times, the most frequent first, ties by alphabet."""
        kept = sorted((-count, entry) for entry, count in counts.items() if count >= min_count)
        return cls(tuple(entry for _, entry in kept), tuple(-count for count, _ in kept))

    def is_sound(self) -> bool:
        """Whether it has texts, each once, and as many counts."""
        are_counts = all(type(each) is int and each >= 0 for each in self.counts)
        texts = all(_fits(each, str) for each in self.entries)
        return texts and are_counts and len(self.counts) == len(self.entries) == len(set(self.entries))

    def extended(self, others: Iterable[str]) -> Vocabulary:
        """The vocabulary, followed by those of `others` that it lacks, in their order and with count 0."""
        added = tuple(entry for entry in others if entry not in self._index)
        return Vocabulary(self.entries + added, self.counts + (0,) * len(added))

    def __len__(self) -> int:
        return len(self.entries) + 2

    @cached_property
    def num_counted(self) -> int:
        """How many entries occurred in train."""
        return sum(count > 0 for count in self.counts)

    def name(self, number: int) -> str:
        """The entry with this id; for the two reserved ids a name in angle brackets."""
        return self.entries[number - 2] if number > 1 else ("<padding>", "<unknown>")[number]

    def index(self) -> Mapping[str, int]:
        """The id of each entry."""
        return self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=2)}


Plain: TypeAlias = dict[str, Any]

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
        if not isinstance(plain, dict) or not isinstance(name := plain["kind"], str):
            raise TypeError("not a record of a kind")
        if not is_dataclass(cls.kinds.get(name)):
            raise UnknownKindError(name)
        kind: type[K] = cls.kinds[name]
        values = {key: _from_plain(value) for key, value in plain.items() if key != "kind"}
        hints = _type_hints(kind)
        if wrong := [key for key, value in values.items() if not _fits(value, hints.get(key, Any))]:
            raise TypeError(f"{name}: {', '.join(map(str, wrong))}")
        return kind(**values)


def _to_plain(value: Any) -> Any:
    return {"entries": value.entries, "counts": value.counts} if isinstance(value, Vocabulary) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"entries", "counts"}:
        return Vocabulary(tuple(value["entries"]), tuple(value["counts"]))
    return value


def _type_hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:  # in a user's own class, whose types are imported only for type checkers
        return {}


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value has the declared type of a field; types that are not known here accept any value."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if arguments[-1] is ...:
            return all(_fits(each, arguments[0]) for each in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    if kind is str:
        return isinstance(value, str) and not SURROGATE.search(value)
    if kind is float:
        return type(value) in (int, float)
    if kind is Vocabulary:
        return isinstance(value, Vocabulary) and value.is_sound()
    return type(value) is kind if kind in (int, bool, NoneType) else True


# These refuse what only a hand-made checkpoint can hold: a text in place of a size could end up in a script.


def check_names(names: Iterable[object]) -> None:
    if not all(isinstance(each, str) for each in names):
        raise TypeError("a name is not a text")


def check_sizes(*sizes: object) -> None:
    if not all(type(each) is int and 0 < each <= MAX_SIZE for each in sizes):
        raise TypeError(f"a size is not a number from 1 to {MAX_SIZE}")
