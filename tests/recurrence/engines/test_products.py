"""Products by either library give the same numbers, in every layout that the engines use."""

import pytest
import torch

from seqtrain.recurrence.engines.products import (
    MIN_COPIED_STEPS,
    MIN_PACKED_USES,
    MIN_SIZE,
    make_added_product,
    make_large_product,
    multiply,
    multiply_transposed,
    prefers_onednn,
    transpose,
)
from seqtrain.recurrence.walk import PackedWalk

M, K, N = 64, 200, 256


def test_sizes_are_on_either_side_of_the_limit() -> None:
    assert M * K * N > MIN_SIZE * torch.get_num_threads() > 2 * K * N


@pytest.mark.parametrize("rows", [M, 2])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_float64(rows: int, transposed: bool, with_bias: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(K, rows).T if transposed else torch.randn(rows, K)
    weight = torch.randn(K, N).T if transposed else torch.randn(N, K)
    bias = torch.randn(N) if with_bias else None
    exact = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    found = multiply(x, weight, bias)
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("num_products", [1, MIN_PACKED_USES])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_product_of_many_steps_takes_any_number_of_rows(
    num_products: int, transposed: bool, with_bias: bool
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(K, N).T if transposed else torch.randn(N, K)
    bias = torch.randn(N) if with_bias else None
    product = make_large_product(weight, M, num_products, bias)
    assert product is not None
    for rows in (2 * M, M, 2, 0):
        x = torch.randn(rows, K)
        exact = x.double() @ weight.double().T + (0 if bias is None else bias.double())
        torch.testing.assert_close(product(x).double(), exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows", [0, 1, 2, 4 * M])
@pytest.mark.parametrize("narrow", [1, 30])
@pytest.mark.parametrize("swapped", [False, True])
def test_gradient_of_a_weight_equals_float64(rows: int, narrow: int, swapped: bool) -> None:
    torch.manual_seed(0)
    d, x = torch.randn(rows, 2 * N)[:, N:], torch.randn(rows, narrow)
    d, x = (x, d) if swapped else (d, x)
    found = multiply_transposed(d, x)
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), d.double().T @ x.double(), rtol=1e-5, atol=1e-4)


def test_a_transposed_weight_is_copied_for_many_single_rows_only() -> None:
    weight = torch.randn(2, N, K)
    for num_rows, num_steps in ((1, MIN_COPIED_STEPS), (1, MIN_COPIED_STEPS - 1), (2, MIN_COPIED_STEPS)):
        found = transpose(weight, num_rows, num_steps)
        assert torch.equal(found, weight.mT)
        assert found.is_contiguous() == (num_rows == 1 and num_steps == MIN_COPIED_STEPS)


def test_small_steps_have_no_product_of_their_own() -> None:
    assert make_large_product(torch.zeros(N, K), 2, num_products=1000) is None


@pytest.mark.parametrize("num_directions", [1, 2])
@pytest.mark.parametrize("rows", [M, 2])
def test_a_sum_is_written_for_every_direction(rows: int, num_directions: int) -> None:
    torch.manual_seed(0)
    weights, x = torch.randn(num_directions, N, K), torch.randn(num_directions, rows, K)
    addend, out = torch.randn(num_directions, rows, N), torch.empty(num_directions, rows, N)
    add_product = make_added_product(weights, PackedWalk([rows] * 3, torch.device("cpu")))
    assert add_product(x, addend, out) is out
    exact = addend.double() + x.double() @ weights.double().mT
    torch.testing.assert_close(out.double(), exact, rtol=1e-5, atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # torch warns of its own flags
def test_onednn_is_for_large_float32_products_on_a_cpu() -> None:
    large = MIN_SIZE * torch.get_num_threads()
    assert not prefers_onednn(torch.zeros(1), large - 1)
    assert not prefers_onednn(torch.zeros(1, dtype=torch.float64), large)
    assert not prefers_onednn(torch.zeros(1, device="meta"), large)
    with torch.backends.mkldnn.flags(enabled=False):
        assert not prefers_onednn(torch.zeros(1), large)
