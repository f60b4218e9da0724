"""What the Triton engine refuses, and when backend="auto" takes it."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqtrain.recurrence import CELLS, choose_engine
from seqtrain.recurrence.engines import selection
from seqtrain.recurrence.engines.triton import support
from seqtrain.recurrence.engines.triton.support import explain_triton, explain_triton_layer, find_problem
from seqtrain.recurrence.walk import PackedWalk

CPU = torch.device("cpu")


def test_refuses_where_triton_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "find_spec", lambda _: None)
    assert explain_triton() == (
        "backend='triton' needs the package triton, which comes with torch for CUDA on Linux. "
        "Install it, or use backend='auto'."
    )


def test_refuses_an_old_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "triton_version", lambda: "3.2.0")
    assert explain_triton() == (
        "backend='triton' needs triton 3.3, of torch 2.7, or later, got: 3.2.0. Use backend='auto'."
    )
    monkeypatch.setattr(support, "triton_version", lambda: "3.10.1+git1")
    assert explain_triton() is None


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (torch.float64, "runs float32, bfloat16 and float16, got: torch.float64. Use backend='auto'."),
        (
            torch.float32,
            "needs tensors on a CUDA device, got: cpu. "
            "Move the layer and its input there, or use backend='auto'.",
        ),
    ],
)
def test_refuses_layers(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, message: str) -> None:
    monkeypatch.setattr(support, "triton_version", lambda: "3.6.0")
    monkeypatch.setattr(support, "is_interpreted", lambda: False)
    assert explain_triton_layer(torch.zeros(2, 3, dtype=dtype)) == f"backend='triton' {message}"


def test_the_package_works_without_triton() -> None:
    """Only the kernels import Triton, and nothing imports the kernels before they are asked for."""
    package = Path(support.__file__).parents[2]
    for path in package.rglob("*.py"):
        if path.stem == "kernels":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            module = getattr(node, "module", "") or ""
            imported = [module, *(f"{module}.{name}" for name in names), *names]
            assert "triton" not in imported, path.name
            if "triton" not in path.parts:
                late = ("triton.engine", "triton.kernels")
                assert not [name for name in imported if name.endswith(late)], path.name


@pytest.fixture
def gpu(interpreter: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """The CPU stands for a GPU that has proved nothing yet."""
    monkeypatch.setattr(selection, "TRITON_DEVICE", "cpu")
    support.is_trusted.cache_clear()
    yield
    support.is_trusted.cache_clear()


def choose(x: Tensor, cell: str = "lstm") -> str:
    state = tuple(torch.zeros(1, 1, 4) for _ in CELLS[cell].state_names)
    weights = [{name: torch.zeros(shape) for name, shape in CELLS[cell].shapes(3, 4, bias=True).items()}]
    return choose_engine("auto", CELLS[cell], x, weights, state, PackedWalk([1, 1], CPU)).__name__


@pytest.mark.usefixtures("gpu")
def test_auto_takes_the_kernels_once_they_have_proved_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def count(device: torch.device, dtype: torch.dtype) -> str | None:
        tried.append((device, dtype))
        return find_problem(device, dtype)

    monkeypatch.setattr(support, "find_problem", count)
    with torch.inference_mode():
        before = torch.get_rng_state()
        assert choose(torch.zeros(2, 3)) == "triton_layer"
        assert torch.equal(before, torch.get_rng_state())
    assert choose(torch.zeros(5, 7)) == "triton_layer"
    assert choose(torch.zeros(2, 3, dtype=torch.bfloat16)) == "triton_layer"
    assert tried == [(CPU, torch.float32), (CPU, torch.bfloat16)]
    assert choose(torch.zeros(2, 3), cell="gru") != "triton_layer"
    assert choose(torch.zeros(2, 3, dtype=torch.float64)) != "triton_layer"


@pytest.mark.usefixtures("gpu")
def test_auto_warns_once_and_takes_another_engine_where_the_kernels_raise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from seqtrain.recurrence.engines.triton.engine import Launch

    def fail(_: Launch) -> None:
        raise RuntimeError("no kernel image is available\nand more")

    monkeypatch.setattr(Launch, "run", fail)
    with pytest.warns(RuntimeWarning) as caught:
        assert choose(torch.zeros(2, 3)) != "triton_layer"
    assert str(caught[0].message) == (
        "The Triton kernels are not used for float32 on cpu: they raised RuntimeError: no kernel image is "
        "available. backend='auto' takes a slower engine there; scripts/gpu_check.py shows more."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose(torch.zeros(2, 3)) != "triton_layer"


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("number", [0.0, torch.nan])
def test_auto_takes_another_engine_where_the_kernels_are_wrong(
    monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    """In the last launch of the backward pass, whose gradients no later one repairs."""
    from seqtrain.recurrence.engines.triton import kernels
    from seqtrain.recurrence.engines.triton.engine import Launch

    run = Launch.run

    def run_wrongly(launch: Launch) -> None:
        run(launch)
        if launch.kernel is kernels.backward_step:
            launch.arguments[5][1, 0, 0] = number  # of d_gates

    monkeypatch.setattr(Launch, "run", run_wrongly)
    with pytest.warns(
        RuntimeWarning, match=r"differ from the reference engine by (nan|.*e-.*), and 1.0e-05 is"
    ):
        assert choose(torch.zeros(2, 3)) != "triton_layer"


def test_auto_never_takes_the_kernels_on_a_cpu() -> None:
    assert choose(torch.zeros(2, 3)) != "triton_layer"
