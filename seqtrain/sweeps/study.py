"""The study of a search: what Optuna keeps, and which trial is next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from seqtrain.config.sweep import SearchSettings
from seqtrain.runs.folder import RunFolder

FOLDER = "folder"  # attribute of a trial: the path of its run folder
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_study(folder: Path, settings: SearchSettings, mode: str) -> optuna.Study:
    """The study in a folder, new or with the trials of earlier commands."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=folder.name,
        storage=_storage(folder, settings.storage),
        sampler=_sampler(settings, trial=0),
        pruner=_pruner(settings),
        direction="maximize" if mode == "max" else "minimize",
        load_if_exists=True,
    )


def _storage(folder: Path, kind: str) -> BaseStorage:
    if kind == "journal":
        return JournalStorage(JournalFileBackend(str(folder / "study.log")))
    wait = {"connect_args": {"timeout": 60}}  # seconds, while another worker writes
    return RDBStorage(f"sqlite:///{folder / 'study.db'}", engine_kwargs=wait)


def _sampler(settings: SearchSettings, trial: int) -> BaseSampler:
    # Mixed: the first numbers of generators with seeds that follow each other are alike.
    seed = int(np.random.SeedSequence([settings.seed, trial]).generate_state(1)[0])
    if settings.sampler == "random":
        return RandomSampler(seed=seed)
    # Trials that run now count as bad ones, so that several workers do not draw the same values.
    return TPESampler(seed=seed, n_startup_trials=settings.startup_trials, constant_liar=True)


def _pruner(settings: SearchSettings) -> BasePruner:
    if settings.pruner == "hyperband":
        return HyperbandPruner()
    if settings.pruner == "median":
        return MedianPruner(n_startup_trials=settings.startup_trials)
    return NopPruner()


def draw(trial: Trial, space: dict[str, Any]) -> dict[str, Any]:
    """The values of a trial; those that it has already stay."""
    return {key: _suggest(trial, key, values) for key, values in space.items()}


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
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in running:
        if not _is_alive(trial):
            return Trial(study, trial._trial_id)  # in every 5, to which pyproject.toml keeps Optuna
    done = study.get_trials(deepcopy=False, states=COUNTED)
    if len(done) + len(running) + num_failed >= settings.trials:
        return None
    # Seeded for each trial: a study that was interrupted draws what it would have drawn.
    study.sampler = _sampler(settings, len(study.get_trials(deepcopy=False)))
    return study.ask()


def _is_alive(trial: FrozenTrial) -> bool:
    folder = trial.user_attrs.get(FOLDER)
    return folder is not None and RunFolder(folder).is_locked_elsewhere()
