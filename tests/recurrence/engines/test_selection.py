from typing import Any

import pytest
import torch
from cpu_backends import CPU_BACKENDS, needs_kernel

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS, choose_engine, explain_backend
from seqtrain.recurrence.engines.native import native_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.walk import PackedWalk


def arguments(cell: str, batch_sizes: tuple[int, ...] = (1, 1), dtype: torch.dtype = torch.float32) -> Any:
    """What an engine takes, for a layer of four units."""
    names, shapes = CELLS[cell].state_names, CELLS[cell].shapes(3, 4, bias=True)
    weights = [{name: torch.zeros(shape, dtype=dtype) for name, shape in shapes.items()}]
    state = tuple(torch.zeros(1, batch_sizes[0], 4, dtype=dtype) for _ in names)
    walk = PackedWalk(batch_sizes, torch.device("cpu"))
    return CELLS[cell], torch.zeros(sum(batch_sizes), 3, dtype=dtype), weights, state, walk


@needs_kernel
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_auto_takes_the_native_engine_where_it_can_run(cell: str) -> None:
    assert choose_engine("auto", *arguments(cell)) is native_layer
    assert choose_engine("native", *arguments(cell)) is native_layer
    assert choose_engine("auto", *arguments(cell, dtype=torch.float64)) is reference_layer
    assert choose_engine("native", *arguments(cell, batch_sizes=(0, 0))) is reference_layer


def test_plain_torch_runs_other_cells_and_what_earlier_versions_called_eager() -> None:
    assert choose_engine("reference", *arguments("lstm")) is reference_layer
    assert choose_engine("eager", *arguments("lstm")) is reference_layer
    assert choose_engine("auto", *arguments("lstm_peephole")) is reference_layer


def test_a_backend_that_cannot_run_the_cell_is_explained() -> None:
    assert explain_backend("triton", "gru") == (
        "backend='triton' runs cell='lstm' only, got: cell='gru'. Use backend='auto', which runs any cell."
    )
    with pytest.raises(ValueError, match="backend='triton' runs cell='lstm' only, got: cell='lstm_coupled'"):
        BiLSTM(3, 4, backend="triton", cell="lstm_coupled")
    assert all(explain_backend(backend, "lstm") is None for backend in CPU_BACKENDS)
