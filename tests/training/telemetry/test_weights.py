from __future__ import annotations

from pathlib import Path

import pytest
import torch
from event_files import read_scalars

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.trace import trace
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

# Gates that another gate changes within a step: through the normalisation of all of them, the cell state that
# the output gate looks at, the reset state, and the share that two gates have of the memory.
SIDE_EFFECTS = {
    "lstm_layernorm": ("input", "forget", "candidate", "output"),
    "lstm_peephole": ("output",),
    "minlstm": ("forget", "input"),
    "gru": ("candidate",),
}


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.gates])
def test_the_rows_of_a_gate_move_that_gate_first(cell: str) -> None:
    """A bias added to one block of rows changes the gate of that name at the first step, and no other."""
    torch.manual_seed(0)
    rnn = BiLSTM(3, 4, bidirectional=False, cell=cell)
    x, length = torch.randn(1, 1, 3), torch.tensor([1])
    with torch.no_grad():
        before = trace(rnn, x, length).layers[0][0].gates
        for number, name in enumerate(CELLS[cell].find_blocks("weight_ih")):
            changed = BiLSTM(3, 4, bidirectional=False, cell=cell)
            changed.load_state_dict(rnn.state_dict())
            changed.weight_ih_l0[number * 4 : (number + 1) * 4] += 1.0
            after = trace(changed, x, length).layers[0][0].gates
            moved = {gate for gate in after if not torch.allclose(after[gate], before[gate], atol=1e-6)}
            assert name in moved
            assert moved <= {name, *SIDE_EFFECTS.get(cell, ())}


def test_norms_gradients_and_updates_of_a_run(compose) -> None:
    cfg = compose(
        "callbacks.weights.every_n_steps=6", "optimizer=sgd", "optimizer.lr=0.5", "schedule=constant",
        "optimizer.momentum=0", "optimizer.weight_decay=0", "trainer.gradient_clip_val=null",
    )  # fmt: skip
    train(cfg, RunFolder(cfg.run_dir))
    scalars = {tag: values for tag, values in read_scalars(Path(cfg.run_dir)).items() if "weights/" in tag}
    matrices = [f"weights/layer0/forward/{matrix}" for matrix in ("W_ih", "W_hh")]
    blocks = [f"{matrix}/{gate}" for matrix in matrices for gate in CELLS["lstm"].find_blocks("weight_hh")]
    assert set(scalars) == {f"{b}/{name}" for b in blocks for name in ("norm", "gradient_norm", "update")}
    for block in blocks:
        assert list(scalars[f"{block}/norm"]) == [1, 7]
        for step in (1, 7):
            # Plain gradient descent moves the weights by the learning rate times the gradient.
            moved = scalars[f"{block}/update"][step] * scalars[f"{block}/norm"][step]
            assert moved == pytest.approx(0.5 * scalars[f"{block}/gradient_norm"][step], rel=1e-3)


def test_a_plain_rnn_has_one_block_a_matrix(compose) -> None:
    cfg = compose("model=rnn", "trainer.max_epochs=1")
    train(cfg, RunFolder(cfg.run_dir))
    tags = {tag for tag in read_scalars(Path(cfg.run_dir)) if tag.startswith("weights/")}
    assert "weights/layer0/forward/W_hh/norm" in tags
    assert len(tags) == 6
