"""The first thing to run on a GPU: does all that seqtrain does there work?

    python scripts/gpu_check.py             # on a GPU; some ten minutes
    python scripts/gpu_check.py --dry-run   # on a CPU: kernels interpreted, small models

Compiles the Triton kernels, compares them with float64 in every dtype (gpu_cases.py), then trains digits and
the sample of tagged sentences with lstm and bilstm in bf16-mixed precision, interrupted and resumed
(gpu_training.py). Each check has a process and a time limit of its own. Prints a table at the end; exit code
1 where a check fails, 2 where there is no GPU.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

SCRIPTS = Path(__file__).parent
COMPILATION_SECONDS = 1800
SECONDS = 1800  # each case and each run within a check has a limit of its own


@dataclass(frozen=True)
class Result:
    """How a check ended, and the last line that it printed."""

    name: str
    outcome: str
    seconds: float
    note: str


def list_checks(dry_run: bool) -> Iterator[tuple[str, list[str], int]]:
    """Name, command and time limit. Compilation comes first: what it leaves on disk, the others only load."""
    dry = ["--dry-run"] if dry_run else []
    yield "kernels compile", ["gpu_compile.py", _capability(dry_run)], COMPILATION_SECONDS
    for dtype in ("float32", "bfloat16", "float16"):
        yield f"kernels in {dtype}", ["gpu_cases.py", dtype, *dry], SECONDS
    for task in ("digits", "pos_sample"):
        for model in ("lstm", "bilstm"):
            yield f"training {task} {model}", ["gpu_training.py", task, model, *dry], SECONDS


def _capability(dry_run: bool) -> str:
    major, minor = (9, 0) if dry_run else torch.cuda.get_device_capability()
    return f"{major}{minor}"


def run(name: str, arguments: Sequence[str], limit: float) -> Result:
    """Run one check in a process group of its own, and show what it prints."""
    print(f"\n== {name}", flush=True)
    script, *rest = arguments
    command = [sys.executable, str(SCRIPTS / script), *rest]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    began = time.monotonic()
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        reader = threading.Thread(target=echo, args=(process.stdout, lines))
        reader.start()
        outcome = wait(process, limit)
        reader.join()
    return Result(name, outcome, time.monotonic() - began, lines[-1] if lines else "")


def wait(process: subprocess.Popen[str], limit: float) -> str:
    try:
        code = process.wait(limit)
    except BaseException as raised:  # Ctrl-C ends the check with us
        os.killpg(process.pid, signal.SIGKILL)
        if not isinstance(raised, subprocess.TimeoutExpired):
            raise
        return f"HANGS: no end after {limit:.0f} s"
    return "ok" if code == 0 else f"FAILED: exit code {code}"


def echo(stream: IO[str], lines: list[str]) -> None:
    for line in stream:
        print(line, end="", flush=True)
        lines.append(line.strip())


def print_table(results: Sequence[Result]) -> None:
    print(f"\n{'check':28}{'seconds':>8}  result")
    for result in results:
        note = result.note if result.outcome == "ok" else f"{result.outcome}; {result.note}"
        print(f"{result.name:28}{result.seconds:8.0f}  {note}")
    print(f"{sum(result.outcome == 'ok' for result in results)} of {len(results)} checks passed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="on a CPU: kernels interpreted, small models")
    parser.add_argument("--only", default="", metavar="TEXT", help="run the checks whose name holds TEXT")
    options = parser.parse_args()
    if not options.dry_run and not torch.cuda.is_available():
        print("There is no GPU here. Add --dry-run to check what can be checked without.", file=sys.stderr)
        return 2
    checks = [check for check in list_checks(options.dry_run) if options.only in check[0]]
    results = [run(*check) for check in checks]
    print_table(results)
    return 0 if all(result.outcome == "ok" for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
