"""kernel.cpp under the sanitizers of the compiler: random sizes, forks, several threads at once.

SEQTRAIN_DRIVE_ROUNDS=10000 makes more rounds than continuous integration does.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from seqtrain.recurrence.engines.kernel import SOURCE

pytestmark = [pytest.mark.compiler, pytest.mark.slow]
DRIVER = Path(__file__).with_name("drive_kernel.cpp")
ROUNDS = os.environ.get("SEQTRAIN_DRIVE_ROUNDS", "200")
COMPILER = shlex.split(os.environ.get("CXX") or "c++")


def compile_driver(source: Path, program: Path, sanitizers: str) -> "subprocess.CompletedProcess[str]":
    flags = ["-std=c++17", "-O1", "-g", "-pthread", "-Wno-psabi", "-ffp-contract=fast"]
    flags += [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", f"-I{SOURCE.parent}"]
    command = [*COMPILER, *flags, str(source), "-o", str(program)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_random_sizes(sanitizers: str, tmp_path: Path) -> None:
    if shutil.which(COMPILER[0]) is None:
        pytest.skip("no C++ compiler here")
    empty, program = tmp_path / "empty.cpp", tmp_path / "drive"
    empty.write_text("int main() {}\n")
    if compile_driver(empty, program, sanitizers).returncode != 0:
        pytest.skip(f"this compiler has no -fsanitize={sanitizers}")
    compiled = compile_driver(DRIVER, program, sanitizers)
    assert compiled.returncode == 0, compiled.stderr
    environment = os.environ | {
        "TSAN_OPTIONS": "die_after_fork=0"
    }  # the child of a fork makes threads of its own
    command = [str(program), ROUNDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{ROUNDS} rounds\n"
