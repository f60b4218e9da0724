"""The Triton kernels on a CPU."""

import importlib.util

import pytest
import torch


@pytest.fixture(scope="session")
def interpreter() -> None:
    """Let Triton interpret our kernels, and no others: it looks at the variable when it meets a kernel."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed: no kernels to interpret")
    if torch.cuda.is_available():
        pytest.skip("on a GPU the kernels are checked as they are compiled: scripts/gpu_check.py")
    import triton  # noqa: F401 - its own functions are not to be interpreted

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import seqtrain.recurrence.engines.triton.kernels  # noqa: F401
