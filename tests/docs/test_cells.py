"""docs/cells.md: what each cell declares, and what was found to work with each backbone, cell and head."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from odd_cell import OddCell
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqtrain.analysis.examine import examine
from seqtrain.analysis.gates import gate_statistics
from seqtrain.config import ConfigError
from seqtrain.data import VectorDataset
from seqtrain.data.batching.streams import Streams
from seqtrain.data.batching.token_dataset import TokenDataset
from seqtrain.data.batching.windows import WindowDataset
from seqtrain.errors import InputError
from seqtrain.model import (
    BiLSTM,
    CRFHead,
    LabelHead,
    Network,
    NextTokenHead,
    NumberHead,
    RecurrentBackbone,
    TagHead,
    TokenEncoder,
    VectorEncoder,
)
from seqtrain.model.backbone import recurrent_module
from seqtrain.records import SequenceBatch
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.cells import Cell
from seqtrain.recurrence.trace import trace
from seqtrain.spec import (
    DataSpec,
    Horizon,
    NextToken,
    SequenceClasses,
    SequenceNumbers,
    SeriesInputs,
    StepClasses,
    TokenInputs,
    VectorInputs,
    Vocabulary,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cells.md").read_text(encoding="utf-8")
COLUMNS = ("gates", "trace", "inspect", "ONNX", "torch program", "DDP", "compile")
SIZES = {"input_size": 4, "hidden_size": 5, "batch_first": True}
LENGTHS = torch.tensor([6, 4, 6])

Make = Callable[[], nn.Module]


class OwnBackbone(nn.Module):
    """A backbone that is no recurrent layer: the mean of what came before."""

    num_directions = 1
    output_size = 5

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 5)

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Tensor, Any]:
        inside = (torch.arange(features.shape[1]) < lengths[:, None])[..., None]
        states = self.linear(features).cumsum(1) * inside
        return states, states[torch.arange(features.shape[0]), lengths - 1], state


def make_odd() -> nn.Module:
    return RecurrentBackbone(BiLSTM(**SIZES, cell="odd"))


BACKBONES: dict[str, Make] = {
    "`torch.nn.RNN`": lambda: RecurrentBackbone(nn.RNN(**SIZES)),
    "`torch.nn.LSTM`": lambda: RecurrentBackbone(nn.LSTM(**SIZES)),
    "`torch.nn.GRU`": lambda: RecurrentBackbone(nn.GRU(**SIZES)),
    **{
        f"`BiLSTM`, `cell={cell}`": lambda cell=cell: RecurrentBackbone(BiLSTM(**SIZES, cell=cell))
        for cell in CELLS
    },
    "`BiLSTM`, a cell of your own": make_odd,
    "a backbone of your own": OwnBackbone,
}
HEADS: dict[str, Callable[..., nn.Module]] = {
    "`head=label`": lambda **sizes: LabelHead(**sizes, dropout=0.0, label_smoothing=0.0),
    "`head=tags`": lambda **sizes: TagHead(**sizes, dropout=0.0, label_smoothing=0.0),
    "`head=crf`": lambda **sizes: CRFHead(**sizes, dropout=0.0),
    "`head=next_token`": lambda **sizes: NextTokenHead(**sizes, dropout=0.0, label_smoothing=0.0),
    "`head=numbers`": lambda **sizes: NumberHead(**sizes, dropout=0.0, loss="mse"),
    "`head=forecast`": lambda **sizes: NumberHead(**sizes, dropout=0.0, loss="quantiles"),
}
ROWS = {name: (make, HEADS["`head=tags`"]) for name, make in BACKBONES.items()}
ROWS |= {name: (BACKBONES["`torch.nn.LSTM`"], head) for name, head in HEADS.items()}


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "odd", OddCell())


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A group of one process, which is enough to learn whether DDP finds a gradient for every weight."""
    store = tmp_path_factory.mktemp("ddp") / "store"
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler and exporters
@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("name", ROWS)
def test_what_the_page_says_works(name: str) -> None:
    make, head = ROWS[name]
    assert row_of(name) == {column: try_it(column, make, head) for column in COLUMNS}


def row_of(name: str) -> dict[str, str]:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
    return dict(zip(COLUMNS, [cell.strip() for cell in line.strip("|").split("|")[1:]], strict=True))


def try_it(column: str, make: Make, make_head: Callable[..., nn.Module]) -> str:
    torch.manual_seed(0)
    backbone: Any = make()
    head = make_head(input_size=backbone.output_size, num_targets=3)
    spec, dataset = DATA.get(type(head), of_steps)(head)
    encoder = VectorEncoder(spec) if isinstance(spec.inputs, VectorInputs) else TokenEncoder(spec, 4, 0.0)
    network = Network(encoder, backbone, head)
    try:
        return TRIALS[column](network, spec, dataset)
    except (ConfigError, InputError, TypeError):
        return "no"


def of_steps(_: nn.Module) -> tuple[DataSpec, Any]:
    targets = torch.zeros(3, 6, dtype=torch.int64)
    targets[1, 4:] = -100
    spec = DataSpec(VectorInputs(feature_size=4), StepClasses(("a", "b", "c")))
    return spec, VectorDataset(torch.randn(3, 6, 4), LENGTHS, targets)


def of_sequences(_: nn.Module) -> tuple[DataSpec, Any]:
    spec = DataSpec(VectorInputs(feature_size=4), SequenceClasses(("a", "b", "c")))
    return spec, VectorDataset(torch.randn(3, 6, 4), LENGTHS, torch.zeros(3, dtype=torch.int64))


