"""Compile the time loop of the recurrence while the package is built, where there is a C++ compiler.

Without one the package is built all the same: layers then run in plain torch, more slowly.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("seqtrain/recurrence/engines")
FLAGS = ["-O3", "-std=c++17", "-shared", "-fPIC", "-pthread", "-ffp-contract=fast", "-Wno-psabi"]


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the library to a wheel, which then is one for this platform and for any Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        folder = Path(self.root) / FOLDER
        if problem := compile_kernel(folder / "kernel.cpp", folder / "libkernel.so"):
            self.app.display_warning(f"seqtrain runs its recurrence in plain torch, more slowly: {problem}")
            return
        build_data["artifacts"].append(str(FOLDER / "libkernel.so"))
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def compile_kernel(source: Path, library: Path, *flags: str) -> str | None:
    """Compile `source` into `library`; what went wrong, in one line, or None.

    A program that has loaded the library that was there goes on with it.
    """
    if os.name != "posix":
        return "the kernel is for Linux and macOS"
    compiler = find_compiler()
    if compiler is None:
        return "no C++ compiler found (g++, clang++ or $CXX)"
    try:
        return _run_compiler(compiler, source, library, flags)
    except OSError as error:  # a source tree that is read only
        return f"{library} cannot be written: {error.strerror}"


def _run_compiler(compiler: list[str], source: Path, library: Path, flags: tuple[str, ...]) -> str | None:
    source_hash = hashlib.sha256(source.read_bytes()).hexdigest()[:16]  # engines/kernel.py compares it
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        built = Path(folder) / library.name
        command = [*compiler, *FLAGS, *flags, f"-DSOURCE_HASH={source_hash}", str(source), "-o", str(built)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"{compiler[0]} cannot be run: {error}"
        if done.returncode != 0:
            lines = done.stderr.splitlines()
            line = next((each for each in lines if "error" in each), "") or "".join(lines[:1])
            return f"{shlex.join(compiler)} failed with exit code {done.returncode}: {line}"
        built.replace(library)
    return None


def find_compiler() -> list[str] | None:
    """The command $CXX, or the first of the usual ones that is there."""
    if chosen := os.environ.get("CXX"):
        return shlex.split(chosen)
    return next(([name] for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
