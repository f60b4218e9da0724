import pytest
import torch

from seqtrain.model import BiLSTM
from seqtrain.recurrence import BACKENDS, CELLS, choose_engine, explain_backend
from seqtrain.recurrence.engines.eager import eager_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.walk import PackedWalk


def test_auto_takes_the_eager_engine_for_cells_with_gradients_by_hand() -> None:
    x, walk = torch.zeros(2, 3), PackedWalk([1, 1], torch.device("cpu"))
    state = (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    assert choose_engine("auto", CELLS["lstm"], x, state, walk) is eager_layer
    assert choose_engine("reference", CELLS["lstm"], x, state, walk) is reference_layer
    assert choose_engine("auto", CELLS["gru"], x, state[:1], walk) is eager_layer
    assert choose_engine("auto", CELLS["lstm_peephole"], x, state, walk) is reference_layer


def test_a_backend_that_cannot_run_the_cell_is_explained() -> None:
    message = explain_backend("eager", "lstm_peephole")
    assert message == (
        "backend='eager' runs cell='lstm' and 'gru' only, got: cell='lstm_peephole'. "
        "Use backend='auto', which runs other cells in the reference engine."
    )
    assert str(explain_backend("triton", "gru")).startswith("backend='triton' runs cell='lstm' only, ")
    with pytest.raises(ValueError, match="cell='lstm' and 'gru' only"):
        BiLSTM(3, 4, backend="eager", cell="lstm_coupled")
    assert all(explain_backend(backend, "lstm") is None for backend in BACKENDS)