def of_numbers(head: nn.Module) -> tuple[DataSpec, Any]:
    if not head.quantiles:
        spec = DataSpec(VectorInputs(feature_size=4), SequenceNumbers(("a", "b", "c")))
        return spec, VectorDataset(torch.randn(3, 6, 4), LENGTHS, torch.randn(3, 3))
    scaling = ((0.0, 0.0), (1.0, 1.0))
    inputs = SeriesInputs(
        feature_size=4, standardization=scaling, series=("a", "b"), covariates=(), time=None, distance=None,
        context=24, fold=4, subtract_last=True, independent=True,
    )  # fmt: skip
    horizon = Horizon(("a", "b"), scaling, 3, independent=True, season=2, naive_errors=(1.0, 1.0))
    return DataSpec(inputs, horizon), WindowDataset(torch.randn(40, 2), torch.arange(2), inputs, horizon)


def of_text(_: nn.Module) -> tuple[DataSpec, Any]:
    tokens = Vocabulary(("a",), (1,))
    inputs = TokenInputs(tokens=tokens, unit="character")
    text = torch.randint(0, 3, (19,), dtype=torch.int32)
    return DataSpec(inputs, NextToken(tokens)), TokenDataset(text, Streams(steps=6), inputs)


DATA: dict[type[nn.Module], Callable[[Any], tuple[DataSpec, Any]]] = {
    LabelHead: of_sequences,
    NumberHead: of_numbers,
    NextTokenHead: of_text,
}


def try_trace(network: Network, _: DataSpec, dataset: Any) -> str:
    batch = dataset.batch([0, 1, 2])
    features = network.encoder(batch.inputs)
    traced = trace(recurrent_module(network.backbone), features, batch.lengths)
    torch.testing.assert_close(traced.output, network.backbone(features, batch.lengths)[0])
    return "yes"


def try_gates(network: Network, _: DataSpec, dataset: Any) -> str:
    batch = dataset.batch([0, 1, 2])
    features = network.encoder(batch.inputs)
    statistics = gate_statistics(trace(recurrent_module(network.backbone), features, batch.lengths))
    return "yes" if statistics else "has none"


def try_inspect(network: Network, spec: DataSpec, dataset: Any) -> str:
    assert len(examine(network, spec, dataset, [0, 1], "dev")) == 2
    return "yes"


def try_onnx(network: Network, spec: DataSpec, _: Any) -> str:
    pytest.importorskip("onnx")
    from seqtrain.serving.export.network import build_onnx

    assert build_onnx(network.eval(), spec)
    return "yes"


def try_program(network: Network, spec: DataSpec, dataset: Any) -> str:
    from seqtrain.serving.export.program import build_program

    batch = dataset.batch([0, 1, 2])
    program = build_program(network.eval(), spec).module()
    if isinstance(spec.inputs, SeriesInputs):
        assert program(series=torch.randn(3, 24, 2))[0].shape == (3, 3, 3, 2)
        return "yes"
    scores, *_ = program(features=batch.inputs, lengths=batch.lengths)
    for row, length in enumerate(LENGTHS.tolist() if scores.ndim == 3 else []):
        torch.testing.assert_close(scores[row, :length], network(batch)[0][row, :length])
    return "yes"


def try_ddp(network: Network, _: DataSpec, dataset: Any) -> str:
    batch = dataset.batch([0, 1, 2])

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch: SequenceBatch) -> Tensor:
            return self.network.training_loss(batch)[0]

    parallel = DistributedDataParallel(Loss())
    for _step in range(2):  # the second one fails where the first left a weight without a gradient
        parallel(batch).backward()
    return "yes" if all(weight.grad is not None for weight in network.parameters()) else "no"


def try_compile(network: Network, _: DataSpec, dataset: Any) -> str:
    batch = dataset.batch([0, 1, 2])
    torch.compiler.reset()
    compiled = torch.compile(copy.deepcopy(network), backend="aot_eager")
    torch.testing.assert_close(compiled(batch)[0], network(batch)[0])
    return "yes"


TRIALS: dict[str, Callable[[Network, DataSpec, Any], str]] = {
    "gates": try_gates,
    "trace": try_trace,
    "inspect": try_inspect,
    "ONNX": try_onnx,
    "torch program": try_program,
    "DDP": try_ddp,
    "compile": try_compile,
}


def test_every_backbone_cell_and_head_has_its_row() -> None:
    table = PAGE.partition("## What works with what")[2]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows == ["", "---", *ROWS]


@pytest.mark.parametrize("name", CELLS)
def test_the_row_of_a_cell_is_what_it_declares(name: str) -> None:
    cells = PAGE.partition("## What works with what")[0]
    (line,) = [line for line in cells.splitlines() if line.startswith(f"| `{name}` |")]
    assert line == describe(CELLS[name], source=line.split("|")[2].strip())
    assert re.search(r"\d{4}", line.split("|")[2])  # where it was published


def describe(cell: Cell, source: str) -> str:
    """The row of a cell; all but the source comes from its declaration."""
    gates = ", ".join(
        gate.name
        + (f" ({gate.memory})" if gate.memory else "" if gate.kind == "sigmoid" else f" ({gate.kind})")
        for gate in cell.gates
    )
    cells = [f"`{cell.name}`", source, gates or "none", ", ".join(cell.state_names)]
    cells += [
        ", ".join(f"`{name}`" for name in cell.shapes(1, 1, True)),
        cell.onnx.operator if cell.onnx else "no",
    ]
    return f"| {' | '.join(cells)} |"
