"""Schemas: the keys that the node of a built-in class may have, and the type of each value.

A schema is declared as a class with annotations. It holds no defaults: those are in the YAML files. A key
marked OPTIONAL may be left out, since the constructor has a default of its own. Nothing here imports what the
schema describes; a test compares the two.

A declaration also states what the class goes with (`inputs`, `targets`), and may have static methods that
answer for one node of it, where `tree` is the whole configuration:

    feature_size(node)            of data: the numbers per time step, and why; None: only the files tell
    output_size(node, tree)       of an encoder: its features per time step, likewise
    num_parameters(node, size)    of a model or an encoder: a lower bound, for inputs of `size` numbers
    contradictions(node, tree)    values that are right one by one and wrong together, as "path: problem"
    unused(node, tree)            keys that do nothing beside the other values, each with what to set instead;
                                  they are refused where the command line gives them, since the shipped files
                                  list them in any case
    idle(node)                    settings that are allowed and do nothing

An argument of the class that never has an effect here is marked `Elsewhere`, and says what to set instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

OPTIONAL: Any = object()

Tree: TypeAlias = Mapping[Any, Any]

Elsewhere: TypeAlias = Annotated[str, "no key: why it is not set here, and what is"]

Declaration = TypeVar("Declaration", bound=type)


@dataclass(frozen=True)
class Schema:
    """The keys of one node.

    Args:
        target: the dotted path of the class.
        role: the place in the configuration where the class belongs.
        kinds: the type of each key.
        required: the keys that must be there.
        open: whether other keys are accepted too.
        inputs: the kind of inputs (see `seqtrain.spec`) that the data has, or that an encoder reads; images
            are read as `VectorInputs`.
        targets: the kind of targets that the data has, or that a head or a task learns.
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
