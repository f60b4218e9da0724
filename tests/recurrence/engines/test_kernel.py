"""Which kernel runs, and why none does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cpu_backends import needs_kernel

from seqtrain.recurrence.engines import kernel

PRINT = "from seqtrain.recurrence.engines.kernel import describe_kernel; print(describe_kernel())"


def describe(choice: str) -> str:
    environment = os.environ | {kernel.VARIABLE: choice}
    command = [sys.executable, "-c", PRINT]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@needs_kernel
def test_an_instruction_set_can_be_chosen() -> None:
    usual = describe("")
    assert usual in ("avx512", "avx2", "baseline", "neon")
    plain = "neon" if usual == "neon" else "baseline"
    assert describe(plain) == plain
    assert describe("none") == "none (SEQTRAIN_KERNEL=none)"
    problem = describe("sse9")
    assert problem.startswith("none (SEQTRAIN_KERNEL must be one of none, ")
    assert problem.endswith(f"{plain} on this processor, got: 'sse9')")


class TestNoKernel:
    @pytest.fixture(autouse=True)
    def library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        library = tmp_path / "libkernel.so"
        monkeypatch.setattr(kernel, "LIBRARY", library)
        monkeypatch.delenv(kernel.VARIABLE, raising=False)
        return library

    def explain(self) -> str:
        found = kernel._find_kernel.__wrapped__()  # what is found is kept for the process
        assert isinstance(found, str)
        return found

    def test_it_was_not_compiled(self) -> None:
        assert self.explain() == (
            "the kernel was not compiled; pip install with a C++ compiler (g++, clang++ or $CXX) builds it"
        )

    def test_it_is_no_library(self, library: Path) -> None:
        library.write_bytes(b"nothing")
        assert self.explain().startswith("the compiled kernel cannot be loaded: ")

    @needs_kernel
    def test_it_was_compiled_from_another_source(
        self, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(Path(kernel.load_kernel()._name), library)
        source = tmp_path / "kernel.cpp"
        source.write_bytes(kernel.SOURCE.read_bytes() + b"\n")
        monkeypatch.setattr(kernel, "SOURCE", source)
        assert self.explain().startswith("the kernel was compiled from another version of its source; ")

    @needs_kernel
    def test_its_source_is_missing(
        self, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(Path(kernel.load_kernel()._name), library)
        monkeypatch.setattr(kernel, "SOURCE", tmp_path / "kernel.cpp")
        assert self.explain().startswith("the compiled kernel cannot be loaded: [Errno 2] ")
