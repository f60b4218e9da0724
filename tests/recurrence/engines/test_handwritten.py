"""What hand-written cells share."""

import pytest
import torch

from seqtrain.recurrence.engines.handwritten import (
    project,
    scale_candidate,
    stack,
    stack_by_name,
    stack_scaled,
    sum_over_rows,
)


@pytest.mark.parametrize("num_directions", [1, 2])
@pytest.mark.parametrize("num_rows", [2, 900], ids=["few rows", "enough rows for oneDNN"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_projection_equals_float64(num_directions: int, num_rows: int, with_bias: bool) -> None:
    torch.manual_seed(0)
    rows, weight = torch.randn(num_directions, num_rows, 40), torch.randn(num_directions, 60, 40)
    bias = torch.randn(num_directions, 60) if with_bias else None
    exact = torch.einsum("dni,dfi->dnf", rows.double(), weight.double())
    exact = exact if bias is None else exact + bias.double().unsqueeze(1)
    torch.testing.assert_close(project(rows, weight, bias).double(), exact, rtol=1e-5, atol=1e-4)


def test_a_single_tensor_is_stacked_without_a_copy() -> None:
    alone = torch.zeros(3)
    assert stack([alone]).data_ptr() == alone.data_ptr()
    assert stack([alone, alone + 1]).tolist() == [[0.0] * 3, [1.0] * 3]


def test_parameters_of_two_directions_by_name() -> None:
    forward, backward = {"bias_ih": torch.tensor([1.0])}, {"bias_ih": torch.tensor([2.0])}
    assert stack_by_name([forward, backward])["bias_ih"].tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("num_directions", [1, 2])
def test_the_candidate_is_scaled_in_a_copy(num_directions: int, scale: int) -> None:
    weights = [{"bias_ih": torch.ones(4)} for _ in range(num_directions)]
    expected = [[1, 1, scale, 1]] * num_directions
    assert stack_scaled(weights, 1, scale)["bias_ih"].tolist() == expected
    stacked = stack_by_name(weights)
    assert scale_candidate(stacked, 1, scale)["bias_ih"].tolist() == expected
    assert stacked["bias_ih"].tolist() == [[1] * 4] * num_directions
    assert all(torch.equal(each["bias_ih"], torch.ones(4)) for each in weights)


def test_bias_gradients_are_sums_over_rows_in_memory_of_their_own() -> None:
    first, second = sum_over_rows(torch.arange(12.0).view(2, 3, 2))
    assert (first.tolist(), second.tolist()) == ([6.0, 9.0], [24.0, 27.0])
    assert first.untyped_storage().data_ptr() != second.untyped_storage().data_ptr()
