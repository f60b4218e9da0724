"""Schemas: the keys that the node of a built-in class may have, and the type of each value.

A schema is declared as a class with annotations: ordinary types (int, float | None, Literal["tanh", "relu"],
list[int], ...), with a `Range` where a number has bounds; types that are not known here accept everything. It
holds no defaults: those are in the YAML files. A key marked OPTIONAL may be left out, since the constructor
has a default of its own. Nothing here imports what the schema describes; a test compares the two.

A declaration also states what the class goes with (`inputs`, `targets`), and may have static methods that
answer for one node of it, where `tree` is the whole configuration:

    feature_size(node)            of data: the numbers per time step, and why; None: only the files tell
    output_size(node, tree)       of an encoder: its features per time step, likewise
    num_parameters(node, size)    of a model or an encoder: a lower bound, for inputs of `size` numbers
    contradictions(node, tree)    values that are valid one by one but not together, as "path: problem"
    unused(node, tree)            keys that do nothing beside the other values, each with what to set instead;
                                  they are refused where the command line gives them, since the shipped files
                                  list them in any case
    idle(node, tree)              settings that are allowed but do nothing

An argument of the class that never has an effect here is marked `Elsewhere`, and says what to set instead.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from seqtrain.errors import not_among, show


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


OPTIONAL: Any = object()


class Node:
    """A nested mapping with `_target_`: an object of its own."""


Count: TypeAlias = Annotated[int, Range(1)]
Natural: TypeAlias = Annotated[int, Range(0)]
Share: TypeAlias = Annotated[float, Range(0, 1)]
Positive: TypeAlias = Annotated[float, Range(0, above=True)]
NonNegative: TypeAlias = Annotated[float, Range(0)]
Decay: TypeAlias = Annotated[float, Range(0, 1, below=True)]
Elsewhere: TypeAlias = Annotated[str, "no key: why it is not set here, and what is"]
LocalPath: TypeAlias = Annotated[str, Pattern(r"(?!.*(://|::))[^\0]+", "of a local path, without :// or ::")]

LARGEST = 2**63  # of the whole numbers that torch and NumPy can hold

Declaration = TypeVar("Declaration", bound=type)

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
    if (one_of := _one_of(kind)) is not None:
        return f"one of {', '.join(one_of.names())}"
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


def explain(kind: Any, value: Any) -> str:
    """The message for a value that is not of this kind."""
    words = words_of(kind)
    if not words or not isinstance(value, str):
        return f"got {show(value)}, expected {describe(kind)}"
    one_of = _one_of(kind)
    return not_among(value, words) + (f"; {one_of.remedy}" if one_of else "")


def words_of(kind: Any) -> list[str]:
    """The words that a value of this kind may be, where there are only some."""
    if (one_of := _one_of(kind)) is not None:
        return list(one_of.names())
    if get_origin(kind) is Literal:
        return [word for word in get_args(kind) if isinstance(word, str)]
    if get_origin(kind) in (Union, UnionType):
        return [word for argument in get_args(kind) for word in words_of(argument)]
    return []


def _one_of(kind: Any) -> OneOf | None:
    return next((limit for limit in _limits(kind) if isinstance(limit, OneOf)), None)


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


Tree: TypeAlias = Mapping[Any, Any]


@dataclass(frozen=True)
class Schema:
    """The keys of one node.

    Args:
        target: the dotted path of the class.
        role: the key of the configuration under which the class belongs.
        kinds: the type of each key.
        required: the keys that must be there.
        open: whether other keys are accepted too.
        inputs: the kind of inputs (see `seqtrain.spec`) that the data has, or that an encoder reads; images
            are read as `VectorInputs`.
        targets: the kind of targets that the data has, or that a head or a task learns; several between |.
        declaration: the class whose static methods answer for one node.
        elsewhere: arguments of the class that are set in another way, and how.
    """

    target: str
    role: str
    kinds: dict[str, Any]
    required: frozenset[str]
    open: bool = False
    inputs: str | None = None
    targets: str | None = None
    declaration: type = object
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def answer(self, question: str, *arguments: Any) -> Any:
        """What the declaration's static method of this name returns; None where it has none."""
        method = getattr(self.declaration, question, None)
        return None if method is None else method(*arguments)


@dataclass(frozen=True)
class Size:
    """A number of features per time step, and why it is that number."""

    features: int
    reason: str


SCHEMAS: dict[str, Schema] = {}


def read_schema(
    declaration: type, target: str, role: str, inputs: str | None = None, targets: str | None = None
) -> Schema:
    hints = get_type_hints(declaration, include_extras=True)
    elsewhere = {
        key: f"not set here; {getattr(declaration, key)}" for key in hints if hints[key] == Elsewhere
    }
    kinds = {key: kind for key, kind in hints.items() if key not in elsewhere}
    required = frozenset(key for key in kinds if not hasattr(declaration, key))
    return Schema(target, role, kinds, required, False, inputs, targets, declaration, elsewhere)


def describes(
    role: str, target: str, inputs: str | None = None, targets: str | None = None
) -> Callable[[Declaration], Declaration]:
    """Register the decorated declaration as the schema of the class `target` for `role`."""

    def register(declaration: Declaration) -> Declaration:
        SCHEMAS[target] = read_schema(declaration, target, role, inputs, targets)
        return declaration

    return register


def schema_at(tree: Tree, group: str) -> Schema | None:
    """The schema of the class in a group; None for a class of the user's own."""
    node = tree.get(group)
    target = node.get("_target_") if isinstance(node, dict) else None
    return SCHEMAS.get(target) if isinstance(target, str) else None
