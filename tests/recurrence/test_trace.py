"""The trace against what the modules themselves return; its gradients against those of a nudged state."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtrain.model import BiLSTM
from seqtrain.records import FinalState
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.trace import Trace, trace

LENGTHS = torch.tensor([4, 6, 1, 3])
EXACT = {"rtol": 1e-12, "atol": 1e-12}
SIZES = {"input_size": 3, "hidden_size": 5, "dtype": torch.float64}

MODULES = {
    "rnn_tanh": lambda **options: nn.RNN(**SIZES, **options),
    "rnn_relu": lambda **options: nn.RNN(nonlinearity="relu", **SIZES, **options),
    "lstm": lambda **options: nn.LSTM(**SIZES, **options),
    "gru": lambda **options: nn.GRU(**SIZES, **options),
    **{f"bilstm_{cell}": lambda cell=cell, **o: BiLSTM(cell=cell, **SIZES, **o) for cell in CELLS},
}
OPTIONS = [
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": False, "bias": False},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.5},
]


def run_module(
    rnn: nn.Module, features: Tensor, state: FinalState | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What the module itself makes of packed sequences: output (batch, time, ...), and its final states."""
    packed = pack_padded_sequence(features, LENGTHS, batch_first=True, enforce_sorted=False)
    initial = None if state is None else state.h_n if state.c_n is None else state.states
    output, final = rnn(packed, initial)
    padded, _ = pad_packed_sequence(output, batch_first=True)
    return padded, final if isinstance(final, tuple) else (final,)


def make(name: str, **options: object) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    rnn = MODULES[name](**options).eval()
    with torch.no_grad():  # so that gates are neither half open nor alike
        for parameter in rnn.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return rnn, torch.randn(4, 6, 3, dtype=torch.float64)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", MODULES)
def test_equals_the_module(name: str, options: dict[str, object]) -> None:
    rnn, features = make(name, **options)
    output, final = run_module(rnn, features)
    traced = trace(rnn, features, LENGTHS)
    torch.testing.assert_close(traced.output, output, **EXACT)
    for mine, theirs in zip(traced.final_state.states, final, strict=True):
        torch.testing.assert_close(mine, theirs, **EXACT)
    last = torch.cat([direction.h for direction in traced.layers[-1]], dim=-1)
    torch.testing.assert_close(last, output, **EXACT)
    assert len(traced.layers) == rnn.num_layers


@pytest.mark.parametrize("name", MODULES)
def test_starts_from_the_initial_state(name: str) -> None:
    rnn, features = make(name, num_layers=2, bidirectional=True)
    h_0, c_0 = torch.randn(2, 4, 4, 5, dtype=torch.float64)
    state = FinalState(h_0, c_0 if "c" in CELLS[name.removeprefix("bilstm_")].state_names else None)
    output, final = run_module(rnn, features, state)
    traced = trace(rnn, features, LENGTHS, state)
    torch.testing.assert_close(traced.output, output, **EXACT)
    torch.testing.assert_close(traced.final_state.h_n, final[0], **EXACT)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_of_the_weights_equal_the_modules(name: str) -> None:
    rnn, features = make(name, num_layers=2, bidirectional=True)
    gradients = [
        torch.autograd.grad(output.pow(3).sum(), tuple(rnn.parameters()))
        for output in (trace(rnn, features, LENGTHS).output, run_module(rnn, features)[0])
    ]
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def test_the_states_of_a_layer_are_the_features_of_the_next() -> None:
    rnn, features = make("lstm", num_layers=2, bidirectional=True)
    below = torch.cat([direction.h for direction in trace(rnn, features, LENGTHS).layers[0]], dim=-1)
    above = nn.LSTM(10, 5, bidirectional=True, dtype=torch.float64)
    above.load_state_dict({n.replace("l1", "l0"): w for n, w in rnn.state_dict().items() if "_l1" in n})
    torch.testing.assert_close(run_module(above, below)[0], run_module(rnn, features)[0], **EXACT)


def shift(states: Tensor, backward: bool) -> Tensor:
    """The state before each step, in the walk of the direction; zero initial states."""
    empty = torch.zeros_like(states[:, :1])
    return torch.cat([states[:, 1:], empty] if backward else [empty, states[:, :-1]], dim=1)


def inside() -> Tensor:
    return (torch.arange(6) < LENGTHS[:, None]).unsqueeze(-1)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("name", ["lstm", *(f"bilstm_{cell}" for cell in CELLS if cell.startswith("lstm"))])
def test_the_gates_of_an_lstm_explain_its_states(name: str, direction: int) -> None:
    rnn, features = make(name, bidirectional=True)
    traced = trace(rnn, features, LENGTHS).layers[0][direction]
    gates = traced.gates
    assert list(gates) == [*([] if "coupled" in name else ["input"]), "forget", "candidate", "output"]
    enters = gates.get("input", (1 - gates["forget"]) * inside())
    c = gates["forget"] * shift(traced.c, bool(direction)) + enters * gates["candidate"]
    torch.testing.assert_close(traced.c, c, **EXACT)
    if "layernorm" not in name:
        torch.testing.assert_close(traced.h, gates["output"] * traced.c.tanh(), **EXACT)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("name", ["gru", "bilstm_gru"])
def test_the_gates_of_a_gru_explain_its_states(name: str, direction: int) -> None:
    rnn, features = make(name, bidirectional=True)
    traced = trace(rnn, features, LENGTHS).layers[0][direction]
    assert traced.c is None
    assert list(traced.gates) == ["reset", "update", "candidate"]
    update, new = traced.gates["update"], traced.gates["candidate"]
    h = (1 - update) * new + update * shift(traced.h, bool(direction))
    torch.testing.assert_close(traced.h, h, **EXACT)


