"""The cells by name."""

from __future__ import annotations

import re
from typing import TypeVar

from seqtrain.recurrence.cells.cell import Cell

CELLS: dict[str, Cell] = {}
"""Every cell that is known: those of this package, and those of plugins that have been imported."""

CellType = TypeVar("CellType", bound=type[Cell])


def register_cell(cell: CellType) -> CellType:
    """Make a cell known by its name; to be written above its class.

    Raises:
        ValueError: its declaration contradicts itself, or another cell has the name.
    """
    instance = cell()
    for problem in _find_problems(instance):
        raise ValueError(f"cell {cell.__module__}.{cell.__qualname__}: {problem}")
    CELLS[instance.name] = instance
    return cell


def _find_problems(cell: Cell):  # type: ignore[no-untyped-def]
    name = getattr(cell, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield f"name must be of lower-case letters, digits and underscores, got: {name!r}"
        return
    known = type(CELLS.get(name, cell))
    if (known.__module__, known.__qualname__) != (type(cell).__module__, type(cell).__qualname__):
        yield f"the name {name!r} is taken by {known.__module__}.{known.__qualname__}; give it another"
    sizes, parameters = list(cell.state_sizes(64).items()), cell.shapes(48, 64, True)
    if not sizes or sizes[0][1] != 64:
        yield f"the first state is the output and must have hidden_size numbers, got state_sizes: {sizes}"
    names = [gate.name for gate in cell.gates]
    if len(set(names)) < len(names):
        yield f"gates must differ in their names, got: {', '.join(names)}"
    for what in ("constants", "ranges"):
        if unknown := [each for each in getattr(cell, what) if each not in parameters]:
            yield f"{what} names {', '.join(unknown)}; its parameters are {', '.join(parameters)}"
