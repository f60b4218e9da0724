"""The run folder that several processes of one training agree on: the first chooses it, the others follow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RUN_DIR, RunFolder

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

STORE_KEY = "seqtrain/run_dir"


def leaders_folder(given: Path | None) -> RunFolder | None:
    """The folder of the process that this one helps to train; None where this one leads.

    The processes that Lightning starts get it from an environment variable. Under torchrun the leader's
    choice is read from the store of torchrun's agent. Slurm has no such place: there `run_dir` must be given.

    Args:
        given: `run_dir` of the command line.

    Raises:
        ConfigError: under Slurm, without `run_dir`.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0" and RUN_DIR in os.environ:
        return RunFolder(os.environ[RUN_DIR], leads=False)
    if _is_torchrun():
        return None if os.environ["RANK"] == "0" else RunFolder(_store().get(STORE_KEY).decode(), leads=False)
    if os.environ.get("SLURM_PROCID", "0") == "0":
        return None
    if given is None:
        raise ConfigError(["run_dir: missing; tasks of one Slurm job need it, since all write one run"])
    return RunFolder(given, leads=False)


def publish_run_dir(folder: RunFolder) -> None:
    """Let the other processes of this training know the folder that this one chose."""
    os.environ[RUN_DIR] = str(folder.path)
    if _is_torchrun() and os.environ["RANK"] == "0":
        _store().set(STORE_KEY, str(folder.path))


def _is_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def _store() -> Store:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