def test_a_plain_rnn_has_no_gates() -> None:
    rnn, features = make("rnn_tanh", bidirectional=True)
    assert [direction.gates for direction in trace(rnn, features, LENGTHS).layers[0]] == [{}, {}]


@pytest.mark.parametrize("name", MODULES)
def test_everything_is_zero_beyond_the_length(name: str) -> None:
    rnn, features = make(name, bidirectional=True)
    for direction in trace(rnn, features, LENGTHS).layers[0]:
        for values in (direction.h, direction.c, *direction.gates.values()):
            assert values is None or values[~inside().expand_as(values)].eq(0).all()


def test_padding_changes_nothing() -> None:
    rnn, features = make("lstm", num_layers=2, bidirectional=True)
    alone = trace(rnn, features[3:, :3], LENGTHS[3:]).layers[1][1]
    padded = trace(rnn, features, LENGTHS).layers[1][1]
    torch.testing.assert_close(padded.gates["forget"][3:, :3], alone.gates["forget"], **EXACT)


def nudge(rnn: nn.LSTM, x: Tensor, time: int, delta: Tensor, which: str) -> Tensor:
    """The output of an LSTM over one sequence (T, I), `delta` added to h or c after step `time`."""
    head, (h, c) = rnn(x[: time + 1])
    h, c = (h + delta, c) if which == "h" else (h, c + delta)
    head = torch.cat([head[:-1], h]) if which == "h" else head
    tail = rnn(x[time + 1 :], (h, c))[0] if time + 1 < len(x) else head[:0]
    return torch.cat([head, tail])


@pytest.mark.parametrize("time", [0, 2, 3])
def test_the_gradient_of_h_is_what_a_nudge_of_it_does(time: int) -> None:
    rnn, features = make("lstm")
    traced = trace(rnn, features, LENGTHS)
    gradients = traced.state_gradients(traced.output[0].pow(3).sum())[0][0]
    delta = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
    loss = nudge(rnn, features[0, :4], time, delta, "h").pow(3).sum()
    torch.testing.assert_close(gradients.h[0, time], torch.autograd.grad(loss, delta)[0][0], **EXACT)


@pytest.mark.parametrize("time", [0, 2])
def test_the_gradient_of_c_is_what_a_nudge_of_it_does_later(time: int) -> None:
    rnn, features = make("lstm")
    traced = trace(rnn, features, LENGTHS)
    gradients = traced.state_gradients(traced.output[0, time + 1 :].pow(3).sum())[0][0]
    delta = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
    loss = nudge(rnn, features[0, :4], time, delta, "c")[time + 1 :].pow(3).sum()
    through_h = gradients.h[0, time] * traced.layers[0][0].gates["output"][0, time]
    through_h = through_h * (1 - traced.layers[0][0].c[0, time].tanh().square())
    later = gradients.c[0, time] - through_h  # without the way through this step's own h
    torch.testing.assert_close(later, torch.autograd.grad(loss, delta)[0][0], **EXACT)


def both_ways(traced: Trace) -> list[Tensor]:
    gradients = traced.state_gradients(traced.output[3].square().sum())
    return [direction.h for layer in gradients for direction in layer]


def test_gradients_are_zero_where_the_loss_does_not_look() -> None:
    rnn, features = make("gru", num_layers=2, bidirectional=True)
    for h in both_ways(trace(rnn, features, LENGTHS)):
        assert h.shape == (4, 6, 5)
        assert h[:3].eq(0).all()
        assert h[3, 3:].eq(0).all()
        assert h[3, :3].ne(0).all()


def test_dropout_is_off_while_training() -> None:
    rnn, features = make("lstm", num_layers=2, dropout=0.9)
    expected = trace(rnn, features, LENGTHS).output
    assert torch.equal(trace(rnn.train(), features, LENGTHS).output, expected)


class HalfGRU(nn.GRU):
    """What it computes is not what the weights of a GRU say."""

    def forward(self, *arguments):
        output, final = super().forward(*arguments)
        return output / 2, final


class OwnCell(BiLSTM):
    pass


@pytest.mark.parametrize(
    "rnn", [nn.Linear(3, 5), HalfGRU(3, 5), OwnCell(3, 5)], ids=lambda rnn: type(rnn).__name__
)
def test_refuses_another_module_and_subclasses(rnn: nn.Module) -> None:
    others = "but not their subclasses, which may compute something else"
    message = f"cannot be traced: torch.nn.RNN, LSTM and GRU and seqtrain.model.BiLSTM can, {others}"
    with pytest.raises(TypeError, match=f"^{type(rnn).__name__} {message}$"):
        trace(rnn, torch.zeros(1, 2, 3), torch.tensor([2]))


def test_parametrized_weights_are_traced_as_the_module_uses_them() -> None:
    rnn, features = make("lstm")
    register_parametrization(rnn, "weight_hh_l0", nn.Hardtanh(-0.1, 0.1))
    assert type(rnn) is not nn.LSTM  # a class of its own, which torch makes
    output, _ = run_module(rnn, features)
    torch.testing.assert_close(trace(rnn, features, LENGTHS).output, output, **EXACT)


def test_refuses_projections() -> None:
    rnn = nn.LSTM(3, 5, proj_size=2)
    with pytest.raises(ValueError, match=r"^LSTM with projections cannot be traced, got: proj_size=2$"):
        trace(rnn, torch.zeros(1, 2, 3), torch.tensor([2]))


def test_refuses_features_of_another_size() -> None:
    wanted = r"^features must be \(batch, time, input_size\) with input_size=3, got: \(1, 2, 4\)$"
    with pytest.raises(ValueError, match=wanted):
        trace(nn.GRU(3, 5), torch.zeros(1, 2, 4), torch.tensor([2]))
