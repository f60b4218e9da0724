"""The cells, one file each, with all that other code needs to know about them.

To add one, write a subclass of `Cell` with `@register_cell` above it: in a file of this folder, or in a
plugin (docs/extending.md). Everything else asks the cell; the engines run it stacked, packed and in both
directions, with gradients of any order.
"""

from importlib import import_module
from pkgutil import iter_modules

from seqtrain.recurrence.cells.cell import (
    CELLS,
    Cell,
    Gate,
    GateValues,
    OnnxNode,
    Shapes,
    State,
    Weights,
    add_bias,
    linear_shapes,
    multiply_input,
    multiply_state,
    register_cell,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "CELLS",
    "Cell",
    "Gate",
    "GateValues",
    "OnnxNode",
    "Shapes",
    "State",
    "Weights",
    "add_bias",
    "linear_shapes",
    "multiply_input",
    "multiply_state",
    "register_cell",
]
