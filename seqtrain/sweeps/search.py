"""A search: draw values, run them as jobs, tell the study; the same command again continues it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.trial import TrialState

from seqtrain.config.sweep import Search
from seqtrain.errors import SweepError, keep_interrupts, printable_line
from seqtrain.runs.folder import FolderInUseError, RunFolder
from seqtrain.runs.report.collect import read_run
from seqtrain.runs.report.formats import render
from seqtrain.runs.report.groups import compare_runs
from seqtrain.sweeps.job import SweepJob, run_held
from seqtrain.sweeps.progress import describe_rest, describe_start, say
from seqtrain.sweeps.study import COUNTED, FOLDER, draw, next_trial, open_study
from seqtrain.sweeps.sweep import SWEEPS, name_sweep, place

WORKER = "SEQTRAIN_SEARCH_WORKER"  # set for the processes that a search starts
SECONDS_BETWEEN_LOOKS = 0.5  # at trials that other workers run


@dataclass(frozen=True)
class Worker:
    """One process that works on a study."""

    search: Search
    study: optuna.Study
    folder: Path
    started_at: float
    num_done_before: int

    @classmethod
    def on(cls, search: Search, folder: Path) -> Worker:
        """A worker on the study in a folder."""
        study = _open(search, folder)
        return cls(search, study, folder, time.time(), _num_done(study))

    @property
    def monitor(self) -> str:
        return str(self.search.example.composed.tree["task"]["monitor"])

    def work(self) -> None:
        """Run trials until there are enough, and none is left that another worker might die of."""
        num_failed = 0
        while True:
            with ExitStack() as held:
                with FileLock(self.folder / ".lock"):
                    trial = next_trial(self.study, self.search.settings, num_failed)
                    job = None if trial is None else self._take(trial, held)
                if trial is not None and job is not None:
                    num_failed += not self._run(trial, *job)
                    continue
            if trial is None and not self._others_run():
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _take(self, trial: optuna.Trial, held: ExitStack) -> tuple[SweepJob, RunFolder] | None:
        """Draw a trial's values and hold the folder of its run; None where another trial has the same values
        and runs now."""
        job = place(self.search.compose(draw(trial, self.search.settings.space)), self.folder)
        folder = RunFolder(job.folder)
        try:
            held.enter_context(folder.locked())
        except FolderInUseError:
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr(FOLDER, job.folder)
        return job, folder

    def _run(self, trial: optuna.Trial, job: SweepJob, folder: RunFolder) -> bool:
        """Run a trial and tell the study; returns whether it succeeded."""
        self._announce(trial, job)
        is_pruned = False
        reported = set(self.study.trials[trial.number].intermediate_values)

        def report(epoch: int, value: float) -> bool:
            nonlocal is_pruned
            if epoch not in reported:  # as those before a kill are
                trial.report(value, epoch)
            is_pruned = bool(trial.should_prune())
            return is_pruned

        if not folder.is_done:
            error = run_held(job, folder, report)
            if error is not None:
                self.study.tell(trial, state=TrialState.FAIL)
                say(f"{job.name} failed: {folder.failure} (see {folder.path / 'job.log'})")
                return False
        value = read_run(folder.path).metrics[self.monitor]
        if is_pruned:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, value)
        return True

    def _others_run(self) -> bool:
        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def _announce(self, trial: optuna.Trial, job: SweepJob) -> None:
        """Say that a trial starts: its place among all, the best value so far, and the time that is left."""
        wanted, num_done = self.search.settings.trials, _num_done(self.study)
        rest = describe_rest(self.started_at, num_done - self.num_done_before, wanted - num_done)
        say(f"{trial.number + 1} of {wanted}  {job.name}{self._describe_best()}{rest}")

    def _describe_best(self) -> str:
        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return f"  best {self.monitor} so far {self.study.best_value:.4f}" if done else ""


def run_search(search: Search, arguments: list[str]) -> None:
    """Run the trials that are left of a search, with as many workers as it asks for, and print the table.

    Raises:
        SweepError: trials failed, so that fewer than asked for are done.
        KeyboardInterrupt: the user asked to stop.
    """
    folder = _folder_of(search)
    worker = Worker.on(search, folder)
    is_main = WORKER not in os.environ
    if is_main:
        say(describe_start("trials", folder, search.settings.trials, worker.num_done_before))
    others = _start_others(arguments, search.settings.workers - 1) if is_main else []
    try:
        with keep_interrupts():
            worker.work()
            for other in others:
                other.wait()
            if others:
                worker.work()  # what a worker that was killed meanwhile left
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_describe_interruption(worker)) from None
    if is_main:
        _show_table(worker)
        _refuse_unfinished(worker)


def _describe_interruption(worker: Worker) -> str:
    wanted, num_done = worker.search.settings.trials, _num_done(worker.study)
    running = worker.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    names = ", ".join(Path(trial.user_attrs[FOLDER]).name for trial in running if FOLDER in trial.user_attrs)
    return (
        f"{num_done} of {wanted} trials {'is' if num_done == 1 else 'are'} done"
        f"{f', {len(running)} running ({names})' if running else ''}, "
        f"{max(wanted - num_done - len(running), 0)} left. The same command continues them."
    )


def _num_done(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=COUNTED))


def _folder_of(search: Search) -> Path:
    choices = search.example.composed.choices
    name = name_sweep(f"{choices.get('task')}-{choices.get('model')}-search", search.settings.space)
    folder = SWEEPS / (search.name or name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _open(search: Search, folder: Path) -> optuna.Study:
    with FileLock(folder / ".lock"):  # two workers must not both make the tables
        return open_study(folder, search.settings, str(search.example.composed.tree["task"]["mode"]))


def _start_others(arguments: list[str], num: int) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "seqtrain", *arguments]
    return [subprocess.Popen(command, env={**os.environ, WORKER: "1"}) for _ in range(num)]


def _show_table(worker: Worker) -> None:
    folders = {trial.user_attrs[FOLDER] for trial in worker.study.trials if FOLDER in trial.user_attrs}
    runs = [read_run(Path(folder)) for folder in sorted(folders) if RunFolder(folder).is_begun]
    print(f"\n{render(compare_runs(runs), 'table')}", flush=True)
    done = worker.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if done:
        best = worker.study.best_trial
        values = " ".join(f"{key}={value}" for key, value in best.params.items())
        pruned = len(worker.study.get_trials(deepcopy=False, states=(TrialState.PRUNED,)))
        stopped = f" ({pruned} more stopped early)" if pruned else ""
        line = (
            f"best of {len(done)} complete trials{stopped}: {worker.monitor} {best.value:.4f} with {values}"
        )
        print(printable_line(line), flush=True)


def _refuse_unfinished(worker: Worker) -> None:
    wanted = worker.search.settings.trials
    done = _num_done(worker.study)
    if done < wanted:
        raise SweepError(
            f"{wanted - done} of {wanted} trials are not done; their job.log says why. "
            "The same command draws new ones in their place."
        )
