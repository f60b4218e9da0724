"""The layers that compete, all with the same weights: nn.LSTM, BiLSTM, and a loop over nn.LSTMCell."""

from collections.abc import Callable

import torch
from benchmarks.grid import Row
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from seqtrain.model import BiLSTM
from seqtrain.recurrence import PackedWalk

Layer = Callable[[Tensor | PackedSequence], Tensor]


class CellLoop(nn.Module):
    """Two directions as one would write them down: a Python loop over nn.LSTMCell, no padding computed."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList(nn.LSTMCell(input_size, hidden_size) for _ in range(2))

    def forward(self, rows: Tensor, packed: PackedWalk) -> Tensor:
        outputs = []
        for cell, walk in zip(self.cells, (rows, packed.reverse(rows)), strict=True):
            state = None
            steps = []
            for x in walk.split(packed.batch_sizes):
                if state is not None:
                    state = state[0][: len(x)], state[1][: len(x)]
                state = cell(x, state)
                steps.append(state[0])
            outputs.append(torch.cat(steps))
        return torch.cat([outputs[0], packed.reverse(outputs[1])], dim=-1)


def build(row: Row, backend: str, device: str) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    theirs = nn.LSTM(row.input_size, row.hidden_size, bidirectional=True, device=device, dtype=row.dtype)
    ours = BiLSTM(row.input_size, row.hidden_size, backend=backend, device=device, dtype=row.dtype)
    ours.load_state_dict(theirs.state_dict())
    loop = CellLoop(row.input_size, row.hidden_size).to(device, row.dtype)
    for cell, suffix in zip(loop.cells, ("", "_reverse"), strict=True):
        cell.load_state_dict(
            {name: getattr(theirs, f"{name}_l0{suffix}") for name, _ in cell.named_parameters()}
        )
    return {"nn.LSTM": theirs, "ours": ours, "LSTMCell": loop}


class Batch:
    """Random input of one batch in the forms that the layers take, and a gradient for the output."""

    def __init__(self, row: Row, lengths: tuple[int, ...], device: str) -> None:
        sizes = [sum(length > step for length in lengths) for step in range(lengths[0])]
        self.rows = torch.randn(
            sum(sizes), row.input_size, device=device, dtype=row.dtype, requires_grad=True
        )
        self.gradient = torch.randn(sum(sizes), 2 * row.hidden_size, device=device, dtype=row.dtype)
        self.shape = (len(sizes), len(lengths), row.input_size)
        self.sizes = torch.tensor(sizes)
        self.packed = row.packed

    def output(self, layer: nn.Module) -> Tensor:
        """The layer's output, (rows, 2 * hidden_size)."""
        if isinstance(layer, CellLoop):
            return layer(self.rows, PackedWalk(self.sizes.tolist(), self.rows.device))
        if self.packed:
            return layer(PackedSequence(self.rows, self.sizes))[0].data
        return layer(self.rows.view(self.shape))[0].flatten(0, 1)


def train_step(layer: nn.Module, batches: list[Batch]) -> None:
    """Forward and backward over all batches, with the gradients of weights and input."""
    for batch in batches:
        layer.zero_grad()
        batch.rows.grad = None
        batch.output(layer).backward(batch.gradient)


@torch.no_grad()
def forward(layer: nn.Module, batches: list[Batch]) -> None:
    for batch in batches:
        batch.output(layer)
