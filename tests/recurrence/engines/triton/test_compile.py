"""Triton's compiler, which needs no GPU, takes every kernel as it is launched. The interpreter hides much."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed: no compiler")
@pytest.mark.parametrize(
    "capability", [pytest.param(80, marks=pytest.mark.slow), pytest.param(89, marks=pytest.mark.slow), 90]
)
def test_every_launch_compiles(tmp_path: Path, capability: int) -> None:
    """2 kernels for 3 dtypes and 3 sizes, from padded and packed layers, to machine code."""
    command = [sys.executable, "scripts/gpu_compile.py", str(capability)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)  # what other tests of this process may have set
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    _, *lines, last = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert last.startswith("18 kernels compiled by triton ")
    kinds = {tuple(line.split()[:3]) for line in lines}
    assert kinds == {
        (f"sm_{capability}", kernel, dtype)
        for kernel in ("forward_step", "backward_step")
        for dtype in ("float32", "bfloat16", "float16")
    }
    assert all(line.endswith("  ok") for line in lines)
