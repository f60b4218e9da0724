"""A layer as one operator: under torch.compile, torch.export, torch.jit.trace and torch.fx."""

import io
from typing import Any

import pytest
import torch
import torch._dynamo.testing
from cpu_backends import needs_kernel
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtrain import recurrence
from seqtrain.model import BiLSTM
from seqtrain.recurrence import operator
from seqtrain.recurrence.operator import _layer

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated"),
    # opcheck looks at the gradients of what it made itself
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # from torch's own packing
]
CELLS = ["lstm", "gru", "lstm_peephole"]


class Tagger(nn.Module):
    """A layer between two others."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before = nn.Linear(3, 3)
        self.rnn = BiLSTM(3, 4, 2, **arguments)
        self.after = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        output, state = self.rnn(self.before(x))
        return self.after(output) + state[0].sum()


class PackedTagger(Tagger):
    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.before(x), lengths, enforce_sorted=False)
        output, _ = self.rnn(packed)
        return self.after(pad_packed_sequence(output)[0])


def gradients(tagger: nn.Module, output: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(output.square().sum(), tagger.parameters(), allow_unused=True))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_operator_is_well_formed(cell: str, packed: bool) -> None:
    """Schema, autograd, fake tensors and dynamic shapes, by torch's own checks; gradients included."""
    layer = BiLSTM(3, 4, cell=cell, dtype=torch.float64)
    x = torch.randn(*(8,) if packed else (4, 2), 3, dtype=torch.float64, requires_grad=True)
    sizes = torch.tensor([2, 2, 2, 1, 1]) if packed else None
    state = [torch.randn(2, 2, 4, dtype=torch.float64) for _ in range(1 if cell == "gru" else 2)]
    names = " ".join(recurrence.CELLS[cell].shapes(3, 4, True))
    torch.library.opcheck(_layer, (x, sizes, state, list(layer.parameters()), cell, "auto", names))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_trace_serves_other_lengths_and_batches_after_saving(cell: str, batch_first: bool) -> None:
    tagger = Tagger(cell=cell, batch_first=batch_first)
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(tagger, torch.randn(5, 2, 3)), file)
    file.seek(0)
    traced = torch.jit.load(file)
    x = torch.randn(7, 4, 3)
    torch.testing.assert_close(traced(x), tagger(x))


def test_trace_of_packed_input_serves_other_lengths() -> None:
    tagger = PackedTagger()
    traced = torch.jit.trace(tagger, (torch.randn(5, 2, 3), torch.tensor([5, 3])))
    x, lengths = torch.randn(7, 4, 3), torch.tensor([2, 7, 7, 1])
    torch.testing.assert_close(traced(x, lengths), tagger(x, lengths))


def test_export_has_one_node_per_layer_and_dynamic_sizes() -> None:
    tagger = Tagger()
    sizes = {"x": {0: torch.export.Dim("length"), 1: torch.export.Dim("batch")}}
    program = torch.export.export(tagger, (torch.randn(5, 2, 3),), dynamic_shapes=sizes)
    names = [str(node.target) for node in program.graph.nodes]
    assert names.count("seqtrain.recurrent_layer.default") == 2
    x = torch.randn(7, 4, 3)
    output = program.module()(x)
    torch.testing.assert_close(output, tagger(x))


def test_fx_records_the_layer_as_one_call() -> None:
    tagger = Tagger()
    graph = torch.fx.symbolic_trace(tagger)
    assert ("call_module", "rnn") in [(node.op, node.target) for node in graph.graph.nodes]
    x = torch.randn(7, 4, 3)
    assert torch.equal(graph(x), tagger(x))


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole"])
def test_compile_makes_no_graph_per_length(cell: str) -> None:
    torch._dynamo.reset()
    tagger = Tagger(cell=cell)
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(tagger, backend=counter, fullgraph=True)
    for length in (5, 7, 9, 30):
        x = torch.randn(length, 2, 3)
        output, expected = compiled(x), tagger(x)
        torch.testing.assert_close(output, expected)
        for mine, plain in zip(gradients(tagger, output), gradients(tagger, expected), strict=True):
            torch.testing.assert_close(mine, plain)
    assert counter.frame_count == 2, "one for the first length, one for all others"


@needs_kernel
def test_the_backend_runs_the_gradients_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(operator, "differentiate_native", lambda *_: found.append(True))
    x = torch.randn(5, 2, 3)
    torch.compile(BiLSTM(3, 4, backend="reference"), backend="aot_eager")(x)[0].sum().backward()
    assert not found
    with pytest.raises(TypeError):  # the replaced one gives nothing
        torch.compile(BiLSTM(3, 4, backend="native"), backend="aot_eager")(x)[0].sum().backward()
    assert found


def test_an_empty_batch_has_gradients_under_a_compiler() -> None:
    layer = BiLSTM(3, 4)
    x = torch.zeros(5, 0, 3, requires_grad=True)
    torch.compile(layer, backend="aot_eager")(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    assert torch.equal(layer.weight_hh_l0.grad, torch.zeros(16, 4))
