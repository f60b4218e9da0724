"""Schemas: for every built-in class the keys that its node may have, and the type of each value.

A schema is a class with annotations. It holds no defaults: those are in the YAML files. A key marked
OPTIONAL may be left out, since the constructor has a default of its own. Nothing here imports what
the schema describes; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

OPTIONAL: Any = object()

Declaration = TypeVar("Declaration", bound=type)


@dataclass(frozen=True)
class Schema:
    """The keys of one node; an open one takes other keys as well.

    `role` is the place in the configuration where the class belongs.
    """

    target: str
    role: str
    kinds: dict[str, Any]
    required: frozenset[str]
    open: bool = False


SCHEMAS: dict[str, Schema] = {}


def read_schema(declaration: type, target: str, role: str) -> Schema:
    kinds = get_type_hints(declaration, include_extras=True)
    required = frozenset(key for key in kinds if not hasattr(declaration, key))
    return Schema(target, role, kinds, required)


def describes(role: str, target: str) -> Callable[[Declaration], Declaration]:
    """Register the decorated declaration as the schema of the class `target` for `role`."""

    def register(declaration: Declaration) -> Declaration:
        SCHEMAS[target] = read_schema(declaration, target, role)
        return declaration

    return register
