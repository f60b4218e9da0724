"""The cells, one file each: their equations, parameters and where they were published.

To add one, write a class that has what `Cell` asks for and enter it in CELLS. The reference engine runs it
at once: stacked, packed, in both directions, with gradients of any order.
"""

from seqtrain.recurrence.cells.cell import Cell, Shapes, State, Weights
from seqtrain.recurrence.cells.lstm import LSTM

CELLS: dict[str, Cell] = {cell.name: cell for cell in (LSTM(),)}

__all__ = ["CELLS", "Cell", "Shapes", "State", "Weights"]
