"""What `python -m seqtrain` does around a training: refuse early, choose the folder, give an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from seqtrain.commands.exit_codes import exit_code
from seqtrain.config import CONFIG_DIR, check_command_line, check_config
from seqtrain.config.resolve import resolve_tree
from seqtrain.runs.folder import RunFolder, choose_run_folder

RUN_DIR = "SEQTRAIN_RUN_DIR"  # tells the processes that a run starts which folder is theirs


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns:
        0 done, 2 the user's input was refused, 1 anything else went wrong, 130 interrupted.
    """
    return exit_code(lambda: _launch(list(sys.argv[1:] if arguments is None else arguments)))


def _launch(arguments: list[str]) -> None:
    sys.argv[1:] = check_command_line(arguments)
    raised: list[BaseException] = []

    @hydra.main(version_base="1.3", config_path=str(CONFIG_DIR), config_name="config")
    def job(cfg: DictConfig) -> float | None:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return _sweep_job(cfg)
        try:
            return _run(cfg, _leaders_folder() or choose_run_folder(cfg, _is_overridden("run_dir")))
        except KeyboardInterrupt:
            raised.append(KeyboardInterrupt("The same command goes on from the last checkpoint."))
            return None
        except BaseException as error:
            # Hydra would end the process with a shortened traceback and a code of its own.
            raised.append(error)
            return None

    job()
    if raised:
        raise raised[0]


def _sweep_job(cfg: DictConfig) -> float:
    """One job of a sweep, in the folder that Hydra gives it; the others go on if it fails."""
    hydra_config = HydraConfig.get()
    cfg.run_dir = hydra_config.runtime.output_dir
    print(f"job {hydra_config.job.num}  {' '.join(hydra_config.overrides.task)}", file=sys.stderr)
    try:
        check_config(cfg)  # sweepers may draw values that were not known before
        return _run(cfg, RunFolder(cfg.run_dir))
    except KeyboardInterrupt:
        overrides = " ".join([*hydra_config.overrides.task, f"run_dir={cfg.run_dir}"])
        raise KeyboardInterrupt(f"This job goes on with: python -m seqtrain {overrides}") from None
    except Exception as error:
        print(f"job {hydra_config.job.num} failed: {error}", file=sys.stderr)
        raise


def _run(cfg: DictConfig, folder: RunFolder) -> float:
    """Train in `folder`; returns the metric that sweeps look at."""
    # Only now: torch takes seconds to import, and a refusal or --help should not.
    from seqtrain.training.train import train

    cfg.run_dir = str(folder.path)
    cfg = OmegaConf.create(resolve_tree(cfg).tree)
    try:
        os.environ[RUN_DIR] = str(folder.path)
        return train(cfg, folder).get(cfg.task.monitor, float("nan"))
    except BaseException:
        folder.discard_if_empty()
        raise


def _leaders_folder() -> RunFolder | None:
    """The run folder of the process that Lightning started this one to help; None where this one leads."""
    is_helper = os.environ.get("LOCAL_RANK", "0") != "0" and RUN_DIR in os.environ
    return RunFolder(os.environ[RUN_DIR], leads=False) if is_helper else None


def _is_overridden(key: str) -> bool:
    return any(override.lstrip("+").startswith(f"{key}=") for override in HydraConfig.get().overrides.task)
