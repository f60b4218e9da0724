"""A search: draw values, run them as jobs, tell the study; the same command again continues it.

Optuna keeps the study, and which trial is next is decided here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna import pruners, samplers, storages
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from seqtrain.config.sweep import Search, SearchSettings
from seqtrain.errors import DataError, SweepError, first_line, keep_interrupts, printable_line, show
from seqtrain.runs.files import refuse_strange_files
from seqtrain.runs.folder import FolderInUseError, RunFolder
from seqtrain.runs.report.collect import read_run
from seqtrain.sweeps.job import SweepJob, describe_rest, describe_start, run_locked, say
from seqtrain.sweeps.sweep import SWEEPS, assign_folder, name_sweep, table_of

WORKER = "SEQTRAIN_SEARCH_WORKER"  # set for the processes that a search starts
FOLDER = "folder"  # attribute of a trial: the path of its run folder
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
REMEDY = "search in another folder (sweep=NAME), or delete this one's study"
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
        with FileLock(folder / ".lock"):  # two workers must not both make the tables
            study = open_study(folder, search.settings, str(search.example.composed.tree["task"]["mode"]))
        return cls(search, study, folder, time.time(), len(_trials(study, *COUNTED)))

    @property
    def monitor(self) -> str:
        return str(self.search.example.composed.tree["task"]["monitor"])

    def work(self) -> None:
        """Run trials until there are enough, and none is left that another worker might die of."""
        num_failed = 0
        while True:
            with ExitStack() as locks:
                with FileLock(self.folder / ".lock"):
                    trial = next_trial(self.study, self.search.settings, num_failed)
                    job = None if trial is None else self._take(trial, locks)
                if trial is not None and job is not None:
                    num_failed += not self._run(trial, *job)
                    continue
            if trial is None and not _trials(self.study, TrialState.RUNNING):
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _take(self, trial: optuna.Trial, locks: ExitStack) -> tuple[SweepJob, RunFolder] | None:
        """Draw a trial's values and lock the folder of its run; None where another trial has the same values
        and runs now."""
        job = assign_folder(self.search.compose(draw(trial, self.search.settings.space)), self.folder)
        folder = RunFolder(job.folder)
        try:
            locks.enter_context(folder.locked())
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
            error = run_locked(job, folder, report)
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

    def _announce(self, trial: optuna.Trial, job: SweepJob) -> None:
        """Say that a trial starts: its number, the best value so far, and the time that is left."""
        wanted, num_done = self.search.settings.trials, len(_trials(self.study, *COUNTED))
        rest = describe_rest(self.started_at, num_done - self.num_done_before, wanted - num_done)
        best = ""
        if _trials(self.study, TrialState.COMPLETE):
            best = f"  best {self.monitor} so far {self.study.best_value:.4f}"
        say(f"{trial.number + 1} of {wanted}  {job.name}{best}{rest}")


def _trials(study: optuna.Study, *states: TrialState) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=states)


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
    others = [_start_worker(arguments) for _ in range(search.settings.workers - 1)] if is_main else []
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
    wanted, num_done = worker.search.settings.trials, len(_trials(worker.study, *COUNTED))
    running = _trials(worker.study, TrialState.RUNNING)
    names = ", ".join(Path(trial.user_attrs[FOLDER]).name for trial in running if FOLDER in trial.user_attrs)
    return (
        f"{num_done} of {wanted} trials {'is' if num_done == 1 else 'are'} done"
        f"{f', {len(running)} running ({names})' if running else ''}, "
        f"{max(wanted - num_done - len(running), 0)} left. The same command continues them."
    )


def _folder_of(search: Search) -> Path:
    choices = search.example.composed.choices
    name = name_sweep(f"{choices.get('task')}-{choices.get('model')}-search", search.settings.space)
    folder = SWEEPS / (search.name or name)
    folder.mkdir(parents=True, exist_ok=True)
    refuse_strange_files(folder, "sweep")
    return folder


def _start_worker(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "seqtrain", *arguments], env={**os.environ, WORKER: "1"})


def _show_table(worker: Worker) -> None:
    folders = {trial.user_attrs[FOLDER] for trial in worker.study.trials if FOLDER in trial.user_attrs}
    print(f"\n{table_of(map(Path, sorted(folders)))}", flush=True)
    done = _trials(worker.study, TrialState.COMPLETE)
    if done:
        best = worker.study.best_trial
        values = " ".join(f"{key}={value}" for key, value in best.params.items())
        pruned = len(_trials(worker.study, TrialState.PRUNED))
        stopped = f" ({pruned} more stopped early)" if pruned else ""
        line = (
            f"best of {len(done)} complete trials{stopped}: {worker.monitor} {best.value:.4f} with {values}"
        )
        print(printable_line(line), flush=True)


def _refuse_unfinished(worker: Worker) -> None:
    wanted = worker.search.settings.trials
    done = len(_trials(worker.study, *COUNTED))
    if done < wanted:
        raise SweepError(
            f"{wanted - done} of {wanted} trials are not done; their job.log says why. "
            "The same command draws new ones in their place."
        )


def open_study(folder: Path, settings: SearchSettings, mode: str) -> optuna.Study:
    """The study in a folder, new or with the trials of earlier commands.

    Raises:
        DataError: what is there is damaged, or not what a search of this folder wrote.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            study_name=folder.name,
            storage=_storage(folder, settings.storage),
            sampler=_sampler(settings, trial=0),
            pruner=_pruner(settings),
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )
        trials = study.get_trials(deepcopy=False)
    except Exception as error:  # on damaged bytes a reader may raise anything
        problem = f"its study cannot be read: {type(error).__name__}: {first_line(error)}; {REMEDY}"
        raise DataError(problem, folder) from None
    for trial in trials:
        job_folder = trial.user_attrs.get(FOLDER, str(folder / "none"))
        if not isinstance(job_folder, str) or Path(job_folder).parent != folder:
            raise DataError(
                f"trial {trial.number} of its study has the folder {show(job_folder)}; {REMEDY}", folder
            )
    return study


