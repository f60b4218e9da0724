"""Types of configuration values: which values they accept, and what they are called in a message.

A type is an ordinary annotation (int, float | None, Literal["tanh", "relu"], list[int], ...), with a
`Range` where a number has bounds. Annotations that are not known here accept everything.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin


@dataclass(frozen=True)
class Range:
    """Bounds of a number; `above` leaves out the minimum, `below` the maximum."""

    minimum: float = -math.inf
    maximum: float = math.inf
    above: bool = False
    below: bool = False

    def __contains__(self, number: float) -> bool:
        above = number > self.minimum if self.above else number >= self.minimum
        below = number < self.maximum if self.below else number <= self.maximum
        return above and below

    def __str__(self) -> str:
        if self.maximum < math.inf and not self.above and not self.below:
            return f"from {self.minimum} to {self.maximum}"
        above = f"above {self.minimum}" if self.above else f"of at least {self.minimum}"
        if self.maximum == math.inf:
            return above
        return f"{above} and " + (f"below {self.maximum}" if self.below else f"at most {self.maximum}")


@dataclass(frozen=True)
class Pattern:
    """A regular expression that all of a text must match; `form` is how a message describes it."""

    expression: str
    form: str

    def __contains__(self, text: str) -> bool:
        return re.fullmatch(self.expression, text) is not None

    def __str__(self) -> str:
        return self.form if self.form.startswith("of ") else f"of the form {self.form}"


@dataclass(frozen=True)
class OneOf:
    """The names of a registry, asked whenever a value is checked: plugins may have added some.

    `remedy` is what to do about a name that is not among them.
    """

    names: Callable[[], Iterable[str]]
    remedy: str

    def __contains__(self, text: str) -> bool:
        return text in self.names()


class Node:
    """A nested mapping with `_target_`: an object of its own."""


Count: TypeAlias = Annotated[int, Range(1)]
Natural: TypeAlias = Annotated[int, Range(0)]
Share: TypeAlias = Annotated[float, Range(0, 1)]
Positive: TypeAlias = Annotated[float, Range(0, above=True)]
NonNegative: TypeAlias = Annotated[float, Range(0)]
Decay: TypeAlias = Annotated[float, Range(0, 1, below=True)]
LocalPath: TypeAlias = Annotated[str, Pattern(r"(?!.*(://|::))[^\0]+", "of a local path, without :// or ::")]

LARGEST = 2**63  # of the whole numbers that torch and NumPy can hold

SIMPLE: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "null",
    Node: "a mapping with _target_",
}


def accepts(kind: Any, value: Any) -> bool:
    """Whether `value`, as YAML or the command line gave it, is of this kind."""
    if isinstance(kind, type) and kind in SIMPLE:
        return _is_simple(kind, value)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return accepts(arguments[0], value) and all(value in limit for limit in _limits(kind))
    if origin in (Union, UnionType):
        return any(accepts(argument, value) for argument in arguments)
    if origin is Literal:
        return any(type(value) is type(argument) and value == argument for argument in arguments)
    if origin is list:
        return isinstance(value, list) and all(accepts(arguments[0], item) for item in value)
    if origin is tuple and Ellipsis not in arguments:
        return (
            isinstance(value, list) and len(value) == len(arguments) and all(map(accepts, arguments, value))
        )
    if origin is dict:
        return isinstance(value, dict) and all(
            accepts(arguments[0], key) and accepts(arguments[1], item) for key, item in value.items()
        )
    return True


def coerce(kind: Any, value: Any) -> Any:
    """An accepted value, with floats for whole numbers where `kind` is a number: torch checks the type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is float and isinstance(value, int):
        return float(value)
    if origin is Annotated:
        return coerce(arguments[0], value)
    if origin in (Union, UnionType):
        return coerce(next(argument for argument in arguments if accepts(argument, value)), value)
    if origin is list:
        return [coerce(arguments[0], item) for item in value]
    if origin is tuple and Ellipsis not in arguments:
        return [coerce(argument, item) for argument, item in zip(arguments, value, strict=True)]
    return value


def describe(kind: Any) -> str:
    """What a message calls a value of this kind, with its article."""
    if isinstance(kind, type) and kind in SIMPLE:
        return SIMPLE[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if words := _choices(kind):
        return f"one of {', '.join(words)}"
    if origin is Annotated:
        return " ".join([describe(arguments[0]), *map(str, _limits(kind))])
    if origin in (Union, UnionType):
        return " or ".join(describe(argument) for argument in arguments)
    if origin is Literal:
        choices = ", ".join(map(str, arguments))
        return f"one of {choices}" if len(arguments) > 1 else choices
    if origin is list:
        return f"a list, each item {describe(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    if origin is dict:
        words = words_of(arguments[0])
        return f"a mapping of {'|'.join(words)} to {describe(arguments[1])}" if words else "a mapping"
    return "a value"


def words_of(kind: Any) -> list[str]:
    """The words that a value of this kind may be, where there are only some."""
    if words := _choices(kind):
        return words
    if get_origin(kind) is Literal:
        return [word for word in get_args(kind) if isinstance(word, str)]
    if get_origin(kind) in (Union, UnionType):
        return [word for argument in get_args(kind) for word in words_of(argument)]
    return []


def remedy_of(kind: Any) -> str:
    """What to do where a value of this kind is not among the names that are known; "" where nothing helps."""
    remedies = [note.remedy for note in _limits(kind) if isinstance(note, OneOf)]
    return "".join(remedies)


def _choices(kind: Any) -> list[str]:
    return [name for note in _limits(kind) if isinstance(note, OneOf) for name in note.names()]


def _limits(kind: Any) -> list[Range | Pattern | OneOf]:
    if get_origin(kind) is not Annotated:
        return []
    return [note for note in get_args(kind)[1:] if isinstance(note, (Range, Pattern, OneOf))]


def _is_simple(kind: Any, value: Any) -> bool:
    if isinstance(value, bool):  # to Python a bool is an int as well
        return kind is bool
    if kind is float:
        return isinstance(value, (int, float)) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and abs(value) < LARGEST
    if kind is Node:
        return isinstance(value, dict) and "_target_" in value
    return isinstance(value, kind)
