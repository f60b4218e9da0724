"""Two processes train one model, with the numbers of one."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_runs import without_times

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DDP = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
# One optimizer step an epoch: the whole of train in one batch, or in one batch for each of two processes.
ONE_STEP = ["optimizer=sgd", "optimizer.lr=0.5", "schedule=constant", "head.dropout=0"]
ONE_STEP += ["trainer.max_epochs=3", "logger=csv"]
SENTENCES = ["task=pos", "encoder.dropout=0", "encoder.unknown_rate=0"]  # the rest of what is random

FAILS = """
import pytorch_lightning as pl


class FailsElsewhere(pl.Callback):
    def on_train_epoch_end(self, trainer, learner):
        if trainer.global_rank == 1 and trainer.current_epoch == 1:
            raise RuntimeError("a failure of the second process")
"""


CLOCKS = """
import os
import time
from types import SimpleNamespace

import pytorch_lightning as pl

from seqtrain.training.callbacks import checkpoints


class FastClock(pl.Callback):
    def __init__(self, rank: str) -> None:
        if os.environ.get("LOCAL_RANK", "0") == rank:
            checkpoints.time = SimpleNamespace(monotonic=lambda: 1e6 * time.monotonic())
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(*overrides: str, program: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    own = ("LOCAL_RANK", "SEQTRAIN_RUN_DIR", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*(program or (sys.executable,)), "-m", "seqtrain", "data_dir=none", *overrides]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env=environment, **options)


def run(*overrides: str, program: tuple[str, ...] = (), timeout: int = 400) -> str:
    process = start(*overrides, program=program)
    try:
        _, err = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, err
    return err


def metrics_of(folder: str) -> dict[str, float]:
    return without_times(json.loads(Path(folder, "metrics.json").read_text()))


def weights_of(folder: str) -> dict[str, torch.Tensor]:
    return dict(torch.load(f"{folder}/checkpoints/last.ckpt", weights_only=True)["state_dict"])


@pytest.mark.parametrize(
    ("data", "sizes"),
    [
        # dev is 70 + 40 sequences in one process and 70 in the other
        (["data.eval_batch_size=70"], ("data.batch_size=1257", "data.batch_size=629")),
        (SENTENCES, ("data.batch_size=96", "data.batch_size=48")),
        # 3 batches each
        (SENTENCES, ("data.batch_size=96", "data.batch_size=16 trainer.accumulate_grad_batches=4")),
    ],
    ids=["digits", "sentences of different lengths", "accumulated sentences"],
)
def test_two_processes_step_as_one_with_the_doubled_batch(
    data: list[str], sizes: tuple[str, str], treebank: Path
) -> None:
    """The gradients of both are averaged over words, not over processes; SGD shows them in the weights."""
    data = [*data, f"data.path={treebank}"] if "task=pos" in data else data
    run(*data, *ONE_STEP, sizes[0], "run_dir=one")
    run(*data, *ONE_STEP, *sizes[1].split(), *DDP, "run_dir=two")
    ours, theirs = weights_of("two"), weights_of("one")
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-4, atol=1e-6, msg=name)
    assert metrics_of("two") == pytest.approx(metrics_of("one"), rel=1e-4)
    for name in ("train/loss", "val/loss", "val/accuracy"):
        theirs = logged("one", name)
        assert len(theirs) == 3
        assert logged("two", name) == pytest.approx(theirs, rel=1e-4), name


TEXT = ["task=language_model", "model.hidden_size=16", "data.steps=32", "data.restarts=0.2", "logger=none"]


def test_each_process_reads_streams_of_its_own() -> None:
    """The steps, the carried states and the evaluations are those of one process with all streams."""
    data = [*TEXT, "optimizer=sgd", "optimizer.lr=0.5", "head.dropout=0", "trainer.max_epochs=2"]
    run(*data, "data.batch_size=64", "run_dir=one")
    run(*data, "data.batch_size=32", *DDP, "run_dir=two")
    ours, theirs = weights_of("two"), weights_of("one")
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-3, atol=1e-5, msg=name)
    assert metrics_of("two") == pytest.approx(metrics_of("one"), rel=1e-4)


def test_the_state_of_each_process_goes_on_after_a_kill() -> None:
    arguments = [*TEXT, *DDP, "data.batch_size=16", "trainer.max_epochs=3", "head.dropout=0.2"]
    run(*arguments, "run_dir=whole")
    process = start(*arguments, "callbacks.last.every_minutes=1e-9", "run_dir=parts")
    wait_for(Path("parts/checkpoints/last.ckpt"))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not Path("parts/metrics.json").exists()
    states = torch.load("parts/checkpoints/last.ckpt", weights_only=True)["callbacks"]["LastCheckpoint"][
        "task"
    ]
    first, second = (each["states"][0]["final_state"][0] for each in states)
    assert not torch.equal(first, second)
    run(*arguments, "callbacks.last.every_minutes=1e-9", "run_dir=parts")
    assert metrics_of("parts") == metrics_of("whole")


