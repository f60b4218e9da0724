"""The comparison of the kernels with float64 finds kernels that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gpu_cases
import pytest
import torch
from gpu_cases import Case, check, list_cases

if TYPE_CHECKING:
    from seqtrain.recurrence.engines.triton.engine import Launch

pytestmark = pytest.mark.usefixtures("interpreter")
SMALL = Case(5, 2, 2)


def note(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n").rpartition("  ")[2]


def test_right_kernels_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(SMALL, "cpu", torch.float32)
    assert note(capsys) == "ok"


@pytest.mark.parametrize("kernel", ["forward_step", "backward_step"])
@pytest.mark.parametrize("number", [1e-3, torch.nan])
def test_wrong_kernels_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kernel: str, number: float
) -> None:
    from seqtrain.recurrence.engines.triton.engine import Launch

    run = Launch.run

    def run_wrongly(launch: Launch) -> None:
        run(launch)
        if launch.kernel.__name__ == kernel:
            written = launch.arguments[2 if kernel == "forward_step" else 5]  # h, or gradients of the gates
            written[0, -1, 0] += number

    monkeypatch.setattr(Launch, "run", run_wrongly)
    assert not check(SMALL, "cpu", torch.float32)
    assert note(capsys) == "WRONG"


def test_kernels_that_do_not_repeat_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from seqtrain.recurrence.engines.triton.engine import Launch

    run, launches = Launch.run, []

    def run_another_way(launch: Launch) -> None:
        run(launch)
        launches.append(launch)
        if len(launches) == 2:
            launch.arguments[2][0, -1, 0] *= 1 + 1e-7  # h, by a unit in the last place

    monkeypatch.setattr(Launch, "run", run_another_way)
    assert not check(SMALL, "cpu", torch.float32)
    assert note(capsys) == "NOT REPEATABLE"


def test_the_time_limit_does_not_count_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    from seqtrain.recurrence.engines.triton.engine import Launch

    events: list[str] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "compile", lambda _: events.append("compile"))
    monkeypatch.setattr(Launch, "run", lambda launch: (events.append("run"), run(launch)))
    watch = gpu_cases.faulthandler
    monkeypatch.setattr(watch, "dump_traceback_later", lambda *_, **__: events.append("watch"))
    monkeypatch.setattr(watch, "cancel_dump_traceback_later", lambda: events.append("end"))
    assert check(SMALL, "cpu", torch.float32)
    assert events == ["compile"] * 4 + ["watch"] + ["run"] * 8 + ["end"]


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cases_cover_all_kinds_of_layers(dry_run: bool, dtype: torch.dtype) -> None:
    cases = list(list_cases(dtype, dry_run))
    for packed in (True, False):
        some = [case for case in cases if case.packed == packed]
        assert any(not case.bidirectional for case in some)
        assert any(case.starts for case in some)
        assert any(case.evaluation for case in some)
    assert any(not case.bias for case in cases)
    assert any(case.autocast for case in cases) == (dtype != torch.float32)
    assert any(case.scale < 1 for case in cases) == (dtype == torch.float32)
