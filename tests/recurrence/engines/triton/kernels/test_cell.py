"""The equations of the kernels' cell against the readable one."""

import pytest
import torch

from seqtrain.recurrence import CELLS

pytestmark = pytest.mark.usefixtures("interpreter")
SIZE = 16


def test_forward_and_backward_equal_the_readable_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from cell_kernel import run_cell

    torch.manual_seed(0)
    sums, c_0 = torch.randn(4, SIZE, requires_grad=True), torch.randn(SIZE, requires_grad=True)
    result, gradients = torch.empty(2, SIZE), torch.empty(5, SIZE)
    run_cell[(1,)](sums.detach(), c_0.detach(), result, gradients, SIZE=SIZE)

    no_recurrence = {"weight_hh": torch.zeros(1, 4 * SIZE, SIZE)}
    state = (torch.zeros(1, 1, SIZE), c_0.view(1, 1, SIZE))
    (h, c), _ = CELLS["lstm"].step(sums.view(1, 1, 4 * SIZE), state, no_recurrence)
    torch.testing.assert_close(result, torch.stack([h.flatten(), c.flatten()]))
    for_sums, for_c_0 = torch.autograd.grad(h.sum() + 2 * c.sum(), [sums, c_0])
    torch.testing.assert_close(gradients, torch.cat([for_sums, for_c_0[None]]))
