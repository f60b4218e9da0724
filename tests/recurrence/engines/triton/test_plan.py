"""Plans of the Triton engine: what fits on a GPU, and what is refused with which words."""

import ast
from pathlib import Path

import pytest
import torch

from seqtrain.recurrence.engines.triton import plan as plans
from seqtrain.recurrence.engines.triton.plan import Device, explain_triton, explain_triton_layer, plan_layer

H200 = Device(num_processors=132, shared_bytes=227 * 1024)
SMALL = Device(num_processors=20, shared_bytes=99 * 1024)
SIZES = [16, 17, 64, 100, 128, 129, 192, 256, 300, 512, 777, 1000, 1024]


@pytest.mark.parametrize("device", [H200, SMALL], ids=["H200", "small"])
@pytest.mark.parametrize("dtype", plans.DTYPES)
@pytest.mark.parametrize("exact", [False, True])
def test_every_size_has_a_plan_that_is_on_the_device_at_once(
    device: Device, dtype: torch.dtype, exact: bool
) -> None:
    for hidden_size in SIZES:
        for batch_size in (1, 16, 100, 4096):
            for num_directions in (1, 2):
                plan = plan_layer(hidden_size, dtype, batch_size, num_directions, device, exact)
                assert plan.num_slices * plan.num_units >= hidden_size
                assert plan.num_units & (plan.num_units - 1) == 0
                if plan.regime == "group":
                    programs = plan.num_slices * plan.num_groups * plan.directions_at_once
                    assert 1 <= programs <= device.num_processors
                else:
                    assert plan.num_groups * plan.num_rows >= batch_size


@pytest.mark.parametrize(
    ("hidden_size", "dtype", "batch_size", "expected"),
    [
        # W_hh of one direction in one program: 4 * 64 * 64 * 4 bytes = 64 KiB, 4 * 128 * 128 * 2 = 128 KiB
        (64, torch.float32, 32, ("whole", 64, 1, 2)),
        (128, torch.bfloat16, 128, ("whole", 128, 1, 8)),
        # 2 directions * 8 slices * 8 tiles = 128 of 132 multiprocessors
        (256, torch.bfloat16, 128, ("group", 32, 8, 8)),
        (512, torch.bfloat16, 64, ("group", 32, 16, 4)),
        # no room for a tile each: 4 groups walk over 8 tiles
        (512, torch.bfloat16, 128, ("group", 32, 16, 4)),
        (512, torch.float32, 32, ("group", 16, 32, 2)),
        # 128 programs hold one direction: the other has a launch of its own
        (1024, torch.float32, 16, ("group", 8, 128, 1)),
    ],
)
def test_table(hidden_size: int, dtype: torch.dtype, batch_size: int, expected: tuple[object, ...]) -> None:
    plan = plan_layer(hidden_size, dtype, batch_size, 2, H200, exact=False)
    assert (plan.regime, plan.num_units, plan.num_slices, plan.num_groups) == expected


def test_what_does_not_fit_is_run_step_by_step() -> None:
    assert plan_layer(1024, torch.float32, 64, 2, SMALL, exact=False).regime == "step"
    assert plan_layer(1024, torch.float32, 64, 2, H200, exact=True).regime == "step"


def test_refuses_where_triton_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "find_spec", lambda _: None)
    assert explain_triton() == (
        "backend='triton' needs the package triton, which comes with torch for CUDA on Linux. "
        "Install it, or use backend='auto'."
    )


def test_refuses_an_old_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "triton_version", lambda: "3.2.0")
    assert explain_triton() == (
        "backend='triton' needs triton 3.3, of torch 2.7, or later, got: 3.2.0. Use backend='auto'."
    )
    monkeypatch.setattr(plans, "triton_version", lambda: "3.10.1+git1")
    assert explain_triton() is None


@pytest.mark.parametrize(
    ("hidden_size", "dtype", "message"),
    [
        (32, torch.float64, "runs float32, bfloat16 and float16, got: torch.float64. Use backend='eager'."),
        (15, torch.float32, "runs hidden_size 16 to 1024, got: 15. Use backend='eager'."),
        (1025, torch.float32, "runs hidden_size 16 to 1024, got: 1025. Use backend='eager'."),
        (
            32,
            torch.float32,
            "needs tensors on a CUDA device, got: cpu. "
            "Move the layer and its input there, or use backend='auto'.",
        ),
    ],
)
def test_refuses_layers(
    monkeypatch: pytest.MonkeyPatch, hidden_size: int, dtype: torch.dtype, message: str
) -> None:
    monkeypatch.setattr(plans, "triton_version", lambda: "3.6.0")
    monkeypatch.setattr(plans, "is_interpreted", lambda: False)
    state = (torch.zeros(1, 2, hidden_size, dtype=dtype),) * 2
    assert explain_triton_layer(torch.zeros(2, 3, dtype=dtype), state) == f"backend='triton' {message}"


def test_accepts_what_the_interpreter_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "triton_version", lambda: "3.6.0")
    monkeypatch.setattr(plans, "is_interpreted", lambda: True)
    state = (torch.zeros(1, 2, 32),) * 2
    assert explain_triton_layer(torch.zeros(2, 3), state) is None


def test_the_package_works_without_triton() -> None:
    """Only the kernels import Triton, and nothing imports the kernels before they are asked for."""
    package = Path(plans.__file__).parents[2]
    for path in package.rglob("*.py"):
        if "kernels" in path.parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            module = getattr(node, "module", "") or ""
            imported = [module, *(f"{module}.{name}" for name in names), *names]
            assert "triton" not in imported, path.name
            if "triton" not in path.parts:
                late = ("triton.engine", "triton.launch", "triton.kernels")
                assert not [name for name in imported if name.endswith(late)], path.name
