"""The package is built with the kernel where there is a compiler, and without it where there is none."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from seqtrain.recurrence.engines.kernel import SOURCE, hash_source

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.compiler


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a source distribution holds, so that nothing is compiled in the clone."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("seqtrain", "configs", "data/samples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def build_wheel(sources: Path, **environment: str) -> tuple[str, list[str], str]:
    """The wheel's name, the libraries that it holds, and what the build printed."""
    dist = sources / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    done = subprocess.run(
        command, cwd=sources, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if name.endswith(".so")]
        assert "seqtrain/recurrence/engines/kernel.cpp" in archive.namelist()
    return wheel.name, libraries, done.stdout + done.stderr


def test_a_wheel_with_the_kernel_is_for_its_platform_and_any_python(sources: Path) -> None:
    name, libraries, _ = build_wheel(sources)
    assert libraries == ["seqtrain/recurrence/engines/libkernel.so"]
    assert "-py3-none-" in name
    assert not name.endswith("-any.whl")


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PATH": "/nonexistent", "CXX": ""}, "no C++ compiler found (g++, clang++ or $CXX)"),
        ({"CXX": "no-such-compiler"}, "no-such-compiler cannot be run: "),
        ({"CXX": "false"}, "false failed with exit code 1: "),
    ],
)
def test_without_a_compiler_the_wheel_is_pure_and_one_line_says_so(
    sources: Path, environment: dict[str, str], reason: str
) -> None:
    (sources / "seqtrain/recurrence/engines/libkernel.so").unlink(missing_ok=True)
    name, libraries, printed = build_wheel(sources, **environment)
    assert (libraries, name.split("-", 2)[2]) == ([], "py3-none-any.whl")
    lines = [line for line in printed.splitlines() if "recurrence" in line]
    assert len(lines) == 1
    assert f"seqtrain runs its recurrence in plain torch, more slowly: {reason}" in lines[0]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_every_compiler_makes_a_library_of_this_source(
    hook: ModuleType, compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    monkeypatch.setenv("CXX", compiler)
    library = tmp_path / "libkernel.so"
    assert hook.compile_kernel(SOURCE, library, "-Wall", "-Wextra", "-Werror") is None
    source_hash = ctypes.CDLL(str(library)).seqtrain_source_hash
    source_hash.restype = ctypes.c_char_p
    assert source_hash().decode() == hash_source()
    assert [path.name for path in tmp_path.iterdir()] == ["libkernel.so"], "nothing is left behind"


def test_a_failure_is_told_by_its_first_error(hook: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "kernel.cpp"
    source.write_text("int f() { return nothing; }\n")
    problem = hook.compile_kernel(source, tmp_path / "libkernel.so")
    assert "failed with exit code 1: " in problem
    assert "nothing" in problem
    assert len(problem.splitlines()) == 1
    assert not (tmp_path / "libkernel.so").exists()


def test_a_source_tree_that_is_read_only_costs_one_line(hook: ModuleType, tmp_path: Path) -> None:
    library = tmp_path / "missing" / "libkernel.so"  # a folder that nobody can write to, root included
    assert hook.compile_kernel(SOURCE, library) == f"{library} cannot be written: No such file or directory"
