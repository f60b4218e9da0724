"""Kill real runs at random moments, resume them, and compare them with runs that were never stopped.

    python scripts/soak.py --kills 100

Each configuration is trained once without interruption. Then it is trained again and again in new
folders, killed with SIGKILL, SIGTERM or SIGINT at random moments, some of them during start-up,
validation and the final test, and resumed by the same command until it is done. Metrics, weights
and confusions must be those of the uninterrupted run, bit by bit. The same command is also started
twice at once. Prints a table; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

SMALL = (
    "model.hidden_size=32",
    "trainer.max_epochs=6",
    "callbacks.last.every_minutes=0.01",  # so that kills within an epoch go back to a point within it
)
CONFIGURATIONS = {
    "plain": ("model=bilstm", "model.num_layers=2", "model.dropout=0.2"),
    "average": ("model=gru", "callbacks=average", "trainer.accumulate_grad_batches=3", "head.dropout=0.3"),
    "members": ("model=lstm", "members=2", "head.dropout=0.3"),
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# Where an interruption passes through exec(), as in imports, Python ends by SIGINT: 130 to a shell.
EXPECTED_CODES = {signal.SIGKILL: {-9}, signal.SIGTERM: {130, -15, -2}, signal.SIGINT: {130, -2}}
MAX_KILLS_OF_ONE_RUN = 4
TIMEOUT = 600  # seconds: a run that takes longer hangs


@dataclass
class Tally:
    """What happened to the runs of one configuration."""

    kills: Counter[str] = field(default_factory=Counter)
    num_runs: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What two runs of one configuration must have in common."""

    metrics: dict[str, float]
    confusions: str
    weights: dict[str, torch.Tensor]

    @classmethod
    def of(cls, folder: Path) -> Outcome:
        metrics = json.loads((folder / "metrics.json").read_text())
        checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
        return cls(
            {name: value for name, value in metrics.items() if "second" not in name},
            (folder / "confusions.csv").read_text(),
            checkpoint["state_dict"],
        )

    def differences(self, other: Outcome) -> list[str]:
        """What is not the same, by name."""
        keys = self.metrics.keys() | other.metrics.keys()
        found = [key for key in sorted(keys) if self.metrics.get(key) != other.metrics.get(key)]
        found += ["confusions.csv"] if self.confusions != other.confusions else []
        same = self.weights.keys() == other.weights.keys() and all(
            torch.equal(weight, other.weights[name]) for name, weight in self.weights.items()
        )
        return found if same else [*found, "weights of best.ckpt"]


def main() -> int:
    options = read_options()
    draw = random.Random(options.seed)
    names = options.configurations.split(",")
    tallies = {name: Tally() for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            share = -(-options.kills // len(names))
            soak(name, share, draw, Path(folder) / name, tallies[name])
    print_table(tallies)
    return 1 if any(tally.problems for tally in tallies.values()) else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="kills in all (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the signals")
    parser.add_argument(
        "--configurations", default=",".join(CONFIGURATIONS), help=f"of {', '.join(CONFIGURATIONS)}"
    )
    return parser.parse_args()


def soak(name: str, num_kills: int, draw: random.Random, folder: Path, tally: Tally) -> None:
    """Kill and resume runs of one configuration until there have been `num_kills` kills."""
    started_at = time.monotonic()
    finish(name, folder / "uninterrupted", tally)
    seconds = time.monotonic() - started_at
    expected = Outcome.of(folder / "uninterrupted")
    while tally.kills.total() < num_kills:
        run = folder / f"run_{tally.num_runs}"
        for _ in range(min(MAX_KILLS_OF_ONE_RUN, num_kills - tally.kills.total())):
            if kill_once(name, run, draw.uniform(0, seconds), draw.choice(SIGNALS), tally):
                break  # it was faster than the kill
        finish(name, run, tally)
        compare(run, expected, tally)
        tally.num_runs += 1
        print(f"{name}: {tally.kills.total()} of {num_kills} kills", file=sys.stderr)
    start_twice(name, folder / "twice", expected, tally)


def kill_once(name: str, run: Path, delay: float, sent: signal.Signals, tally: Tally) -> bool:
    """Start or resume a run and kill it after `delay` seconds; returns whether it had ended by itself."""
    process = start(name, run)
    try:
        check_code(process, process.wait(delay), {0}, "a run that nobody killed", tally)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
    tally.kills[sent.name] += 1
    # A signal can come when all is done.
    check_code(process, process.wait(TIMEOUT), {*EXPECTED_CODES[sent], 0}, f"after {sent.name}", tally)
    return (run / "metrics.json").exists()


def finish(name: str, run: Path, tally: Tally) -> None:
    """Let a run go to its end."""
    if not (run / "metrics.json").exists():
        process = start(name, run)
        check_code(process, process.wait(TIMEOUT), {0}, "resumed", tally)


def compare(run: Path, expected: Outcome, tally: Tally) -> None:
    if not (run / "metrics.json").exists():
        tally.problems.append(f"{run.name}: lost, it has no metrics.json")
    elif differences := expected.differences(Outcome.of(run)):
        tally.problems.append(f"{run.name}: differs in {', '.join(differences)}")


def start_twice(name: str, run: Path, expected: Outcome, tally: Tally) -> None:
    """Two processes, one folder: one trains, the other is refused and changes nothing."""
    processes = [start(name, run), start(name, run)]
    codes = sorted(process.wait(TIMEOUT) for process in processes)
    if codes != [0, 2]:
        tally.problems.append(f"two at once: exit codes {codes}, expected 0 and 2")
    compare(run, expected, tally)


def start(name: str, run: Path) -> subprocess.Popen[bytes]:
    run.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "seqtrain", f"run_dir={run}", *SMALL, *CONFIGURATIONS[name]]
    log = run.with_suffix(".log").open("ab")
    with log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=run.parent
        )


def check_code(
    process: subprocess.Popen[bytes], code: int, expected: set[int], when: str, tally: Tally
) -> None:
    if code not in expected:
        run = str(process.args[3]).partition("=")[2]  # type: ignore[index]
        last = Path(run).with_suffix(".log").read_text(errors="replace").strip().splitlines()[-1:]
        tally.problems.append(f"{Path(run).name}: exit code {code} {when}: {' '.join(last)}")


def print_table(tallies: dict[str, Tally]) -> None:
    header = ["configuration", "runs", "kills", *(each.name for each in SIGNALS), "problems"]
    rows = [
        [
            name,
            tally.num_runs,
            tally.kills.total(),
            *(tally.kills[s.name] for s in SIGNALS),
            len(tally.problems),
        ]
        for name, tally in tallies.items()
    ]
    for row in [header, *rows]:
        print("".join(f"{cell!s:<15}" for cell in row).rstrip())
    for name, tally in tallies.items():
        for problem in tally.problems:
            print(f"{name}: {problem}")


if __name__ == "__main__":
    sys.exit(main())
