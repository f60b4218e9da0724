"""What runs first on a GPU runs here on the CPU, and finds what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gpu_check
import pytest
import torch

ROOT = Path(__file__).parents[2]


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"scripts/{name}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TRITON_INTERPRET", None)  # the script sets it where it wants it
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.usefixtures("interpreter")
def test_dry_run() -> None:
    done = run_script("gpu_check.py", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    *table, last = done.stdout.splitlines()[-9:]
    assert last == "8 of 8 checks passed"
    models = ("digits lstm", "digits bilstm", "pos_sample lstm", "pos_sample bilstm")
    kernels = [f"kernels {what}" for what in ("compile", "in float32", "in bfloat16", "in float16")]
    assert [line[:28].strip() for line in table] == [*kernels, *(f"training {model}" for model in models)]
    assert all("resumed to the bit" in line for line in table[4:])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_refuses_to_start_without_a_gpu() -> None:
    done = run_script("gpu_check.py")
    assert done.returncode == 2
    assert done.stderr == "There is no GPU here. Add --dry-run to check what can be checked without.\n"


def test_a_check_that_fails_or_hangs_is_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_check, "SCRIPTS", tmp_path)
    (tmp_path / "passes.py").write_text("print('3 of 3')")
    (tmp_path / "fails.py").write_text("print('about to fail'); raise SystemExit(1)")
    (tmp_path / "hangs.py").write_text("import time\nprint('waiting', flush=True)\ntime.sleep(600)")
    checks = [("first", ["passes.py"], 60), ("second", ["fails.py"], 60), ("third", ["hangs.py"], 2)]
    monkeypatch.setattr(gpu_check, "list_checks", lambda dry_run: checks)  # noqa: ARG005
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--dry-run"])
    assert gpu_check.main() == 1
    output = capsys.readouterr().out
    assert "about to fail\n" in output
    rows = [line.split(maxsplit=2) for line in output.splitlines()[-4:-1]]
    assert [(name, note) for name, _, note in rows] == [
        ("first", "3 of 3"),
        ("second", "FAILED: exit code 1; about to fail"),
        ("third", "HANGS: no end after 2 s; waiting"),
    ]
    assert output.endswith("1 of 3 checks passed\n")
