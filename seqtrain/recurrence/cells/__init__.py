"""The cells, one file each: their equations, parameters and where they were published.

To add one, write a class with the members of `Cell` and enter it in CELLS. The engines run it
as it is: stacked, packed, in both directions, with gradients of any order.
"""

from seqtrain.recurrence.cells.cell import Cell, Gates, Shapes, State, Weights
from seqtrain.recurrence.cells.gru import GRU
from seqtrain.recurrence.cells.lstm import LSTM
from seqtrain.recurrence.cells.lstm_coupled import CoupledLSTM
from seqtrain.recurrence.cells.lstm_layernorm import LayerNormLSTM
from seqtrain.recurrence.cells.lstm_peephole import PeepholeLSTM
from seqtrain.recurrence.cells.rnn import RNN

_ALL: tuple[Cell, ...] = (LSTM(), LayerNormLSTM(), PeepholeLSTM(), CoupledLSTM(), GRU())
CELLS = {cell.name: cell for cell in _ALL}

__all__ = ["CELLS", "RNN", "Cell", "Gates", "Shapes", "State", "Weights"]