def logged(folder: str, metric: str) -> list[float]:
    """The values of a metric in the order of the epochs."""
    with Path(folder, "metrics.csv").open(newline="") as file:
        return [float(row[metric]) for row in csv.DictReader(file) if row.get(metric)]


def test_one_of_them_writes_and_says_everything_once() -> None:
    err = run(*DDP, "trainer.max_epochs=12", "run_dir=run")
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["epochs"] == 12
    assert metrics["test/accuracy"] > 0.8
    with Path("run/confusions.csv").open() as file:
        _, *rows = csv.reader(file)
    assert sum(int(count) for _, *counts in rows for count in counts) == 360
    assert metrics["sequences_per_second"] > 0
    assert json.loads(Path("run/environment.json").read_text())["device"].startswith("2 x cpu with 1 thread")
    assert err.count("epoch 12/12") == 1
    assert "WARNING" not in Path("run/train.log").read_text()
    assert [path.name for path in Path.cwd().iterdir()] == ["run"]


def test_both_killed_and_resumed() -> None:
    arguments = [*DDP, "trainer.max_epochs=6", "logger=none"]
    run(*arguments, "run_dir=whole")
    process = start(*arguments, "run_dir=parts")
    wait_for(Path("parts/checkpoints/last.ckpt"))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not Path("parts/metrics.json").exists()
    assert "resumed" in run(*arguments, "run_dir=parts")
    assert metrics_of("parts") == metrics_of("whole")


@pytest.mark.parametrize("victim", ["the one that writes", "the other"])
def test_nobody_waits_for_a_process_that_died(victim: str) -> None:
    process = start(*DDP, "trainer.max_epochs=1000", "logger=none", "run_dir=run")
    wait_for(Path("run/checkpoints/last.ckpt"))
    os.kill(process.pid if victim == "the one that writes" else child_of(process), signal.SIGKILL)
    process.communicate(timeout=120)  # returns when the other, too, has closed its output
    assert process.returncode != 0
    assert not Path("run/metrics.json").exists()


def test_an_error_in_one_process_ends_both() -> None:
    Path("fails.py").write_text(FAILS)
    plugin = ["plugins=[fails]", "+callbacks.fails._target_=fails.FailsElsewhere"]
    process = start(*DDP, *plugin, "trainer.max_epochs=1000", "logger=none", "run_dir=run")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "a failure of the second process" in err
    assert not Path("run/metrics.json").exists()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_clocks_that_disagree_stop_nobody(rank: str) -> None:
    """In one process a checkpoint is due after every step, in the other one at the end of an epoch only."""
    Path("clocks.py").write_text(CLOCKS)
    clock = ["plugins=[clocks]", "+callbacks.clock._target_=clocks.FastClock"]
    clock.append(f"+callbacks.clock.rank='{rank}'")
    arguments = [*DDP, "trainer.max_epochs=3", "logger=none"]
    run(*arguments, *clock, "run_dir=fast", timeout=120)
    run(*arguments, "run_dir=plain")
    assert metrics_of("fast") == metrics_of("plain")


@pytest.mark.parametrize(
    ("victim", "number"), [("the one that writes", signal.SIGINT), ("the other", signal.SIGTERM)]
)
def test_a_signal_to_one_stops_both_after_the_same_step(victim: str, number: signal.Signals) -> None:
    arguments = [*DDP, "trainer.max_epochs=6", "logger=none"]
    process = start(*arguments, "run_dir=parts")
    wait_for(Path("parts/checkpoints/last.ckpt"))
    os.kill(process.pid if victim == "the one that writes" else child_of(process), number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert not Path("parts/metrics.json").exists()
    assert "resumed" in run(*arguments, "run_dir=parts")
    run(*arguments, "run_dir=whole")
    assert metrics_of("parts") == metrics_of("whole")


def test_torchrun_starts_them() -> None:
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    run(*DDP, "trainer.max_epochs=2", program=torchrun)
    (folder,) = Path("runs/digits/lstm").iterdir()
    run(*DDP, "trainer.max_epochs=2", "run_dir=other")
    assert metrics_of(str(folder)) == metrics_of("other")


def child_of(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written within five minutes")
