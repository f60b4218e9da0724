"""Two worked examples of an LSTM, as published to four decimals."""

import torch
from torch import Tensor, nn

from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS

TOLERANCE = 2e-4  # the published figures, weights included, are rounded to four decimals


WEIGHT_IH = """
-0.131 0.033 -0.3115 -0.0417 -0.1452 0.0426 -0.0096 0.3305 -0.1104 0.1816 0.1668 -0.3706
0.4792 -0.3867 -0.4565 0.0688 0.0975 -0.0737 0.2898 0.2739 -0.3564 0.2723 -0.1759 0.2534
0.3471 -0.1051 0.4057 0.3256 0.4224 0.4646 -0.0107 -0.2
"""
WEIGHT_HH = """
0.4431 0.4195 -0.4328 0.0183 0.4375 0.0306 -0.0641 -0.2027 -0.3726 -0.0434 -0.4403 0.2741
-0.2962 -0.2381 -0.4713 -0.1349 -0.1447 -0.0184 0.3634 -0.084 -0.4828 -0.2628 0.4112 -0.0554
0.2004 -0.4253 -0.1785 0.4688 0.2922 -0.1926 -0.2644 0.2561 0.4504 -0.3577 -0.2971 -0.2796
0.0442 -0.0018 -0.397 0.3194 0.2986 -0.2493 -0.4371 0.2953 -0.0342 -0.2422 -0.2986 0.0775
0.4996 0.1421 -0.1665 0.1231 -0.3341 -0.0462 -0.1578 -0.1443 -0.0194 0.3979 0.0734 -0.2276
0.0581 -0.3744 0.4785 -0.0365
"""


def numbers(text: str, *shape: int) -> Tensor:
    return torch.tensor([float(number) for number in text.split()]).view(shape)


def test_layer_of_given_weights() -> None:
    """Two features, four hidden units, no bias, zero initial states; weights printed with the result."""
    layer = BiLSTM(2, 4, bias=False, bidirectional=False)
    weights = {"weight_ih_l0": numbers(WEIGHT_IH, 16, 2), "weight_hh_l0": numbers(WEIGHT_HH, 16, 4)}
    layer.load_state_dict(weights)
    zero, one = [0.0, 0.0], [1.0, 1.0]
    output, (h_n, _) = layer(torch.tensor([[zero, one, one], [zero, zero, zero]]))
    after = numbers("0.0064 0.1402 -0.0282 0.02 -0.0089 0.0553 -0.0138 0.005", 2, 1, 4)
    expected = torch.cat([torch.zeros(2, 1, 4), after, after], dim=1)
    torch.testing.assert_close(output, expected, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(h_n[0], expected[-1], rtol=0, atol=TOLERANCE)


def test_cell_in_a_loop() -> None:
    """Seed 1000, then input, cell and states in that order: the weights come from the seed alone."""
    torch.manual_seed(1000)
    inputs = torch.randn(2, 3, 4)
    weights = dict(nn.LSTMCell(4, 3).named_parameters())
    state = torch.randn(3, 3), torch.randn(3, 3)

    cell = CELLS["lstm"]
    one_direction = {name: weight[None] for name, weight in weights.items()}
    projected = cell.project(inputs.view(1, 6, 4), one_direction).view(2, 1, 3, 12)
    h, c = state[0][None], state[1][None]
    outputs = []
    for step in projected:
        (h, c), _ = cell.step(step, (h, c), one_direction)
        outputs.append(h[0])

    first = "-0.361 -0.1643 0.1631 -0.0613 -0.4937 -0.1642 0.508 -0.4175 0.2502 "
    second = "-0.0703 -0.0393 -0.0429 0.2085 -0.3005 -0.2686 0.1482 -0.4728 0.1425"
    expected = numbers(first + second, 2, 3, 3)
    torch.testing.assert_close(torch.stack(outputs), expected, rtol=0, atol=TOLERANCE)

    layer = BiLSTM(4, 3, bidirectional=False)
    layer.load_state_dict({f"{name}_l0": weight for name, weight in weights.items()})
    output, _ = layer(inputs, (state[0][None], state[1][None]))
    torch.testing.assert_close(output, expected, rtol=0, atol=TOLERANCE)
