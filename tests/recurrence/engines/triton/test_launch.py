"""One launch for each time step, of one kernel for padded and packed input alike."""

from __future__ import annotations

import pytest
import torch
from triton_layers import differentiate, draw_layer, run_triton

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize("batch_sizes", [(2, 2, 2), (3, 2, 1)])
def test_a_launch_for_each_step_in_each_pass(
    monkeypatch: pytest.MonkeyPatch, batch_sizes: tuple[int, ...]
) -> None:
    from seqtrain.recurrence.engines.triton import kernels
    from seqtrain.recurrence.engines.triton.launch import Launch

    launches: list[Launch] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "run", lambda launch: (launches.append(launch), run(launch))[1])
    differentiate(draw_layer(40, batch_sizes), run_triton)
    assert [launch.kernel for launch in launches] == [kernels.forward_step] * 3 + [kernels.backward_step] * 3
    assert all(launch.grid == (1, 2, 2) for launch in launches)  # 40 units are two programs' share


def test_repeats_bit_by_bit_and_changes_no_argument() -> None:
    layer = draw_layer(17, (17, 3))
    before = [leaf.detach().clone() for leaf in layer.leaves]
    first = differentiate(layer, run_triton)
    second = differentiate(layer, run_triton)
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    assert all(torch.equal(left, right) for left, right in zip(before, layer.leaves, strict=True))


def test_inference_gives_the_same_bits() -> None:
    layer = draw_layer(17, (5, 5, 2))
    output, final = run_triton(layer)
    with torch.no_grad():
        alone, alone_final = run_triton(layer)
    assert output.requires_grad
    assert not alone.requires_grad
    for left, right in zip((output, *final), (alone, *alone_final), strict=True):
        assert torch.equal(left, right)
