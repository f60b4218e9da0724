import pytest
import torch

from seqtrain.model import BiLSTM
from seqtrain.recurrence import BACKENDS, CELLS, choose_engine, explain_backend
from seqtrain.recurrence.engines.any_cell import any_cell_layer
from seqtrain.recurrence.engines.eager import eager_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.walk import PackedWalk


def test_auto_takes_the_eager_engine_for_cells_with_gradients_by_hand() -> None:
    x, walk = torch.zeros(2, 3), PackedWalk([1, 1], torch.device("cpu"))
    state = (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    assert choose_engine("auto", CELLS["lstm"], x, state, walk) is eager_layer
    assert choose_engine("reference", CELLS["lstm"], x, state, walk) is reference_layer
    assert choose_engine("auto", CELLS["gru"], x, state[:1], walk) is eager_layer
    assert choose_engine("auto", CELLS["lstm_peephole"], x, state, walk) is any_cell_layer
    assert choose_engine("eager", CELLS["lstm_peephole"], x, state, walk) is any_cell_layer


def test_a_backend_that_cannot_run_the_cell_is_explained() -> None:
    assert explain_backend("triton", "gru") == (
        "backend='triton' runs cell='lstm' only, got: cell='gru'. Use backend='auto', which runs any cell."
    )
    with pytest.raises(ValueError, match="backend='triton' runs cell='lstm' only, got: cell='lstm_coupled'"):
        BiLSTM(3, 4, backend="triton", cell="lstm_coupled")
    assert all(explain_backend(backend, "lstm") is None for backend in BACKENDS)
