"""What BiLSTM refuses: the text of every message, and torch.nn.LSTM's kind of exception."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from seqtrain.model import BiLSTM

DROPOUT = "dropout must be a number from 0 to 1, the probability of zeroing an element"
ARGUMENTS = [
    ({"input_size": 0}, ValueError, "input_size must be 1 or more, got: 0"),
    ({"hidden_size": -2}, ValueError, "hidden_size must be 1 or more, got: -2"),
    ({"hidden_size": 2.0}, TypeError, "hidden_size must be an int, got: 2.0 (float)"),
    ({"num_layers": 0}, ValueError, "num_layers must be 1 or more, got: 0"),
    ({"num_layers": 1.5}, TypeError, "num_layers must be an int, got: 1.5 (float)"),
    ({"bias": 1}, TypeError, "bias must be True or False, got: 1 (int)"),
    ({"batch_first": 0}, TypeError, "batch_first must be True or False, got: 0 (int)"),
    ({"batch_first": "yes"}, TypeError, "batch_first must be True or False, got: 'yes' (str)"),
    *[({"dropout": wrong}, ValueError, f"{DROPOUT}, got: {wrong!r}") for wrong in (1.5, -0.1, True, "half")],
]


@pytest.mark.parametrize(("wrong", "kind", "message"), ARGUMENTS)
def test_wrong_arguments(wrong: dict[str, object], kind: type[Exception], message: str) -> None:
    arguments = {"input_size": 3, "hidden_size": 4} | wrong
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        BiLSTM(**arguments)
    with pytest.raises(kind):
        nn.LSTM(**arguments)


PROJECTED = (
    r"proj_size must be 0, got: 2\. BiLSTM does not implement projections of h: "
    r"put a torch\.nn\.Linear after it, or use torch\.nn\.LSTM\.$"
)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"bidirectional": 2}, TypeError, r"bidirectional must be True or False, got: 2 \(int\)$"),
        ({"proj_size": 2}, ValueError, PROJECTED),
        ({"backend": "cudnn"}, ValueError, r"backend must be one of auto, reference.*, got: 'cudnn'$"),
        ({"cell": "lstn"}, ValueError, r"cell must be one of gru, .*, got: 'lstn'\. A cell of your own is"),
    ],
)
def test_wrong_arguments_of_our_own(wrong: dict[str, object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        BiLSTM(3, 4, **wrong)


@pytest.mark.parametrize("bidirectional", [0, 1, np.bool_(True)])
def test_numpy_numbers_and_zero_one_flags_are_accepted(bidirectional: bool) -> None:
    sizes = np.int64(3), np.int32(4), np.int64(2)
    layer = BiLSTM(*sizes, dropout=np.float32(0.5), bidirectional=bidirectional)
    assert [type(size) for size in (layer.input_size, layer.hidden_size, layer.num_layers)] == [int] * 3
    assert type(layer.dropout) is float
    assert type(layer.bidirectional) is bool
    assert layer.num_directions == 1 + int(bidirectional)
    assert layer(torch.zeros(2, 5, 3))[0].shape == (2, 5, 4 * layer.num_directions)


def test_dropout_of_one_layer_warns() -> None:
    message = r"^dropout=0.5 has no effect with num_layers=1: it acts between layers"
    with pytest.warns(UserWarning, match=message):
        BiLSTM(3, 4, dropout=0.5)


X = torch.zeros(5, 2, 3)
PACKED = pack_sequence([torch.zeros(3, 3), torch.zeros(2, 3)])


def state(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(*shape, dtype=dtype)


LEGEND = "must be (4, 2, 4): (num_layers * num_directions, batch, hidden_size)"
INPUTS = [
    (
        (torch.zeros(5, 2, 3, 1),),
        ValueError,
        "input must have 3 dimensions, (time, batch, input_size), or 2 for one sequence, (time, input_size), "
        "got 4: (5, 2, 3, 1)",
    ),
    (
        (torch.zeros(5, 2, 7),),
        RuntimeError,
        "input must have input_size=3 features in its last dimension, got 7: (5, 2, 7). "
        "Change the input, or build the layer with input_size=7.",
    ),
    (
        (X.double(),),
        ValueError,
        "input has dtype torch.float64, but the weights have torch.float32. "
        "Convert the input, input.to(torch.float32), or the layer, layer.to(torch.float64).",
    ),
    ((torch.zeros(0, 2, 3),), RuntimeError, "input must have at least one time step, got: (0, 2, 3)"),
    (
        (pack_sequence([torch.zeros(3, 7)]),),
        RuntimeError,
        "a packed input's data must have input_size=3 features in its last dimension, got 7: (3, 7). "
        "Change the input, or build the layer with input_size=7.",
    ),
    (
        (pack_sequence([torch.zeros(3)]),),
        RuntimeError,
        "a packed input's data must have 2 dimensions, (rows, input_size), got 1: (3,)",
    ),
    ((X, (state(4, 3, 4), state(4, 2, 4))), RuntimeError, f"h_0 {LEGEND}, got: (4, 3, 4)"),
    ((X, (state(4, 2, 4), state(4, 2, 5))), RuntimeError, f"c_0 {LEGEND}, got: (4, 2, 5)"),
    ((PACKED, (state(4, 2, 4), state(2, 2, 4))), RuntimeError, f"c_0 {LEGEND}, got: (2, 2, 4)"),
    (
        (X[:, 0], (state(4, 1, 4), state(4, 1, 4))),
        RuntimeError,
        "h_0 must be (4, 4): (num_layers * num_directions, hidden_size), "
        "as the input is unbatched, got: (4, 1, 4)",
    ),
    (
        (X, (state(4, 2, 4, dtype=torch.float64), state(4, 2, 4, dtype=torch.float64))),
        RuntimeError,
        "h_0 has dtype torch.float64, but the weights have torch.float32. Convert it: h_0.to(torch.float32).",
    ),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), INPUTS)
def test_wrong_inputs(arguments: tuple[object, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        BiLSTM(3, 4, 2)(*arguments)
    if isinstance(arguments[0], torch.Tensor):  # of packed input torch may read foreign memory
        with pytest.raises(kind):
            nn.LSTM(3, 4, 2, bidirectional=True)(*arguments)


def test_wrong_inputs_of_other_kinds() -> None:
    layer = BiLSTM(3, 4, 2)
    with pytest.raises(TypeError, match=r"^input must be a Tensor or a PackedSequence, got: list$"):
        layer([1.0, 2.0])
    pair = r"^hx must be the pair \(h_0, c_0\), each \(4, 2, 4\), got: "
    with pytest.raises(RuntimeError, match=pair + "a Tensor$"):
        layer(X, state(4, 2, 4))
    with pytest.raises(RuntimeError, match=pair + r"a tuple of 3 \(Tensor, Tensor, NoneType\)$"):
        layer(X, (state(4, 2, 4), state(4, 2, 4), None))
    with pytest.raises(ValueError, match=r"^input must have 3 dimensions, \(batch, time, input_size\), "):
        BiLSTM(3, 4, batch_first=True)(torch.zeros(3))


def test_another_device_is_refused_with_both_remedies() -> None:
    message = (
        "input is on meta, but the weights are on cpu. "
        "Move the input, input.to('cpu'), or the layer, layer.to('meta')."
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        BiLSTM(3, 4)(torch.zeros(5, 2, 3, device="meta"))
    with pytest.raises(RuntimeError, match=r"^h_0 is on meta, but the weights are on cpu. Move it there.$"):
        BiLSTM(3, 4)(X, (state(2, 2, 4).to("meta"), state(2, 2, 4)))
