"""One try of one fault: its runs, what they must come to, and what is counted."""

from __future__ import annotations

import json
import random
import re
import signal
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from soaking.commands import Command, start, start_fresh

from seqtrain.__main__ import main

SMALL = (
    "model.hidden_size=16",
    "trainer.max_epochs=3",
    "trainer.limit_train_batches=15",
    "trainer.limit_val_batches=4",
    "trainer.limit_test_batches=4",
    "callbacks.last.every_minutes=0.01",  # so that kills within an epoch go back to a point within it
)
AVERAGE = ("callbacks=average", "trainer.accumulate_grad_batches=3")
NOVEL = ("task=language_model", "encoder.size=8", "data.batch_size=8", "data.steps=16")
CONFIGURATIONS: dict[str, tuple[str, ...]] = {
    "plain": ("model=bilstm", "model.num_layers=2", "model.dropout=0.2"),
    "average": ("model=gru", "head.dropout=0.3", *AVERAGE),
    "members": ("model=lstm", "members=2", "head.dropout=0.3"),
    "tags": ("task=pos", "data=pos_sample", "model=bilstm"),
    "texts": ("task=text", "model=gru"),
    "novel": ("model=lstm", *NOVEL),
    "forecast": ("task=forecast", "model=gru", "data.batch_size=32"),
}
# Where an interruption passes through exec(), as in imports, Python ends by SIGINT: 130 to a shell.
INTERRUPTED = {0, 130, -signal.SIGINT}  # a signal can come when all is done


@dataclass(frozen=True)
class Outcome:
    """What two runs of one configuration must have in common."""

    metrics: dict[str, float]
    tables: dict[str, str]
    weights: dict[str, torch.Tensor]

    @classmethod
    def of(cls, run: Path) -> Outcome:
        metrics = json.loads((run / "metrics.json").read_text())
        return cls(
            {name: value for name, value in metrics.items() if "second" not in name},
            {path.name: path.read_text() for path in sorted(run.glob("*.csv"))},
            torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"],
        )

    def differences(self, other: Outcome) -> list[str]:
        """What is not the same, by name."""
        found: list[str] = []
        for mine, theirs in ((self.metrics, other.metrics), (self.tables, other.tables)):
            keys = sorted(mine.keys() | theirs.keys())
            found += [key for key in keys if mine.get(key) != theirs.get(key)]
        same = self.weights.keys() == other.weights.keys() and all(
            torch.equal(weight, other.weights[name]) for name, weight in self.weights.items()
        )
        return found if same else [*found, "weights of best.ckpt"]


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed."""

    run: Path
    outcome: Outcome
    seconds: float  # that it took


PROBLEMS = ("lost", "traceback", "hang", "other")


@dataclass
class Tally:
    """What came of the tries of one fault."""

    tries: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # of what happened, by name: signals, flips
    problems: Counter[str] = field(default_factory=Counter)  # by PROBLEMS
    texts: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """One try: commands are started and watched through it."""

    name: str  # of the configuration
    folder: Path  # of its own
    whole: Whole
    draw: random.Random
    tally: Tally
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder.with_suffix(".log")

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def arguments(self) -> list[str]:
        return [*SMALL, *CONFIGURATIONS[self.name]]

    def train(
        self, run: Path | None = None, prepare: Callable[[], object] | None = None, fresh: bool = False
    ) -> Command:
        """Start or resume the training in `run`."""
        arguments = [f"run_dir={run or self.run}", *self.arguments]
        if fresh:
            return start_fresh(arguments, self.folder, self.log)
        return self.command(*arguments, prepare=prepare)

    def command(self, *arguments: str, **options: Any) -> Command:
        """Start `seqtrain ARGUMENTS`; options as of `start`."""
        return self.start(partial(main, arguments), **options)

    def start(self, action: Callable[[], int], here: Path | None = None, **options: Any) -> Command:
        return start(action, here or self.folder, self.log, **options)

    def moment(self) -> float:
        """Seconds after which to disturb a run."""
        return self.draw.uniform(0, self.whole.seconds)

    def end(self, command: Command, codes: Collection[int], when: str) -> int | None:
        """Wait for a command, and count what is wrong with how it ended."""
        code = command.wait()
        if code is None:
            command.kill()
            self.problem("hang", f"{when}: it still ran after five minutes")
            return None
        said = command.said
        if command.is_fresh and _is_pythons_own(said):
            self.count("as Python began")
        elif "Traceback (most recent call last)" in said:
            self.problem("traceback", f"{when}: {said.strip()}")
        elif code not in codes:
            self.problem(
                "other", f"{when}: exit code {code}, expected {sorted(codes)}: {said.strip()[-500:]}"
            )
        return code

    def finish(self, run: Path | None = None, when: str = "repeated") -> None:
        """Repeat the command until its end: the outcome must be that of the whole run."""
        run = run or self.run
        if not (run / "metrics.json").exists():
            self.end(self.train(run), {0}, when)
        self.compare(run, when)

    def compare(self, run: Path, when: str) -> None:
        if not (run / "metrics.json").exists():
            self.problem("lost", f"{when}: no metrics.json")
            return
        try:
            differing = self.whole.outcome.differences(Outcome.of(run))
        except Exception as error:  # whatever makes it unreadable
            differing = [f"all: {error}"]
        if differing:
            self.problem("lost", f"{when}: differs in {', '.join(differing)}")

    def count(self, what: str) -> None:
        self.tally.counts[what] += 1

    def problem(self, kind: str, text: str) -> None:
        self.tally.problems[kind] += 1
        self.tally.texts.append(f"{self.folder.name} ({self.name}): {kind}: {text}")


def _is_pythons_own(said: str) -> bool:
    """Whether an interruption met the interpreter while no function of seqtrain was running."""
    return "KeyboardInterrupt" in said and not re.search(r'/seqtrain/\S+", line \d+, in (?!<module>)', said)
