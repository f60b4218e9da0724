"""scripts/install, with a pip that only writes down what it was asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = "seqtrain/recurrence/engines/libkernel.so"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    source = "seqtrain/recurrence/engines/kernel.cpp"
    for name in ("scripts/install", "pyproject.toml", "constraints.txt", "hatch_build.py", source):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    pip = f'#!/bin/sh\necho "$@" >> calls\n[ -n "$NO_COMPILER" ] || touch {LIBRARY}\n'
    for name, text in (("pip", pip), ("python", "#!/bin/sh\n")):
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    return tmp_path


def install(clone: Path, **environment: str) -> tuple[int, str]:
    """How often pip has run by now, and what the script says."""
    variables = os.environ | {"SEQTRAIN_TORCH": "default", "NO_COMPILER": ""} | environment
    options = {"cwd": clone, "env": variables, "capture_output": True, "text": True, "check": True}
    done = subprocess.run(["sh", "scripts/install"], **options)
    return len((clone / "calls").read_text().splitlines()), done.stdout + done.stderr


def test_a_changed_kernel_is_compiled_again(clone: Path) -> None:
    said = "installing seqtrain into .venv (once; torch takes a few minutes)\n"
    assert install(clone) == (1, said)
    assert install(clone) == (1, "")
    with (clone / LIBRARY).with_name("kernel.cpp").open("a") as source:
        source.write("// changed\n")
    assert install(clone) == (2, said)


def test_without_a_compiler_one_line_says_so(clone: Path) -> None:
    (clone / LIBRARY).touch()  # of an earlier source: it must not be taken for the new one
    calls, said = install(clone, NO_COMPILER="1")
    assert calls == 1
    assert said.splitlines()[1:] == [
        "the kernel of the recurrence was not compiled (no g++, clang++ or $CXX that works): "
        "layers run in plain torch, more slowly"
    ]
