"""Train, interrupt and resume on this machine as anyone would: part of `gpu_check.py`.

    python scripts/gpu_training.py digits bilstm

Trains in bf16-mixed precision from the default configuration, once without interruption, and once interrupted
after the first checkpoint and resumed by the same command. Both must end with the same metrics and weights,
bit by bit, and must have learned something. Exit code 1 where they do not.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from soak import Outcome

TASKS = {"digits": ("task=digits",), "pos_sample": ("task=pos", "data=pos_sample")}
LEAST_ACCURACY = 0.7  # after EPOCHS
EPOCHS = 5
SMALL = (
    "trainer.accelerator=cpu",
    "trainer.limit_train_batches=0.2",
    "model.hidden_size=32",
    "optimizer.lr=0.02",
)
LEAST_SMALL_ACCURACY = 0.3
SECONDS_PER_RUN = 600
NOT_TRUSTED = "The Triton kernels are not used"


class RunError(Exception):
    """A run did not do what it should."""


def train(overrides: Sequence[str], run_dir: Path) -> None:
    """Train to the end, resuming the run if it was interrupted."""
    with start(overrides, run_dir) as process:
        code = wait(process)
    output = read_log(run_dir)
    if code != 0 or not (run_dir / "metrics.json").exists():
        raise RunError(f"exit code {code}:\n{output[-3000:]}")
    if NOT_TRUSTED in output:
        raise RunError(output[output.index(NOT_TRUSTED) :].splitlines()[0])


def interrupt(overrides: Sequence[str], run_dir: Path) -> None:
    """Start to train and press Ctrl-C after the first checkpoint."""
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    with start(overrides, run_dir) as process:
        deadline = time.monotonic() + SECONDS_PER_RUN
        while process.poll() is None and not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        code = wait(process)
    if code != 130 or (run_dir / "metrics.json").exists():
        raise RunError(f"interrupted: exit code {code}, expected 130:\n{read_log(run_dir)[-3000:]}")


def start(overrides: Sequence[str], run_dir: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "seqtrain", f"run_dir={run_dir}", *overrides]
    with run_dir.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=run_dir.parent)


def wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(SECONDS_PER_RUN)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RunError(f"hangs: no end after {SECONDS_PER_RUN} s") from None


def read_log(run_dir: Path) -> str:
    return run_dir.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


def check(overrides: Sequence[str], least_accuracy: float, folder: Path) -> str:
    """Train with and without interruption; returns what came out."""
    whole, resumed = folder / "whole", folder / "resumed"
    train(overrides, whole)
    print(read_log(whole), flush=True)
    interrupt(overrides, resumed)
    train(overrides, resumed)
    if differences := Outcome.of(whole).differences(Outcome.of(resumed)):
        raise RunError(f"the resumed run differs in {', '.join(differences)}")
    metrics = json.loads((whole / "metrics.json").read_text())
    environment = json.loads((whole / "environment.json").read_text())
    if environment["precision"] != "bf16-mixed":
        raise RunError(f"it ran in {environment['precision']}")
    if not metrics["test/accuracy"] >= least_accuracy:
        raise RunError(f"test/accuracy {metrics['test/accuracy']:.3f}, expected {least_accuracy} or more")
    return f"{metrics['test/accuracy']:.3f} of test right, resumed to the bit, {environment['device']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("model", choices=("lstm", "bilstm"))
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, a small model on little data")
    options = parser.parse_args()
    overrides = [*TASKS[options.task], f"model={options.model}", "trainer.precision=bf16-mixed"]
    overrides += [
        f"trainer.max_epochs={EPOCHS}",
        *(SMALL if options.dry_run else ("trainer.accelerator=gpu",)),
    ]
    least = LEAST_SMALL_ACCURACY if options.dry_run else LEAST_ACCURACY
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(check(overrides, least, Path(folder)))
        except RunError as failure:
            print(f"WRONG: {failure}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