def _storage(folder: Path, kind: str) -> storages.BaseStorage:
    if kind == "journal":
        return storages.JournalStorage(JournalFileBackend(str(folder / "study.log")))
    wait = {"connect_args": {"timeout": 60}}  # seconds, while another worker writes
    return storages.RDBStorage(f"sqlite:///{folder / 'study.db'}", engine_kwargs=wait)


def _sampler(settings: SearchSettings, trial: int) -> samplers.BaseSampler:
    # Mixed, since generators with consecutive seeds begin with similar numbers.
    seed = int(np.random.SeedSequence([settings.seed, trial]).generate_state(1)[0])
    if settings.sampler == "random":
        return samplers.RandomSampler(seed=seed)
    # Trials that run now count as bad ones, so that several workers do not draw the same values.
    return samplers.TPESampler(seed=seed, n_startup_trials=settings.startup_trials, constant_liar=True)


def _pruner(settings: SearchSettings) -> pruners.BasePruner:
    if settings.pruner == "hyperband":
        return pruners.HyperbandPruner()
    if settings.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=settings.startup_trials)
    return pruners.NopPruner()


def draw(trial: Trial, space: dict[str, Any]) -> dict[str, Any]:
    """Draw the values of a trial; values that it has already are kept.

    Raises:
        DataError: it has a value that the space does not have.
    """
    try:
        return {key: _suggest(trial, key, values) for key, values in space.items()}
    except ValueError as error:
        raise DataError(
            f"trial {trial.number} of the study belongs to another space: {first_line(error)}"
        ) from None


def _suggest(trial: Trial, key: str, values: Any) -> Any:
    if isinstance(values, list):
        return trial.suggest_categorical(key, values)
    low, high, log = values["low"], values["high"], values.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, step=values.get("step") or 1, log=log)
    return trial.suggest_float(key, low, high, step=values.get("step"), log=log)


def next_trial(study: optuna.Study, settings: SearchSettings, num_failed: int) -> Trial | None:
    """A trial whose worker died, else a new one, unless enough are done, running, or failed just now.

    A trial runs if a process holds its run folder. One whose process was killed is continued from its
    checkpoint. Call this under a lock that all workers share.
    """
    running = _trials(study, TrialState.RUNNING)
    for trial in running:
        if not _is_alive(trial):
            return Trial(study, trial._trial_id)  # in every 5, to which pyproject.toml keeps Optuna
    if len(_trials(study, *COUNTED)) + len(running) + num_failed >= settings.trials:
        return None
    # Seeded for each trial: a study that was interrupted draws what it would have drawn.
    study.sampler = _sampler(settings, len(study.get_trials(deepcopy=False)))
    return study.ask()


def _is_alive(trial: FrozenTrial) -> bool:
    folder = trial.user_attrs.get(FOLDER)
    return folder is not None and RunFolder(folder).is_locked_elsewhere()
