"""The cells, one file each: their equations, parameters and where they were published.

To add one, write a class that has what `Cell` asks for and enter it in CELLS. The reference engine runs it
at once: stacked, packed, in both directions, with gradients of any order.
"""

from seqtrain.recurrence.cells.cell import Cell, Shapes, State, Weights
from seqtrain.recurrence.cells.gru import GRU
from seqtrain.recurrence.cells.lstm import LSTM
from seqtrain.recurrence.cells.lstm_coupled import CoupledLSTM
from seqtrain.recurrence.cells.lstm_layernorm import LayerNormLSTM
from seqtrain.recurrence.cells.lstm_peephole import PeepholeLSTM

_ALL: tuple[Cell, ...] = (LSTM(), LayerNormLSTM(), PeepholeLSTM(), CoupledLSTM(), GRU())
CELLS = {cell.name: cell for cell in _ALL}

__all__ = ["CELLS", "Cell", "Shapes", "State", "Weights"]
