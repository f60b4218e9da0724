"""The native engine: the same bits in any batch, weights that change, what it refuses, threads and forks."""

import math
import threading
from collections.abc import Iterator

import pytest
import torch
from cpu_backends import needs_kernel
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence
from torch.utils.data import DataLoader

from seqtrain.model import BiLSTM
from seqtrain.recurrence.engines import native
from seqtrain.recurrence.engines.kernel import describe_kernel, load_kernel

pytestmark = needs_kernel
SETS = (0, 1, 2)


@pytest.fixture(params=SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every one that this processor has, in turn."""
    kernel, usual = load_kernel(), describe_kernel()
    name = kernel.seqtrain_choose(request.param)
    if name is None:
        pytest.skip("this processor has no further instruction set")
    native._packed_cache.clear()  # packed by another one
    yield name.decode()
    next(k for k in SETS if kernel.seqtrain_choose(k) == usual.encode())
    native._packed_cache.clear()


def run(layer: BiLSTM, sequences: list[Tensor], order: list[int], grad: bool = False) -> list[list[Tensor]]:
    """For each sequence its outputs and final states, out of one packed batch in this order."""
    with torch.set_grad_enabled(grad):
        packed, state = layer(pack_sequence([sequences[k] for k in order], enforce_sorted=False))
    outputs = nn.utils.rnn.unpack_sequence(packed)
    states = state if isinstance(state, tuple) else (state,)
    return [[output, *(s[:, place] for s in states)] for place, output in enumerate(outputs)]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("input_size", "hidden_size"), [(33, 100), (8, 5), (20, 64)])
def test_a_sequence_has_the_same_bits_in_any_batch(
    instruction_set: str, cell: str, input_size: int, hidden_size: int
) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(input_size, hidden_size, 2, cell=cell, backend="native")
    lengths = torch.randint(1, 30, (47,)).tolist()
    sequences = [torch.randn(length, input_size) for length in lengths]
    alone = [run(layer, sequences, [k])[0] for k in range(len(sequences))]
    threads = torch.get_num_threads()
    for size, num_threads in ((2, 1), (7, 3), (13, 1), (25, 2), (31, 5), (47, 1), (47, 2), (47, 16)):
        torch.set_num_threads(num_threads)
        order = torch.randperm(len(sequences))[:size].tolist()
        for grad in (False, True):
            for k, found in zip(order, run(layer, sequences, order, grad), strict=True):
                assert all(map(torch.equal, found, alone[k])), (instruction_set, size, num_threads, grad)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_have_the_same_bits_with_any_number_of_threads(instruction_set: str, cell: str) -> None:
    torch.manual_seed(0)
    layer = BiLSTM(30, 50, 2, cell=cell, backend="native")
    x = torch.randn(40, 33, 30, requires_grad=True)
    found, threads = [], torch.get_num_threads()
    for num_threads in (1, 2, 7):
        torch.set_num_threads(num_threads)
        found.append(torch.autograd.grad(layer(x)[0].square().sum(), [x, *layer.parameters()]))
    torch.set_num_threads(threads)
    assert all(map(torch.equal, found[0], found[1])), instruction_set
    assert all(map(torch.equal, found[0], found[2])), instruction_set


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(
    ("lengths", "input_size", "hidden_size"),
    [([4, 3, 1], 3, 4), (list(range(40, 0, -1)), 10, 100), ([9] * 70, 70, 33), ([20], 128, 48)],
)
def test_equals_torch_in_float64(
    instruction_set: str, lengths, input_size, hidden_size, cell, bias, bidirectional
) -> None:
    torch.manual_seed(0)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    exact = kind(input_size, hidden_size, 2, bias, bidirectional=bidirectional, dtype=torch.float64)
    mine = BiLSTM(input_size, hidden_size, 2, bias, bidirectional=bidirectional, cell=cell, backend="native")
    mine.load_state_dict(exact.state_dict())
    x = torch.randn(max(lengths), len(lengths), input_size, dtype=torch.float64, requires_grad=True)
    results = []
    for layer, given in ((mine, x.float()), (exact, x)):
        output, state = layer(pack_padded_sequence(given, lengths))
        values = [output.data, *(state if isinstance(state, tuple) else (state,))]
        loss = sum((value * value.detach().cos()).sum() for value in values)
        results.append([*values, *torch.autograd.grad(loss, [x, *layer.parameters()])])
    for left, right in zip(*results, strict=True):
        tolerance = 1e-5 * float(right.detach().abs().max())
        torch.testing.assert_close(left.double(), right, rtol=1e-4, atol=tolerance), instruction_set


@pytest.mark.parametrize("function", [torch.sigmoid, torch.tanh])
def test_functions_are_within_four_units_in_the_last_place(instruction_set: str, function: object) -> None:
    """Every 509th float32, of all sizes and both signs, subnormal results of sigmoid below -87 included."""
    x = torch.arange(-(1 << 31), 1 << 31, 509, dtype=torch.int64).to(torch.int32).view(torch.float32)
    special = torch.tensor([0.0, -0.0, 1e-45, -1e-45, math.inf, -math.inf, math.nan, -88.0, -103.9, -104.0])
    x = torch.cat([special, x])
    x = x[: len(x) // 16 * 16]
    y = torch.empty_like(x)
    load_kernel().seqtrain_map(int(function is torch.tanh), x.data_ptr(), y.data_ptr(), len(x))
    exact = function(x.double())  # type: ignore[operator]
    assert torch.equal(y.isnan(), x.isnan())
    rounded = exact.float().abs()
    unit = (torch.nextafter(rounded, torch.tensor(math.inf)) - rounded).double()
    assert float(((y.double() - exact).abs() / unit)[~x.isnan()].max()) < 4, instruction_set
    if function is torch.tanh:
        assert torch.equal(y.signbit()[~x.isnan()], x.signbit()[~x.isnan()]), "tanh(-0) is -0"


class TestWeightsThatChange:
    def test_an_edit_of_data_is_seen_though_it_changes_no_version(self) -> None:
        torch.manual_seed(0)
        layer, x = BiLSTM(3, 4, 2), torch.randn(5, 2, 3)
        for parameter in layer.parameters():
            with torch.no_grad():
                before = layer(x)[0]
                parameter.data[0] += 1
                after = layer(x)[0]
            assert not torch.equal(before, after)
            torch.testing.assert_close(after, layer(x)[0].detach(), rtol=0, atol=0)

    def test_layers_of_different_cells_may_share_a_weight(self) -> None:
        """They have as many numbers, all zeros, behind it: their packed weights are not to be confused."""
        layer = BiLSTM(9, 6, bidirectional=False)
        other = BiLSTM(9, 8, bias=False, bidirectional=False, cell="gru")
        other.weight_ih_l0 = layer.weight_ih_l0
        x = torch.randn(5, 2, 9)
        with torch.no_grad():
            for parameter in (*list(layer.parameters())[1:], other.weight_hh_l0):
                parameter.zero_()
            results = [each(x)[0] for each in (layer, other, layer, other)]
        assert torch.equal(results[0], results[2])
        assert torch.equal(results[1], results[3])
        torch.testing.assert_close(results[3], other(x)[0].detach(), rtol=0, atol=0)

    def test_packed_weights_go_with_their_layer(self) -> None:
        before = len(native._packed_cache)
        layer = BiLSTM(3, 4)
        with torch.no_grad():
            layer(torch.randn(5, 2, 3))
        assert len(native._packed_cache) == before + 1
        del layer
        assert len(native._packed_cache) == before

    @pytest.mark.parametrize("name", ["weight_hh_l0", "bias_ih_l0"])
    def test_a_change_between_forward_and_backward_raises(self, name: str) -> None:
        layer = BiLSTM(3, 4, backend="native")
        loss = layer(torch.randn(5, 2, 3))[0].sum()
        with torch.no_grad():
            layer.get_parameter(name).mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_without_gradients_the_bits_are_those_with() -> None:
    torch.manual_seed(0)
    layer, x = BiLSTM(20, 33, 2), torch.randn(9, 30, 20)
    with torch.no_grad():
        quiet = layer(x)
    with torch.inference_mode():
        inference = layer(x)
    for found in (quiet, inference):
        torch.testing.assert_close(found, layer(x), rtol=0, atol=0)


class TestRefusals:
    def test_another_dtype(self) -> None:
        layer = BiLSTM(3, 4, backend="native", dtype=torch.float64)
        only = "it computes in torch.float32 only, got: torch.float64. Use backend='auto'."
        with pytest.raises(ValueError, match=f"^backend='native' cannot run this layer: {only}$"):
            layer(torch.randn(5, 2, 3, dtype=torch.float64))

    def test_another_device(self) -> None:
        layer = BiLSTM(3, 4, backend="native", device="meta")
        with pytest.raises(ValueError, match="it runs on the CPU only, got a tensor on: meta"):
            layer(torch.empty(5, 2, 3, device="meta"))

    def test_another_cell(self) -> None:
        with pytest.raises(ValueError, match="runs cell='lstm' or 'gru', got: cell='lstm_peephole'"):
            BiLSTM(3, 4, backend="native", cell="lstm_peephole")

    def test_a_weight_of_another_shape_is_never_read(self) -> None:
        layer = BiLSTM(3, 4)
        layer.weight_hh_l0 = nn.Parameter(torch.randn(16, 3))
        with pytest.raises(ValueError, match=r"expected torch.float32 of shape \(16, 4\) on the CPU"):
            layer(torch.randn(5, 2, 3))

    @pytest.mark.parametrize("batch_sizes", [[2, 5, 2], [2, 3, 1], [2, 4, 0], [3, -1, 1], [2, 2, 2]])
    def test_batch_sizes_that_no_sequences_have(self, batch_sizes: list[int]) -> None:
        order = torch.arange(50) if batch_sizes == [2, 2, 2] else None  # of more sequences than there are
        packed = nn.utils.rnn.PackedSequence(
            torch.randn(sum(batch_sizes), 3), torch.tensor(batch_sizes), order, order
        )
        message = "batch_sizes must begin with the number of sequences, be positive, and not grow"
        with pytest.raises(ValueError, match=message):
            BiLSTM(3, 4, backend="native")(packed)

    def test_a_tensor_without_memory_is_zeros(self) -> None:
        layer, x = BiLSTM(3, 4, backend="native"), torch._efficientzerotensor((5, 2, 3))
        output = layer(x)[0]
        assert torch.equal(output, layer(torch.zeros(5, 2, 3))[0])
        output.backward(torch._efficientzerotensor(output.shape))
        assert not layer.weight_ih_l0.grad.any()


def test_auto_runs_what_native_cannot() -> None:
    layer = BiLSTM(3, 4, dtype=torch.float64)
    assert layer(torch.randn(5, 2, 3, dtype=torch.float64))[0].dtype == torch.float64
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:  # a mode that waits for operations
        BiLSTM(3, 4)(torch.randn(5, 2, 3))
    assert counter.get_total_flops() == 2 * 2 * 10 * 16 * (3 + 4)


def test_second_derivatives_come_from_the_reference() -> None:
    torch.manual_seed(0)
    layer, x = BiLSTM(3, 4, backend="native"), torch.randn(5, 2, 3, requires_grad=True)
    exact = BiLSTM(3, 4, backend="reference")
    exact.load_state_dict(layer.state_dict())
    found = []
    for each in (layer, exact):
        (first,) = torch.autograd.grad(each(x)[0].square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), [x, *each.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


class TestThreadsAndForks:
    def expected(self) -> tuple[BiLSTM, Tensor, Tensor]:
        torch.manual_seed(0)
        layer, x = BiLSTM(64, 64), torch.randn(50, 40, 64)
        with torch.no_grad():
            return layer, x, layer(x)[0]

    def test_many_threads_of_python_at_once(self) -> None:
        layer, x, expected = self.expected()
        right = []

        def work() -> None:
            with torch.no_grad():
                right.append(all(torch.equal(layer(x)[0], expected) for _ in range(20)))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert right == [True] * 8

    def test_all_threads_flush_small_numbers_to_zero_where_the_caller_does(self) -> None:
        if not torch.set_flush_denormal(False):
            pytest.skip("torch cannot flush on this processor")
        layer, x, _ = self.expected()
        results, threads = [], torch.get_num_threads()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.mul_(1e-19 * (parameter.dim() > 1))
            for flush in (True, False):
                for num_threads in (1, 4):
                    torch.set_num_threads(num_threads)
                    torch.set_flush_denormal(flush)
                    results.append(layer(1e-21 * x)[0])
                    torch.set_flush_denormal(False)  # comparisons would take small numbers for zeros, too
        torch.set_num_threads(threads)
        assert torch.equal(results[0], results[1])
        assert torch.equal(results[2], results[3])
        assert (results[1] == 0).sum() > (results[3] == 0).sum()

    def test_a_forked_worker_of_a_loader_runs_the_layer(self) -> None:
        layer, x, expected = self.expected()
        options = {"num_workers": 2, "multiprocessing_context": "fork"}
        loader = DataLoader(_Outputs(layer, x), batch_size=None, **options)
        assert all(torch.equal(output, expected) for output in loader)
        with torch.no_grad():
            assert torch.equal(layer(x)[0], expected)


class _Outputs(torch.utils.data.Dataset[Tensor]):
    def __init__(self, layer: BiLSTM, x: Tensor) -> None:
        self.layer, self.x = layer, x

    def __len__(self) -> int:
        return 4

    @torch.no_grad()
    def __getitem__(self, index: int) -> Tensor:
        # The parent's pool has threads that this process has not. torch itself is left at one thread, as in
        # every worker of a loader: its OpenMP does not survive a fork.
        torch.get_num_threads = lambda: 2
        return self.layer(self.x)[0]
